//! The facts that the doctor found on the machine, before anything judges them.

use crate::host::journald::Journald;
use crate::host::launcher_kernels::AnyBecause;
use crate::host::mounts::Mount;
use crate::host::reading::Reading;
use crate::output::finding::Line;
use capwrap_core::decision::facts::KernelVersion;
use capwrap_core::{Capability, CapabilitySet};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All facts.
#[derive(Clone, Debug)]
pub struct Facts {
    pub kernel: Kernel,
    /// The result of trying each back end, in the order in which they are tried.
    pub back_ends: Vec<Tried>,
    pub rights: Rights,
    /// Settings by their dotted names.
    pub sysctls: BTreeMap<&'static str, Reading>,
    pub mounts: Mounts,
    pub launcher: Launcher,
}

#[derive(Clone, Debug)]
pub struct Kernel {
    pub release: String,
    pub version: Option<KernelVersion>,
    pub architecture: &'static str,
    pub last_capability: Reading<u8>,
    /// The size of the kernel's BTF in bytes.
    pub btf: Reading<u64>,
    /// Whether the kernel can name its functions for BPF programs (bpf_snprintf and what the probe uses with it).
    pub names_functions: bool,
    /// Whether this process sees addresses in /proc/kallsyms.
    pub shows_addresses: Reading<bool>,
    /// The lockdown mode as securityfs shows it: `[none] integrity confidentiality`.
    pub lockdown: Reading,
    /// The modules as securityfs shows them, with commas between.
    pub security_modules: Reading,
    /// The least ABI of Landlock, or 0.
    pub landlock: Reading<u32>,
}

/// A back end that was tried.
#[derive(Clone, Debug)]
pub struct Tried {
    pub name: String,
    pub outcome: Result<(), String>,
}

#[derive(Clone, Debug)]
pub struct Rights {
    pub uid: u32,
    pub user: Option<String>,
    pub effective: CapabilitySet,
    pub permitted: CapabilitySet,
    pub bounding: CapabilitySet,
    pub no_new_privs: bool,
    /// The seccomp mode: 0 none, 1 strict, 2 filter.
    pub seccomp: Option<u8>,
    pub securebits: Reading<u32>,
    /// Whether this process is in the initial user namespace.
    pub initial_namespace: Reading<bool>,
    /// The sign that this process runs in a container, if there is one.
    pub container: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Mounts {
    pub all: Reading<Vec<Mount>>,
    /// Whether this process can read tracefs.
    pub tracefs: Reading<()>,
    /// The prefix that capwrap was built for.
    pub prefix: PathBuf,
    /// Whether the prefix is mounted nosuid, so that set-user-ID bits and file capabilities have no effect there.
    pub prefix_nosuid: Reading<bool>,
    /// Whether files below the prefix can have extended attributes.
    pub prefix_attributes: Reading<bool>,
}

#[derive(Clone, Debug)]
pub struct Launcher {
    pub path: PathBuf,
    pub file: Reading<LauncherFile>,
    /// The enabled policies, in the order of their names.
    pub policies: Reading<Vec<Enabled>>,
    /// Why the launcher's file must serve any kernel; `None` where it serves the kernel that runs.
    pub any_kernel: Option<AnyBecause>,
    /// Whether /etc/passwd exists.
    pub accounts: Reading<()>,
    /// The log that takes the launcher's records.
    pub log: Reading<Log>,
    /// What journald is configured to drop.
    pub journald: Reading<Journald>,
    /// The number of the group by which the recorder knows the launcher.
    pub record_group: Option<u32>,
    /// Whether a socket of the recorder's is there.
    pub recorder: Reading<()>,
    /// Whether a socket is there on which the recorder answers users.
    pub history: Reading<()>,
    /// The users in the group by which the recorder knows the launcher.
    pub record_members: Vec<String>,
    /// The directory of the recorder's files.
    pub records: Reading<Records>,
}

/// The directory of the recorder's files, and whose it should be.
#[derive(Clone, Debug)]
pub struct Records {
    pub uid: u32,
    pub gid: u32,
    /// Its type and its permissions (st_mode of inode(7)).
    pub mode: u32,
    /// The recorder's user.
    pub recorder: Option<u32>,
    /// The group whose members read all records.
    pub readers: Option<u32>,
}

/// A log that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    Journal,
    Syslog,
}

