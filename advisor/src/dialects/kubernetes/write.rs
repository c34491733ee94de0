//! Writes the manifest of a pod (Kubernetes API, core/v1).

use crate::dialects::export_request::Launch;
use crate::dialects::remarks::Remarks;
use crate::dialects::{comment, quote};
use anyhow::{Context, Result};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    api_version: &'static str,
    kind: &'static str,
    metadata: Named,
    spec: Spec,
}

#[derive(Serialize)]
struct Named {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    restart_policy: &'static str,
    // The tool has no reason to use the cluster's API.
    automount_service_account_token: bool,
    #[serde(rename = "hostPID", skip_serializing_if = "is_false")]
    host_pid: bool,
    #[serde(skip_serializing_if = "is_false")]
    host_network: bool,
    containers: [Container; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<Volume>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<[String; 1]>,
    security_context: SecurityContext,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<Variable>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volume_mounts: Vec<VolumeMount>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecurityContext {
    privileged: bool,
    // Kubernetes does not support ambient capabilities, so only uid 0 gets those that are added.
    run_as_user: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_privilege_escalation: Option<bool>,
    capabilities: Capabilities,
    #[serde(skip_serializing_if = "Option::is_none")]
    seccomp_profile: Option<SeccompProfile>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SeccompProfile {
    r#type: &'static str,
    localhost_profile: String,
}

#[derive(Serialize)]
struct Capabilities {
    drop: [&'static str; 1],
    add: Vec<String>,
}

#[derive(Serialize)]
struct Variable {
    name: String,
    // Kubernetes keeps no empty value: a variable without one is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VolumeMount {
    name: String,
    mount_path: String,
    #[serde(skip_serializing_if = "is_false")]
    read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mount_propagation: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    name: String,
    host_path: HostPath,
}

#[derive(Serialize)]
struct HostPath {
    path: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Returns the manifest's text.
pub fn pod(launch: &Launch<'_>, remarks: &Remarks) -> Result<String> {
    let exec = &launch.policy.exec;
    let volume = |at: usize| format!("host-{}", at + 1);
    // The API always allows privilege escalation with CAP_SYS_ADMIN, and refuses a pod that says otherwise.
    let confined = exec.no_new_privs && !launch.caps.contains(capwrap_core::Capability::SYS_ADMIN);
    let container = Container {
        name: launch.label(),
        // No image has a name in upper case, so a pod whose image was not filled in does not start.
        image: launch.image().unwrap_or("IMAGE").to_owned(),
        command: launch.image().is_none().then(|| [quote::dollars(&launch.tool)]),
        security_context: SecurityContext {
            privileged: false,
            run_as_user: 0,
            allow_privilege_escalation: confined.then_some(false),
            capabilities: Capabilities { drop: ["ALL"], add: launch.bare() },
            seccomp_profile: launch
                .seccomp
                .clone()
                .map(|localhost_profile| SeccompProfile { r#type: "Localhost", localhost_profile }),
        },
        env: exec
            .env
            .set
            .iter()
            .map(|(name, value)| Variable { name: name.clone(), value: quote::dollars(value) })
            .collect(),
        volume_mounts: launch
            .mounts
            .iter()
            .enumerate()
            .map(|(at, mount)| VolumeMount {
                name: volume(at),
                mount_path: mount.target.clone(),
                read_only: mount.read_only(),
                mount_propagation: mount.propagation().and_then(|(_, kubernetes)| *kubernetes),
            })
            .collect(),
    };
    let pod = Pod {
        api_version: "v1",
        kind: "Pod",
        metadata: Named { name: launch.label() },
        spec: Spec {
            restart_policy: "Never",
            automount_service_account_token: false,
            host_pid: launch.pid() == Some("host"),
            host_network: launch.net() == Some("host"),
            containers: [container],
            volumes: launch
                .mounts
                .iter()
                .enumerate()
                .map(|(at, mount)| Volume { name: volume(at), host_path: HostPath { path: mount.source.clone() } })
                .collect(),
        },
    };
    let yaml = serde_yaml_ng::to_string(&pod).context("cannot write YAML")?;
    Ok(format!("{}\n{yaml}", comment::lines(remarks)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::export_request::tests::{facts, policy};
    use crate::dialects::target::Target;

    fn exported(more: &str) -> serde_yaml_ng::Value {
        let (source, facts) = (policy(more), facts());
        let launch = Launch::of(&source, &facts, None).unwrap();
        serde_yaml_ng::from_str(&pod(&launch, &Remarks::of(&launch, Target::Kubernetes)).unwrap()).unwrap()
    }

    #[test]
    fn every_word_is_read_back_and_no_variable_is_replaced() {
        let pod = exported(
            "[exec]\nenv = { set = { A = \"$(B) $$(C)\\n- x: y\" } }\n\
             [container]\nimage = \"i: 'x'\"\nmounts = [\"/a #b:/c - d:ro,rslave\"]\npid = \"host\"\n",
        );
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["image"], "i: 'x'");
        assert_eq!(container["env"][0]["value"], "$$(B) $$$$(C)\n- x: y");
        assert_eq!(container["volumeMounts"][0]["mountPath"], "/c - d");
        assert_eq!(pod["spec"]["hostPID"], true);
        assert!(pod["spec"]["hostNetwork"].is_null());
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    }

    #[test]
    fn a_pod_with_sys_admin_does_not_say_what_kubernetes_refuses() {
        let pod = exported("[[grant]]\ncaps = [\"cap_sys_admin\"]\n");
        assert!(pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"].is_null());
    }
}
