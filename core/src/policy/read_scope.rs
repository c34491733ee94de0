//! Reads the scope of a grant, and `[scope]`, and refuses what would confine nothing.

use crate::CapabilitySet;
use crate::capability::Capability;
use crate::policy::section::{Fault, Section, absolute_path, choice};
use crate::policy::{Enforce, GrantScope, PolicyError, Port, Preset, ScopeRules};
use crate::scope::door::{self, Door};
use crate::scope::strength::{self, Strength};

/// Reads `[scope]`.
pub(super) fn rules(root: &Section) -> Result<ScopeRules, PolicyError> {
    let known = ["enforce", "preset", "readable", "writable"];
    let Some(section) = root.section("scope", "[scope]", &known)? else { return Ok(ScopeRules::default()) };
    Ok(ScopeRules {
        enforce: choice(&section, "enforce", &[("required", Enforce::Required), ("if-possible", Enforce::IfPossible)])?,
        preset: choice(&section, "preset", &[("system", Preset::System), ("none", Preset::None)])?,
        readable: section.list("readable", absolute_path)?,
        writable: section.list("writable", absolute_path)?,
    })
}

/// Reads the scope of a grant of these capabilities.
pub(super) fn of_grant(
    grant: &Section,
    capabilities: CapabilitySet,
    enforce: Enforce,
) -> Result<GrantScope, PolicyError> {
    let scope = GrantScope {
        through: grant.list("through", |name| {
            Door::parse(name, capabilities).map_err(|error| unknown_door(&error, capabilities))
        })?,
        beneath: grant.list("beneath", |path| match path {
            "/" => Err(Fault::new("`beneath` the whole tree confines nothing")
                .with_hint("leave `beneath` out, or name the directories that the tool needs")),
            path => absolute_path(path),
        })?,
        ports: grant.list("ports", port).map_err(|error| match error.hint {
            None => error.with_hint(AS_A_PORT),
            Some(_) => error,
        })?,
    };
    for (key, confined) in [("beneath", GrantScope::confined_by_paths()), ("ports", GrantScope::confined_by_ports())] {
        let others = capabilities.without(confined);
        if let Some(value) = grant.get(key).filter(|_| !others.is_empty()) {
            let message = format!("`{key}` beside {others}, which it does not confine");
            let hint = format!("give {others} a [[grant]] of its own; `{key}` confines {confined}");
            return Err(grant.error(value.span(), message).with_hint(hint));
        }
    }
    if let Some(value) = grant.get("through") {
        through(&scope, capabilities, enforce).map_err(|fault| grant.fault(value.span(), fault))?;
    }
    Ok(scope)
}

/// Judges the doors of a grant: each capability needs one, and what they leave open must be less than everything.
fn through(scope: &GrantScope, capabilities: CapabilitySet, enforce: Enforce) -> Result<(), Fault> {
    for capability in capabilities.iter() {
        let weak = strength::of(capability);
        if !scope.through.iter().any(|door| door.opens(capability)) {
            let fault = Fault::new(format!("`through` leaves {capability} no door"));
            return Err(fault.with_hint(match door::names(capability).as_slice() {
                [] => format!("give {capability} a [[grant]] of its own, without `through`: {}", weak.leaves),
                names => format!("give {capability} a [[grant]] of its own; its doors are {}", names.join(", ")),
            }));
        }
        // A policy that names what it leaves open may do so; one that promises more may not.
        if enforce == Enforce::Required && !weak.through.confines() {
            return Err(worthless(capability, weak.through, weak.leaves));
        }
        let everything = |door: &Door| Some((strength::leaves_everything(capability, door)?, door.clone()));
        if enforce == Enforce::Required
            && let Some((root, door)) = scope.through.iter().find_map(everything)
        {
            return Err(Fault::new(format!("`{door}` leaves {capability} everything: {}", root.why))
                .with_hint("leave that door out, or the whole `through`"));
        }
    }
    Ok(())
}

