//! Decides from the facts what capwrap can do on this machine.

use crate::dialects::capabilities::bare;
use crate::host::reading::Reading;
use crate::observe::access::LEARNER;
use crate::verbs::doctor::facts::{Facts, Policy};
use crate::verbs::doctor::finding::{State, Work};
use capwrap_core::record::send::START_RECORDER;
use capwrap_core::{Capability, CapabilitySet};

/// The features, in the order in which they are shown.
pub fn works(facts: &Facts) -> Vec<Work> {
    vec![
        launching(facts),
        learning_as_root(facts),
        learning_as_member(facts),
        trace(facts),
        options(facts),
        names(facts),
    ]
}

fn yes(name: &'static str, why: impl Into<String>) -> Work {
    Work { name, works: State::Yes, why: why.into(), hint: None }
}

fn no(name: &'static str, why: impl Into<String>, hint: Option<String>) -> Work {
    Work { name, works: State::No, why: why.into(), hint }
}

fn off(name: &'static str, why: impl Into<String>, hint: &str) -> Work {
    Work { name, works: State::Off, why: why.into(), hint: Some(hint.to_owned()) }
}

/// A feature that only root can try.
fn for_root_to_tell(name: &'static str) -> Work {
    let hint = Some("sudo capwrap doctor".to_owned());
    Work { name, works: State::Unknown, why: "only root can find out".to_owned(), hint }
}

/// What keeps a feature from working, and what would remove the obstacle.
type Obstacle = (String, Option<String>);

fn obstacle(what: impl Into<String>, hint: &str) -> Obstacle {
    (what.into(), Some(hint.to_owned()))
}

fn launching(facts: &Facts) -> Work {
    let name = "launching";
    if let Some((what, hint)) = no_launcher(facts).or_else(|| no_gain(facts)) {
        return no(name, what, hint);
    }
    let mine: Vec<(&str, &Policy)> = facts.policies().filter(|(_, policy)| policy.allowed.is_ok()).collect();
    if mine.is_empty() {
        return match facts.policies().find_map(|(name, policy)| Some((name, policy.allowed.as_ref().err()?))) {
            Some((policy, (why, hint))) => no(name, format!("{policy}: {why}"), Some(hint.clone())),
            None if facts.launcher.policies.is().is_some_and(|all| !all.is_empty()) => {
                no(name, "no enabled policy can be read", None)
            }
            None => off(name, "no policy is enabled", "sudo capwrap enable NAME"),
        };
    }
    // A policy whose tool is not installed does not count as failing.
    let wanted = mine.iter().filter(|(_, policy)| policy.tool.is_some());
    let mut refused: Vec<(&str, Obstacle)> =
        wanted.filter_map(|(name, policy)| Some((*name, refused(facts, policy)?))).collect();
    refused.extend(unread(facts).map(|name| {
        (name, obstacle("its policy cannot be used", &format!("correct the file, or sudo capwrap disable {name}")))
    }));
    let Some((_, (_, hint))) = refused.first() else {
        let names: Vec<&str> = mine.iter().filter(|(_, policy)| policy.tool.is_some()).map(|(name, _)| *name).collect();
        return if names.is_empty() {
            no(name, "no tool of an enabled policy is there", Some("install one".to_owned()))
        } else {
            yes(name, names.join(", "))
        };
    };
    let each: Vec<String> = refused.iter().map(|(name, (why, _))| format!("{name}: {why}")).collect();
    no(name, each.join("; "), hint.clone())
}

/// The policies that the launcher refuses to read.
fn unread(facts: &Facts) -> impl Iterator<Item = &str> {
    let all = facts.launcher.policies.is().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|policy| policy.read.is_err()).map(|policy| policy.name.as_str())
}