#[derive(Clone, Debug)]
pub struct LauncherFile {
    /// The path for a command that root runs, if root can safely run a command on it.
    pub in_command: Option<String>,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    /// The permitted set of the file's capabilities.
    pub permitted: Result<CapabilitySet, String>,
    /// Whether the file has the effective bit or an inheritable set, which the launcher must not have.
    pub marked_otherwise: bool,
    /// The root user id of the user namespace in which alone the file's capabilities count.
    pub root_id: Option<u32>,
}

/// An enabled policy.
#[derive(Clone, Debug)]
pub struct Enabled {
    pub name: String,
    /// The policy's content, or why the launcher ignores the policy.
    pub read: Result<Policy, String>,
}

#[derive(Clone, Debug)]
pub struct Policy {
    /// The capabilities that any launch by this policy could need in the launcher's file.
    pub needs: CapabilitySet,
    /// Why every launch by this policy fails on this machine: a fact that it asks for cannot be read.
    pub unreadable: Option<String>,
    /// The capabilities that a launch without arguments needs on this machine, for this user.
    pub takes: CapabilitySet,
    /// The capabilities that the same launch needs for any user but root.
    pub takes_of_users: CapabilitySet,
    /// The first of its paths that exists.
    pub tool: Option<PathBuf>,
    /// All its paths.
    pub paths: Vec<PathBuf>,
    /// Why this kernel cannot enforce the policy's scopes, with a hint. capwrap then refuses the launch.
    pub beyond_kernel: Option<(String, &'static str)>,
    /// Whether the policy demands a record of every launch.
    pub audit_required: bool,
    /// Whether this user may run the tool. If not: why not, and the hint.
    pub allowed: Result<(), (String, String)>,
    /// A line for each demand that does not hold for everybody.
    pub demands: Vec<Line>,
}

impl Facts {
    pub fn is_root(&self) -> bool {
        self.rights.uid == 0
    }

    /// Names the capabilities for which this kernel asks where newer ones ask for these.
    pub fn asked_for(&self, capabilities: &[Capability]) -> String {
        let mut names: Vec<&str> = capabilities.iter().map(|one| self.on_this_kernel(*one).name()).collect();
        names.dedup();
        names.join(" and ")
    }

    /// Replaces each capability between braces by the one for which this kernel asks.
    pub fn of_this_kernel(&self, text: &str) -> String {
        Capability::all().fold(text.to_owned(), |text, one| {
            text.replace(&format!("{{{}}}", one.name()), self.on_this_kernel(one).name())
        })
    }

    fn on_this_kernel(&self, capability: Capability) -> Capability {
        self.kernel.last_capability.is().map_or(capability, |last| capability.on_kernel(*last))
    }

    /// Whether this process may load tracing programs.
    pub fn may_trace(&self) -> bool {
        if self.rights.initial_namespace == Reading::Is(false) {
            // bpf(2) asks for these capabilities in the initial user namespace.
            return false;
        }
        let held = self.rights.effective;
        let both: CapabilitySet = [Capability::BPF, Capability::PERFMON].into_iter().collect();
        held.contains(Capability::SYS_ADMIN) || both.is_subset(held)
    }

    /// The back end that the probe uses.
    pub fn back_end(&self) -> Option<&str> {
        self.back_ends.iter().find(|tried| tried.outcome.is_ok()).map(|tried| tried.name.as_str())
    }

    /// A setting as a number.
    pub fn sysctl(&self, name: &str) -> Option<i64> {
        self.sysctls.get(name)?.is()?.parse().ok()
    }

