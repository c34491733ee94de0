//! Proposes what each needed capability is for: the doors through which the checks of the runs came.
//!
//! A profile has the system call of every check, its call site, and for some calls one argument
//! ([`ARGUMENTS`](crate::analysis::call_sites::ARGUMENTS)). These select rows of the table of doors. Where they select
//! several, all of them stay open.
//!
//! A scope also refuses calls that need no capability, and for those there is no check. Where the launcher watched the
//! calls ([`capwrap_core::scope::watch`]), they show with all arguments; elsewhere only a run under the scope shows them.

use crate::analysis::call_sites::{ARGUMENTS, plain};
use crate::analysis::places;
use crate::analysis::profile::{Check, PlaceAccess, UsedPlace, Watched};
use capwrap_core::policy::{GrantScope, Port};
use capwrap_core::scope::domain::{Gap, MOUNTING, OPEN_IN_PARTS};
use capwrap_core::scope::door::{self, Door};
use capwrap_core::scope::strength::{self, Strength};
use capwrap_core::scope::table::{Known, Row};
use capwrap_core::scope::watch::{FOREIGN, always_refused};
use capwrap_core::{Capability, CapabilitySet};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What needed capabilities are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// The scopes, in the order of the capabilities' numbers.
    pub proposed: Vec<(Capability, GrantScope)>,
    /// The capabilities that get no scope, each with the reason in one phrase.
    pub left_out: Vec<(Capability, String)>,
    /// What the tool reads besides, where a scope is about reading.
    pub readable: Vec<PathBuf>,
    /// What the tool changes besides, where a scope is about writing.
    pub writable: Vec<PathBuf>,
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
        if self.proposed.iter().all(|(capability, scope)| *capability == Capability::MKNOD || scope.beneath.is_empty())
        {
            (self.readable, self.writable) = (Vec::new(), Vec::new());
        }
        self
    }
}

impl Scopes {
    /// Returns the scopes of the same capabilities that leave open as much as a scope by doors can. A command shows under
    /// them what it does under every scope.
    #[must_use]
    pub fn widest(&self) -> Self {
        let is_possible = |capability, door: &Door| {
            !MOUNTING.contains(&door.name()) && strength::leaves_everything(capability, door).is_none()
        };
        let widest = |capability| {
            let doors = door::rows_of(capability).map(door::narrowest);
            let through: BTreeSet<Door> = doors.filter(|door| is_possible(capability, door)).collect();
            (capability, GrantScope { through: through.into_iter().collect(), ..GrantScope::default() })
        };
        let by_doors = self.proposed.iter().filter(|(_, scope)| !scope.through.is_empty());
        Self { proposed: by_doors.map(|(capability, _)| widest(*capability)).collect(), ..Self::default() }
    }
}

/// Why a scope is left out under which a run failed.
pub const FAILED: &str = "a run under its scope did not work, and all that it was seen to use is open in the scope";

/// Why a scope is left out under which runs failed that used these files.
pub fn failed<'e>(mut places: impl Iterator<Item = &'e UsedPlace>) -> &'static str {
    if places.any(|place| place.path == "/") {
        "a run under its scope did not work: it opens the root directory itself, and a rule on that opens everything"
    } else {
        FAILED
    }
}

/// What one run shows of its use of capabilities.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'e> {
    /// The checks.
    pub checks: &'e [Check],
    /// The calls that a scope could refuse, if they were watched.
    pub watched: Option<&'e [Watched]>,
    /// The files that it used, if they were watched.
    pub places: Option<&'e [UsedPlace]>,
}

