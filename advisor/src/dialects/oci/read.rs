//! Reads the config.json of an OCI runtime.

use crate::dialects::engine::rules::capability;
use crate::dialects::grant::Side;
use crate::dialects::json::{array, hard_limit, strings};
use crate::dialects::mount::BindMount;
use crate::dialects::seccomp;
use anyhow::Result;
use capwrap_core::CapabilitySet;
use serde_json::Value;

/// Whether a document is a configuration of an OCI runtime.
pub fn is_one(document: &Value) -> bool {
    let process = &document["process"];
    process.is_object() && (document.get("ociVersion").is_some() || process.get("capabilities").is_some())
}

/// Reads a configuration of an OCI runtime (OCI Runtime Specification, config.md, "Linux Process").
///
/// # Errors
/// The configuration has an unknown capability.
pub fn container(config: &Value) -> Result<Side> {
    let process = &config["process"];
    let set = |name: &str| -> Result<CapabilitySet> {
        strings(&process["capabilities"][name]).iter().map(|name| capability(name)).collect()
    };
    let (bounding, ambient) = (set("bounding")?, set("ambient")?);
    // As at every exec (capabilities(7)), uid 0 gets its bounding set, and other users keep the ambient set.
    let uid = process["user"]["uid"].as_u64().unwrap_or_default();
    let mut side = if uid == 0 {
        Side::new("OCI runtime configuration", bounding, "the bounding set: it runs as uid 0")
    } else {
        Side::new("OCI runtime configuration", ambient, format!("the ambient set: it runs as uid {uid}"))
    };
    let inheritable = set("inheritable")?;
    if uid != 0 && ambient.is_empty() && !inheritable.is_empty() {
        side.grant = inheritable.intersection(bounding);
        side.decided = format!("the inheritable set: it runs as uid {uid} and nothing is ambient");
        side.notes.push("inheritable: effective where the file that it executes carries them, too".to_owned());
    }
    if process.get("capabilities").is_none() {
        side.notes.push("it has no process.capabilities, and the runtime then gives none".to_owned());
    }
    side.stated.bounding = Some(bounding);
    side.stated.no_new_privs = process["noNewPrivileges"].as_bool();
    if config["linux"]["seccomp"].is_object() {
        match seccomp::read::calls(&config["linux"]["seccomp"]) {
            Ok(calls) => side.stated.calls = Some(calls),
            Err(note) => side.notes.push(note),
        }
    }
    for limit in array(&process["rlimits"]) {
        if let (Some(kind), Some(hard)) = (limit["type"].as_str(), hard_limit(&limit["hard"])) {
            side.stated.limit(kind.trim_start_matches("RLIMIT_"), hard);
        }
    }
    let namespaces = array(&config["linux"]["namespaces"]);
    if !namespaces.is_empty() {
        let hosts = |kind: &str| {
            let is_own = namespaces.iter().any(|namespace| namespace["type"] == kind);
            (!is_own).then(|| "host".to_owned())
        };
        (side.stated.pid, side.stated.net) = (hosts("pid"), hosts("network"));
    }
    let mounts = array(&config["mounts"]).iter().filter_map(|mount| {
        let options = strings(&mount["options"]);
        let has = |wanted: &str| options.iter().any(|option| option == wanted);
        let is_bind = mount["type"] == "bind" || has("bind") || has("rbind");
        is_bind.then(|| Some(BindMount::new(mount["source"].as_str()?, mount["destination"].as_str()?, has("ro"))))?
    });
    side.stated.mounts = Some(mounts.collect());
    Ok(side)
}
