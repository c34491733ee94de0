//! The kernel settings that change which capabilities tools need, or what tools can do with their capabilities.
//!
//! Sources: Documentation/admin-guide/sysctl/{kernel,fs,vm,user,net}.rst, Documentation/networking/ip-sysctl.rst,
//! Documentation/admin-guide/LSM/Yama.rst, Documentation/trace/ftrace.rst. Where a row says so, the source is the
//! kernel's code or a distribution's patch.

use crate::host::reading::Reading;
use crate::output::finding::{Judgement, Line};
use crate::verbs::doctor::facts::Facts;
use capwrap_core::Capability;

/// A setting.
pub struct Row {
    /// Its dotted name.
    pub name: &'static str,
    /// The meanings of its values. The first that fits counts.
    meanings: &'static [Meaning],
}

struct Meaning {
    of: Value,
    weight: Weight,
    changes: &'static str,
    hint: Option<&'static str>,
}

/// The values that a meaning applies to.
enum Value {
    Is(i64),
    AtLeast(i64),
    AtMost(i64),
    /// Two numbers of which the first is larger.
    EmptyRange,
    Any,
}

/// How much a meaning matters.
enum Weight {
    Fine,
    Notable,
    /// A problem where an enabled policy grants this capability, because the capability then has no effect.
    Voids(&'static str),
    /// A problem where no back end works.
    HindersProbe,
}

const fn fine(of: Value, changes: &'static str) -> Meaning {
    Meaning { of, weight: Weight::Fine, changes, hint: None }
}

const fn notable(of: Value, changes: &'static str, hint: Option<&'static str>) -> Meaning {
    Meaning { of, weight: Weight::Notable, changes, hint }
}

/// The hint for a setting that cannot be set back while the kernel runs.
const BOOT: &str = "set it lower in /etc/sysctl.d, and boot";

/// All settings, sorted by name.
pub static TABLE: [Row; 17] = [
    Row {
        name: "fs.protected_hardlinks",
        meanings: &[
            notable(
                Value::Is(0),
                "users can link to others' files: an old launcher stays if it is replaced without taking its \
                 capabilities (install.sh takes them)",
                Some("sysctl fs.protected_hardlinks=1"),
            ),
            fine(Value::Any, "a hard link to another's file takes cap_fowner"),
        ],
    },
    // This setting comes from Ubuntu's patch.
    Row {
        name: "kernel.apparmor_restrict_unprivileged_userns",
        meanings: &[
            fine(Value::Is(0), "a user namespace gives its maker capabilities inside"),
            fine(Value::Any, "a user namespace gives capabilities inside only where an AppArmor profile says so"),
        ],
    },
    Row {
        name: "kernel.dmesg_restrict",
        meanings: &[
            fine(Value::Is(0), "every user reads the kernel's log; clearing it takes cap_syslog"),
            fine(Value::Any, "the kernel's log takes cap_syslog"),
        ],
    },
    Row {
        name: "kernel.ftrace_enabled",
        meanings: &[
            Meaning {
                of: Value::Is(0),
                weight: Weight::HindersProbe,
                changes: "tracing of kernel functions is off: fexit and kprobe do not work, tp_btf does",
                hint: Some("sysctl kernel.ftrace_enabled=1"),
            },
            fine(Value::Any, "kernel functions can be traced, which fexit and kprobe stand on"),
        ],
    },
    Row {
        name: "kernel.io_uring_disabled",
        meanings: &[
            fine(Value::Is(0), "every process may use io_uring"),
            fine(Value::Is(1), "io_uring takes cap_sys_admin, or the group of kernel.io_uring_group"),
            notable(
                Value::Any,
                "no process may use io_uring, whatever it holds",
                Some("sysctl kernel.io_uring_disabled=1"),
            ),
        ],
    },
    // The source is kallsyms_show_value in kernel/ksyms_common.c.
    Row {
        name: "kernel.kptr_restrict",
        meanings: &[
            fine(
                Value::Is(0),
                "/proc/kallsyms shows addresses with cap_syslog; to all where perf_event_paranoid is below 2",
            ),
            fine(Value::Is(1), "/proc/kallsyms shows addresses with cap_syslog"),
            Meaning {
                of: Value::Any,
                weight: Weight::Voids("cap_syslog"),
                changes: "/proc/kallsyms shows no address to anybody, cap_syslog or not",
                hint: Some("sysctl kernel.kptr_restrict=1"),
            },
        ],
    },
    Row {
        name: "kernel.modules_disabled",
        meanings: &[
            fine(Value::Is(0), "a module loads with cap_sys_module"),
            Meaning {
                of: Value::Any,
                weight: Weight::Voids("cap_sys_module"),
                changes: "no module loads until the next boot, cap_sys_module or not",
                hint: Some(BOOT),
            },
        ],
    },
    // get_perf_callchain, which bpf_get_stack(7) calls, stops at this depth.
    Row {
        name: "kernel.perf_event_max_stack",
        meanings: &[
            notable(
                Value::AtMost(31),
                "call stacks end after so few functions: call sites of checks may be cut off",
                Some("sysctl kernel.perf_event_max_stack=127"),
            ),
            fine(Value::Any, "call stacks are deep enough to name call sites"),
        ],
    },
    // The source is perf_allow_kernel and the like in include/linux/perf_event.h. Values above 2 come from Debian's
    // patch security-perf-allow-further-restriction-of-perf_event_open.patch; newer kernels of Ubuntu have it from 4
    // on.
    Row {
        name: "kernel.perf_event_paranoid",
        meanings: &[
            notable(
                Value::AtLeast(3),
                "as 2; but kernels with Debian's or Ubuntu's patch then ask perf_event_open(2) for cap_sys_admin \
                 alone",
                Some("sysctl kernel.perf_event_paranoid=2"),
            ),
            fine(Value::Is(2), "measuring more than one's own programs takes {cap_perfmon}"),
            fine(Value::Is(1), "measuring whole processors and raw tracepoints takes {cap_perfmon}"),
            fine(Value::Is(0), "raw tracepoints take {cap_perfmon}"),
            fine(Value::Any, "every user may measure almost everything without {cap_perfmon}"),
        ],
    },
    Row {
        name: "kernel.unprivileged_bpf_disabled",
        meanings: &[
            fine(Value::Is(0), "every user may load BPF socket filters; other programs take {cap_bpf}"),
            fine(Value::Is(1), "loading BPF programs and making maps takes {cap_bpf}; until the next boot"),
            fine(Value::Any, "loading BPF programs and making maps takes {cap_bpf}"),
        ],
    },
    // This setting comes from Debian's patch.
    Row {
        name: "kernel.unprivileged_userns_clone",
        meanings: &[
            fine(Value::Is(0), "making a user namespace takes cap_sys_admin"),
            fine(Value::Any, "every user may make user namespaces"),
        ],
    },
    Row {
        name: "kernel.yama.ptrace_scope",
        meanings: &[
            fine(Value::Is(0), "users trace their own processes; others' take cap_sys_ptrace"),
            fine(Value::Is(1), "users trace what they started; everything else takes cap_sys_ptrace"),
            fine(Value::Is(2), "tracing takes cap_sys_ptrace, even of what one starts"),
            Meaning {
                of: Value::Any,
                weight: Weight::Voids("cap_sys_ptrace"),
                changes: "no process traces another until the next boot, cap_sys_ptrace or not",
                hint: Some(BOOT),
            },
        ],
    },
    Row {
        name: "net.core.bpf_jit_enable",
        meanings: &[
            notable(
                Value::Is(0),
                "BPF programs are interpreted: probes cost more",
                Some("sysctl net.core.bpf_jit_enable=1"),
            ),
            fine(Value::Is(1), "BPF programs are compiled"),
            notable(
                Value::Any,
                "BPF programs are compiled, and written to the kernel's log",
                Some("sysctl net.core.bpf_jit_enable=1"),
            ),
        ],
    },
    // The source is bpf_jit_kallsyms_enabled in include/linux/filter.h.
    Row {
        name: "net.core.bpf_jit_harden",
        meanings: &[
            fine(Value::Is(0), "BPF programs are compiled as they are"),
            fine(Value::Is(1), "BPF programs of plain users are hardened; none has a name in call stacks"),
            notable(
                Value::Any,
                "every BPF program is hardened: probes cost more, and none has a name in call stacks",
                Some("sysctl net.core.bpf_jit_harden=1"),
            ),
        ],
    },
    Row {
        name: "net.ipv4.ip_unprivileged_port_start",
        meanings: &[
            fine(Value::Is(0), "no port takes cap_net_bind_service"),
            fine(Value::Any, "ports below it take cap_net_bind_service"),
        ],
    },
    Row {
        name: "net.ipv4.ping_group_range",
        meanings: &[
            fine(Value::EmptyRange, "no group may open ping sockets: ping takes cap_net_raw"),
            fine(Value::Any, "groups in this range ping without cap_net_raw"),
        ],
    },
    // The source is __vm_enough_memory in mm/util.c.
    Row {
        name: "vm.overcommit_memory",
        meanings: &[
            notable(
                Value::Is(2),
                "a reserve of memory is kept for those with cap_sys_admin (vm.admin_reserve_kbytes): learning takes \
                 that check for one on which nothing hangs, and here it decides",
                None,
            ),
            fine(Value::Any, "cap_sys_admin is asked for with memory, and next to nothing depends on the answer"),
        ],
    },
];

/// What the value of a setting means on this machine.
pub fn examine(row: &Row, facts: &Facts) -> Line {
    match facts.sysctls.get(row.name).unwrap_or(&Reading::Absent) {
        Reading::Absent => Line::absent(row.name, Judgement::Ok).means("not a setting of this kernel"),
        Reading::Unreadable(why) => crate::verbs::doctor::finding::unreadable(row.name, why),
        Reading::Is(value) => match row.meanings.iter().find(|meaning| meaning.of.fits(value)) {
            None => Line::note(row.name, value).means("a value that is not known"),
            Some(meaning) => {
                let judgement = meaning.weight.judge(facts);
                let hint = meaning.hint.filter(|_| judgement != Judgement::Ok).map(str::to_owned);
                Line { hint, ..Line::new(row.name, judgement, value).means(facts.of_this_kernel(meaning.changes)) }
            }
        },
    }
}

impl Value {
    fn fits(&self, value: &str) -> bool {
        let numbers: Option<Vec<i64>> = value.split_whitespace().map(|word| word.parse().ok()).collect();
        match (self, numbers.as_deref()) {
            (Self::Is(wanted), Some([is])) => is == wanted,
            (Self::AtLeast(least), Some([is])) => is >= least,
            (Self::AtMost(most), Some([is])) => is <= most,
            (Self::EmptyRange, Some([first, last])) => first > last,
            (Self::Any, numbers) => numbers.is_some(),
            _ => false,
        }
    }
}

impl Weight {
    fn judge(&self, facts: &Facts) -> Judgement {
        match self {
            Self::Fine => Judgement::Ok,
            Self::Notable => Judgement::Note,
            Self::Voids(name) => match Capability::parse(name) {
                Ok(capability) if facts.needed().contains(capability) => Judgement::Problem,
                _ => Judgement::Note,
            },
            Self::HindersProbe if facts.may_trace() && facts.back_end().is_none() => Judgement::Problem,
            Self::HindersProbe => Judgement::Note,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::doctor::facts::sound;
    use capwrap_core::decision::questions::Questions;
    use capwrap_core::policy::Policy;

    fn judged(name: &'static str, value: &str, facts: &Facts) -> Line {
        let mut facts = facts.clone();
        facts.sysctls.insert(name, Reading::Is(value.to_owned()));
        examine(TABLE.iter().find(|row| row.name == name).unwrap(), &facts)
    }

    #[test]
    fn every_value_has_what_it_changes() {
        for (name, value, judgement, words) in [
            ("kernel.perf_event_paranoid", "4", Judgement::Note, "cap_sys_admin"),
            ("kernel.perf_event_paranoid", "2", Judgement::Ok, "takes cap_perfmon"),
            ("kernel.perf_event_paranoid", "-1", Judgement::Ok, "almost everything"),
            ("kernel.yama.ptrace_scope", "1", Judgement::Ok, "what they started"),
            ("kernel.ftrace_enabled", "0", Judgement::Note, "tp_btf does"),
            ("net.ipv4.ping_group_range", "1 0", Judgement::Ok, "no group"),
            ("net.ipv4.ping_group_range", "0 2147483647", Judgement::Ok, "without cap_net_raw"),
            ("net.ipv4.ip_unprivileged_port_start", "0", Judgement::Ok, "no port"),
            ("net.ipv4.ip_unprivileged_port_start", "80", Judgement::Ok, "ports below it"),
            ("fs.protected_hardlinks", "0", Judgement::Note, "an old launcher stays"),
            ("vm.overcommit_memory", "2", Judgement::Note, "here it decides"),
            ("kernel.dmesg_restrict", "strange", Judgement::Note, "not known"),
        ] {
            let line = judged(name, value, &sound());
            assert_eq!(line.judgement, judgement, "{name} {value}");
            assert!(line.means.contains(words), "{name} {value}: {}", line.means);
        }
    }

    #[test]
    fn what_a_setting_takes_is_what_this_kernel_asks_for() {
        let mut facts = sound();
        facts.kernel.last_capability = Reading::Is(37);
        for row in &TABLE {
            for meaning in row.meanings {
                let said = facts.of_this_kernel(meaning.changes);
                assert!(
                    !said.contains(['{', '}']) && !said.contains("cap_perfmon") && !said.contains("cap_bpf"),
                    "{said}"
                );
            }
        }
        let line = judged("kernel.unprivileged_bpf_disabled", "1", &facts);
        assert!(line.means.contains("takes cap_sys_admin"), "{}", line.means);
    }

    #[test]
    fn what_voids_a_capability_is_a_problem_where_an_enabled_policy_grants_it() {
        let mut facts = sound();
        assert_eq!(judged("kernel.yama.ptrace_scope", "3", &facts).judgement, Judgement::Note);
        let Reading::Is(policies) = &mut facts.launcher.policies else { unreachable!() };
        policies[1].read.as_mut().unwrap().needs = Capability::parse("sys_ptrace").unwrap().into();
        let line = judged("kernel.yama.ptrace_scope", "3", &facts);
        assert_eq!(line.judgement, Judgement::Problem);
        assert!(line.hint.is_some());
    }

    #[test]
    fn tracing_of_functions_that_is_off_is_a_problem_where_nothing_else_sees_checks() {
        let mut facts = sound();
        facts.back_ends[0].outcome = Err("busy".to_owned());
        assert_eq!(judged("kernel.ftrace_enabled", "0", &facts).judgement, Judgement::Problem);
        facts.rights.effective = capwrap_core::CapabilitySet::EMPTY;
        assert_eq!(judged("kernel.ftrace_enabled", "0", &facts).judgement, Judgement::Note);
    }

    #[test]
    fn a_setting_that_may_not_be_read_is_a_note_and_one_that_is_not_there_is_none() {
        let mut facts = sound();
        let row = &TABLE[0];
        assert_eq!(examine(row, &facts).value, None);
        assert_eq!(examine(row, &facts).judgement, Judgement::Ok);
        facts.sysctls.insert(row.name, Reading::Unreadable("permission denied".to_owned()));
        let line = examine(row, &facts);
        assert_eq!((line.judgement, line.means.as_str()), (Judgement::Note, "cannot be read: permission denied"));
    }

    #[test]
    fn every_setting_that_a_shipped_policy_asks_for_is_reported() {
        let policies = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../policies")).unwrap();
        let paths = policies.map(|entry| entry.unwrap().path());
        // That one lists tools that have no policy.
        let paths = paths.filter(|path| !path.ends_with("elsewhere.toml"));
        for path in paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
            let policy = Policy::read(&std::fs::read_to_string(path).unwrap()).unwrap();
            for name in Questions::of(&policy).sysctls {
                assert!(TABLE.iter().any(|row| row.name == name), "{name}");
            }
        }
    }

    #[test]
    fn the_table_is_sorted_and_what_weighs_on_a_capability_names_one() {
        assert!(TABLE.is_sorted_by_key(|row| row.name));
        let weights = TABLE.iter().flat_map(|row| row.meanings).map(|meaning| &meaning.weight);
        for weight in weights {
            if let Weight::Voids(name) = weight {
                assert!(Capability::parse(name).is_ok(), "{name}");
            }
        }
    }
}
