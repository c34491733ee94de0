//! Reads the output of `docker inspect` and `podman inspect`.

use crate::dialects::engine::rules;
use crate::dialects::engine::rules::{Asked, Engine};
use crate::dialects::grant::Side;
use crate::dialects::json::{array, hard_limit, strings, text};
use crate::dialects::mount::BindMount;
use anyhow::Result;
use serde_json::Value;

/// Returns one container with its name.
///
/// # Errors
/// The container has an unknown capability.
pub fn container(container: &Value) -> Result<(String, Side)> {
    let host = &container["HostConfig"];
    // Podman reports which capabilities the container got; Docker has no such key.
    let engine = if container.get("EffectiveCaps").is_some() { Engine::Podman } else { Engine::Docker };
    let limits = array(&host["Ulimits"]).iter().filter_map(|limit| {
        let name = limit["Name"].as_str()?.to_ascii_lowercase();
        Some((name.strip_prefix("rlimit_").unwrap_or(&name).to_owned(), hard_limit(&limit["Hard"])?))
    });
    let asked = Asked {
        add: strings(&host["CapAdd"]),
        drop: strings(&host["CapDrop"]),
        privileged: host["Privileged"] == true,
        no_new_privs: strings(&host["SecurityOpt"]).iter().find_map(|option| rules::no_new_privs(option)),
        user: text(&container["Config"]["User"]),
        pid: text(&host["PidMode"]),
        net: text(&host["NetworkMode"]),
        limits: limits.collect(),
        mounts: strings(&host["Binds"]).iter().filter_map(|bind| BindMount::of_volume(bind)).collect(),
    };
    let name = text(&container["Name"]).unwrap_or_default();
    let kind = if engine == Engine::Podman { "podman inspect" } else { "docker inspect" };
    Ok((name.trim_start_matches('/').to_owned(), asked.side(engine, kind)?))
}