/// Why the launcher itself cannot work.
fn no_launcher(facts: &Facts) -> Option<Obstacle> {
    let file = match &facts.launcher.file {
        Reading::Is(file) => file,
        Reading::Absent => return Some(obstacle("the launcher is not installed", "sudo ./install.sh")),
        Reading::Unreadable(why) => return Some((format!("the launcher cannot be read: {why}"), None)),
    };
    if file.mode & 0o001 == 0 && !facts.is_root() {
        return Some(obstacle("the launcher may not be started", "chmod 0755"));
    }
    if facts.launcher.accounts == Reading::Absent {
        return Some(obstacle("/etc/passwd is not there", "an image needs /etc/passwd with a line for root"));
    }
    match &facts.launcher.log {
        Reading::Unreadable(why) => Some((format!("the log takes no record: {why}"), None)),
        _ => None,
    }
}

/// Why the launcher cannot get capabilities here. Root holds its own; other users get those of the launcher's file.
fn no_gain(facts: &Facts) -> Option<Obstacle> {
    if facts.rights.securebits.is().is_some_and(|bits| bits & (1 << 6) != 0) {
        return Some(obstacle(
            "the securebits forbid ambient capabilities",
            "start from a session without no_cap_ambient_raise",
        ));
    }
    if facts.is_root() {
        return None;
    }
    if facts.rights.no_new_privs {
        return Some(obstacle("no_new_privs is set", "start from a session without it"));
    }
    if facts.rights.initial_namespace == Reading::Is(false) {
        return Some(("this is not the initial user namespace".to_owned(), None));
    }
    if facts.mounts.prefix_nosuid == Reading::Is(true) {
        return Some(obstacle(
            "the launcher lies on a file system mounted nosuid",
            "install capwrap elsewhere, or remount that file system suid",
        ));
    }
    None
}

/// Why capwrap would refuse a launch by this policy here.
fn refused(facts: &Facts, policy: &Policy) -> Option<Obstacle> {
    if policy.audit_required && facts.launcher.recorder == Reading::Absent {
        return Some(obstacle("it demands a record on the disk, and no recorder listens", START_RECORDER));
    }
    if let Some(why) = &policy.unreadable {
        return Some((why.clone(), None));
    }
    if let Some((why, hint)) = &policy.beyond_kernel {
        return Some(obstacle(why.clone(), hint));
    }
    let unbound = policy.takes.without(facts.rights.bounding);
    if !unbound.is_empty() {
        return Some(outside_bounds(unbound));
    }
    let lacking = policy.takes.without(held(facts));
    if lacking.is_empty() {
        return None;
    }
    Some(if facts.is_root() {
        (format!("root does not hold {lacking} here"), None)
    } else {
        obstacle(format!("the launcher does not carry {lacking}"), "sudo capwrap enable")
    })
}

fn outside_bounds(unbound: CapabilitySet) -> Obstacle {
    let add: Vec<String> = bare(unbound).into_iter().map(|name| format!("--cap-add={name}")).collect();
    let hint = format!("in a container {}; in a unit CapabilityBoundingSet=", add.join(" "));
    (format!("the bounding set lacks {unbound}"), Some(hint))
}

/// The capabilities that the launcher holds when this user starts it.
fn held(facts: &Facts) -> CapabilitySet {
    if facts.is_root() {
        return facts.rights.permitted;
    }
    let carried = facts.launcher.file.is().and_then(|file| file.permitted.as_ref().ok().copied());
    carried.unwrap_or_default()
}

fn learning_as_root(facts: &Facts) -> Work {
    let name = "learning as root";
    if !facts.is_root() {
        return for_root_to_tell(name);
    }
    match no_evidence(facts) {
        Some((what, hint)) => no(name, what, hint),
        None => watching(facts, name),
    }
}

/// Learning needs the number of the kernel's last capability, because the evidence of a run contains it.
fn no_evidence(facts: &Facts) -> Option<Obstacle> {
    let is_read = facts.kernel.last_capability.is().is_some();
    (!is_read).then(|| obstacle("kernel.cap_last_cap cannot be read", "mount /proc whole, without subset=pid"))
}

