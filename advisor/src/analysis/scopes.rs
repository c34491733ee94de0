//! Proposes what each needed capability is for: the doors through which the checks of the runs came.
//!
//! A profile has the system call of every check, its call site, and for some calls one argument
//! ([`ARGUMENTS`](crate::analysis::call_sites::ARGUMENTS)). These select rows of the table of doors. Where they select
//! several, all of them stay open.
//!
//! A scope also refuses calls that need no capability, and for those there is no check. Only a run under the scope shows
//! them, as `--minimize` makes one.

use crate::analysis::call_sites::{ARGUMENTS, plain};
use crate::analysis::profile::Check;
use capwrap_core::policy::GrantScope;
use capwrap_core::scope::domain::{Gap, MOUNTING};
use capwrap_core::scope::door::{self, Door};
use capwrap_core::scope::strength::{self, Strength};
use capwrap_core::scope::table::{Known, Row};
use capwrap_core::{Capability, CapabilitySet};
use std::collections::BTreeSet;

/// What needed capabilities are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// The scopes, in the order of the capabilities' numbers.
    pub proposed: Vec<(Capability, GrantScope)>,
    /// The capabilities that get no scope, each with the reason in one phrase.
    pub left_out: Vec<(Capability, String)>,
}

impl Scopes {
    /// Returns the scope of a capability, if it gets one.
    pub fn of(&self, capability: Capability) -> Option<&GrantScope> {
        self.proposed.iter().find(|(one, _)| *one == capability).map(|(_, scope)| scope)
    }

    /// Leaves out the scopes of these capabilities, for one reason.
    #[must_use]
    pub fn without(mut self, capabilities: CapabilitySet, why: &str) -> Self {
        let (out, kept) = self.proposed.into_iter().partition(|(capability, _)| capabilities.contains(*capability));
        self.proposed = kept;
        let out: Vec<(Capability, GrantScope)> = out;
        self.left_out.extend(out.into_iter().map(|(capability, _)| (capability, why.to_owned())));
        self.left_out.sort_by_key(|(capability, _)| *capability);
        self
    }
}

/// Why a scope is left out under which a run failed.
pub const FAILED: &str = "a run under its scope did not work: the scope refuses a call that makes no check";

/// Proposes the scopes of these capabilities from the checks of all runs.
pub fn propose<'c>(needed: CapabilitySet, checks: impl Iterator<Item = &'c Check>) -> Scopes {
    let checks: Vec<&Check> = checks.collect();
    let mut scopes = Scopes::default();
    for capability in needed.iter() {
        match doors(capability, needed, &checks) {
            Ok(through) => {
                let scope = GrantScope { through: through.into_iter().collect(), ..GrantScope::default() };
                scopes.proposed.push((capability, scope));
            }
            Err(why) => scopes.left_out.push((capability, why)),
        }
    }
    let mounts = |check: &&Check| {
        let call = check.system_call.as_deref();
        check.capability == Capability::SYS_ADMIN && call.is_some_and(|call| MOUNTING.contains(&call))
    };
    let ended = if needed.contains(Capability::SYS_PTRACE) {
        Some(Gap::Ptrace)
    } else {
        checks.iter().any(mounts).then_some(Gap::Mounts)
    };
    match ended {
        Some(gap) => scopes.without(needed, &gap.to_string()),
        None => scopes,
    }
}

/// Returns the doors of one capability, or why it gets none.
fn doors(capability: Capability, needed: CapabilitySet, checks: &[&Check]) -> Result<BTreeSet<Door>, String> {
    let worth = strength::of(capability);
    match worth.through {
        Strength::Strong | Strength::Partial => {}
        Strength::OneDoor => return Err("a single system call asks for it, so that there is nothing to choose".into()),
        Strength::Nothing => return Err(format!("no system call of its own asks for it: {}", worth.leaves)),
        Strength::Weak | Strength::NeedsDomain => {
            return Err(format!("a scope of it is {}: it leaves {}", worth.through.word(), worth.leaves));
        }
    }
    let serves = |check: &&&Check| {
        check.class.counts()
            && match check.instead {
                Some(instead) if !needed.contains(check.capability) => instead == capability,
                _ => check.capability == capability,
            }
    };
    let (counting, others): (Vec<&Check>, Vec<&Check>) = checks.iter().partition(|check| serves(check));
    let mut doors = BTreeSet::new();
    for check in &counting {
        doors.extend(possible(capability, check).into_iter().map(|row| through(row, check)));
    }
    // A check without effect on the result may be made in a call that works without the capability, and the filter
    // would refuse the call.
    for check in others.into_iter().filter(|check| check.capability == capability) {
        doors.extend(certain(capability, check).map(|row| through(row, check)));
    }
    if doors.is_empty() {
        let elsewhere = counting.iter().filter_map(|check| door_of_function(capability, check));
        doors.extend(elsewhere.map(door::narrowest));
    }
    if doors.is_empty() {
        return Err(match counting.first() {
            Some(check) => format!("asked for in {}, which no scope refuses", shown(check)),
            None => "no check shows what it is for".to_owned(),
        });
    }
    match doors.iter().find_map(|door| Some((door, strength::leaves_everything(capability, door)?))) {
        Some((door, root)) => Err(format!("it uses `{door}`, which leaves everything: {}", root.why)),
        None => Ok(doors),
    }
}