/// Proposes the scopes of these capabilities from all runs. With `domains`, those that a Landlock domain enforces are
/// among them.
pub fn propose<'e>(needed: CapabilitySet, runs: impl Iterator<Item = Evidence<'e>>, domains: bool) -> Scopes {
    let runs: Vec<Evidence> = runs.collect();
    let mut scopes = Scopes::default();
    for capability in needed.iter() {
        let scope = if capability == Capability::NET_BIND_SERVICE && domains {
            ports(&runs).map(|ports| GrantScope { ports, ..GrantScope::default() })
        } else if [Capability::DAC_OVERRIDE, Capability::DAC_READ_SEARCH].contains(&capability) && domains {
            beneath(capability, needed, &runs).map(|beneath| GrantScope { beneath, ..GrantScope::default() })
        } else {
            doors(capability, needed, &runs)
                .map(|doors| GrantScope { through: doors.into_iter().collect(), ..GrantScope::default() })
        };
        match scope {
            Ok(scope) => scopes.proposed.push((capability, scope)),
            Err(why) => scopes.left_out.push((capability, why)),
        }
    }
    // Which device is made is a door, and where it is made is a path.
    if let Some((_, scope)) = scopes.proposed.iter_mut().find(|(one, _)| *one == Capability::MKNOD).filter(|_| domains)
        && let Ok(paths) = beneath(Capability::MKNOD, needed, &runs)
    {
        scope.beneath = paths;
    }
    if needed.contains(Capability::DAC_OVERRIDE) && scopes.of(Capability::DAC_OVERRIDE).is_none() {
        scopes = scopes.without(Capability::DAC_READ_SEARCH.into(), &Gap::ReadsByOverride.to_string());
    }
    scopes = match ended(needed, &runs) {
        Some(why) => scopes.without(needed, &why),
        None => scopes,
    };
    open_besides(&mut scopes, &runs);
    scopes
}

/// Returns the paths to which the runs needed this capability, or why it gets none.
fn beneath(capability: Capability, needed: CapabilitySet, runs: &[Evidence]) -> Result<Vec<PathBuf>, String> {
    // What an earlier run did without the capability is no reason.
    let asks = |run: &&Evidence| run.checks.iter().any(|check| check.capability == capability && check.class.counts());
    if runs.iter().filter(asks).any(|run| run.places.is_none()) {
        return Err(
            "which files are used lies behind a pointer, and they were not watched, or were too many".to_owned()
        );
    }
    let reads = capability == Capability::DAC_READ_SEARCH || !needed.contains(Capability::DAC_READ_SEARCH);
    let is_its = |place: &&UsedPlace| match place.access {
        _ if capability == Capability::MKNOD => place.access == PlaceAccess::Device,
        PlaceAccess::Read => reads && place.needs_capability,
        PlaceAccess::Write => capability == Capability::DAC_OVERRIDE && place.needs_capability,
        PlaceAccess::Device => false,
    };
    let paths = places::few(used(runs).filter(is_its).map(|place| Path::new(&place.path)));
    if paths.is_empty() {
        return Err("no file that a run opened, made or removed is closed to its user".to_owned());
    }
    if paths.iter().any(|path| path.parent().is_none()) {
        return Err("it uses files in the root directory, and beneath that lies everything".to_owned());
    }
    Ok(paths)
}

fn used<'e>(runs: &[Evidence<'e>]) -> impl Iterator<Item = &'e UsedPlace> {
    runs.iter().filter_map(|run| run.places).flatten()
}

/// Names what the runs used without a capability and what the domain of the scopes would close.
fn open_besides(scopes: &mut Scopes, runs: &[Evidence]) {
    let beneath = |capability| scopes.of(capability).map(|scope| scope.beneath.clone()).unwrap_or_default();
    let (reading, writing) = (beneath(Capability::DAC_READ_SEARCH), beneath(Capability::DAC_OVERRIDE));
    let besides = |access: PlaceAccess, open: &[PathBuf]| {
        let is_closed = |path: &&Path| {
            // A rule on these opens all that is closed in them, for a list of their names.
            let is_too_much = path.parent().is_none() || *path == Path::new(OPEN_IN_PARTS);
            !is_too_much && !places::lies_beneath(path, open)
        };
        let used = used(runs).filter(|place| place.access == access).map(|place| Path::new(&place.path));
        places::few(used.filter(is_closed))
    };
    let writable = if writing.is_empty() { Vec::new() } else { besides(PlaceAccess::Write, &writing) };
    let open = [reading, writing, writable.clone()].concat();
    let readable = if open.is_empty() { Vec::new() } else { besides(PlaceAccess::Read, &open) };
    (scopes.readable, scopes.writable) = (readable, writable);
}