/// Whether this process can observe checks.
fn watching(facts: &Facts, name: &'static str) -> Work {
    match facts.back_end() {
        Some(back_end) => yes(name, format!("by {back_end}")),
        None if facts.rights.initial_namespace == Reading::Is(false) => no(
            name,
            format!("in this user namespace bpf(2) does not heed {}", both(facts)),
            Some("run it in the initial user namespace".to_owned()),
        ),
        None if !facts.may_trace() => no(
            name,
            format!("not held here: {}", both(facts)),
            Some(format!("add {} to this container or session", both(facts))),
        ),
        None => no(name, "no back end works", hindrance(facts)),
    }
}

/// What bpf(2) asks for.
fn both(facts: &Facts) -> String {
    facts.asked_for(&[Capability::BPF, Capability::PERFMON])
}

/// The most likely reason why no back end works.
fn hindrance(facts: &Facts) -> Option<String> {
    let is_locked = facts.kernel.lockdown.is().is_some_and(|modes| modes.contains("[confidentiality]"));
    Some(if is_locked {
        "boot with lockdown=integrity or less".to_owned()
    } else if facts.kernel.btf == Reading::Absent {
        "mount -t sysfs sysfs /sys; or a kernel with CONFIG_DEBUG_INFO_BTF".to_owned()
    } else if facts.sysctl("kernel.ftrace_enabled") == Some(0) {
        "sysctl kernel.ftrace_enabled=1".to_owned()
    } else {
        return None;
    })
}

fn learning_as_member(facts: &Facts) -> Work {
    let name = "learning as a member";
    let Some((_, policy)) = facts.policies().find(|(name, _)| *name == LEARNER) else {
        let unread = facts.launcher.policies.is().and_then(|all| all.iter().find(|policy| policy.name == LEARNER));
        return match unread {
            Some(_) => no(name, format!("the policy {LEARNER} cannot be used"), None),
            None => {
                off(name, format!("the policy {LEARNER} is not enabled"), &format!("sudo capwrap enable {LEARNER}"))
            }
        };
    };
    if let Some((what, hint)) = no_launcher(facts).or_else(|| no_gain(facts)).or_else(|| no_evidence(facts)) {
        return no(name, what, hint);
    }
    if let Err((why, hint)) = &policy.allowed {
        return no(name, why, Some(hint.clone()));
    }
    if let Some((what, hint)) = refused_to_members(facts, policy) {
        return no(name, what, hint);
    }
    if !facts.may_trace() {
        return yes(
            name,
            format!("capwrap passes {} to the learner; `capwrap capwrap-learn doctor` shows the back end", both(facts)),
        );
    }
    match facts.back_end() {
        // A kprobe is attached with perf_event_open(2), which Debian's patch closes to users without cap_sys_admin.
        Some("kprobe") if facts.sysctl("kernel.perf_event_paranoid").is_some_and(|level| level > 2) => no(
            name,
            "kprobe alone works, and kernel.perf_event_paranoid may close it to those without cap_sys_admin",
            Some("sysctl kernel.perf_event_paranoid=2".to_owned()),
        ),
        Some("kprobe") if facts.kernel.btf == Reading::Absent => no(
            name,
            "kprobe alone works, and without BTF it reads tracefs, which is root's",
            Some("a kernel with CONFIG_DEBUG_INFO_BTF; or learn as root".to_owned()),
        ),
        Some(back_end) => yes(name, format!("by {back_end}, for those whom the policy {LEARNER} allows")),
        None => no(name, "no back end works", hindrance(facts)),
    }
}