fn shown(check: &Check) -> String {
    check.system_call.clone().unwrap_or_else(|| "no system call".to_owned())
}

/// Returns the rows of the table from one of which a check came.
fn possible(capability: Capability, check: &Check) -> Vec<&'static Row> {
    let rows: Vec<&Row> = rows_of_call(capability, check).filter(|row| row.can_be(known(check))).collect();
    let asked: Vec<&Row> = rows.iter().copied().filter(|row| is_in_site(row, check)).collect();
    if asked.is_empty() { rows } else { asked }
}

/// Returns the rows of the table from which a check came for certain.
fn certain(capability: Capability, check: &Check) -> impl Iterator<Item = &'static Row> {
    let known = known(check);
    rows_of_call(capability, check)
        .filter(move |row| row.can_be(known) && (row.must_be(known) || is_in_site(row, check)))
}

fn rows_of_call(capability: Capability, check: &Check) -> impl Iterator<Item = &'static Row> {
    let call = check.system_call.clone();
    door::rows_of(capability).filter(move |row| call.as_deref() == Some(row.call))
}

/// Returns the first row of the table whose function made the check in a call that no row is about: a netlink socket asks
/// when it gets a message, and /dev/kmsg when it is opened. Nothing refuses that later call. A scope needs a door, and
/// this one leaves open what the tool could have used instead.
fn door_of_function(capability: Capability, check: &Check) -> Option<&'static Row> {
    door::rows_of(capability).find(|row| is_in_site(row, check))
}

fn is_in_site(row: &Row, check: &Check) -> bool {
    row.functions().any(|function| check.call_site.iter().any(|one| plain(one) == function))
}

/// Returns what the check says of the call's arguments.
fn known(check: &Check) -> Option<Known> {
    let (argument, bits) = kept(check)?;
    Some(Known { argument, bits, value: check.argument? })
}

/// Returns which argument of the call is kept, and which of its bits.
fn kept(check: &Check) -> Option<(u8, u32)> {
    let call = check.system_call.as_deref()?;
    let (_, argument, bits) = ARGUMENTS.iter().find(|(own, ..)| own.name() == call)?;
    Some((u8::try_from(*argument).ok()?, *bits))
}