fn worthless(capability: Capability, strength: Strength, leaves: &str) -> Fault {
    Fault::new(format!("`through` confines {capability} too little ({}): it leaves {leaves}", strength.word()))
        .with_hint("leave `through` out, or write `enforce = \"if-possible\"` in [scope] if it shall hold for what it is worth")
}

fn unknown_door(error: &door::UnknownDoor, capabilities: CapabilitySet) -> Fault {
    let fault = Fault::new(error.message.clone());
    match error.nearest {
        Some(near) => fault.with_hint(format!("write {near:?}")),
        None => {
            let doors: Vec<_> = capabilities.iter().flat_map(door::names).collect();
            match doors.as_slice() {
                [] => fault.with_hint("leave `through` out: no system call of its own asks for the capability"),
                _ => fault.with_hint(format!("the doors are {}", doors.join(", "))),
            }
        }
    }
}

const AS_A_PORT: &str = "write it with its protocol, as in \"tcp/443\"";

fn port(text: &str) -> Result<Port, Fault> {
    let Some((protocol, number)) = text.split_once('/') else {
        return Err(Fault::new("no port").with_hint(AS_A_PORT));
    };
    if protocol != "tcp" {
        let message = format!("a port of {protocol}: Landlock confines TCP alone");
        return Err(Fault::new(message).with_hint("leave `ports` out, and say in `why` which ports the tool binds"));
    }
    let is_plain = number.chars().all(|c| c.is_ascii_digit()) && !number.starts_with('0');
    match number.parse() {
        Ok(number) if is_plain => Ok(Port(number)),
        _ => Err(Fault::new("no port").with_hint("write a number from 1 to 65535, as in \"tcp/443\"")),
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::{Enforce, Policy, PolicyError, Preset};

    fn policy(rest: &str) -> Result<Policy, PolicyError> {
        Policy::read(&format!("schema = 1\ntool = {{ path = \"/t\" }}\nallow = {{ users = [\"root\"] }}\n{rest}"))
    }

    fn grant(caps: &str, keys: &str) -> Result<Policy, PolicyError> {
        policy(&format!("[[grant]]\ncaps = {caps}\n{keys}\n"))
    }

    #[test]
    fn a_grant_says_what_its_capabilities_are_for() {
        let policy = policy(
            "[[grant]]\ncaps = \"sys_admin\"\nthrough = [\"perf_event_open\", \"bpf:look\"]\n\
             [[grant]]\ncaps = \"dac_read_search\"\nbeneath = \"/var/log\"\n\
             [[grant]]\ncaps = \"net_bind_service\"\nports = [\"tcp/443\", \"tcp/80\"]\n\
             [[grant]]\ncaps = \"chown\"\n\
             [scope]\nenforce = \"if-possible\"\nreadable = \"/srv\"\nwritable = [\"/run/t\"]\npreset = \"none\"\n",
        )
        .unwrap();
        let shown = |at: usize| policy.grants[at].scope.to_string();
        assert_eq!(shown(0), "through perf_event_open, bpf:look");
        assert_eq!(shown(1), "beneath /var/log");
        assert_eq!(shown(2), "ports tcp/443, tcp/80");
        assert!(policy.grants[3].scope.is_empty());
        assert_eq!((policy.scope.enforce, policy.scope.preset), (Enforce::IfPossible, Preset::None));
        assert_eq!((policy.scope.readable.len(), policy.scope.writable.len()), (1, 1));
    }

    #[test]
    fn without_the_table_a_scope_is_required_and_the_system_stays_readable() {
        let scope = grant("\"kill\"", "through = \"kill:HUP\"").unwrap().scope;
        assert_eq!((scope.enforce, scope.preset), (Enforce::Required, Preset::System));
    }

    #[test]
    fn a_fault_in_a_scope_is_shown_at_its_place_with_what_to_write() {
        for (caps, keys, column, message, hint) in [
            (
                "\"sys_admin\"",
                "through = \"perf_event_opn\"",
                11,
                "cap_sys_admin has no door \"perf_event_opn\"",
                "write \"perf_event_open\"",
            ),
            (
                "\"sys_admin\"",
                "through = [\"mount\", \"socket:raw\"]",
                21,
                "`socket:raw` is a door of cap_net_raw",
                "the doors are mount, umount2",
            ),
            ("\"fsetid\"", "through = \"zzzzzzz\"", 11, "cap_fsetid has no door", "the doors are chmod"),
            ("\"mac_override\"", "through = \"open\"", 11, "cap_mac_override has no door", "leave `through` out"),
            (
                "[\"sys_admin\", \"net_raw\"]",
                "through = \"mount\"",
                11,
                "`through` leaves cap_net_raw no door",
                "its doors are socket:packet",
            ),
            ("\"sys_admin\"", "through = []", 11, "an empty list", ""),
            ("\"sys_admin\"", "through = \"bpf\"", 11, "`bpf` leaves cap_sys_admin everything", "leave that door out"),
            (
                "\"sys_admin\"",
                "through = [\"mount\", \"bpf:program\"]",
                11,
                "`bpf:program` leaves cap_sys_admin everything",
                "",
            ),
            ("\"setfcap\"", "through = \"setxattr\"", 11, "confines cap_setfcap too little (weak)", "if-possible"),
            ("\"kill\"", "beneath = \"/x\"", 11, "`beneath` beside cap_kill", "give cap_kill a [[grant]] of its own"),
            (
                "[\"dac_override\", \"net_raw\"]",
                "beneath = \"/x\"",
                11,
                "`beneath` beside cap_net_raw",
                "cap_dac_override,cap_dac_read_search,cap_mknod",
            ),
            ("\"dac_override\"", "beneath = \"x\"", 11, "a relative path", ""),
            (
                "\"net_raw\"",
                "ports = \"tcp/1\"",
                9,
                "`ports` beside cap_net_raw",
                "`ports` confines cap_net_bind_service",
            ),
            (
                "\"net_bind_service\"",
                "ports = \"udp/53\"",
                9,
                "a port of udp: Landlock confines TCP alone",
                "leave `ports` out",
            ),
            ("\"net_bind_service\"", "ports = \"443\"", 9, "no port", "tcp/443"),
            ("\"net_bind_service\"", "ports = \"tcp/0\"", 9, "no port", "from 1 to 65535"),
            ("\"net_bind_service\"", "ports = \"tcp/65536\"", 9, "no port", ""),
            ("\"net_bind_service\"", "ports = 443", 9, "`ports` wants a string", "tcp/443"),
            ("\"dac_override\"", "beneath = [\"/\"]", 12, "confines nothing", "leave `beneath` out"),
        ] {
            let error = grant(caps, keys).unwrap_err();
            assert_eq!((error.line, error.column), (6, column), "{keys}: {error}");
            assert!(error.message.contains(message), "{keys}: {error}");
            assert!(error.hint.clone().unwrap_or_default().contains(hint), "{keys}: {:?}", error.hint);
        }
        let error = policy("[scope]\nenforce = \"maybe\"\n").unwrap_err();
        assert!(error.to_string().starts_with("5:11: unknown value of `enforce` \"maybe\""), "{error}");
        let error = policy("[scope]\nenforced = \"required\"\n").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("write `enforce`"));
    }

    #[test]
    fn what_is_worth_little_can_be_written_where_the_policy_promises_no_more() {
        let rest = "[[grant]]\ncaps = \"setfcap\"\nthrough = \"setxattr\"\n[scope]\nenforce = \"if-possible\"\n";
        assert!(policy(rest).is_ok());
    }

    #[test]
    fn a_scope_and_a_tool_that_may_gain_privileges_contradict_each_other() {
        let error = grant("\"kill\"", "through = \"kill:HUP\"\n[exec]\nno_new_privs = false").unwrap_err();
        assert!(error.message.contains("no_new_privs = false"), "{error}");
        assert!(error.hint.as_deref() == Some("leave no_new_privs out"));
    }
}