    /// The enabled policies that can be read.
    pub fn policies(&self) -> impl Iterator<Item = (&str, &Policy)> {
        let all = self.launcher.policies.is().map(Vec::as_slice).unwrap_or_default();
        all.iter().filter_map(|policy| Some((policy.name.as_str(), policy.read.as_ref().ok()?)))
    }

    /// The capabilities that all enabled policies together need in the launcher's file.
    pub fn needed(&self) -> CapabilitySet {
        self.policies().fold(CapabilitySet::EMPTY, |set, (_, policy)| set.union(policy.needs))
    }
}

/// A machine on which nothing is wrong. Each test changes one thing of it.
#[cfg(test)]
pub fn sound() -> Facts {
    use Reading::{Absent, Is};
    let all = CapabilitySet::from_mask((1 << 41) - 1);
    let learner = CapabilitySet::parse("bpf,perfmon").unwrap();
    let policy = |name: &str, needs, path: &str| Enabled {
        name: name.to_owned(),
        read: Ok(Policy {
            needs,
            unreadable: None,
            takes: needs,
            takes_of_users: needs,
            tool: Some(path.into()),
            paths: vec![path.into()],
            beyond_kernel: None,
            audit_required: false,
            allowed: Ok(()),
            demands: Vec::new(),
        }),
    };
    Facts {
        kernel: Kernel {
            release: "6.1.0-30-amd64".to_owned(),
            version: KernelVersion::parse("6.1.0"),
            architecture: "x86_64",
            last_capability: Is(40),
            btf: Is(5 << 20),
            names_functions: true,
            shows_addresses: Is(true),
            lockdown: Is("[none] integrity confidentiality".to_owned()),
            security_modules: Is("capability,apparmor".to_owned()),
            landlock: Is(7),
        },
        back_ends: vec![
            Tried { name: "fexit".to_owned(), outcome: Ok(()) },
            Tried { name: "tp_btf".to_owned(), outcome: Err("no tracepoint".to_owned()) },
        ],
        rights: Rights {
            uid: 0,
            user: Some("root".to_owned()),
            effective: all,
            permitted: all,
            bounding: all,
            no_new_privs: false,
            seccomp: Some(0),
            securebits: Is(0),
            initial_namespace: Is(true),
            container: None,
        },
        sysctls: crate::verbs::doctor::sysctls::TABLE.iter().map(|row| (row.name, Absent)).collect(),
        mounts: Mounts {
            all: Is([
                ("/proc", "proc"),
                ("/sys/kernel/tracing", "tracefs"),
                ("/sys/fs/bpf", "bpf"),
                ("/sys/kernel/security", "securityfs"),
                ("/sys/fs/cgroup", "cgroup2"),
            ]
            .into_iter()
            .map(|(place, kind)| Mount {
                place: place.into(),
                root: "/".into(),
                kind: kind.to_owned(),
                options: Vec::new(),
            })
            .collect()),
            tracefs: Is(()),
            prefix: "/usr/local".into(),
            prefix_nosuid: Is(false),
            prefix_attributes: Is(true),
        },
        launcher: Launcher {
            path: "/usr/local/bin/capwrap".into(),
            file: Is(LauncherFile {
                in_command: Some("/usr/local/bin/capwrap".to_owned()),
                uid: 0,
                gid: 77,
                mode: 0o102_755,
                permitted: Ok(learner.union(CapabilitySet::parse("net_raw").unwrap())),
                marked_otherwise: false,
                root_id: None,
            }),
            policies: Is(vec![
                policy("capwrap-learn", learner, "/usr/local/libexec/capwrap/capwrap-advisor"),
                policy("tcpdump", CapabilitySet::parse("net_raw").unwrap(), "/usr/bin/tcpdump"),
            ]),
            any_kernel: None,
            accounts: Is(()),
            log: Is(Log::Journal),
            journald: Is(Journald::default()),
            record_group: Some(77),
            recorder: Is(()),
            history: Is(()),
            record_members: Vec::new(),
            records: Is(Records { uid: 66, gid: 4, mode: 0o042_750, recorder: Some(66), readers: Some(4) }),
        },
    }
}
