//! Writes the config.json of an OCI runtime (OCI Runtime Specification 1.0.2).

use crate::dialects::export_request::Launch;
use crate::dialects::mount::Mount;
use crate::dialects::remarks::Remarks;
use crate::dialects::seccomp;
use anyhow::{Context, Result};
use capwrap_core::policy::Delivery;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The uid and gid of nobody. They are not 0, so that the tool has the capabilities and owns nothing.
const NOBODY: u32 = 65534;

/// The mounts of every container, without the policy's own.
const MOUNTS: [(&str, &str, &str, &[&str]); 6] = [
    ("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("/tmp", "tmpfs", "tmpfs", &["nosuid", "nodev", "mode=1777"]),
    ("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
];

/// Files of /proc and /sys that a container must not read.
const MASKED: [&str; 9] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
];

/// Files of /proc that a container must not write.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Returns the configuration's text.
pub fn configuration(launch: &Launch<'_>, remarks: &Remarks) -> Result<String> {
    let exec = &launch.policy.exec;
    let caps = launch.upper();
    let ambient = if exec.deliver == Delivery::Ambient { caps.clone() } else { Vec::new() };
    let rlimits: Vec<Value> = launch
        .limits()
        .into_iter()
        .map(|(resource, limit)| {
            json!({ "type": format!("RLIMIT_{}", resource.name().to_uppercase()), "soft": limit.0, "hard": limit.0 })
        })
        .collect();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned();
    let set = exec.env.set.iter().map(|(name, value)| format!("{name}={value}"));
    let mounts: Vec<Value> = MOUNTS.iter().map(own_mount).chain(launch.mounts.iter().map(bind_mount)).collect();
    let namespaces: Vec<Value> = namespaces(launch).into_iter().map(|kind| json!({ "type": kind })).collect();
    let mut configuration = json!({
        "ociVersion": "1.0.2",
        "annotations": annotations(remarks),
        "process": {
            "terminal": false,
            "user": { "uid": NOBODY, "gid": NOBODY },
            "args": [launch.tool],
            "env": std::iter::once(path).chain(set).collect::<Vec<_>>(),
            "cwd": "/",
            "capabilities": {
                "bounding": caps,
                "effective": caps,
                "inheritable": caps,
                "permitted": caps,
                "ambient": ambient,
            },
            "rlimits": rlimits,
            "noNewPrivileges": exec.no_new_privs,
        },
        "root": { "path": "rootfs", "readonly": true },
        "hostname": launch.label(),
        "mounts": mounts,
        "linux": {
            "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
            "namespaces": namespaces,
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    });
    if let Some(profile) = launch.profile_of_a_container() {
        configuration["linux"]["seccomp"] = seccomp::write::value(&profile);
    }
    let text = crate::output::json::pretty(&configuration).context("cannot write JSON")?;
    Ok(text + "\n")
}

fn own_mount((target, kind, source, options): &(&str, &str, &str, &[&str])) -> Value {
    json!({ "destination": target, "type": kind, "source": source, "options": options })
}

fn bind_mount(mount: &Mount) -> Value {
    let access = if mount.read_only() { "ro" } else { "rw" };
    let spread = mount.propagation().map(|(name, _)| *name);
    let options: Vec<&str> = ["rbind", access].into_iter().chain(spread).collect();
    json!({ "destination": mount.target, "type": "bind", "source": mount.source, "options": options })
}

/// Returns the namespaces that the container does not share.
fn namespaces(launch: &Launch<'_>) -> Vec<&'static str> {
    let shared = [("pid", launch.pid()), ("network", launch.net())];
    let hosts = |kind: &str| shared.iter().any(|(name, word)| *name == kind && *word == Some("host"));
    ["pid", "network", "ipc", "uts", "mount"].into_iter().filter(|kind| !hosts(kind)).collect()
}

/// Writes the remarks as annotations, because JSON has no comments.
fn annotations(remarks: &Remarks) -> BTreeMap<String, String> {
    let parts =
        [("about", &remarks.heading), ("needs", &remarks.needs), ("unsaid", &remarks.unsaid), ("mind", &remarks.mind)];
    let said = parts.into_iter().flat_map(|(part, texts)| {
        texts.iter().enumerate().map(move |(at, text)| (format!("capwrap.{part}.{:02}", at + 1), text.clone()))
    });
    let why = remarks.capabilities.iter().map(|(name, why)| (format!("capwrap.why.{name}"), why.clone()));
    said.chain(why).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::export_request::tests::{facts, policy};
    use crate::dialects::target::Target;

    fn exported(more: &str) -> Value {
        let (source, facts) = (policy(more), facts());
        let launch = Launch::of(&source, &facts, None).unwrap();
        serde_json::from_str(&configuration(&launch, &Remarks::of(&launch, Target::Oci)).unwrap()).unwrap()
    }

    #[test]
    fn every_word_is_read_back_and_unlimited_is_the_kernels_number() {
        let read = exported(
            "[exec]\nenv = { set = { A = \"\\\"$(B)\\\\\\n\" } }\nlimits = { memlock = \"unlimited\" }\n\
             [container]\nmounts = [\"/a \\\"b\\n:/c:ro,rslave\"]\npid = \"host\"\n",
        );
        assert_eq!(read["process"]["env"][1], "A=\"$(B)\\\n");
        assert_eq!(read["process"]["rlimits"][0]["hard"], u64::MAX);
        let mounts = read["mounts"].as_array().unwrap();
        assert_eq!(mounts.last().unwrap()["source"], "/a \"b\n");
        assert_eq!(mounts.last().unwrap()["options"], json!(["rbind", "ro", "rslave"]));
        assert!(!read["linux"]["namespaces"].to_string().contains("pid"));
        assert!(read["linux"]["namespaces"].to_string().contains("network"));
    }

    #[test]
    fn what_is_delivered_inheritable_is_in_no_ambient_set() {
        let sets = &exported("[exec]\ndeliver = \"inheritable\"\n")["process"]["capabilities"];
        assert_eq!(sets["ambient"], json!([]));
        assert_eq!(sets["inheritable"], json!(["CAP_NET_RAW", "CAP_BPF"]));
    }
}
