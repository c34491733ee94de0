//! Turns the facts into lines that say what each fact means for capwrap.

mod back_ends;
mod kernel;
mod launcher;
mod mounts;
mod recorder;
mod rights;

use crate::output::finding::Section;
use crate::verbs::doctor::facts::Facts;
use crate::verbs::doctor::sysctls;

/// The parts of the machine, in the order in which they are shown.
pub fn examine(facts: &Facts) -> Vec<Section> {
    vec![
        Section { name: "kernel", lines: kernel::kernel(facts) },
        Section { name: "back ends", lines: back_ends::back_ends(facts) },
        Section { name: "rights", lines: rights::rights(facts) },
        Section { name: "sysctls", lines: sysctls::TABLE.iter().map(|row| sysctls::examine(row, facts)).collect() },
        Section { name: "mounts", lines: mounts::mounts(facts) },
        Section { name: "launcher", lines: launcher::launcher(facts) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::journald::{Journald, Setting};
    use crate::host::mounts::Mount;
    use crate::host::reading::Reading;
    use crate::output::finding::Judgement;
    use crate::output::finding::Line;
    use crate::verbs::doctor::facts::{Enabled, LauncherFile, Log, Records, Tried, sound};
    use capwrap_core::CapabilitySet;
    use capwrap_core::decision::facts::KernelVersion;

    fn line(facts: &Facts, section: &str, name: &str) -> Line {
        let sections = examine(facts);
        let section = sections.into_iter().find(|one| one.name == section).unwrap();
        section.lines.into_iter().find(|one| one.name == name).unwrap()
    }

    /// One change to a sound machine, the section and the name of the line that shows it, the expected judgement, and
    /// words that must be shown.
    type Case = (fn(&mut Facts), &'static str, &'static str, Judgement, &'static str);

    #[track_caller]
    fn judged(cases: &[Case]) {
        for (change, section, name, judgement, words) in cases {
            let mut facts = sound();
            change(&mut facts);
            let line = line(&facts, section, name);
            let said = format!("{:?} {} {:?}", line.value, line.means, line.hint);
            assert_eq!(line.judgement, *judgement, "{name}: {said}");
            assert!(said.contains(words), "{name}: {said}");
        }
    }

    fn file(facts: &mut Facts) -> &mut LauncherFile {
        match &mut facts.launcher.file {
            Reading::Is(file) => file,
            _ => unreachable!(),
        }
    }

    fn enabled(facts: &mut Facts, at: usize) -> &mut Enabled {
        match &mut facts.launcher.policies {
            Reading::Is(all) => &mut all[at],
            _ => unreachable!(),
        }
    }

    fn set(list: &str) -> CapabilitySet {
        CapabilitySet::parse(list).unwrap()
    }

    #[test]
    fn nothing_is_wrong_with_a_sound_machine() {
        for section in examine(&sound()) {
            // tp_btf does not work on the sound machine, and this is no problem because fexit does.
            for line in section.lines.iter().filter(|line| line.name != "tp_btf") {
                assert_eq!(line.judgement, Judgement::Ok, "{line:?}");
            }
        }
    }

    #[test]
    fn what_the_kernel_lacks_or_forbids_is_reported() {
        judged(&[
            (
                |facts| facts.kernel.version = KernelVersion::parse("4.2.8"),
                "kernel",
                "release",
                Judgement::Problem,
                "ambient",
            ),
            (|facts| facts.kernel.architecture = "s390x", "kernel", "architecture", Judgement::Problem, "x86_64"),
            (
                |facts| facts.kernel.architecture = "riscv64",
                "kernel",
                "architecture",
                Judgement::Note,
                "not tried on it",
            ),
            (
                |facts| facts.kernel.last_capability = Reading::Is(37),
                "kernel",
                "capabilities",
                Judgement::Note,
                "not yet cap_perfmon, cap_bpf, cap_checkpoint_restore",
            ),
            (
                |facts| facts.kernel.last_capability = Reading::Is(41),
                "kernel",
                "capabilities",
                Judgement::Note,
                "cannot grant the newer ones",
            ),
            (|facts| facts.kernel.btf = Reading::Absent, "kernel", "BTF", Judgement::Note, "CONFIG_DEBUG_INFO_BTF"),
            (
                |facts| {
                    facts.kernel.btf = Reading::Unreadable("permission denied".to_owned());
                    facts.back_ends.clear();
                },
                "kernel",
                "BTF",
                Judgement::Problem,
                "permission denied",
            ),
            (
                |facts| facts.kernel.lockdown = Reading::Is("none [integrity] confidentiality".to_owned()),
                "kernel",
                "lockdown",
                Judgement::Note,
                "may be read",
            ),
            (
                |facts| facts.kernel.lockdown = Reading::Is("none integrity [confidentiality]".to_owned()),
                "kernel",
                "lockdown",
                Judgement::Problem,
                "lockdown=integrity",
            ),
            (
                |facts| {
                    facts.kernel.names_functions = false;
                    facts.kernel.shows_addresses = Reading::Is(false);
                },
                "kernel",
                "function names",
                Judgement::Note,
                "shows no addresses",
            ),
        ]);
    }

    #[test]
    fn a_back_end_that_does_not_load_is_a_problem_only_where_none_does() {
        let refused = "the call returned Operation not permitted (os error 1). Verifier output:";
        let mut facts = sound();
        facts.back_ends[0] = Tried { name: "fexit".to_owned(), outcome: Err(refused.to_owned()) };
        facts.back_ends[1].outcome = Ok(());
        let fexit = line(&facts, "back ends", "fexit");
        assert_eq!(
            (fexit.judgement, fexit.means.as_str()),
            (Judgement::Note, "the call returned Operation not permitted")
        );
        assert_eq!(line(&facts, "back ends", "tp_btf").value.unwrap(), "works, and is used");
        facts.back_ends[1].outcome = Err("no tracepoint".to_owned());
        assert_eq!(line(&facts, "back ends", "fexit").judgement, Judgement::Problem);
        facts.rights.effective = CapabilitySet::EMPTY;
        let fexit = line(&facts, "back ends", "fexit");
        assert_eq!((fexit.judgement, fexit.value.unwrap().as_str()), (Judgement::Note, "not known"));
        assert_eq!(line(&facts, "back ends", "tp_btf").means, "no tracepoint");
    }

    #[test]
    fn a_back_end_that_is_not_known_here_is_shown_too() {
        let mut facts = sound();
        facts.back_ends.insert(0, Tried { name: "new".to_owned(), outcome: Ok(()) });
        assert_eq!(line(&facts, "back ends", "new").value.unwrap(), "works, and is used");
    }

    #[test]
    fn what_this_process_may_not_is_reported() {
        judged(&[
            (
                |facts| facts.rights.bounding = facts.rights.bounding.without(set("sys_resource")),
                "rights",
                "bounding set",
                Judgement::Note,
                "lacks cap_sys_resource",
            ),
            (
                |facts| facts.rights.bounding = facts.rights.bounding.without(set("net_raw")),
                "rights",
                "bounding set",
                Judgement::Problem,
                "--cap-add=NET_RAW",
            ),
            (|facts| facts.rights.no_new_privs = true, "rights", "no_new_privs", Judgement::Note, "from here"),
            (
                |facts| {
                    facts.rights.no_new_privs = true;
                    facts.rights.uid = 1000;
                },
                "rights",
                "no_new_privs",
                Judgement::Problem,
                "have no effect",
            ),
            (
                |facts| facts.rights.securebits = Reading::Is(1 << 6),
                "rights",
                "securebits",
                Judgement::Problem,
                "ambient delivery",
            ),
            (|facts| facts.rights.securebits = Reading::Is(3), "rights", "securebits", Judgement::Note, "noroot"),
            (
                |facts| facts.rights.initial_namespace = Reading::Is(false),
                "rights",
                "user namespace",
                Judgement::Note,
                "to it alone",
            ),
            (|facts| facts.rights.seccomp = Some(2), "rights", "seccomp", Judgement::Note, "a filter"),
            (
                |facts| facts.rights.container = Some("/.dockerenv is there".to_owned()),
                "rights",
                "container",
                Judgement::Note,
                "/.dockerenv",
            ),
            (
                |facts| facts.rights.effective = CapabilitySet::EMPTY,
                "rights",
                "to trace",
                Judgement::Note,
                "cap_bpf and cap_perfmon",
            ),
            (
                |facts| {
                    facts.kernel.last_capability = Reading::Is(37);
                    facts.rights.effective = CapabilitySet::EMPTY;
                },
                "rights",
                "to trace",
                Judgement::Note,
                "cap_sys_admin, which learning and trace take",
            ),
        ]);
    }

    #[test]
    fn no_line_names_a_capability_that_the_kernel_lacks_but_the_one_that_lists_them() {
        let mut facts = sound();
        facts.kernel.last_capability = Reading::Is(37);
        facts.launcher.policies = Reading::Is(Vec::new());
        for effective in [CapabilitySet::EMPTY, facts.rights.effective] {
            facts.rights.effective = effective;
            for outcome in [Ok(()), Err("operation not permitted".to_owned())] {
                facts.back_ends.iter_mut().for_each(|tried| tried.outcome.clone_from(&outcome));
                let sections = examine(&facts);
                let lines = sections.iter().filter(|section| section.name != "launcher").flat_map(|one| &one.lines);
                for line in lines.filter(|line| line.name != "capabilities") {
                    let said = format!("{} {}", line.means, line.hint.clone().unwrap_or_default());
                    assert!(!said.contains("cap_perfmon") && !said.contains("cap_bpf"), "{}: {said}", line.name);
                }
                for work in crate::verbs::doctor::works::works(&facts) {
                    let said = format!("{} {}", work.why, work.hint.unwrap_or_default());
                    assert!(!said.contains("cap_perfmon") && !said.contains("cap_bpf"), "{}: {said}", work.name);
                }
            }
        }
    }

    #[test]
    fn what_is_mounted_otherwise_is_reported() {
        judged(&[
            (
                |facts| facts.mounts.all = Reading::Unreadable("no such file".to_owned()),
                "mounts",
                "mounts",
                Judgement::Note,
                "no such file",
            ),
            (|facts| facts.mounts.all = Reading::Is(Vec::new()), "mounts", "bpffs", Judgement::Note, "mount -t bpf"),
            (
                |facts| facts.mounts.tracefs = Reading::Unreadable("permission denied".to_owned()),
                "mounts",
                "tracefs",
                Judgement::Ok,
                "cap_dac_read_search",
            ),
            (|facts| hide(facts, "/sys"), "mounts", "tracefs", Judgement::Note, "not mounted"),
            (
                |facts| hide(facts, "/sys/kernel/tracing"),
                "mounts",
                "tracefs",
                Judgement::Note,
                "the probe does not need it",
            ),
            (
                |facts| options(facts).push("hidepid=invisible".to_owned()),
                "mounts",
                "proc",
                Judgement::Note,
                "cap_sys_ptrace",
            ),
            (|facts| options(facts).push("hidepid=0".to_owned()), "mounts", "proc", Judgement::Ok, ""),
            (|facts| facts.mounts.prefix_nosuid = Reading::Is(true), "mounts", "prefix", Judgement::Problem, "nosuid"),
            (
                |facts| facts.mounts.prefix_attributes = Reading::Is(false),
                "mounts",
                "prefix",
                Judgement::Problem,
                "extended attributes",
            ),
        ]);
    }

    fn options(facts: &mut Facts) -> &mut Vec<String> {
        match &mut facts.mounts.all {
            Reading::Is(all) => &mut all[0].options,
            _ => unreachable!(),
        }
    }

    fn hide(facts: &mut Facts, place: &str) {
        if let Reading::Is(all) = &mut facts.mounts.all {
            all.push(Mount { place: place.into(), root: "/".into(), kind: "tmpfs".to_owned(), options: Vec::new() });
        }
    }

    #[test]
    fn the_launcher_carries_what_the_enabled_policies_need_and_nothing_else() {
        judged(&[
            (
                |facts| file(facts).permitted = Ok(set("bpf,perfmon")),
                "launcher",
                "carries",
                Judgement::Problem,
                "need cap_net_raw too",
            ),
            (
                |facts| file(facts).permitted = Ok(set("bpf,perfmon,net_raw,sys_admin")),
                "launcher",
                "carries",
                Judgement::Problem,
                "no enabled policy needs cap_sys_admin",
            ),
            (|facts| file(facts).marked_otherwise = true, "launcher", "carries", Judgement::Problem, "capwrap enable"),
            (|facts| file(facts).root_id = Some(1000), "launcher", "carries", Judgement::Note, "uid 1000"),
            (
                |facts| file(facts).permitted = Err("odd".to_owned()),
                "launcher",
                "carries",
                Judgement::Note,
                "cannot be read: odd",
            ),
        ]);
    }

    #[test]
    fn what_is_wrong_with_the_launchers_files_is_reported() {
        judged(&[
            (|facts| facts.launcher.file = Reading::Absent, "launcher", "file", Judgement::Problem, "install.sh"),
            (
                |facts| {
                    file(facts).uid = 65534;
                    facts.rights.initial_namespace = Reading::Is(false);
                },
                "launcher",
                "file",
                Judgement::Note,
                "not root in this user namespace",
            ),
            (|facts| file(facts).uid = 1000, "launcher", "file", Judgement::Problem, "chown root:root"),
            (|facts| file(facts).mode = 0o100_775, "launcher", "file", Judgement::Problem, "0775"),
            (|facts| file(facts).mode = 0o104_755, "launcher", "file", Judgement::Problem, "4755"),
            (|facts| file(facts).mode = 0o100_700, "launcher", "file", Judgement::Problem, "not everybody"),
            (|facts| facts.launcher.policies = Reading::Absent, "launcher", "policies", Judgement::Note, "enable NAME"),
            (
                |facts| enabled(facts, 1).read = Err("line 3: no such key".to_owned()),
                "launcher",
                "policy tcpdump",
                Judgement::Problem,
                "line 3",
            ),
            (
                |facts| {
                    enabled(facts, 1).read.as_mut().unwrap().unreadable =
                        Some("cannot read the setting kernel.x: permission denied".to_owned());
                },
                "launcher",
                "policy tcpdump",
                Judgement::Problem,
                "kernel.x",
            ),
            (
                |facts| enabled(facts, 1).read.as_mut().unwrap().tool = None,
                "launcher",
                "policy tcpdump",
                Judgement::Note,
                "/usr/bin/tcpdump",
            ),
            (|facts| facts.launcher.accounts = Reading::Absent, "launcher", "accounts", Judgement::Problem, "image"),
            (|facts| facts.launcher.log = Reading::Absent, "launcher", "log", Judgement::Note, "no record of a launch"),
            (
                |facts| {
                    facts.launcher.recorder = Reading::Absent;
                    demand(facts);
                },
                "launcher",
                "recorder",
                Judgement::Problem,
                "tcpdump cannot be launched",
            ),
            (|_| (), "launcher", "recorder", Judgement::Ok, "is on the disk before"),
            (
                |facts| {
                    as_installed(facts, 0, 0o755);
                    demand(facts);
                },
                "launcher",
                "recorder",
                Judgement::Problem,
                "chgrp capwrap-record /usr/local/bin/capwrap",
            ),
            (
                |facts| {
                    as_installed(facts, 0, 0o755);
                    demand(facts);
                    facts.launcher.recorder = Reading::Absent;
                },
                "launcher",
                "recorder's group",
                Judgement::Problem,
                "chgrp capwrap-record /usr/local/bin/capwrap",
            ),
            (
                |facts| facts.launcher.record_members = vec!["alice".to_owned(), "bob".to_owned()],
                "launcher",
                "recorder's group",
                Judgement::Problem,
                "gpasswd --delete alice capwrap-record; gpasswd --delete bob capwrap-record",
            ),
            (
                |facts| facts.launcher.history = Reading::Absent,
                "launcher",
                "history",
                Judgement::Note,
                "systemctl enable --now capwrap-history.socket",
            ),
            (|facts| records(facts).uid = 1000, "launcher", "records", Judgement::Problem, "cannot write"),
            (|facts| records(facts).mode = 0o042_770, "launcher", "records", Judgement::Problem, "change records"),
            (|facts| records(facts).mode = 0o042_755, "launcher", "records", Judgement::Problem, "everybody can read"),
            (|facts| records(facts).mode = 0o120_777, "launcher", "records", Judgement::Problem, "no directory"),
            (
                |facts| records(facts).gid = 0,
                "launcher",
                "records",
                Judgement::Note,
                "chown capwrap-recorder:adm /var/log/capwrap && chmod 2750 /var/log/capwrap",
            ),
            (|facts| records(facts).mode = 0o040_750, "launcher", "records", Judgement::Note, "new files"),
            (
                |facts| facts.launcher.records = Reading::Unreadable("x".to_owned()),
                "launcher",
                "records",
                Judgement::Note,
                "x",
            ),
            (|facts| as_installed(facts, 77, 0o2755), "launcher", "file", Judgement::Ok, "capwrap-record"),
            (|facts| as_installed(facts, 78, 0o2755), "launcher", "file", Judgement::Problem, "setuid"),
            (
                |facts| facts.launcher.log = Reading::Unreadable("/dev/log: permission denied".to_owned()),
                "launcher",
                "log",
                Judgement::Problem,
                "no launch goes on",
            ),
            (|facts| facts.launcher.log = Reading::Is(Log::Syslog), "launcher", "log", Judgement::Ok, "not known here"),
            (|_| (), "launcher", "journald", Judgement::Ok, "10000 messages in 30s (the default)"),
            (
                |facts| facts.launcher.journald = Reading::Unreadable("x: permission denied".to_owned()),
                "launcher",
                "journald",
                Judgement::Note,
                "x: permission denied",
            ),
            (
                |facts| journald(facts).stores_nothing = planted(true),
                "launcher",
                "journald",
                Judgement::Note,
                "Storage=none (/etc/x.conf)\") the journal drops every record",
            ),
            (
                |facts| journald(facts).max_level = planted(4),
                "launcher",
                "journald",
                Judgement::Note,
                "drops the records of launches",
            ),
            (
                |facts| journald(facts).max_level = planted(3),
                "launcher",
                "journald",
                Judgement::Note,
                "drops every record",
            ),
        ]);
    }

    fn journald(facts: &mut Facts) -> &mut Journald {
        match &mut facts.launcher.journald {
            Reading::Is(settings) => settings,
            _ => unreachable!(),
        }
    }

    fn planted<T>(value: T) -> Setting<T> {
        Setting { value, set_by: Some("/etc/x.conf".into()) }
    }

    fn as_installed(facts: &mut Facts, gid: u32, mode: u32) {
        if let Reading::Is(file) = &mut facts.launcher.file {
            (file.gid, file.mode) = (gid, 0o100_000 | mode);
        }
    }

    fn records(facts: &mut Facts) -> &mut Records {
        match &mut facts.launcher.records {
            Reading::Is(records) => records,
            _ => unreachable!(),
        }
    }

    #[test]
    fn nothing_is_said_about_a_recorder_that_nobody_wants() {
        let mut facts = sound();
        facts.launcher.recorder = Reading::Absent;
        facts.launcher.history = Reading::Absent;
        facts.launcher.records = Reading::Absent;
        as_installed(&mut facts, 0, 0o755);
        let lines = examine(&facts).into_iter().flat_map(|section| section.lines);
        let said = lines.filter(|line| ["recorder", "recorder's group", "history", "records"].contains(&&*line.name));
        assert_eq!(said.count(), 0);
    }

    fn demand(facts: &mut Facts) {
        enabled(facts, 1).read.as_mut().unwrap().audit_required = true;
    }

    #[test]
    fn a_journal_that_drops_nothing_is_not_mentioned() {
        let quiet: [fn(&mut Facts); 3] = [
            |facts| journald(facts).burst = planted(0),
            |facts| journald(facts).interval = planted(std::time::Duration::ZERO),
            |facts| facts.launcher.log = Reading::Is(Log::Syslog),
        ];
        for change in quiet {
            let mut facts = sound();
            journald(&mut facts).max_level = planted(5);
            change(&mut facts);
            let sections = examine(&facts);
            let lines = sections.iter().flat_map(|section| &section.lines);
            assert!(lines.into_iter().all(|line| line.name != "journald"), "{sections:?}");
        }
    }
}
