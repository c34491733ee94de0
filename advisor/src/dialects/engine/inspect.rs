//! Reads the output of `docker inspect`, `podman inspect` and `docker service inspect`.

use crate::dialects::boolean;
use crate::dialects::engine::rules;
use crate::dialects::engine::rules::{Asked, Engine};
use crate::dialects::grant::Side;
use crate::dialects::json::{array, hard_limit, strings, text};
use crate::dialects::mount::BindMount;
use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;
use serde_json::Value;

/// Returns one container with its name.
///
/// # Errors
/// The container has an unknown capability.
pub fn container(container: &Value) -> Result<(String, Side)> {
    let host = &container["HostConfig"];
    let name = text(&container["Name"]).or_else(|| text(&container["Id"])).unwrap_or_default();
    // Docker and Podman always have this key. nerdctl imitates them, and leaves it out.
    if host.get("CapAdd").is_none() {
        let what = format!("\"{}\" has no HostConfig.CapAdd, so its capabilities are not known", printable::text(name));
        return Err(hinted(what, "nerdctl inspect --mode=native prints them"));
    }
    // Podman reports which capabilities the container got; Docker has no such key.
    let engine = if container.get("EffectiveCaps").is_some() { Engine::Podman } else { Engine::Docker };
    let limits = array(&host["Ulimits"]).iter().filter_map(|limit| {
        let name = limit["Name"].as_str()?.to_ascii_lowercase();
        Some((name.strip_prefix("rlimit_").unwrap_or(&name).to_owned(), hard_limit(&limit["Hard"])?))
    });
    let asked = Asked {
        add: strings(&host["CapAdd"]),
        drop: strings(&host["CapDrop"]),
        privileged: boolean::manifest(&host["Privileged"], "Privileged")? == Some(true),
        no_new_privs: strings(&host["SecurityOpt"]).iter().find_map(|option| rules::no_new_privs(option)),
        user: text(&container["Config"]["User"]),
        pid: text(&host["PidMode"]),
        net: text(&host["NetworkMode"]),
        seccomp: strings(&host["SecurityOpt"]).iter().find_map(|option| rules::seccomp(option)),
        limits: limits.collect(),
        mounts: strings(&host["Binds"]).iter().filter_map(|bind| BindMount::of_volume(bind)).collect(),
        notes: Vec::new(),
    };
    let kind = if engine == Engine::Podman { "podman inspect" } else { "docker inspect" };
    let mut side = asked.side(engine, kind)?;
    if engine == Engine::Podman {
        reported(container, &mut side)?;
    }
    Ok((name.trim_start_matches('/').to_owned(), side))
}

/// Where a service of a swarm says how its containers run.
pub const SWARM: &str = "/Spec/TaskTemplate/ContainerSpec";

/// Returns one service of a swarm with its name.
///
/// # Errors
/// The service has an unknown capability.
pub fn service(service: &Value) -> Result<(String, Side)> {
    let spec = service.pointer(SWARM).unwrap_or(&Value::Null);
    let limits = array(&spec["Ulimits"])
        .iter()
        .filter_map(|limit| Some((limit["Name"].as_str()?.to_ascii_lowercase(), hard_limit(&limit["Hard"])?)));
    let asked = Asked {
        add: strings(&spec["CapabilityAdd"]),
        drop: strings(&spec["CapabilityDrop"]),
        no_new_privs: boolean::manifest(&spec["Privileges"]["NoNewPrivileges"], "NoNewPrivileges")?,
        user: text(&spec["User"]),
        limits: limits.collect(),
        ..Asked::default()
    };
    let name = text(&service["Spec"]["Name"]).unwrap_or_default();
    Ok((name, asked.side(Engine::Docker, "swarm service")?))
}

/// Puts what Podman reports of the container in place of what its rules say. An image can set other capabilities by a
/// label, and an administrator by containers.conf(5).
fn reported(container: &Value, side: &mut Side) -> Result<()> {
    let set = |key: &str| -> Result<Option<CapabilitySet>> {
        // A process without any has null here.
        if container.get(key).is_none() {
            return Ok(None);
        }
        array(&container[key])
            .iter()
            .filter_map(text)
            .map(|name| rules::capability(&name))
            .collect::<Result<_>>()
            .map(Some)
    };
    if let Some(effective) = set("EffectiveCaps")? {
        side.grant = effective;
        side.decided = "what Podman reports as effective".to_owned();
        if side.stated.ambient.is_some() {
            side.stated.ambient = Some(effective);
        }
    }
    if let Some(bounding) = set("BoundingCaps")? {
        side.stated.bounding = Some(bounding);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn podman_is_believed_about_its_containers() {
        let of = |effective: Value, user: &str| {
            let config = json!({
                "Name": "c", "EffectiveCaps": effective, "BoundingCaps": ["CAP_CHOWN", "CAP_NET_RAW"],
                "HostConfig": {"CapAdd": [], "CapDrop": [], "Privileged": false}, "Config": {"User": user},
            });
            let side = container(&config).unwrap().1;
            (side.grant.to_string(), side.stated.bounding.unwrap().to_string())
        };
        let both = "cap_chown,cap_net_raw".to_owned();
        assert_eq!(of(json!(["CAP_CHOWN", "CAP_NET_RAW"]), ""), (both.clone(), both.clone()));
        assert_eq!(of(Value::Null, "1000"), ("none".to_owned(), both));
    }

    #[test]
    fn a_service_of_a_swarm_is_read_by_dockers_rules() {
        let (name, side) = service(&json!({"ID": "x", "Spec": {"Name": "web", "TaskTemplate": {"ContainerSpec": {
            "Image": "i", "CapabilityAdd": ["CAP_NET_ADMIN"], "CapabilityDrop": ["ALL"], "Privileges": {"NoNewPrivileges": true},
        }}}}))
        .unwrap();
        assert_eq!((name.as_str(), side.grant.to_string().as_str()), ("web", "cap_net_admin"));
        assert_eq!(side.stated.no_new_privs, Some(true));
    }
}
