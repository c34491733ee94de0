//! Reads a Compose file.

use crate::dialects::boolean;
use crate::dialects::compose::extends;
use crate::dialects::engine::rules;
use crate::dialects::engine::rules::{Asked, Engine};
use crate::dialects::grant::Side;
use crate::dialects::json::{array, hard_limit, list, text};
use crate::dialects::mount::BindMount;
use anyhow::Result;
use capwrap_core::text::printable;
use serde_json::Value;

/// Returns the services of a Compose file, by name.
///
/// # Errors
/// The file has an unknown capability, or a value of another type than Compose accepts.
pub fn services(file: &Value) -> Result<Vec<(String, Side)>> {
    let Some(services) = file["services"].as_object() else { return Ok(Vec::new()) };
    let service = |name: &String| {
        let (service, unread) = extends::whole(services, name)?;
        let what = |key: &str| format!("services.{}.{key}", printable::text(name));
        let limits = service["ulimits"].as_object().into_iter().flatten().filter_map(|(name, limit)| {
            let hard = limit.get("hard").unwrap_or(limit);
            Some((name.clone(), hard_limit(hard)?))
        });
        let bind = |volume: &Value| match volume {
            Value::String(volume) => BindMount::of_volume(&undollared(volume)),
            long if long["type"] == "bind" => {
                Some(BindMount::new(long["source"].as_str()?, long["target"].as_str()?, long["read_only"] == true))
            }
            _ => None,
        };
        let asked = Asked {
            add: list(&service["cap_add"], &what("cap_add"))?,
            drop: list(&service["cap_drop"], &what("cap_drop"))?,
            privileged: boolean::manifest(&service["privileged"], &what("privileged"))? == Some(true),
            no_new_privs: list(&service["security_opt"], &what("security_opt"))?
                .iter()
                .find_map(|option| rules::no_new_privs(option)),
            user: text(&service["user"]),
            pid: text(&service["pid"]).map(|word| undollared(&word)),
            net: text(&service["network_mode"]).map(|word| undollared(&word)),
            limits: limits.collect(),
            mounts: array(&service["volumes"]).iter().filter_map(bind).collect(),
            notes: Vec::new(),
        };
        let mut side = asked.side(Engine::Docker, "Compose service")?;
        for file in unread {
            side.notes.push(format!("it extends a service of {}, which was not read", printable::text(file)));
        }
        Ok((name.clone(), side))
    };
    services.keys().map(service).collect()
}

/// Replaces `$$`, which means a dollar sign in Compose files.
fn undollared(word: &str) -> String {
    word.replace("$$", "$")
}
