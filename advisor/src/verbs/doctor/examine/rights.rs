//! The rights of this process, and what it cannot gain.

use crate::dialects::capabilities::bare;
use crate::host::reading::Reading;
use crate::output::finding::{Judgement, Line};
use crate::verbs::doctor::facts::Facts;
use crate::verbs::doctor::finding::unreadable;
use capwrap_core::{Capability, CapabilitySet, TABLE};

pub fn rights(facts: &Facts) -> Vec<Line> {
    let rights = &facts.rights;
    let user = match &rights.user {
        Some(name) => format!("{name} ({})", rights.uid),
        None => rights.uid.to_string(),
    };
    let both = facts.asked_for(&[Capability::BPF, Capability::PERFMON]);
    let or_root = if both == Capability::SYS_ADMIN.name() { "" } else { ", or cap_sys_admin" };
    let tracing = if facts.may_trace() {
        Line::ok("to trace", "held").means(format!("{both}{or_root}"))
    } else if rights.initial_namespace == Reading::Is(false) {
        Line::note("to trace", "not held").means(format!("bpf(2) asks for {both} in the initial user namespace"))
    } else {
        Line::note("to trace", "not held").means(format!("{both}, which learning and trace take"))
    };
    let mut lines = vec![Line::ok("user", user), tracing, bounding(facts)];
    lines.push(match (rights.no_new_privs, facts.is_root()) {
        (false, _) => Line::ok("no_new_privs", "off"),
        (true, true) => Line::note("no_new_privs", "on")
            .means("nothing started here gains by its file: users cannot launch anything from here"),
        (true, false) => Line::problem("no_new_privs", "on")
            .means("the launcher's file capabilities have no effect")
            .hint("start from a session without it (sandboxes and NoNewPrivileges= set it)"),
    });
    lines.push(securebits(facts));
    lines.push(namespace(facts));
    lines.push(match rights.seccomp {
        Some(0) => Line::ok("seccomp", "off"),
        Some(mode) => Line::note("seccomp", if mode == 2 { "a filter" } else { "strict" })
            .means("it may refuse system calls whatever is held: bpf, perf_event_open, ptrace, mount"),
        None => Line::absent("seccomp", Judgement::Ok).means("not in this kernel"),
    });
    lines.push(match &rights.container {
        None => Line::ok("container", "no sign of one"),
        Some(sign) => Line::note("container", "perhaps").means(format!(
            "{sign}; if so, what the container lacks no policy can grant, and it shares the host's kernel"
        )),
    });
    lines
}

fn bounding(facts: &Facts) -> Line {
    let name = "bounding set";
    let last = facts.kernel.last_capability.is().copied().unwrap_or(TABLE.len() as u8 - 1);
    let known: CapabilitySet = (0..=last).filter_map(Capability::from_number).collect();
    let lacking = known.without(facts.rights.bounding);
    if lacking.is_empty() {
        return Line::ok(name, "whole");
    }
    let line = Line::note(name, format!("lacks {lacking}")).means("nothing started here can have it");
    let taken = facts.policies().fold(CapabilitySet::EMPTY, |set, (_, policy)| set.union(policy.takes));
    if taken.intersection(lacking).is_empty() {
        return line;
    }
    let add: Vec<String> =
        bare(lacking.intersection(taken)).into_iter().map(|name| format!("--cap-add={name}")).collect();
    Line { judgement: Judgement::Problem, ..line }
        .means("nothing started here can have it, and enabled policies need it")
        .hint(format!("in a container {}; in a unit CapabilityBoundingSet=", add.join(" ")))
}

/// The securebits of capabilities(7) and include/uapi/linux/securebits.h, without the bits that lock them.
const SECUREBITS: [(u32, &str); 3] = [(1, "noroot"), (1 << 2, "no_setuid_fixup"), (1 << 6, NO_AMBIENT)];
const NO_AMBIENT: &str = "no_cap_ambient_raise";

fn securebits(facts: &Facts) -> Line {
    let name = "securebits";
    let bits = match &facts.rights.securebits {
        Reading::Is(bits) => *bits,
        Reading::Absent => return Line::absent(name, Judgement::Note),
        Reading::Unreadable(why) => return unreadable(name, why),
    };
    let set: Vec<&str> = SECUREBITS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    if set.is_empty() {
        return Line::ok(name, "none");
    }
    let line = Line::note(name, set.join(", "));
    if set.contains(&NO_AMBIENT) {
        return Line { judgement: Judgement::Problem, ..line }
            .means("no policy with ambient delivery can be launched")
            .hint("start from a session without it");
    }
    line.means("root gains nothing, or loses nothing, where it otherwise would (capabilities(7))")
}

fn namespace(facts: &Facts) -> Line {
    let name = "user namespace";
    match &facts.rights.initial_namespace {
        Reading::Is(true) => Line::ok(name, "initial"),
        Reading::Is(false) if facts.is_root() => {
            Line::note(name, "not the initial one").means("capabilities count for what belongs to it alone")
        }
        Reading::Is(false) => Line::problem(name, "not the initial one")
            .means("the launcher's file capabilities have no effect, unless they were set for this namespace"),
        Reading::Absent => Line::absent(name, Judgement::Ok).means("the kernel has none"),
        Reading::Unreadable(why) => unreadable(name, why),
    }
}
