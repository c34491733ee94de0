//! Containers in JSON and YAML: an OCI runtime's config.json, what `docker inspect` and `podman inspect` print, Compose
//! files, manifests of Kubernetes.

use crate::dialects::engine;
use crate::dialects::engine::rules::{Asked, Engine, capability};
use crate::dialects::grant::Side;
use anyhow::{Context, Result, bail};
use capwrap_core::CapabilitySet;
use serde::Deserialize;
use serde_json::Value;

/// YAML is read up to this size, in bytes: larger than any manifest, and small enough for its parser, which holds
/// every scalar and what aliases repeat.
const MAX_YAML: usize = 2 * 1024 * 1024;
/// Lists of Kubernetes objects in lists.
const MAX_DEPTH: usize = 8;

/// The documents of a YAML text; JSON is YAML too, but is read by its own parser.
///
/// # Errors
/// Text that is no YAML, with its line and column.
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

/// The containers of the documents, by name. Empty where there are none.
///
/// # Errors
/// A capability that is none.
pub fn containers(documents: &[Value]) -> Result<Vec<(String, Side)>> {
    let mut found = Vec::new();
    for document in documents {
        match document {
            Value::Array(list) if list.iter().any(|one| one.get("HostConfig").is_some()) => {
                for one in list {
                    found.push(inspected(one)?);
                }
            }
            one if one.get("HostConfig").is_some() => found.push(inspected(one)?),
            one if one.get("process").is_some() => found.push(("container".to_owned(), oci(one)?)),
            one if one.get("services").is_some() => found.append(&mut compose(one)?),
            one => kubernetes(one, &mut found, 0)?,
        }
    }
    Ok(found)
}

/// One container of `docker inspect` or `podman inspect`.
fn inspected(container: &Value) -> Result<(String, Side)> {
    let host = &container["HostConfig"];
    // Podman says which capabilities the container got; Docker has no such key.
    let engine = if container.get("EffectiveCaps").is_some() { Engine::Podman } else { Engine::Docker };
    let limits = array(&host["Ulimits"]).iter().filter_map(|limit| {
        let name = limit["Name"].as_str()?.to_ascii_lowercase();
        Some((name.strip_prefix("rlimit_").unwrap_or(&name).to_owned(), number(&limit["Hard"])?))
    });
    let asked = Asked {
        add: strings(&host["CapAdd"]),
        drop: strings(&host["CapDrop"]),
        privileged: host["Privileged"] == true,
        no_new_privs: strings(&host["SecurityOpt"]).iter().find_map(|option| engine::rules::no_new_privs(option)),
        user: text(&container["Config"]["User"]),
        pid: text(&host["PidMode"]),
        net: text(&host["NetworkMode"]),
        limits: limits.collect(),
        mounts: strings(&host["Binds"]).iter().filter_map(|bind| engine::rules::volume(bind)).collect(),
    };
    let name = text(&container["Name"]).unwrap_or_default();
    let kind = if engine == Engine::Podman { "podman inspect" } else { "docker inspect" };
    Ok((name.trim_start_matches('/').to_owned(), asked.side(engine, kind)?))
}

