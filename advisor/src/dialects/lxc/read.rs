//! Reads a configuration of LXC (lxc.container.conf(5)), and the YAML of an Incus or LXD instance.

use crate::dialects::boolean::manifest;
use crate::dialects::engine::rules::capability;
use crate::dialects::grant::{Side, all};
use anyhow::{Result, bail};
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;
use serde_json::Value;

/// Whether the text has settings of LXC.
pub fn is_one(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("lxc."))
}

/// Returns what root of the container has.
///
/// # Errors
/// No capability has one of the names, or the configuration both keeps and drops: LXC refuses that.
pub fn side(text: &str) -> Result<Side> {
    let config = Config::read(text)?;
    let mut side = config.side("LXC configuration")?;
    if text.lines().any(|line| setting(line).is_some_and(|(key, _)| key == "lxc.idmap")) {
        side.notes.push(IN_USER_NAMESPACE.to_owned());
    }
    Ok(side)
}

const IN_USER_NAMESPACE: &str = "these count in the container's own user namespace alone, and nothing on the host";

/// Returns an instance of Incus or LXD by its name, as `incus config show` and `incus list --format yaml` print it. It
/// returns `None` for another document.
///
/// # Errors
/// As those of [`side`].
pub fn instance(document: &Value) -> Result<Option<(String, Side)>> {
    let config = &document["config"];
    let is_one = config.is_object() && (document.get("ephemeral").is_some() || document.get("profiles").is_some());
    if !is_one {
        return Ok(None);
    }
    let name = document["name"].as_str().unwrap_or("instance").to_owned();
    if document["type"] == "virtual-machine" {
        bail!("{} is a virtual machine, whose root has every capability inside", printable::text(&name));
    }
    let is_privileged = manifest(&config["security.privileged"], "security.privileged")? == Some(true);
    // What Incus drops comes first, so that raw.lxc can take it back (incus, driver_lxc.go, `initLXC`).
    let first = if is_privileged { " mac_admin mac_override" } else { "" };
    let raw = config["raw.lxc"].as_str().unwrap_or_default();
    let config = Config::read(&format!("lxc.cap.drop = sys_time sys_module sys_rawio{first}\n{raw}"))?;
    let mut side = config.side("Incus instance")?;
    if !is_privileged {
        side.notes.push(IN_USER_NAMESPACE.to_owned());
    }
    if let Some(profiles) = document["profiles"].as_array().filter(|profiles| !profiles.is_empty()) {
        let names: Vec<String> = profiles.iter().filter_map(Value::as_str).map(printable::text).collect();
        side.notes.push(format!("what the profiles {} set was not read", names.join(", ")));
    }
    Ok(Some((name, side)))
}

/// What a configuration says of capabilities.
#[derive(Default)]
struct Config {
    keep: Option<CapabilitySet>,
    drop: CapabilitySet,
    no_new_privs: Option<bool>,
    included: Vec<String>,
}

impl Config {
    fn read(text: &str) -> Result<Self> {
        let mut config = Self::default();
        for (key, value) in text.lines().filter_map(setting) {
            let named = || value.split_whitespace().map(capability).collect::<Result<CapabilitySet>>();
            match key {
                "lxc.cap.drop" if value.is_empty() => config.drop = CapabilitySet::EMPTY,
                "lxc.cap.drop" => config.drop = config.drop.union(named()?),
                "lxc.cap.keep" if value.is_empty() => config.keep = None,
                "lxc.cap.keep" if value == "none" => config.keep = Some(CapabilitySet::EMPTY),
                "lxc.cap.keep" => config.keep = Some(config.keep.unwrap_or_default().union(named()?)),
                "lxc.no_new_privs" => config.no_new_privs = Some(value == "1"),
                "lxc.include" => config.included.push(value.to_owned()),
                _ => {}
            }
        }
        Ok(config)
    }

    fn side(&self, kind: &'static str) -> Result<Side> {
        let (grant, decided) = match (self.keep, self.drop.is_empty()) {
            (Some(_), false) => bail!("lxc.cap.keep beside lxc.cap.drop, which LXC refuses"),
            (Some(keep), true) => (keep, "what lxc.cap.keep names"),
            (None, true) => (all(), "nothing is dropped: root of the container keeps it"),
            (None, false) => (all().without(self.drop), "all but what lxc.cap.drop names"),
        };
        let mut side = Side::new(kind, grant, decided);
        side.stated.bounding = Some(grant);
        side.stated.no_new_privs = self.no_new_privs;
        let unread = self.included.iter().map(|file| format!("{} is included and was not read", printable::text(file)));
        side.notes.extend(unread);
        Ok(side)
    }
}

/// Splits `lxc.key = value`. Proxmox writes a colon.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim().split_once(['=', ':'])?;
    let key = key.trim();
    key.starts_with("lxc.").then(|| (key, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::grant::shown;
    use serde_json::json;

    #[test]
    fn what_is_dropped_and_kept_is_what_lxc_makes_of_it() {
        let of = |text: &str| side(text).map(|side| shown(side.grant));
        assert_eq!(
            of("lxc.cap.drop = sys_module mac_admin\nlxc.cap.drop =\nlxc.cap.keep = net_raw\n").unwrap(),
            "cap_net_raw"
        );
        assert_eq!(
            of("lxc.cap.drop = sys_module\nlxc.cap.drop = mac_admin\n").unwrap(),
            "all but cap_sys_module,cap_mac_admin"
        );
        assert_eq!(of("lxc.cap.keep = none\n").unwrap(), "none");
        assert_eq!(of("lxc.uts.name = x\n").unwrap(), "all");
        assert!(of("lxc.cap.keep = kill\nlxc.cap.drop = chown\n").is_err());
        assert!(of("lxc.cap.keep = what\n").is_err());
    }

    #[test]
    fn an_instance_of_incus_is_privileged_or_in_a_namespace_of_its_own() {
        let of = |config: Value| {
            let document = json!({"name": "c", "ephemeral": false, "profiles": ["default"], "config": config});
            instance(&document).unwrap().unwrap().1
        };
        assert_eq!(shown(of(json!({})).grant), "all but cap_sys_module,cap_sys_rawio,cap_sys_time");
        assert_eq!(of(json!({"raw.lxc": "lxc.cap.drop ="})).grant, all());
        assert!(of(json!({})).notes[0].contains("user namespace"));
        let privileged = of(json!({"security.privileged": "true", "raw.lxc": "lxc.cap.drop = sys_boot"}));
        assert_eq!(
            shown(privileged.grant),
            "all but cap_sys_module,cap_sys_rawio,cap_sys_boot,cap_sys_time,cap_mac_override,cap_mac_admin"
        );
        assert!(instance(&json!({"config": {"a": 1}})).unwrap().is_none());
    }
}
