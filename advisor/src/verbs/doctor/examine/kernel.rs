//! The kernel, and the facts that it shows about itself.

use crate::host::reading::Reading;
use crate::output::finding::{Judgement, Line};
use crate::verbs::doctor::facts::Facts;
use crate::verbs::doctor::finding::unreadable;
use capwrap_core::TABLE;
use capwrap_core::decision::facts::KernelVersion;
use capwrap_core::scope::domain::Gap;

/// Linux 4.3 brought ambient capabilities.
const OLDEST: KernelVersion = KernelVersion { major: 4, minor: 3, patch: 0 };

/// Whether capwrap's tests ran on an architecture.
#[derive(Clone, Copy)]
enum Tried {
    Yes,
    No,
}

/// The architectures that capwrap is built for.
const ARCHITECTURES: [(&str, Tried); 3] = [("x86_64", Tried::Yes), ("aarch64", Tried::Yes), ("riscv64", Tried::No)];

pub fn kernel(facts: &Facts) -> Vec<Line> {
    let kernel = &facts.kernel;
    let release = match kernel.version {
        Some(version) if version < OLDEST => Line::problem("release", &kernel.release)
            .means("older than ambient capabilities: nothing can be launched")
            .hint("a kernel from 4.3 on"),
        Some(_) => Line::ok("release", &kernel.release),
        None => Line::note("release", &kernel.release).means("no number: policies that ask for a release cannot hold"),
    };
    let architecture = match ARCHITECTURES.iter().find(|(name, _)| *name == kernel.architecture) {
        Some((name, Tried::Yes)) => Line::ok("architecture", *name),
        Some((name, Tried::No)) => Line::note("architecture", *name)
            .means("capwrap was built for it and not tried on it, neither launching nor learning"),
        None => Line::problem("architecture", kernel.architecture)
            .means(format!("capwrap is built for {}", ARCHITECTURES.map(|(name, _)| name).join(", "))),
    };
    vec![
        release,
        architecture,
        capabilities(facts),
        btf(facts),
        functions(facts),
        lockdown(facts),
        modules(facts),
        scopes(facts),
    ]
}

/// What this kernel enforces of the scopes of policies.
fn scopes(facts: &Facts) -> Line {
    let name = "scopes";
    match &facts.kernel.landlock {
        Reading::Is(0) => Line::note(name, "by seccomp alone")
            .means(
                "there is no Landlock: capwrap refuses the scope of a policy, unless the policy takes what is possible",
            )
            .hint("a kernel from 5.13 on, with landlock in its parameter lsm="),
        Reading::Is(abi) => {
            let line = Line::ok(name, format!("by seccomp and Landlock (ABI {abi})"));
            let lacks: Vec<String> = [Gap::Truncate(*abi), Gap::Ports(*abi)]
                .into_iter()
                .filter(|gap| gap.is_of_abi(*abi))
                .map(|gap| gap.to_string())
                .collect();
            if lacks.is_empty() { line } else { Line { judgement: Judgement::Note, ..line.means(lacks.join("; ")) } }
        }
        Reading::Absent => {
            Line::absent(name, Judgement::Ok).means("whether there is Landlock is not shown: no securityfs")
        }
        Reading::Unreadable(why) => unreadable(name, why),
    }
}

fn capabilities(facts: &Facts) -> Line {
    let name = "capabilities";
    let newest = TABLE.len() - 1;
    match &facts.kernel.last_capability {
        Reading::Absent => Line::absent(name, Judgement::Problem)
            .means("kernel.cap_last_cap is not there: learning cannot record which capabilities there are")
            .hint("mount /proc whole, without subset=pid"),
        Reading::Unreadable(why) => unreadable(name, why),
        Reading::Is(last) => {
            let last = usize::from(*last);
            let known = TABLE.get(last).map_or("unknown", |row| row.name);
            let value = format!("0 to {last}");
            if last == newest {
                Line::ok(name, value).means(format!("up to {known}, as capwrap knows them"))
            } else if last > newest {
                Line::note(name, value)
                    .means(format!("capwrap knows 0 to {newest}: it cannot grant the newer ones"))
                    .hint("a newer capwrap")
            } else {
                let lacking: Vec<&str> = TABLE[last + 1..].iter().map(|row| row.name).collect();
                Line::note(name, value).means(format!("up to {known}: not yet {}", lacking.join(", ")))
            }
        }
    }
}

fn btf(facts: &Facts) -> Line {
    let name = "BTF";
    let judgement = if facts.back_end().is_some() { Judgement::Note } else { Judgement::Problem };
    match &facts.kernel.btf {
        Reading::Is(bytes) => Line::ok(name, format!("{:.1} MiB", *bytes as f64 / f64::from(1 << 20)))
            .means("shows the probe where the kernel keeps what it reads"),
        Reading::Absent => Line::absent(name, judgement)
            .means("no /sys/kernel/btf/vmlinux: fexit and tp_btf cannot load")
            .hint("mount -t sysfs sysfs /sys; or a kernel with CONFIG_DEBUG_INFO_BTF"),
        Reading::Unreadable(why) => Line { judgement, ..unreadable(name, why) },
    }
}

fn functions(facts: &Facts) -> Line {
    let name = "function names";
    if facts.kernel.names_functions {
        return Line::ok(name, "by the kernel").means("its BPF can (bpf_snprintf), whatever /proc/kallsyms shows");
    }
    match &facts.kernel.shows_addresses {
        Reading::Is(true) => Line::ok(name, "by /proc/kallsyms"),
        Reading::Is(false) => Line::note(name, "hidden").means("/proc/kallsyms shows no addresses to this process"),
        Reading::Absent => Line::absent(name, Judgement::Note).means("no /proc/kallsyms"),
        Reading::Unreadable(why) => unreadable(name, why),
    }
}

fn lockdown(facts: &Facts) -> Line {
    let name = "lockdown";
    match &facts.kernel.lockdown {
        Reading::Absent => Line::absent(name, Judgement::Ok).means("not shown: no securityfs, or no lockdown"),
        Reading::Unreadable(why) => unreadable(name, why),
        Reading::Is(modes) => match modes.split(['[', ']']).nth(1).unwrap_or(modes) {
            "none" => Line::ok(name, "none"),
            "integrity" => Line::note(name, "integrity")
                .means("the kernel may be read and not changed: the probe loads, tools that write to it do not work"),
            "confidentiality" => Line::problem(name, "confidentiality")
                .means("the kernel may not be read, with any capability: neither probe nor tracing tools work")
                .hint("boot with lockdown=integrity or less"),
            other => Line::note(name, other),
        },
    }
}

fn modules(facts: &Facts) -> Line {
    let name = "security modules";
    match &facts.kernel.security_modules {
        Reading::Absent => Line::absent(name, Judgement::Ok).means("not shown: no securityfs"),
        Reading::Unreadable(why) => unreadable(name, why),
        Reading::Is(all) => {
            let line = Line::ok(name, all.replace(',', ", "));
            let strict: Vec<&str> =
                all.split(',').filter(|one| ["apparmor", "selinux", "smack", "tomoyo"].contains(one)).collect();
            if strict.is_empty() {
                line
            } else {
                line.means(format!("{} can refuse what a capability would allow", strict.join(" and ")))
            }
        }
    }
}