/// A configuration of an OCI runtime (OCI Runtime Specification, config.md, "Linux Process").
fn oci(config: &Value) -> Result<Side> {
    let process = &config["process"];
    let set = |name: &str| -> Result<CapabilitySet> {
        strings(&process["capabilities"][name]).iter().map(|name| capability(name)).collect()
    };
    let (bounding, ambient) = (set("bounding")?, set("ambient")?);
    // As at every exec, capabilities(7): uid 0 gets its bounding set, others keep what is ambient.
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
    side.state_bounding(bounding);
    side.state_no_new_privs(process["noNewPrivileges"].as_bool());
    for limit in array(&process["rlimits"]) {
        if let (Some(kind), Some(hard)) = (limit["type"].as_str(), number(&limit["hard"])) {
            side.state_limit(kind.trim_start_matches("RLIMIT_"), hard);
        }
    }
    let namespaces = array(&config["linux"]["namespaces"]);
    if !namespaces.is_empty() {
        for (kind, name) in [("pid", "pid"), ("network", "net")] {
            if !namespaces.iter().any(|namespace| namespace["type"] == kind) {
                side.state(name, Some("host".to_owned()));
            }
        }
    }
    let mounts = array(&config["mounts"]).iter().filter_map(|mount| {
        let options = strings(&mount["options"]);
        let has = |wanted: &str| options.iter().any(|option| option == wanted);
        let is_bind = mount["type"] == "bind" || has("bind") || has("rbind");
        is_bind
            .then(|| Some(engine::rules::mount(mount["source"].as_str()?, mount["destination"].as_str()?, has("ro"))))?
    });
    side.state_mounts(&mounts.collect());
    Ok(side)
}

/// The services of a Compose file.
fn compose(file: &Value) -> Result<Vec<(String, Side)>> {
    let services = file["services"].as_object().into_iter().flatten();
    let service = |(name, service): (&String, &Value)| {
        let limits = service["ulimits"].as_object().into_iter().flatten().filter_map(|(name, limit)| {
            let hard = limit.get("hard").unwrap_or(limit);
            Some((name.clone(), number(hard)?))
        });
        let bind = |volume: &Value| match volume {
            Value::String(volume) => engine::rules::volume(&undollared(volume)),
            long if long["type"] == "bind" => Some(engine::rules::mount(
                long["source"].as_str()?,
                long["target"].as_str()?,
                long["read_only"] == true,
            )),
            _ => None,
        };
        let asked = Asked {
            add: strings(&service["cap_add"]),
            drop: strings(&service["cap_drop"]),
            privileged: service["privileged"] == true,
            no_new_privs: strings(&service["security_opt"])
                .iter()
                .find_map(|option| engine::rules::no_new_privs(option)),
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

/// `$$` is a dollar in Compose files.
fn undollared(word: &str) -> String {
    word.replace("$$", "$")
}

/// The containers of a Kubernetes object: of a pod, of whatever has a template of one, of a list.
fn kubernetes(object: &Value, found: &mut Vec<(String, Side)>, depth: usize) -> Result<()> {
    if depth < MAX_DEPTH {
        for item in array(&object["items"]) {
            kubernetes(item, found, depth + 1)?;
        }
    }
    let pods = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/template/spec"];
    for pod in pods.iter().filter_map(|path| object.pointer(path)) {
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            for container in array(&pod[list]) {
                found.push(pods_container(pod, container)?);
            }
        }
    }
    Ok(())
}

fn pods_container(pod: &Value, container: &Value) -> Result<(String, Side)> {
    let own = &container["securityContext"];
    let host = |key: &str| (pod[key] == true).then(|| "host".to_owned());
    let user = |context: &Value| context["runAsUser"].as_u64().map(|uid| uid.to_string());
    let bind = |mount: &Value| {
        let is_its = |volume: &&Value| volume["name"].is_string() && volume["name"] == mount["name"];
        let volume = array(&pod["volumes"]).iter().find(is_its)?;
        let path = volume["hostPath"]["path"].as_str()?;
        Some(engine::rules::mount(path, mount["mountPath"].as_str()?, mount["readOnly"] == true))
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

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The strings of a list; numbers and the like are not left out, so that they are refused where they are read.
fn strings(value: &Value) -> Vec<String> {
    array(value).iter().filter_map(text).collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// A limit: -1 and the largest number are none.
#[expect(clippy::option_option, reason = "no limit is a limit")]
fn number(value: &Value) -> Option<Option<u64>> {
    engine::rules::limit(&text(value)?)
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
            assert_eq!((side.stated["no_new_privs"].as_str(), side.sets["bounding"].to_string().as_str()), ("yes", "cap_bpf"), "{text}");
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
