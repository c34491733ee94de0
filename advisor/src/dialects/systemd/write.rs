//! Writes a drop-in for a service unit (systemd.unit(5), systemd.exec(5)).

use crate::dialects::export_request::Launch;
use crate::dialects::remarks::Remarks;
use crate::dialects::systemd::scope;
use crate::dialects::{comment, quote};
use capwrap_core::policy::limits::Limit;

/// Returns the drop-in's text.
pub fn drop_in(launch: &Launch<'_>, remarks: &Remarks) -> String {
    let caps = launch.upper().join(" ");
    let env = &launch.policy.exec.env;
    let mut lines = vec![
        "[Service]".to_owned(),
        // Each assignment extends the list. An empty assignment removes what the unit itself has.
        "AmbientCapabilities=".to_owned(),
        format!("AmbientCapabilities={caps}"),
        "CapabilityBoundingSet=".to_owned(),
        format!("CapabilityBoundingSet={caps}"),
        format!("NoNewPrivileges={}", if launch.policy.exec.no_new_privs { "yes" } else { "no" }),
    ];
    lines.extend(scope::settings(launch));
    lines.extend(launch.limits().into_iter().map(|(resource, limit)| {
        // Numbers without a unit have the kernel's unit: bytes, seconds, and microseconds for rttime.
        let value = if limit == Limit::UNLIMITED { "infinity".to_owned() } else { limit.to_string() };
        format!("Limit{}={value}", resource.name().to_uppercase())
    }));
    lines.extend(
        env.set.iter().map(|(name, value)| format!("Environment={}", quote::systemd(&format!("{name}={value}")))),
    );
    if !env.keep.is_empty() {
        lines.push(format!("PassEnvironment={}", env.keep.join(" ")));
    }
    format!("{}\n{}\n", comment::lines(remarks), lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::export_request::tests::{facts, policy};
    use crate::dialects::target::Target;

    #[test]
    fn lists_of_the_unit_are_dropped_before_the_grant_is_given() {
        let (source, facts) = (policy("[exec]\nlimits = { memlock = \"unlimited\", nice = 30 }\n"), facts());
        let launch = Launch::of(&source, &facts, None).unwrap();
        let text = drop_in(&launch, &Remarks::of(&launch, Target::Systemd));
        let settings: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(
            settings,
            [
                "[Service]",
                "AmbientCapabilities=",
                "AmbientCapabilities=CAP_NET_RAW CAP_BPF",
                "CapabilityBoundingSet=",
                "CapabilityBoundingSet=CAP_NET_RAW CAP_BPF",
                "NoNewPrivileges=yes",
                "LimitMEMLOCK=infinity",
                "LimitNICE=30",
                "LimitCORE=0",
            ]
        );
    }
}
