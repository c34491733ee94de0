//! The file systems that capwrap and its tools depend on.

use crate::host::mounts;
use crate::host::mounts::Mount;
use crate::host::reading::Reading;
use crate::output::finding::{Judgement, Line};
use crate::verbs::doctor::facts::Facts;
use crate::verbs::doctor::finding::unreadable;

pub fn mounts(facts: &Facts) -> Vec<Line> {
    let all = match &facts.mounts.all {
        Reading::Is(all) => all.as_slice(),
        Reading::Absent => &[],
        Reading::Unreadable(why) => return vec![unreadable("mounts", why), prefix(facts)],
    };
    let of_kind = |kind: &str| mounts::of_kind(all, kind);
    let place = |mount: &Mount| mount.place.display().to_string();
    let none = |name: &str, means: &str, hint: &str| Line::absent(name, Judgement::Note).means(means).hint(hint);
    let mut lines = Vec::new();
    lines.push(match of_kind("proc") {
        Some(mount) => proc(mount),
        None => none("proc", "not seen among the mounts", "mount -t proc proc /proc"),
    });
    lines.push(match (of_kind("tracefs"), &facts.mounts.tracefs) {
        (Some(mount), Reading::Is(())) => Line::ok("tracefs", place(mount)).means("readable"),
        (Some(mount), _) => Line::ok("tracefs", place(mount))
            .means("not readable here: tools that look up tracepoints there take cap_dac_read_search"),
        (None, _) => none(
            "tracefs",
            "not mounted: tools that look up tracepoints (perf, bpftrace) find none; the probe does not need it",
            "mount -t tracefs tracefs /sys/kernel/tracing",
        ),
    });
    lines.push(match of_kind("bpf") {
        Some(mount) => Line::ok("bpffs", place(mount)),
        None => {
            none("bpffs", "not mounted: tools cannot pin BPF objects (bpfman, bpftool)", "mount -t bpf bpf /sys/fs/bpf")
        }
    });
    lines.push(match of_kind("securityfs") {
        Some(mount) => Line::ok("securityfs", place(mount)),
        None => none(
            "securityfs",
            "not mounted: lockdown and security modules are not shown",
            "mount -t securityfs securityfs /sys/kernel/security",
        ),
    });
    lines.push(match of_kind("cgroup2") {
        Some(mount) => Line::ok("cgroup2", place(mount)),
        None => none(
            "cgroup2",
            "not mounted: trace cannot choose by cgroup or container",
            "mount -t cgroup2 none /sys/fs/cgroup",
        ),
    });
    lines.push(prefix(facts));
    lines
}

fn proc(mount: &Mount) -> Line {
    let place = mount.place.display().to_string();
    if mount.options.iter().any(|option| option == "subset=pid") {
        return Line::note("proc", place).means("subset=pid: settings and kernel symbols are not there");
    }
    match mount.hides_processes() {
        Some(option) => Line::note("proc", place)
            .means(format!("{option}: other users' processes are hidden from those without cap_sys_ptrace")),
        None => Line::ok("proc", place),
    }
}

fn prefix(facts: &Facts) -> Line {
    let name = "prefix";
    let place = facts.mounts.prefix.display().to_string();
    match (&facts.mounts.prefix_nosuid, &facts.mounts.prefix_attributes) {
        (Reading::Absent, _) => Line::problem(name, place).means("is not there").hint("sudo ./install.sh"),
        (Reading::Is(true), _) => Line::problem(name, place)
            .means("mounted nosuid: the launcher's file capabilities have no effect")
            .hint("install capwrap elsewhere, or remount that file system suid"),
        (_, Reading::Is(false)) => Line::problem(name, place)
            .means("its file system keeps no extended attributes: the launcher cannot carry capabilities")
            .hint("install capwrap on another file system"),
        (Reading::Unreadable(why), _) => unreadable(name, why),
        _ => Line::ok(name, place).means("file capabilities count"),
    }
}
