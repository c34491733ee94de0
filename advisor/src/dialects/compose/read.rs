//! Reads a Compose file.

use crate::dialects::engine::rules;
use crate::dialects::engine::rules::{Asked, Engine};
use crate::dialects::grant::Side;
use crate::dialects::json::{array, hard_limit, strings, text};
use crate::dialects::mount::BindMount;
use anyhow::Result;
use serde_json::Value;

/// Returns the services of a Compose file, by name.
///
/// # Errors
/// The file has an unknown capability.
pub fn services(file: &Value) -> Result<Vec<(String, Side)>> {
    let services = file["services"].as_object().into_iter().flatten();
    let service = |(name, service): (&String, &Value)| {
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
            add: strings(&service["cap_add"]),
            drop: strings(&service["cap_drop"]),
            privileged: service["privileged"] == true,
            no_new_privs: strings(&service["security_opt"]).iter().find_map(|option| rules::no_new_privs(option)),
            user: text(&service["user"]),
            pid: text(&service["pid"]).map(|word| undollared(&word)),
            net: text(&service["network_mode"]).map(|word| undollared(&word)),
            limits: limits.collect(),
            mounts: array(&service["volumes"]).iter().filter_map(bind).collect(),
        };
        Ok((name.clone(), asked.side(Engine::Docker, "Compose service")?))
    };
    services.map(service).collect()
}

/// Replaces `$$`, which means a dollar sign in Compose files.
fn undollared(word: &str) -> String {
    word.replace("$$", "$")
}
