//! Reads containers from JSON and YAML: an OCI runtime's config.json, the output of `docker inspect` and
//! `podman inspect` and `crictl inspect`, Compose files, Kubernetes manifests.

use crate::dialects::compose::files::Files;
use crate::dialects::grant::Side;
use crate::dialects::json::{entries, text};
use crate::dialects::listing::others;
use crate::dialects::{compose, engine, kubernetes, lxc, oci};
use anyhow::{Result, bail};
use serde_json::Value;

/// Returns the containers of the documents, by name. The list is empty if there are none.
///
/// # Errors
/// A container has an unknown capability, or a document is of a kind that says nothing about one.
pub fn containers(documents: &[Value], files: &Files) -> Result<Vec<(String, Side)>> {
    let mut found = Vec::new();
    for document in documents {
        if let Some(list) = specifications(document)? {
            found.extend(list);
            continue;
        }
        others::document(document)?;
        if let Some(instance) = lxc::read::instance(document)? {
            found.push(instance);
            continue;
        }
        match document {
            one if entries(one).iter().any(|one| one.pointer(engine::inspect::SWARM).is_some()) => {
                for one in entries(one) {
                    found.push(engine::inspect::service(one)?);
                }
            }
            one if entries(one).iter().any(|one| one.get("HostConfig").is_some()) => {
                for one in entries(one) {
                    found.push(engine::inspect::container(one)?);
                }
            }
            one if oci::read::is_one(one) => found.push(("container".to_owned(), oci::read::container(one)?)),
            one if one.get("services").is_some() || one.get("include").is_some() => {
                found.append(&mut compose::read::services(one, files)?);
            }
            one => found.append(&mut kubernetes::read::containers(one)?),
        }
    }
    Ok(found)
}

/// Returns the containers with the specification that their runtime got: `crictl inspect` has it as `info.runtimeSpec`,
/// and `ctr containers info` and `nerdctl inspect --mode=native` have it as `Spec`.
///
/// # Errors
/// A specification has an unknown capability.
fn specifications(document: &Value) -> Result<Option<Vec<(String, Side)>>> {
    let list = entries(document);
    let mut found = Vec::new();
    for one in list {
        let (spec, name) = if oci::read::is_one(&one["info"]["runtimeSpec"]) {
            let name = ["/status/metadata/name", "/status/id"].iter().find_map(|path| one.pointer(path));
            (&one["info"]["runtimeSpec"], name)
        } else if oci::read::is_one(&one["Spec"]) {
            (&one["Spec"], ["Name", "ID"].iter().find_map(|key| one.get(key)))
        } else {
            continue;
        };
        let name = name.and_then(text).unwrap_or_else(|| "container".to_owned());
        found.push((name, oci::read::container(spec)?));
    }
    match found.len() {
        0 => Ok(None),
        read if read == list.len() => Ok(Some(found)),
        _ => bail!("some of the {} entries have no specification of a container", list.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::yaml;

    fn only(text: &str) -> Side {
        let mut found = containers(&yaml::documents(text).unwrap(), &Files::none()).unwrap();
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
    fn what_a_runtime_got_is_read_and_what_says_nothing_is_an_error() {
        let spec = "{ociVersion: 1.0.2, process: {user: {uid: 0}, capabilities: {bounding: [CAP_BPF]}}}";
        for text in [
            format!("{{status: {{id: x, metadata: {{name: t}}}}, info: {{pid: 1, runtimeSpec: {spec}}}}}"),
            format!("{{ID: t, Image: i, Spec: {spec}}}"),
            format!("[{{ID: t, Spec: {spec}}}]"),
        ] {
            let found = containers(&yaml::documents(&text).unwrap(), &Files::none()).unwrap();
            assert_eq!((found[0].0.as_str(), found[0].1.grant.to_string().as_str()), ("t", "cap_bpf"), "{text}");
        }
        for text in [
            "{status: {id: x}, info: {}}".to_owned(),
            format!("[{{ID: t, Spec: {spec}}}, {{ID: u}}]"),
            "[{Name: /t, HostConfig: {NetworkMode: x}}]".to_owned(),
            "[{Name: /t, HostConfig: {CapAdd: null}}, {Id: i}]".to_owned(),
        ] {
            assert!(containers(&yaml::documents(&text).unwrap(), &Files::none()).is_err(), "{text}");
        }
        // Not everything that has a process is a configuration of a runtime.
        assert!(containers(&yaml::documents("{process: {name: x}}").unwrap(), &Files::none()).unwrap().is_empty());
    }
}
