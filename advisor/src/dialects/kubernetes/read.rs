//! Reads Kubernetes objects.

use crate::dialects::boolean::manifest;
use crate::dialects::engine::rules::{Asked, Engine};
use crate::dialects::grant::Side;
use crate::dialects::json::{array, list, text};
use crate::dialects::mount::BindMount;
use anyhow::Result;
use capwrap_core::text::printable;
use serde_json::Value;
use std::collections::BTreeMap;

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
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for container in &found {
        *times.entry(container.name.clone()).or_default() += 1;
    }
    // Containers of two pods may have the same name. The names of their pods distinguish them.
    let named = found.into_iter().map(|container| match times[&container.name] {
        1 => (container.name, container.side),
        _ => (format!("{}/{}", container.pod, container.name), container.side),
    });
    Ok(named.collect())
}

/// A container with its name and the name of its pod, or of the object with the template of its pod.
struct Container {
    pod: String,
    name: String,
    side: Side,
}

fn collect(object: &Value, found: &mut Vec<Container>, depth: usize) -> Result<()> {
    if depth < MAX_DEPTH {
        for item in array(&object["items"]) {
            collect(item, found, depth + 1)?;
        }
    }
    let pods = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/template/spec"];
    for pod in pods.iter().filter_map(|path| object.pointer(path)) {
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            for container in array(&pod[list]) {
                let name = text(&container["name"]).unwrap_or_default();
                let side = container_of(pod, container, &name)?;
                found.push(Container { pod: text(&object["metadata"]["name"]).unwrap_or_default(), name, side });
            }
        }
    }
    Ok(())
}

fn container_of(pod: &Value, container: &Value, name: &str) -> Result<Side> {
    let own = &container["securityContext"];
    let what = |key: &str| format!("{key} of container {}", printable::text(name));
    let host = |key: &str| -> Result<Option<String>> {
        Ok((manifest(&pod[key], key)? == Some(true)).then(|| "host".to_owned()))
    };
    // What a container says itself goes before what its pod says.
    let said = |key: &str| if own[key].is_null() { &pod["securityContext"][key] } else { &own[key] };
    let bind = |mount: &Value| {
        let is_its = |volume: &&Value| volume["name"].is_string() && volume["name"] == mount["name"];
        let volume = array(&pod["volumes"]).iter().find(is_its)?;
        let path = volume["hostPath"]["path"].as_str()?;
        Some(BindMount::new(path, mount["mountPath"].as_str()?, mount["readOnly"] == true))
    };
    let (add, without_add) = without_prefix(list(&own["capabilities"]["add"], &what("capabilities.add"))?);
    let (drop, without_drop) = without_prefix(list(&own["capabilities"]["drop"], &what("capabilities.drop"))?);
    let may_gain = manifest(&own["allowPrivilegeEscalation"], &what("allowPrivilegeEscalation"))?;
    let asked = Asked {
        add,
        drop,
        privileged: manifest(&own["privileged"], &what("privileged"))? == Some(true),
        no_new_privs: may_gain.map(|may| !may),
        user: said("runAsUser").as_u64().map(|uid| uid.to_string()),
        pid: host("hostPID")?,
        net: host("hostNetwork")?,
        seccomp: match said("seccompProfile")["type"].as_str() {
            Some("Localhost") => text(&said("seccompProfile")["localhostProfile"]),
            Some("Unconfined") => Some("unconfined".to_owned()),
            _ => None,
        },
        limits: Vec::new(),
        mounts: array(&container["volumeMounts"]).iter().filter_map(bind).collect(),
        notes: Vec::new(),
    };
    let mut side = asked.side(Engine::Kubernetes, "Kubernetes container")?;
    if asked.user.is_none() && manifest(said("runAsNonRoot"), &what("runAsNonRoot"))? == Some(true) {
        side.notes.push(format!("runAsNonRoot: it runs as another user than root: {}", Engine::NOT_AMBIENT));
    }
    for (key, names) in [("add", without_add), ("drop", without_drop)] {
        if !names.is_empty() {
            side.notes.push(format!(
                "capabilities.{key}: containerd puts CAP_ before each name and then knows none of {}; with CRI-O they count",
                printable::text(names.join(", "))
            ));
        }
    }
    Ok(side)
}

/// Separates the names that containerd knows from those with the prefix CAP_. containerd's CRI puts `CAP_` before every
/// name, and runc leaves out a capability that it does not know (containerd, `WithAddedCapabilities`).
fn without_prefix(names: Vec<String>) -> (Vec<String>, Vec<String>) {
    let has_prefix = |name: &String| name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("cap_"));
    names.into_iter().partition(|name| !has_prefix(name))
}
