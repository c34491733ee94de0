//! Reads containers from JSON and YAML: an OCI runtime's config.json, the output of `docker inspect` and
//! `podman inspect`, Compose files, Kubernetes manifests.

use crate::dialects::grant::Side;
use crate::dialects::{compose, engine, kubernetes, lxc, oci};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// The largest YAML text that is read, in bytes. It is larger than any manifest, and small enough for the parser, which
/// holds every scalar and every repetition through an alias in memory.
const MAX_YAML: usize = 2 * 1024 * 1024;

/// Returns the documents of a YAML text. JSON is YAML too, but has its own parser.
///
/// # Errors
/// The text is not YAML. The error has its line and column.
pub fn yaml(text: &str) -> Result<Vec<Value>> {
    if text.len() > MAX_YAML {
        bail!("YAML larger than {} MiB", MAX_YAML / 1024 / 1024);
    }
    let read = |document| -> Result<Value> {
        let mut value = serde_yaml_ng::Value::deserialize(document).context("no YAML")?;
        value.apply_merge().context("no YAML")?;
        serde_json::to_value(value).context("a key that is no text")
    };
    serde_yaml_ng::Deserializer::from_str(text).map(read).collect()
}

/// Returns the containers of the documents, by name. The list is empty if there are none.
///
/// # Errors
/// A container has an unknown capability.
pub fn containers(documents: &[Value]) -> Result<Vec<(String, Side)>> {
    let mut found = Vec::new();
    for document in documents {
        if let Some(instance) = lxc::read::instance(document)? {
            found.push(instance);
            continue;
        }
        match document {
            Value::Array(list) if list.iter().any(|one| one.pointer(engine::inspect::SWARM).is_some()) => {
                for one in list {
                    found.push(engine::inspect::service(one)?);
                }
            }
            one if one.pointer(engine::inspect::SWARM).is_some() => found.push(engine::inspect::service(one)?),
            Value::Array(list) if list.iter().any(|one| one.get("HostConfig").is_some()) => {
                for one in list {
                    found.push(engine::inspect::container(one)?);
                }
            }
            one if one.get("HostConfig").is_some() => found.push(engine::inspect::container(one)?),
            one if one.get("process").is_some() => found.push(("container".to_owned(), oci::read::container(one)?)),
            one if one.get("services").is_some() => found.append(&mut compose::read::services(one)?),
            one => found.append(&mut kubernetes::read::containers(one)?),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Side {
        let mut found = containers(&yaml(text).unwrap()).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0).1
    }

    #[test]
    fn every_kind_of_manifest_says_the_same() {
        let pod = "{containers: [{name: t, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [BPF]}}}]}";
        for text in [
            format!("apiVersion: v1\nkind: Pod\nspec: {pod}\n"),
            format!("kind: Deployment\nspec: {{template: {{spec: {pod}}}}}\n"),
            format!("kind: CronJob\nspec: {{jobTemplate: {{spec: {{template: {{spec: {pod}}}}}}}}}\n"),
            format!("kind: List\nitems: [{{kind: Pod, spec: {pod}}}]\n"),
            format!("kind: ConfigMap\n---\nkind: Pod\nspec: {pod}\n"),
            "services: {t: {cap_drop: [all], cap_add: [CAP_BPF], security_opt: [\"no-new-privileges:true\"]}}".to_owned(),
            "x: &x {cap_drop: [ALL], security_opt: [no-new-privileges]}\nservices: {t: {<<: *x, cap_add: [BPF]}}".to_owned(),
            "[{\"Name\": \"/t\", \"HostConfig\": {\"CapAdd\": [\"CAP_BPF\"], \"CapDrop\": [\"ALL\"], \"SecurityOpt\": [\"no-new-privileges\"]}}]".to_owned(),
            "{\"process\": {\"noNewPrivileges\": true, \"capabilities\": {\"bounding\": [\"CAP_BPF\"]}}}".to_owned(),
        ] {
            let side = only(&text);
            assert_eq!(side.grant.to_string(), "cap_bpf", "{text}");
            assert_eq!((side.stated.no_new_privs, side.stated.bounding), (Some(true), Some(side.grant)), "{text}");
        }
    }

    #[test]
    fn a_privileged_container_has_everything() {
        let side = only("services: {t: {privileged: true, cap_drop: [ALL]}}");
        assert_eq!(side.grant, crate::dialects::grant::all());
    }

    #[test]
    fn yaml_that_repeats_itself_without_end_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}, ", level - 1).repeat(9);
            bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        assert!(yaml(&bomb).is_err());
        assert!(yaml(&"[".repeat(100_000)).is_err());
    }
}
