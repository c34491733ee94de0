//! Reads Kubernetes objects.

use crate::dialects::engine::rules::{Asked, Engine};
use crate::dialects::grant::Side;
use crate::dialects::json::{array, strings, text};
use crate::dialects::mount::BindMount;
use anyhow::Result;
use serde_json::Value;

/// How deep lists of Kubernetes objects may be nested.
const MAX_DEPTH: usize = 8;

/// Returns the containers of a Kubernetes object, by name. The object is a pod, an object with a pod template, or a
/// list.
///
/// # Errors
/// A container has an unknown capability.
pub fn containers(object: &Value) -> Result<Vec<(String, Side)>> {
    let mut found = Vec::new();
    collect(object, &mut found, 0)?;
    Ok(found)
}

fn collect(object: &Value, found: &mut Vec<(String, Side)>, depth: usize) -> Result<()> {
    if depth < MAX_DEPTH {
        for item in array(&object["items"]) {
            collect(item, found, depth + 1)?;
        }
    }
    let pods = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/template/spec"];
    for pod in pods.iter().filter_map(|path| object.pointer(path)) {
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            for container in array(&pod[list]) {
                found.push(container_of(pod, container)?);
            }
        }
    }
    Ok(())
}

fn container_of(pod: &Value, container: &Value) -> Result<(String, Side)> {
    let own = &container["securityContext"];
    let host = |key: &str| (pod[key] == true).then(|| "host".to_owned());
    let user = |context: &Value| context["runAsUser"].as_u64().map(|uid| uid.to_string());
    let bind = |mount: &Value| {
        let is_its = |volume: &&Value| volume["name"].is_string() && volume["name"] == mount["name"];
        let volume = array(&pod["volumes"]).iter().find(is_its)?;
        let path = volume["hostPath"]["path"].as_str()?;
        Some(BindMount::new(path, mount["mountPath"].as_str()?, mount["readOnly"] == true))
    };
    let asked = Asked {
        add: strings(&own["capabilities"]["add"]),
        drop: strings(&own["capabilities"]["drop"]),
        privileged: own["privileged"] == true,
        no_new_privs: own["allowPrivilegeEscalation"].as_bool().map(|may| !may),
        user: user(own).or_else(|| user(&pod["securityContext"])),
        pid: host("hostPID"),
        net: host("hostNetwork"),
        limits: Vec::new(),
        mounts: array(&container["volumeMounts"]).iter().filter_map(bind).collect(),
    };
    Ok((text(&container["name"]).unwrap_or_default(), asked.side(Engine::Kubernetes, "Kubernetes container")?))
}
