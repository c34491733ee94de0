//! A container of a node of Kubernetes: what the container runtime says of it through crictl(8).

use crate::dialects::detect::Form;
use crate::dialects::grant::Side;
use crate::dialects::json::{array, entries, text};
use crate::dialects::read::{self, Read};
use crate::observe::subject::manager;
use crate::output::error::hinted;
use anyhow::{Context, Result};
use capwrap_core::text::printable;
use serde_json::Value;

/// The program that asks a runtime by the interface of Kubernetes.
pub const CRICTL: &str = "crictl";

/// A container that runs on this node.
pub struct PodContainer {
    /// `NAMESPACE/POD/CONTAINER`, or the container's own name outside of pods.
    pub name: String,
    /// What its processes may use.
    pub side: Side,
    /// The id of its first process on the host.
    pub main: u32,
    user: u64,
}

/// What `--pod` names.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'w> {
    namespace: &'w str,
    pod: &'w str,
    container: Option<&'w str>,
}

impl<'w> Wanted<'w> {
    fn of(given: &'w str) -> Result<Self> {
        let parts: Vec<&str> = given.split('/').collect();
        match parts[..] {
            [namespace, pod] if parts.iter().all(|part| is_name(part)) => Ok(Self { namespace, pod, container: None }),
            [namespace, pod, container] if parts.iter().all(|part| is_name(part)) => {
                Ok(Self { namespace, pod, container: Some(container) })
            }
            _ => Err(hinted(
                format!("\"{}\" names no pod: NAMESPACE/NAME or NAMESPACE/NAME/CONTAINER", printable::text(given)),
                "kubectl get pods --all-namespaces",
            )),
        }
    }
}

/// A name as Kubernetes allows it (RFC 1123), so that it is no option.
fn is_name(part: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    part.len() <= 253 && part.bytes().all(is_inner) && !part.starts_with(['-', '.']) && !part.is_empty()
}

impl PodContainer {
    /// Asks the runtime of this node for a container of a pod. A pod with one container needs no name of it.
    ///
    /// # Errors
    /// No crictl is here, it knows no such pod or container, or several.
    pub fn find(given: &str) -> Result<Self> {
        let wanted = Wanted::of(given)?;
        let no_crictl = || {
            hinted(
                format!("cannot learn the pod {given}: there is no crictl here"),
                "on the pod's node, name its cgroup: --cgroup PATH, as systemd-cgls shows it below kubepods; the pod's uid is \
                 in its name",
            )
        };
        let pods = ask(&["pods", "--output", "json"])?.ok_or_else(no_crictl)?;
        let containers = ask(&["ps", "--output", "json"])?.ok_or_else(no_crictl)?;
        let (id, name) = chosen(&pods, &containers, &wanted)?;
        let name = format!("{}/{}/{name}", wanted.namespace, wanted.pod);
        Self::inspect(&id, Some(name))?.ok_or_else(no_crictl)
    }

    /// Asks the runtime of this node for a container, by its id or the beginning of that. `None` means that no crictl is here.
    ///
    /// # Errors
    /// It knows no such container, or what it says cannot be read.
    pub fn inspect(id: &str, name: Option<String>) -> Result<Option<Self>> {
        let Some(said) = manager::ask(CRICTL, &["inspect", "--output", "json", id])? else { return Ok(None) };
        Self::of(&said, name).map(Some)
    }

    fn of(said: &str, name: Option<String>) -> Result<Self> {
        let odd = || format!("cannot read what {CRICTL} says of the container");
        let all: Value = serde_json::from_str(said).with_context(odd)?;
        // Newer versions print a list, even of one.
        let one = entries(&all).first().cloned().with_context(odd)?;
        let id = text(&one["status"]["id"]).filter(|id| !id.is_empty()).with_context(odd)?;
        let own = text(&one["status"]["metadata"]["name"]).unwrap_or_else(|| id.clone());
        let main = one["info"]["pid"].as_u64().and_then(|id| u32::try_from(id).ok()).filter(|id| *id != 0);
        let main = main.ok_or_else(|| hinted(format!("the container {own} does not run"), "crictl ps --all"))?;
        let side = match read::text(Form::Json, &one.to_string(), CRICTL)? {
            Read::One(side) => *side,
            Read::Several(sides) => sides.into_iter().next().with_context(odd)?.1,
        };
        let user = one["info"]["runtimeSpec"]["process"]["user"]["uid"].as_u64().unwrap_or_default();
        Ok(Self { name: name.unwrap_or(own), side, main, user })
    }

    /// The user other than root as whom its first process runs.
    pub fn user(&self) -> Option<String> {
        (self.user != 0).then(|| self.user.to_string())
    }
}

/// Asks for JSON. `None` means that there is no crictl.
fn ask(words: &[&str]) -> Result<Option<Value>> {
    let Some(said) = manager::ask(CRICTL, words)? else { return Ok(None) };
    let odd = || format!("cannot read what {CRICTL} {} prints", words[0]);
    serde_json::from_str(&said).map(Some).with_context(odd)
}