/// Returns the door that opens the row and as little besides as the check allows.
fn through(row: &Row, check: &Check) -> Door {
    let signal = || door::of_signal(row.capability, row.call, kept(check)?.0, check.argument?);
    signal().unwrap_or_else(|| door::narrowest(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::classify::class;
    use crate::analysis::classify::tests::{denied, granted, with_everything};
    use crate::analysis::observation::Observation;
    use crate::analysis::profile;

    fn of(needed: &str, seen: &[Observation]) -> Scopes {
        let checks = profile::checks(&class(seen, &with_everything()));
        propose(CapabilitySet::parse(needed).unwrap(), checks.iter())
    }

    #[track_caller]
    fn through(needed: &str, seen: &[Observation], expected: &[&str]) {
        let scopes = of(needed, seen);
        assert_eq!(scopes.proposed.len(), 1, "{scopes:?}");
        let (_, scope) = &scopes.proposed[0];
        assert_eq!(scope.through.iter().map(Door::name).collect::<Vec<_>>(), expected);
    }

    #[track_caller]
    fn left_out(needed: &str, seen: &[Observation], why: &str) {
        let scopes = of(needed, seen);
        assert!(scopes.proposed.is_empty(), "{scopes:?}");
        assert!(scopes.left_out.iter().all(|(_, one)| one.contains(why)), "{why}: {scopes:?}");
        assert_eq!(scopes.left_out.len(), CapabilitySet::parse(needed).unwrap().iter().count());
    }

    fn with(argument: u32, observation: Observation) -> Observation {
        Observation { argument: Some(argument), ..observation }
    }

    #[test]
    fn call_argument_and_call_site_select_the_door() {
        let raw = |function| granted("net_raw", "socket", &["ns_capable", function, "__sock_create"]);
        through("net_raw", &[with(1, raw("inet_create"))], &["socket:raw-icmp"]);
        through("net_raw", &[with(6, raw("inet_create"))], &["socket:raw"]);
        through("net_raw", &[with(3 << 8, raw("packet_create"))], &["socket:packet"]);
        // Two sockets, two doors; and the kernel's copy of a function has a suffix.
        let both = [with(58, raw("inet6_create.part.0")), with(0x300, raw("packet_create"))];
        through("net_raw", &both, &["socket:packet", "socket:raw-icmp"]);
        let event = granted("perfmon", "perf_event_open", &["perfmon_capable", "__do_sys_perf_event_open"]);
        through("perfmon", &[event], &["perf_event_open"]);
        let signal = granted("kill", "kill", &["kill_ok_by_cred", "check_kill_permission"]);
        through("kill", &[with(1, signal.clone()), with(64, signal.clone())], &["kill:64", "kill:HUP"]);
        through("kill", &[signal], &["kill"]);
        through("sys_time", &[granted("sys_time", "settimeofday", &["cap_settime"])], &["settimeofday"]);
    }

    #[test]
    fn what_the_back_end_does_not_see_stays_open() {
        // Without the argument and the call site, the door is any that the call may have come through.
        let raw = granted("net_raw", "socket", &["inet_create"]);
        through("net_raw", &[raw], &["socket:raw", "socket:raw-icmp"]);
        through(
            "sys_boot",
            &[granted("sys_boot", "reboot", &[])],
            &[
                "reboot",
                "reboot:ctrl-alt-del",
                "reboot:halt",
                "reboot:kexec",
                "reboot:power-off",
                "reboot:reboot",
                "reboot:suspend",
            ],
        );
        through("sys_boot", &[with(0x4321_fedc, granted("sys_boot", "reboot", &[]))], &["reboot:power-off"]);
    }

    #[test]
    fn a_call_that_no_scope_refuses_takes_the_door_of_the_same_function() {
        let kmsg = granted("syslog", "openat", &["check_syslog_permissions", "devkmsg_open", "chrdev_open"]);
        through("syslog", &[kmsg], &["syslog:read"]);
        left_out("syslog", &[granted("syslog", "openat", &["somewhere"])], "asked for in openat");
        left_out("kill", &[], "no check shows");
    }

    #[test]
    fn a_call_without_effect_on_the_result_stays_open_where_it_is_one_for_certain() {
        let host = granted("sys_admin", "sethostname", &["ns_capable", "__do_sys_sethostname"]);
        // The memory that clone(2) copies: its flags ask for no namespace.
        let copy = with(0, granted("sys_admin", "clone", &["cap_vm_enough_memory", "dup_mmap"]));
        through("sys_admin", &[host.clone(), copy], &["sethostname"]);
        let tried = with(0x1234, denied("sys_admin", "ioctl", &["somewhere"]));
        through("sys_admin", &[host, tried], &["ioctl", "sethostname"]);
    }

    #[test]
    fn what_would_confine_nothing_or_end_the_tool_is_left_out_with_the_reason() {
        left_out("chown", &[granted("chown", "fchownat", &["chown_ok"])], "weak");
        left_out("net_admin", &[granted("net_admin", "setsockopt", &["sk_setsockopt"])], "weak by itself");
        left_out("dac_override", &[granted("dac_override", "openat", &[])], "no system call of its own");
        left_out("lease", &[granted("lease", "fcntl", &["generic_setlease"])], "nothing to choose");
        let load = with(5, granted("sys_admin", "bpf", &["bpf_prog_load"]));
        left_out("sys_admin", &[load], "`bpf:program`");
        let look = with(11, granted("sys_admin", "bpf", &["bpf_obj_get_next_id"]));
        through("sys_admin", &[look], &["bpf:look"]);
        let raw = with(1, granted("net_raw", "socket", &["inet_create"]));
        let mount = granted("sys_admin", "mount", &["ns_capable", "path_mount"]);
        let scopes = of("net_raw,sys_admin", &[raw.clone(), mount]);
        assert!(scopes.proposed.is_empty() && scopes.left_out.iter().all(|(_, why)| why.contains("mount")));
        let trace = granted("sys_ptrace", "ptrace", &["ptrace_may_access"]);
        let scopes = of("net_raw,sys_ptrace", &[raw, trace]);
        assert!(scopes.proposed.is_empty(), "{scopes:?}");
    }
}