/// Returns what every scope would end of what the runs did.
fn ended(needed: CapabilitySet, runs: &[Evidence]) -> Option<String> {
    if needed.contains(Capability::SYS_PTRACE) {
        return Some(Gap::Ptrace.to_string());
    }
    let mounts = |check: &Check| {
        let call = check.system_call.as_deref();
        check.capability == Capability::SYS_ADMIN && call.is_some_and(|call| MOUNTING.contains(&call))
    };
    if runs.iter().any(|run| run.checks.iter().any(mounts)) {
        return Some(Gap::Mounts.to_string());
    }
    let mut watched = runs.iter().filter_map(|run| run.watched).flatten();
    if watched.clone().any(|one| one.system_call == FOREIGN) {
        return Some(
            "it makes calls by the numbers of another architecture, and every scope ends it for that".to_owned(),
        );
    }
    let refused = |one: &&Watched| always_refused().any(|call| call == one.system_call);
    watched.find(refused).map(|one| format!("it calls {}, which every scope refuses", one.system_call))
}

/// Returns the ports that the runs bound. The kernel chooses no port that takes a capability.
fn ports(runs: &[Evidence]) -> Result<Vec<Port>, String> {
    const TCP: u32 = 6;
    const FIRST_FREE: u16 = 1024;
    if runs.iter().any(|run| run.watched.is_none()) {
        return Err("which port was bound lies behind a pointer, and it was not watched".to_owned());
    }
    let bound: BTreeSet<(u32, u16)> = runs
        .iter()
        .filter_map(|run| run.watched)
        .flatten()
        .filter_map(|one| one.bound.map(|bound| (bound.protocol, bound.port)))
        .collect();
    if let Some((protocol, port)) =
        bound.iter().find(|(protocol, port)| *protocol != TCP && (1..FIRST_FREE).contains(port))
    {
        return Err(format!("it binds port {port} of protocol {protocol}, and Landlock confines TCP alone"));
    }
    let ports: Vec<Port> =
        bound.iter().filter(|(protocol, port)| *protocol == TCP && *port != 0).map(|(_, port)| Port(*port)).collect();
    if ports.iter().any(|port| port.0 < FIRST_FREE) {
        Ok(ports)
    } else {
        Err("no run bound a port that needs it".to_owned())
    }
}

/// Returns the doors of one capability, or why it gets none.
fn doors(capability: Capability, needed: CapabilitySet, runs: &[Evidence]) -> Result<BTreeSet<Door>, String> {
    let worth = strength::of(capability);
    match worth.through {
        Strength::Strong | Strength::Partial => {}
        Strength::OneDoor => return Err("a single system call asks for it, so that there is nothing to choose".into()),
        Strength::Nothing => return Err(format!("no system call of its own asks for it: {}", worth.leaves)),
        Strength::Weak | Strength::NeedsDomain => {
            return Err(format!("a scope of it is {}: it leaves {}", worth.through.word(), worth.leaves));
        }
    }
    let serves = |check: &&Check| {
        check.class.counts()
            && match check.instead {
                Some(instead) if !needed.contains(check.capability) => instead == capability,
                _ => check.capability == capability,
            }
    };
    let mut doors = BTreeSet::new();
    for run in runs {
        match run.watched {
            Some(watched) => doors.extend(watched.iter().flat_map(|one| of_watched(capability, one))),
            None => doors.extend(of_checks(capability, run.checks, serves)),
        }
    }
    let counting: Vec<&Check> = runs.iter().flat_map(|run| run.checks).filter(serves).collect();
    // What was watched and needed no capability is no reason for a scope.
    let is_for_doors = runs.iter().any(|run| !of_checks(capability, run.checks, serves).is_empty());
    if !is_for_doors {
        let elsewhere = counting.iter().filter_map(|check| door_of_function(capability, check));
        let elsewhere: Vec<Door> = elsewhere.map(door::narrowest).collect();
        if elsewhere.is_empty() {
            return Err(match counting.first() {
                Some(check) => format!("asked for in {}, which no scope refuses", shown(check)),
                None => not_shown(capability, runs),
            });
        }
        doors.extend(elsewhere);
    }
    match doors.iter().find_map(|door| Some((door, strength::leaves_everything(capability, door)?))) {
        Some((door, root)) => Err(format!("it uses `{door}`, which leaves everything: {}", root.why)),
        None => Ok(doors),
    }
}