/// Why a member would be refused. A member gets what the launcher's file has, whoever runs the doctor.
fn refused_to_members(facts: &Facts, policy: &Policy) -> Option<Obstacle> {
    let file = facts.launcher.file.is()?;
    let carried = file.permitted.as_ref().ok().copied().unwrap_or_default();
    let lacking = policy.takes_of_users.without(carried);
    if !lacking.is_empty() {
        return Some(obstacle(format!("the launcher does not carry {lacking}"), "sudo capwrap enable"));
    }
    let unbound = policy.takes_of_users.without(facts.rights.bounding);
    if !unbound.is_empty() {
        return Some(outside_bounds(unbound));
    }
    (facts.mounts.prefix_nosuid == Reading::Is(true))
        .then(|| obstacle("the launcher lies on a file system mounted nosuid", "install capwrap elsewhere"))
}

fn trace(facts: &Facts) -> Work {
    let name = "trace";
    if facts.may_trace() || facts.is_root() {
        return watching(facts, name);
    }
    match learning_as_member(facts) {
        Work { works: State::Yes, .. } => yes(name, format!("as capwrap {LEARNER} trace")),
        other => Work { name, ..other },
    }
}

fn options(facts: &Facts) -> Work {
    let name = "options of a check";
    match facts.back_end() {
        Some("fexit" | "kprobe") => yes(name, "seen"),
        Some(back_end) => {
            yes(name, format!("by the call site, where it is a known one; {back_end} does not show them"))
        }
        None if !facts.may_trace() && !facts.is_root() => for_root_to_tell(name),
        None => watching(facts, name),
    }
}