/// Returns the id and the name of the container that is meant.
fn chosen(pods: &Value, containers: &Value, wanted: &Wanted<'_>) -> Result<(String, String)> {
    let shown = format!("{}/{}", wanted.namespace, wanted.pod);
    let is_meant = |pod: &&Value| {
        let says = |key: &str| pod["metadata"][key].as_str();
        says("namespace") == Some(wanted.namespace) && says("name") == Some(wanted.pod)
    };
    // A pod that was started again has sandboxes that are not ready any more.
    let ready = |pod: &&Value| pod["state"].as_str() == Some("SANDBOX_READY");
    let pod = array(&pods["items"]).iter().filter(is_meant).find(ready).and_then(|pod| pod["id"].as_str());
    let pod = pod.ok_or_else(|| {
        let hint = "kubectl get pods --all-namespaces --output wide shows on which node it runs";
        hinted(format!("no pod {shown} runs on this node"), hint)
    })?;
    let mut found: Vec<(String, String)> = array(&containers["containers"])
        .iter()
        .filter(|one| one["podSandboxId"].as_str() == Some(pod))
        .filter_map(|one| Some((text(&one["id"])?, text(&one["metadata"]["name"])?)))
        .collect();
    let names: Vec<String> = found.iter().map(|(_, name)| format!("{shown}/{}", printable::text(name))).collect();
    if let Some(name) = wanted.container {
        found.retain(|(_, own)| own == name);
    }
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) if names.is_empty() => {
            Err(hinted(format!("no container of the pod {shown} runs"), "crictl ps --all"))
        }
        (None, _) => Err(hinted(
            format!("the pod {shown} has no container {}", wanted.container.unwrap_or_default()),
            format!("--pod {}", names.join(", or --pod ")),
        )),
        (Some(_), false) => Err(hinted(
            format!("the pod {shown} has several containers"),
            format!("--pod {}", names.join(", or --pod ")),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pods() -> Value {
        json!({"items": [
            {"id": "old", "metadata": {"name": "web-1", "namespace": "shop", "attempt": 0}, "state": "SANDBOX_NOTREADY"},
            {"id": "p1", "metadata": {"name": "web-1", "namespace": "shop", "attempt": 1}, "state": "SANDBOX_READY"},
            {"id": "p2", "metadata": {"name": "web-1", "namespace": "other", "attempt": 0}, "state": "SANDBOX_READY"}]})
    }

    fn containers() -> Value {
        json!({"containers": [
            {"id": "a", "podSandboxId": "p1", "metadata": {"name": "nginx"}, "state": "CONTAINER_RUNNING"},
            {"id": "b", "podSandboxId": "p1", "metadata": {"name": "logger"}, "state": "CONTAINER_RUNNING"},
            {"id": "c", "podSandboxId": "p2", "metadata": {"name": "nginx"}, "state": "CONTAINER_RUNNING"}]})
    }

    fn find(given: &str) -> Result<String> {
        chosen(&pods(), &containers(), &Wanted::of(given)?).map(|(id, _)| id)
    }

    #[test]
    fn a_container_of_a_pod_is_found_by_its_names() {
        assert_eq!(find("shop/web-1/nginx").unwrap(), "a");
        assert_eq!(find("shop/web-1/logger").unwrap(), "b");
        // A pod with one container needs no name of it.
        assert_eq!(find("other/web-1").unwrap(), "c");
    }

    #[test]
    fn what_is_not_there_or_not_clear_is_refused_with_what_there_is() {
        for (given, expected) in [
            ("shop/web-1", "has several containers"),
            ("shop/web-1/db", "has no container db"),
            ("shop/db", "no pod shop/db runs on this node"),
            ("web-1", "names no pod"),
            ("shop/--help", "names no pod"),
            ("a/b/c/d", "names no pod"),
            ("shop/", "names no pod"),
        ] {
            let error = find(given).unwrap_err();
            assert!(error.to_string().contains(expected), "{given}: {error}");
            assert!(error.downcast_ref::<crate::output::error::HintedError>().is_some(), "{error}");
        }
    }

    #[test]
    fn what_a_runtime_says_of_a_container_is_read_of_every_version() {
        let of = |uid: u32| {
            json!({"status": {"id": "4f1d", "metadata": {"name": "nginx"}, "state": "CONTAINER_RUNNING"},
            "info": {"pid": 812, "runtimeSpec": {"ociVersion": "1.0.2", "process": {"args": ["nginx"],
                "user": {"uid": uid, "gid": uid}, "capabilities": {"bounding": ["CAP_CHOWN"],
                "effective": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"]}}}}})
        };
        // A user other than root has none of them after the exec.
        for (uid, user, grant) in [(0, None, "cap_chown"), (33, Some("33"), "none")] {
            for said in [of(uid).to_string(), json!([of(uid)]).to_string()] {
                let read = PodContainer::of(&said, None).unwrap();
                assert_eq!((read.name.as_str(), read.main), ("nginx", 812));
                assert_eq!((read.user().as_deref(), read.side.grant.to_string().as_str()), (user, grant));
            }
        }
        let stopped = json!({"status": {"id": "4f1d"}, "info": {"pid": 0}}).to_string();
        assert!(PodContainer::of(&stopped, None).err().unwrap().to_string().contains("does not run"));
    }
}