/// Returns the doors through which a call came that was watched, with all arguments that the table compares.
fn of_watched(capability: Capability, one: &Watched) -> impl Iterator<Item = Door> {
    door::rows_of(capability).filter(move |row| one.is_of(row)).map(move |row| {
        let signal = || (0..6).find_map(|at| door::of_signal(capability, row.call, at, one.arguments[usize::from(at)]));
        let device = || door::of_device(capability, row.call, &one.arguments);
        signal().or_else(device).unwrap_or_else(|| door::narrowest(row))
    })
}

/// Returns the doors through which the checks of a run came.
fn of_checks(capability: Capability, checks: &[Check], serves: impl Fn(&&Check) -> bool) -> BTreeSet<Door> {
    let (counting, others): (Vec<&Check>, Vec<&Check>) = checks.iter().partition(serves);
    let mut doors = BTreeSet::new();
    for check in counting {
        doors.extend(possible(capability, check).into_iter().map(|row| through(row, check)));
    }
    // A check without effect on the result may be made in a call that works without the capability, and the filter
    // would refuse the call.
    for check in others.into_iter().filter(|check| check.capability == capability) {
        doors.extend(certain(capability, check).map(|row| through(row, check)));
    }
    doors
}

/// Says what the runs have of a capability for which no check counts: a proof alone showed that it is needed.
fn not_shown(capability: Capability, runs: &[Evidence]) -> String {
    let checks = runs.iter().flat_map(|run| run.checks).filter(|check| check.capability == capability);
    let places: BTreeSet<String> = checks.map(|check| format!("{} ({})", shown(check), check.class.name())).collect();
    if places.is_empty() {
        return "no run shows a check for it".to_owned();
    }
    let places: Vec<String> = places.into_iter().collect();
    format!("its checks seem to have no effect, so that none shows what it is for: {}", places.join(", "))
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
    use capwrap_core::scope::watch::Seen;

    fn of(needed: &str, seen: &[Observation]) -> Scopes {
        watched(needed, seen, None)
    }

    fn watched(needed: &str, seen: &[Observation], watched: Option<&[Watched]>) -> Scopes {
        let checks = profile::checks(&class(seen, &with_everything()));
        let evidence = Evidence { checks: &checks, watched, places: None };
        propose(CapabilitySet::parse(needed).unwrap(), std::iter::once(evidence), true)
    }

    fn call(line: &str) -> Watched {
        Watched::of(&Seen::read(line).unwrap())
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
        left_out("kill", &[], "no run shows a check");
        let copy = with(0, granted("sys_admin", "clone", &["cap_vm_enough_memory", "dup_mmap"]));
        left_out(
            "sys_admin",
            &[copy],
            "its checks seem to have no effect, so that none shows what it is for: clone (speculative)",
        );
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
        left_out("fsetid", &[granted("fsetid", "write", &[])], "no system call of its own");
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

    #[test]
    fn calls_that_were_watched_open_what_they_use_whether_it_needed_a_capability_or_not() {
        let host = granted("sys_admin", "sethostname", &["__do_sys_sethostname"]);
        let own_queue = [call("sethostname 0 0 0 0 0 0"), call("msgctl 0 0 0 0 0 0"), call("socket 2 3 1 0 0 0")];
        let scopes = watched("sys_admin", std::slice::from_ref(&host), Some(&own_queue));
        assert_eq!(scopes.proposed[0].1.to_string(), "through msgctl, sethostname");
        let raw = granted("net_raw", "socket", &["inet_create"]);
        let scopes = watched("net_raw", std::slice::from_ref(&raw), Some(&own_queue));
        assert_eq!(scopes.proposed[0].1.to_string(), "through socket:raw-icmp");
        let device = granted("mknod", "mknodat", &["vfs_mknod"]);
        let scopes = watched("mknod", &[device], Some(&[call("mknodat 0 0 8576 259 0 0")]));
        assert_eq!(scopes.proposed[0].1.to_string(), "through mknod:1:3");
        let ring = [call("sethostname 0 0 0 0 0 0"), call("io_uring_setup 0 0 0 0 0 0")];
        let scopes = watched("sys_admin", std::slice::from_ref(&host), Some(&ring));
        assert!(scopes.proposed.is_empty() && scopes.left_out[0].1.contains("io_uring_setup"), "{scopes:?}");
        let mixed = [call("sethostname 0 0 0 0 0 0"), call("another-architecture 0 0 0 0 0 0")];
        let scopes = watched("sys_admin", std::slice::from_ref(&host), Some(&mixed));
        assert!(scopes.proposed.is_empty() && scopes.left_out[0].1.contains("ends it"), "{scopes:?}");
        // What needed no capability is no reason for a scope.
        let file = granted("sys_admin", "openat", &["proc_sys_open"]);
        let scopes = watched("sys_admin", &[file], Some(&own_queue));
        assert!(scopes.left_out[0].1.contains("asked for in openat"), "{scopes:?}");
    }

    #[test]
    fn the_ports_are_those_of_tcp_that_were_bound() {
        let bind = granted("net_bind_service", "bind", &["__inet_bind"]);
        let of = |calls: &[Watched]| watched("net_bind_service", std::slice::from_ref(&bind), Some(calls));
        let scopes =
            of(&[call("bind 0 0 0 0 0 0 6 443"), call("bind 0 0 0 0 0 0 6 8080"), call("bind 0 0 0 0 0 0 17 0")]);
        assert_eq!(scopes.proposed[0].1.to_string(), "ports tcp/443, tcp/8080");
        let datagrams = of(&[call("bind 0 0 0 0 0 0 6 443"), call("bind 0 0 0 0 0 0 17 53")]);
        assert!(datagrams.left_out[0].1.contains("Landlock confines TCP alone"), "{datagrams:?}");
        assert!(of(&[]).left_out[0].1.contains("no run bound"));
        left_out("net_bind_service", &[bind], "was not watched");
    }

    fn by_paths(needed: &str, seen: &[Observation], places: Option<&[UsedPlace]>) -> Scopes {
        let checks = profile::checks(&class(seen, &with_everything()));
        let evidence = Evidence { checks: &checks, watched: Some(&[]), places };
        propose(CapabilitySet::parse(needed).unwrap(), std::iter::once(evidence), true)
    }

    fn place(access: PlaceAccess, path: &str, needs_capability: bool) -> UsedPlace {
        UsedPlace { access, path: path.to_owned(), needs_capability }
    }

    fn opens(capability: &str) -> Observation {
        granted(capability, "openat", &["generic_permission"])
    }

    #[test]
    fn what_the_user_may_not_use_is_beneath_and_the_rest_is_in_scope() {
        use PlaceAccess::{Read, Write};
        let places = [
            place(Read, "/var/log/closed", true),
            place(Read, "/srv/open", false),
            place(Read, "/etc", false),
            place(Read, "/", false),
            place(Write, "/tmp", false),
        ];
        let scopes = by_paths("dac_read_search", &[opens("dac_read_search")], Some(&places));
        assert_eq!(scopes.proposed[0].1.to_string(), "beneath /var/log/closed");
        // A scope of reading leaves writing alone.
        assert_eq!((scopes.readable, scopes.writable), (vec![PathBuf::from("/srv/open")], Vec::new()));
        let places =
            [places.as_slice(), &[place(Write, "/srv/made", true), place(Read, "/srv/made/x", false)]].concat();
        let scopes = by_paths("dac_override", &[opens("dac_override")], Some(&places));
        assert_eq!(scopes.proposed[0].1.to_string(), "beneath /srv/made, /var/log/closed");
        let (readable, writable) = (vec![PathBuf::from("/srv/open")], vec![PathBuf::from("/tmp")]);
        assert_eq!((scopes.readable.clone(), scopes.writable.clone()), (readable, writable));
        let without = scopes.without(Capability::DAC_OVERRIDE.into(), FAILED);
        assert!(without.readable.is_empty() && without.writable.is_empty());
        // Where both are there, each has its own.
        let both = [opens("dac_override"), opens("dac_read_search")];
        let scopes = by_paths("dac_override,dac_read_search", &both, Some(&places));
        let shown: Vec<String> = scopes.proposed.iter().map(|(_, scope)| scope.to_string()).collect();
        assert_eq!(shown, ["beneath /srv/made", "beneath /var/log/closed"]);
    }

    #[test]
    fn paths_that_were_not_seen_or_are_everything_are_no_scope() {
        use PlaceAccess::{Device, Read};
        let out = |needed, places: Option<&[UsedPlace]>, why: &str| {
            let scopes = by_paths(needed, &[opens(needed)], places);
            assert!(scopes.proposed.is_empty() && scopes.readable.is_empty(), "{scopes:?}");
            assert!(scopes.left_out[0].1.contains(why), "{why}: {scopes:?}");
        };
        out("dac_read_search", None, "not watched");
        out("dac_read_search", Some(&[]), "is closed to its user");
        out(
            "dac_read_search",
            Some(&[place(Read, "/srv/x", false), place(Device, "/dev", true)]),
            "closed to its user",
        );
        out("dac_read_search", Some(&[place(Read, "/", true)]), "beneath that lies everything");
        // cap_dac_override without a scope reads everything too.
        let places = [place(Read, "/var/log/closed", true)];
        let both = [opens("dac_override"), opens("dac_read_search")];
        let scopes = by_paths("dac_override,dac_read_search", &both, Some(&places));
        assert!(scopes.proposed.is_empty() && scopes.left_out[1].1.contains("counts everywhere"), "{scopes:?}");
    }

    #[test]
    fn the_widest_scope_is_one_that_a_policy_can_have() {
        let host = granted("sys_admin", "sethostname", &["__do_sys_sethostname"]);
        let raw = with(1, granted("net_raw", "socket", &["inet_create"]));
        let widest = of("net_raw,sys_admin", &[host, raw]).widest();
        let shown: Vec<String> = widest.proposed.iter().map(|(_, scope)| scope.to_string()).collect();
        assert!(shown[0].contains("socket:packet") && shown[0].contains("socket:raw-icmp"), "{shown:?}");
        assert!(shown[1].contains("msgctl") && shown[1].contains("bpf:look"), "{shown:?}");
        assert!(!shown[1].contains("bpf:program") && !shown[1].contains("umount2"), "{shown:?}");
        let tables = crate::analysis::propose::tables(&widest);
        let policy = format!("schema = 1\ntool = {{ path = \"/t\" }}\nallow = {{ users = [\"root\"] }}\n{tables}");
        capwrap_core::policy::Policy::read(&policy).unwrap();
    }

    #[test]
    fn a_device_has_its_door_and_its_folder() {
        let device = granted("mknod", "mknodat", &["vfs_mknod"]);
        let places = [place(PlaceAccess::Device, "/srv/root/dev", true)];
        let watched = [call("mknodat 0 0 8192 259 0 0")];
        let checks = profile::checks(&class(&[device], &with_everything()));
        let evidence = Evidence { checks: &checks, watched: Some(&watched), places: Some(&places) };
        let scopes = propose(Capability::MKNOD.into(), std::iter::once(evidence), true);
        assert_eq!(scopes.proposed[0].1.to_string(), "through mknod:1:3; beneath /srv/root/dev");
        assert!(scopes.readable.is_empty());
    }
}