fn names(facts: &Facts) -> Work {
    let name = "names of call sites";
    if facts.kernel.names_functions {
        return yes(name, "the kernel reports them with each check");
    }
    if facts.kernel.shows_addresses == Reading::Is(true) {
        return yes(name, "looked up in /proc/kallsyms");
    }
    if !facts.is_root() {
        return for_root_to_tell(name);
    }
    no(name, "/proc/kallsyms shows no addresses, and this kernel's BPF cannot name functions", {
        (facts.sysctl("kernel.kptr_restrict") == Some(2)).then(|| "sysctl kernel.kptr_restrict=1".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::doctor::facts::sound;

    /// One change to a sound machine, the feature that it concerns, the expected state, and words that must be shown.
    type Case = (fn(&mut Facts), &'static str, State, &'static str);

    #[track_caller]
    fn judged(cases: &[Case]) {
        for (change, name, state, words) in cases {
            let mut facts = sound();
            change(&mut facts);
            let work = works(&facts).into_iter().find(|work| work.name == *name).unwrap();
            assert_eq!(work.works, *state, "{work:?}");
            assert!(format!("{} {:?}", work.why, work.hint).contains(words), "{work:?}");
        }
    }

    fn policy(facts: &mut Facts, at: usize) -> &mut Policy {
        match &mut facts.launcher.policies {
            Reading::Is(all) => all[at].read.as_mut().unwrap(),
            _ => unreachable!(),
        }
    }

    fn carry(facts: &mut Facts, list: &str) {
        if let Reading::Is(file) = &mut facts.launcher.file {
            file.permitted = Ok(CapabilitySet::parse(list).unwrap());
        }
    }

    fn as_user(facts: &mut Facts) {
        facts.rights.uid = 1000;
        facts.rights.effective = CapabilitySet::EMPTY;
        facts.rights.permitted = CapabilitySet::EMPTY;
        let refused = || Err("Operation not permitted (os error 1)".to_owned());
        facts.back_ends.iter_mut().for_each(|tried| tried.outcome = refused());
    }

    fn only(facts: &mut Facts, name: &str) {
        facts.back_ends[0].name = name.to_owned();
    }

    fn none_works(facts: &mut Facts) {
        facts.back_ends.iter_mut().for_each(|tried| tried.outcome = Err("no".to_owned()));
    }

    #[test]
    fn everything_works_on_a_sound_machine() {
        for work in works(&sound()) {
            assert_eq!((work.works, work.hint), (State::Yes, None), "{}", work.name);
        }
    }

    #[test]
    fn a_user_reads_what_only_root_can_try() {
        judged(&[
            (as_user, "launching", State::Yes, "tcpdump"),
            (as_user, "learning as root", State::Unknown, "sudo capwrap doctor"),
            (as_user, "learning as a member", State::Yes, "capwrap-learn doctor"),
            (as_user, "trace", State::Yes, "capwrap-learn trace"),
            (as_user, "options of a check", State::Unknown, "only root"),
            (as_user, "names of call sites", State::Yes, "the kernel"),
        ]);
    }

    #[test]
    fn why_nothing_is_launched_is_reported_with_its_hint() {
        judged(&[
            (|facts| facts.launcher.file = Reading::Absent, "launching", State::No, "install.sh"),
            (|facts| facts.launcher.policies = Reading::Is(Vec::new()), "launching", State::Off, "enable NAME"),
            (
                |facts| {
                    if let Reading::Is(all) = &mut facts.launcher.policies {
                        all.iter_mut().for_each(|policy| policy.read = Err("bad".to_owned()));
                    }
                },
                "launching",
                State::No,
                "can be read",
            ),
            (|facts| facts.launcher.accounts = Reading::Absent, "launching", State::No, "/etc/passwd"),
            (|facts| facts.rights.securebits = Reading::Is(1 << 6), "launching", State::No, "no_cap_ambient_raise"),
            (
                |facts| facts.launcher.log = Reading::Unreadable("full".to_owned()),
                "launching",
                State::No,
                "takes no record: full",
            ),
        ]);
    }

    #[test]
    fn a_policy_that_cannot_be_met_is_named_and_the_others_are_not() {
        judged(&[
            (
                |facts| facts.rights.bounding = facts.rights.bounding.without(policy(facts, 1).takes),
                "launching",
                State::No,
                "tcpdump: the bounding set lacks cap_net_raw",
            ),
            (
                |facts| policy(facts, 1).unreadable = Some("cannot read the setting kernel.x: denied".to_owned()),
                "launching",
                State::No,
                "tcpdump: cannot read the setting kernel.x: denied",
            ),
            (
                |facts| facts.rights.permitted = policy(facts, 0).takes,
                "launching",
                State::No,
                "tcpdump: root does not hold cap_net_raw",
            ),
            (
                |facts| {
                    if let Reading::Is(all) = &mut facts.launcher.policies {
                        all[1].read = Err("bad".to_owned());
                    }
                },
                "launching",
                State::No,
                "disable tcpdump",
            ),
            (
                |facts| {
                    facts.launcher.recorder = Reading::Absent;
                    policy(facts, 1).audit_required = true;
                },
                "launching",
                State::No,
                "demands a record on the disk",
            ),
            (
                |facts| {
                    as_user(facts);
                    carry(facts, "bpf,perfmon");
                },
                "launching",
                State::No,
                "tcpdump: the launcher does not carry cap_net_raw",
            ),
        ]);
    }

    #[test]
    fn a_tool_that_is_not_installed_is_missed_only_where_there_is_no_other() {
        let mut facts = sound();
        policy(&mut facts, 1).tool = None;
        assert_eq!((launching(&facts).works, launching(&facts).why.as_str()), (State::Yes, "capwrap-learn"));
        policy(&mut facts, 0).tool = None;
        assert_eq!(launching(&facts).works, State::No);
    }

    #[test]
    fn what_makes_file_capabilities_void_matters_to_users_alone() {
        judged(&[
            (|facts| facts.rights.no_new_privs = true, "launching", State::Yes, ""),
            (
                |facts| {
                    as_user(facts);
                    facts.rights.no_new_privs = true;
                },
                "launching",
                State::No,
                "no_new_privs",
            ),
            (
                |facts| {
                    as_user(facts);
                    facts.rights.initial_namespace = Reading::Is(false);
                },
                "launching",
                State::No,
                "initial user namespace",
            ),
            (
                |facts| {
                    as_user(facts);
                    facts.mounts.prefix_nosuid = Reading::Is(true);
                },
                "launching",
                State::No,
                "nosuid",
            ),
        ]);
    }

    #[test]
    fn a_policy_for_others_is_no_fault_where_one_is_for_this_user() {
        let denied = |facts: &mut Facts, at| {
            policy(facts, at).allowed = Err(("not you".to_owned(), "ask".to_owned()));
        };
        let mut facts = sound();
        as_user(&mut facts);
        denied(&mut facts, 0);
        assert_eq!(launching(&facts).works, State::Yes);
        assert_eq!(launching(&facts).why, "tcpdump");
        denied(&mut facts, 1);
        assert_eq!((launching(&facts).works, launching(&facts).hint.as_deref()), (State::No, Some("ask")));
    }

    #[test]
    fn why_nothing_is_learned_is_reported_with_its_hint() {
        judged(&[
            (none_works, "learning as root", State::No, "no back end works"),
            (
                |facts| {
                    none_works(facts);
                    facts.kernel.btf = Reading::Absent;
                },
                "learning as root",
                State::No,
                "CONFIG_DEBUG_INFO_BTF",
            ),
            (
                |facts| {
                    none_works(facts);
                    facts.kernel.lockdown = Reading::Is("none integrity [confidentiality]".to_owned());
                },
                "trace",
                State::No,
                "lockdown=integrity",
            ),
            (
                |facts| {
                    none_works(facts);
                    facts.rights.effective = CapabilitySet::EMPTY;
                },
                "learning as root",
                State::No,
                "not held here",
            ),
            (|facts| facts.kernel.last_capability = Reading::Absent, "learning as root", State::No, "subset=pid"),
            (|facts| facts.kernel.last_capability = Reading::Absent, "trace", State::Yes, ""),
            (
                |facts| {
                    none_works(facts);
                    facts.rights.effective = CapabilitySet::EMPTY;
                },
                "options of a check",
                State::No,
                "not held here",
            ),
            (
                |facts| {
                    none_works(facts);
                    facts.rights.initial_namespace = Reading::Is(false);
                },
                "learning as root",
                State::No,
                "in the initial user namespace",
            ),
            (
                |facts| facts.launcher.policies = Reading::Is(Vec::new()),
                "learning as a member",
                State::Off,
                "sudo capwrap enable capwrap-learn",
            ),
            (|facts| carry(facts, "net_raw"), "learning as a member", State::No, "does not carry cap_perfmon,cap_bpf"),
            (
                |facts| {
                    only(facts, "kprobe");
                    facts.sysctls.insert("kernel.perf_event_paranoid", Reading::Is("3".to_owned()));
                },
                "learning as a member",
                State::No,
                "sysctl kernel.perf_event_paranoid=2",
            ),
            (
                |facts| {
                    only(facts, "kprobe");
                    facts.kernel.btf = Reading::Absent;
                },
                "learning as a member",
                State::No,
                "reads tracefs",
            ),
        ]);
    }

    #[test]
    fn what_is_seen_of_a_check_depends_on_the_back_end() {
        judged(&[
            (|facts| only(facts, "tp_btf"), "options of a check", State::Yes, "by the call site"),
            (|facts| only(facts, "kprobe"), "options of a check", State::Yes, "seen"),
            (|facts| facts.kernel.names_functions = false, "names of call sites", State::Yes, "/proc/kallsyms"),
            (
                |facts| {
                    facts.kernel.names_functions = false;
                    facts.kernel.shows_addresses = Reading::Is(false);
                    facts.sysctls.insert("kernel.kptr_restrict", Reading::Is("2".to_owned()));
                },
                "names of call sites",
                State::No,
                "kernel.kptr_restrict=1",
            ),
        ]);
    }
}
