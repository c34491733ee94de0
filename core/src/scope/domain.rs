//! The Landlock domain of a launch whose capabilities have a scope: what it forbids, and what it leaves open.
//!
//! A domain forbids what it *handles* and no rule allows (landlock(7)). Every scope takes one, because a domain also
//! keeps the tool from the other processes of its user: they have no scope, and could be made to act for it.

use crate::decision::Decision;
use crate::decision::facts::KernelVersion;
use crate::policy::{Enforce, Policy, Port, Preset};
use crate::scope::confined::{self, Confined};
use crate::scope::strength::{self, Strength};
use crate::{Capability, CapabilitySet};
use std::fmt;
use std::path::{Path, PathBuf};

/// Rights on files and directories (`LANDLOCK_ACCESS_FS_…`, include/uapi/linux/landlock.h).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights(u64);

impl Rights {
    /// No right.
    pub const NONE: Self = Self(0);
    /// Opening a file for writing.
    pub const WRITE_FILE: Self = Self(1 << 1);
    /// Opening a file for reading, and executing it.
    pub const READ_FILE: Self = Self(1 << 2);
    /// Listing a directory.
    pub const READ_DIR: Self = Self(1 << 3);
    /// Making a block device.
    pub const MAKE_BLOCK: Self = Self(1 << 11);
    /// Making a character device.
    pub const MAKE_CHAR: Self = Self(1 << 6);
    /// Moving a file into another directory, or linking it there, if it does not gain rights by that.
    pub const REFER: Self = Self(1 << 13);
    /// truncate(2) and ftruncate(2).
    pub const TRUNCATE: Self = Self(1 << 14);
    /// Reading what lies beneath a directory.
    pub const READING: Self = Self::READ_FILE.union(Self::READ_DIR);
    /// Making devices.
    pub const DEVICES: Self = Self::MAKE_CHAR.union(Self::MAKE_BLOCK);
    /// Changing what lies beneath a directory: writing, removing (4, 5), and making directories, files, sockets, pipes
    /// and links (7 to 10, 12). A whiteout is a character device that takes no cap_mknod (vfs_mknod, fs/namei.c).
    pub const WRITING: Self = Self(1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12)
        .union(Self::MAKE_CHAR)
        .union(Self::REFER)
        .union(Self::TRUNCATE);
    /// The rights that a rule on something else than a directory may have (`ACCESS_FILE`, security/landlock/fs.c):
    /// executing (0) and requests to devices (15) besides.
    const OF_FILES: Self = Self(1 << 0 | 1 << 15).union(Self::WRITE_FILE).union(Self::READ_FILE).union(Self::TRUNCATE);

    /// Returns the rights of both.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the rights that both have.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the rights that a rule on a file can have.
    pub const fn on_a_file(self) -> Self {
        self.intersection(Self::OF_FILES)
    }

    /// Returns whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the number that the kernel takes.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Returns the rights that a kernel of this ABI knows (landlock(7), "VERSIONS").
    const fn known_to(abi: u32) -> Self {
        Self(match abi {
            0 => 0,
            1 => (1 << 13) - 1,
            2 => (1 << 14) - 1,
            3 | 4 => (1 << 15) - 1,
            _ => (1 << 16) - 1,
        })
    }
}

/// The ABI that confines truncate(2) (Linux 6.2).
const TRUNCATES: u32 = 3;
/// The ABI that confines TCP ports (Linux 6.7).
const PORTS: u32 = 4;

/// The releases that brought the ABIs, from 1 on (landlock(7), "VERSIONS").
const RELEASES: [(u32, u32); 7] = [(5, 13), (5, 19), (6, 2), (6, 7), (6, 10), (6, 12), (6, 15)];

/// Returns the ABI that a release has where Landlock is on. A distribution may have brought a newer one to it.
pub fn abi_since(release: KernelVersion) -> u32 {
    let reached = RELEASES.iter().filter(|brought| **brought <= (release.major, release.minor));
    u32::try_from(reached.count()).unwrap_or_default()
}

/// What the scopes of one launch ask of a domain.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked<'p> {
    /// Where cap_dac_read_search counts, if it has a `beneath`.
    pub reading: Option<Vec<&'p Path>>,
    /// Where cap_dac_override counts, if it has a `beneath`.
    pub writing: Option<Vec<&'p Path>>,
    /// Where cap_mknod counts, if it has a `beneath`.
    pub devices: Option<Vec<&'p Path>>,
    /// The ports that may be bound, if cap_net_bind_service has `ports`.
    pub ports: Option<Vec<Port>>,
    /// The capabilities with a scope that can be used through files of [`PROC`] past every filter.
    pub through_proc: CapabilitySet,
    /// Whether cap_dac_read_search counts everywhere.
    reads_everywhere: bool,
    /// What contradicts a domain, or a scope.
    conflicts: Vec<Gap>,
    readable: &'p [PathBuf],
    writable: &'p [PathBuf],
    preset: Preset,
    enforce: Enforce,
}

/// Returns what is wrong with the scopes of a policy on every kernel: a domain would end its tool, or another grant makes a
/// scope void. Grants that always hold decide; the launcher judges the others with their conditions.
pub fn conflict(policy: &Policy) -> Option<Gap> {
    let always = policy.grants.iter().filter(|grant| grant.modes.is_empty() && grant.when.is_empty());
    let passed = always.clone().fold(CapabilitySet::EMPTY, |all, grant| all.union(grant.caps));
    let scopes = confined::join(always, passed, CapabilitySet::EMPTY);
    Asked::of_scopes(policy, passed, &scopes)?.plan(u32::MAX).refused_for()
}

/// A part of the scopes that the domain does not enforce, or that it enforces at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The kernel has no Landlock.
    NoLandlock,
    /// The kernel has no Landlock, and these capabilities can be used through files.
    FilesOfProc(CapabilitySet),
    /// The policy lets the tool write beneath [`PROC`], through which these capabilities can be used.
    WritesProc(CapabilitySet),
    /// The kernel's ABI of this number does not see truncate(2).
    Truncate(u32),
    /// The kernel's ABI of this number does not see ports.
    Ports(u32),
    /// cap_sys_ptrace is worth nothing in a domain.
    Ptrace,
    /// Nothing can be mounted in a domain.
    Mounts,
    /// cap_dac_override counts everywhere, so that cap_dac_read_search beneath a path confines nothing.
    ReadsByOverride,
}

impl Gap {
    /// Returns whether another kernel would enforce it. Otherwise the policy contradicts itself.
    pub const fn is_of_the_machine(self) -> bool {
        matches!(self, Self::NoLandlock | Self::FilesOfProc(_) | Self::Truncate(_) | Self::Ports(_))
    }

    /// Returns whether a kernel whose Landlock has this ABI leaves the gap.
    pub const fn is_of_abi(self, abi: u32) -> bool {
        match self {
            Self::NoLandlock | Self::FilesOfProc(_) => abi == 0,
            Self::Truncate(_) => abi < TRUNCATES,
            Self::Ports(_) => abi < PORTS,
            Self::WritesProc(_) | Self::Ptrace | Self::Mounts | Self::ReadsByOverride => false,
        }
    }

    /// Returns what to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::NoLandlock | Self::FilesOfProc(_) => {
                "add landlock to the kernel's parameter lsm= (Linux 5.13 and later), or write enforce = \"if-possible\" in the policy's [scope]"
            }
            Self::Truncate(_) => {
                "it takes Linux 6.2; or write enforce = \"if-possible\" in the policy's [scope], if that is enough"
            }
            Self::Ports(_) => {
                "it takes Linux 6.7; or write enforce = \"if-possible\" in the policy's [scope], if that is enough"
            }
            Self::WritesProc(_) => "name no path beneath /proc in `writable` and `beneath`",
            Self::Ptrace => "leave the scopes out, or grant no cap_sys_ptrace",
            Self::Mounts => "leave the scopes out, or the doors that mount",
            Self::ReadsByOverride => "give cap_dac_override a `beneath` too",
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLandlock => out.write_str(
                "this kernel has no Landlock, so `beneath` and `ports` confine nothing, and the tool is not separated from \
                 the other processes of its user",
            ),
            Self::FilesOfProc(capabilities) => {
                write!(out, "this kernel has no Landlock, so {capabilities} can be used through files beneath /proc")
            }
            Self::WritesProc(capabilities) => {
                write!(out, "the tool may write beneath /proc, where {capabilities} can be used past the scope")
            }
            Self::Truncate(abi) => {
                write!(out, "Landlock has ABI {abi} here, so the tool can empty files outside `beneath` by truncate(2)")
            }
            Self::Ports(abi) => write!(out, "Landlock has ABI {abi} here, so `ports` confines nothing"),
            Self::Ptrace => {
                out.write_str("a scope ends cap_sys_ptrace: Landlock keeps the tool from all processes outside")
            }
            Self::Mounts => {
                out.write_str("a scope ends mounting: Landlock refuses it, and a door of the policy is for it")
            }
            Self::ReadsByOverride => out
                .write_str("cap_dac_override counts everywhere, so `beneath` for cap_dac_read_search confines nothing"),
        }
    }
}

/// Where cap_net_admin may write what only root may (net_ctl_permissions, net/sysctl_net.c), and where cap_setuid and cap_setgid
/// give ids to the user namespace of another process (new_idmap_permitted, kernel/user_namespace.c).
const PROC: &str = "/proc";

/// Doors whose calls a domain refuses (`hook_sb_mount` and its like, security/landlock/fs.c).
pub const MOUNTING: [&str; 5] = ["mount", "umount2", "pivot_root", "move_mount", "fsconfig"];

impl<'p> Asked<'p> {
    /// Returns what a decision asks of a domain, if what it passes has a scope at all.
    pub fn of(policy: &'p Policy, decision: &'p Decision<'_>) -> Option<Self> {
        Self::of_scopes(policy, decision.passed, &decision.confined)
    }

    /// Returns what these scopes of a policy ask of a domain, beside the capabilities that are passed.
    pub fn of_scopes(policy: &'p Policy, passed: CapabilitySet, scopes: &'p [Confined]) -> Option<Self> {
        if scopes.is_empty() {
            return None;
        }
        let confined = |capability| scopes.iter().find(move |one| one.capability == capability);
        let beneath = |capability| {
            let paths = confined(capability)?.beneath.as_ref()?;
            Some(paths.iter().map(PathBuf::as_path).collect::<Vec<_>>())
        };
        let passes = |capability| passed.contains(capability);
        let reading = beneath(Capability::DAC_READ_SEARCH);
        let writing = beneath(Capability::DAC_OVERRIDE);
        let mounts = confined(Capability::SYS_ADMIN)
            .is_some_and(|one| one.through.iter().any(|door| MOUNTING.contains(&door.name())));
        let overrides = passes(Capability::DAC_OVERRIDE) && writing.is_none();
        let through_proc: CapabilitySet = scopes
            .iter()
            .map(|one| one.capability)
            .filter(|one| strength::of(*one).through == Strength::NeedsDomain)
            .collect();
        let mut written = policy.scope.writable.iter().map(PathBuf::as_path).chain(writing.iter().flatten().copied());
        let writes_proc = !through_proc.is_empty() && written.any(|path| path.starts_with(PROC));
        let conflicts = [
            (writes_proc, Gap::WritesProc(through_proc)),
            (passes(Capability::SYS_PTRACE), Gap::Ptrace),
            (mounts, Gap::Mounts),
            (reading.is_some() && overrides, Gap::ReadsByOverride),
        ];
        Some(Self {
            through_proc,
            reads_everywhere: passes(Capability::DAC_READ_SEARCH) && reading.is_none(),
            reading,
            writing,
            devices: beneath(Capability::MKNOD),
            ports: confined(Capability::NET_BIND_SERVICE).and_then(|one| one.ports.clone()),
            conflicts: conflicts.into_iter().filter(|(is_so, _)| *is_so).map(|(_, gap)| gap).collect(),
            readable: &policy.scope.readable,
            writable: &policy.scope.writable,
            preset: policy.scope.preset,
            enforce: policy.scope.enforce,
        })
    }

    /// Whether the domain confines a capability, and not only the separation from other processes is asked for.
    fn confines(&self) -> bool {
        let by_paths = self.reading.is_some() || self.writing.is_some() || self.devices.is_some();
        by_paths || self.ports.is_some() || !self.through_proc.is_empty()
    }

    /// Plans the domain for a kernel whose Landlock has this ABI; 0 stands for a kernel without Landlock.
    pub fn plan(&self, abi: u32) -> Plan<'p> {
        let mut gaps = self.conflicts.clone();
        if abi == 0 {
            gaps.push(Gap::NoLandlock);
            gaps.extend((!self.through_proc.is_empty()).then_some(Gap::FilesOfProc(self.through_proc)));
            return Plan { domain: None, gaps, enforce: self.enforce };
        }
        let asked = [(self.writing.is_some(), Gap::Truncate(abi)), (self.ports.is_some(), Gap::Ports(abi))];
        gaps.extend(asked.into_iter().filter(|(is_asked, gap)| *is_asked && gap.is_of_abi(abi)).map(|(_, gap)| gap));
        // Where the policy takes what is possible, a tool that a domain would end keeps its other scopes.
        let ends_the_tool = self.conflicts.iter().any(|gap| matches!(gap, Gap::Ptrace | Gap::Mounts));
        let domain = (!ends_the_tool || self.confines()).then(|| self.domain(abi));
        Plan { domain, gaps, enforce: self.enforce }
    }

    fn domain(&self, abi: u32) -> Domain<'p> {
        let known = Rights::known_to(abi);
        // Every ruleset must handle something. What needs a domain for its separation alone handles a right that the
        // whole tree has: REFER, which the kernel would otherwise forbid everywhere, or the making of block devices.
        let mut everywhere = if abi == 1 { Rights::MAKE_BLOCK } else { Rights::REFER };
        let mut handled = everywhere;
        let reads = (self.reading.is_some() || self.writing.is_some()) && !self.reads_everywhere;
        if reads {
            handled = handled.union(Rights::READING);
        }
        if self.writing.is_some() {
            handled = handled.union(Rights::WRITING);
        }
        if self.devices.is_some() {
            handled = handled.union(Rights::DEVICES);
        }
        let closes_proc = !self.through_proc.is_empty();
        if closes_proc {
            handled = handled.union(Rights::WRITE_FILE);
        }
        let handled = handled.intersection(known);
        if self.writing.is_some() && abi > 1 || self.devices.is_some() && abi == 1 {
            everywhere = Rights::NONE;
        }
        let mut rules = vec![Rule { place: Place::Root, rights: everywhere }];
        let mut allow = |places: &mut dyn Iterator<Item = Place<'p>>, rights: Rights| {
            rules.extend(places.map(|place| Rule { place, rights }));
        };
        let both = Rights::READING.union(Rights::WRITING);
        allow(&mut self.reading.iter().flatten().map(|path| Place::Path(path)), Rights::READING);
        allow(&mut self.writing.iter().flatten().map(|path| Place::Path(path)), both);
        allow(&mut self.devices.iter().flatten().map(|path| Place::Path(path)), Rights::DEVICES);
        allow(&mut self.readable.iter().map(|path| Place::Path(path)), Rights::READING);
        allow(&mut self.writable.iter().map(|path| Place::Path(path)), both);
        if closes_proc && self.writing.is_none() {
            allow(&mut std::iter::once(Place::AllBut(Path::new(PROC))), Rights::WRITE_FILE);
        }
        // A kernel opens a program to execute it.
        allow(&mut std::iter::once(Place::Tool), Rights::READ_FILE);
        if self.preset == Preset::System {
            allow(&mut SYSTEM.iter().map(|path| Place::Preset(Path::new(path))), Rights::READING);
            let device = Rights::READ_FILE.union(Rights::WRITE_FILE).union(Rights::TRUNCATE);
            allow(&mut DEVICES.iter().map(|path| Place::Preset(Path::new(path))), device);
            allow(&mut std::iter::once(Place::OpenToAll(Path::new(OPEN_IN_PARTS))), Rights::READING);
        }
        let rules = rules
            .into_iter()
            .map(|rule| Rule { rights: rule.rights.intersection(handled), ..rule })
            .filter(|rule| !rule.rights.is_empty())
            .collect();
        let ports = self.ports.as_ref().filter(|_| abi >= PORTS).map(|ports| {
            // Port 0 stands for one that the kernel chooses, and it chooses none that takes a capability.
            let mut ports: Vec<u16> = std::iter::once(0).chain(ports.iter().map(|port| port.0)).collect();
            ports.sort_unstable();
            ports.dedup();
            ports
        });
        Domain { handled, rules, ports, writes_no: closes_proc.then_some("proc") }
    }
}

/// What the preset leaves readable, besides what everybody may read in /etc. In a domain, /proc shows nothing of other
/// processes that ptrace(2) would not show.
const SYSTEM: [&str; 10] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
];

/// Devices that hold nothing of anybody's. /dev/tty is the terminal of whoever opens it.
const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// Returns whether the preset lets everybody read what has this path, whatever lies there.
pub fn is_readable_by_preset(path: &Path) -> bool {
    SYSTEM.iter().any(|place| path.starts_with(place)) || DEVICES.iter().any(|place| path == Path::new(place))
}

/// The directory of which the preset leaves those parts readable that are open to all.
pub const OPEN_IN_PARTS: &str = "/etc";

/// What a kernel can do for the scopes of a launch.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan<'p> {
    /// The domain, if there is to be one.
    pub domain: Option<Domain<'p>>,
    /// What it does not enforce.
    pub gaps: Vec<Gap>,
    enforce: Enforce,
}

impl Plan<'_> {
    /// Returns what is not enforced, in words, and whether capwrap refuses the launch for it.
    pub fn said(&self) -> (Vec<String>, bool) {
        let refused = self.refused_for();
        let said = |gap: &Gap| if refused == Some(*gap) { format!("refused: {gap}") } else { gap.to_string() };
        (self.gaps.iter().map(said).collect(), refused.is_some())
    }

    /// Returns the gap for which capwrap refuses the launch, if there is one.
    pub fn refused_for(&self) -> Option<Gap> {
        let is_allowed = |gap: &&Gap| match self.enforce {
            Enforce::Required => false,
            // What the policy itself contradicts stays an error, unless nothing but the separation is lost.
            Enforce::IfPossible => gap.is_of_the_machine() || **gap == Gap::ReadsByOverride || self.domain.is_none(),
        };
        self.gaps.iter().find(|gap| !is_allowed(gap)).copied()
    }
}

/// A Landlock domain.
#[derive(Debug, PartialEq, Eq)]
pub struct Domain<'p> {
    /// What is forbidden where no rule allows it.
    pub handled: Rights,
    /// What is allowed, and where.
    pub rules: Vec<Rule<'p>>,
    /// The TCP ports that may be bound, if others may not.
    pub ports: Option<Vec<u16>>,
    /// The type of file systems in which nothing may be written, wherever they are mounted.
    pub writes_no: Option<&'static str>,
}

impl Domain<'_> {
    /// Returns whether it forbids more of files than moving them.
    pub const fn is_about_paths(&self) -> bool {
        self.handled.bits() & !Rights::REFER.bits() != 0
    }

    /// Returns a TCP port that the domain refuses, and that asks for no capability by itself.
    pub fn refused_port(&self) -> Option<u16> {
        let allowed = self.ports.as_ref()?;
        (1..=u16::MAX).rev().find(|port| !allowed.contains(port))
    }
}

/// Rights on one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<'p> {
    /// The place, and all that lies beneath it.
    pub place: Place<'p>,
    /// What is allowed there.
    pub rights: Rights,
}

/// Where a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'p> {
    /// The whole tree.
    Root,
    /// A path of the policy's.
    Path(&'p Path),
    /// A path of the preset's, which need not exist.
    Preset(&'static Path),
    /// Everything but this directory, and but the file systems that are closed ([`Domain::writes_no`]).
    AllBut(&'static Path),
    /// What everybody may read beneath this path.
    OpenToAll(&'static Path),
    /// The file that is executed.
    Tool,
}

/// Returns whether everybody may read a file, or read and enter a directory. `mode` is its `st_mode`.
pub const fn is_open_to_all(mode: u32) -> bool {
    let wanted = if mode & 0o170_000 == 0o040_000 { 0o005 } else { 0o004 };
    mode & wanted == wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::facts::Facts;
    use crate::decision::{Request, decide};

    fn with_plan<T>(grants: &str, abi: u32, then: impl FnOnce(Option<Plan<'_>>) -> T) -> T {
        let text = format!("schema = 1\ntool = {{ path = \"/t\" }}\nallow = {{ users = [\"root\"] }}\n{grants}");
        let policy = Policy::read(&text).unwrap();
        let facts = Facts { last_capability: 40, ..Facts::default() };
        let decision = decide(&policy, &facts, &[], &Request::default()).unwrap();
        then(Asked::of(&policy, &decision).map(|asked| asked.plan(abi)))
    }

    /// Returns the rights of a path of the policy's, and whether each kind of right is handled at all.
    fn rights(plan: &Plan<'_>, path: &str) -> Rights {
        let domain = plan.domain.as_ref().unwrap();
        let rules = domain.rules.iter().filter(|rule| rule.place == Place::Path(Path::new(path)));
        rules.fold(Rights::NONE, |all, rule| all.union(rule.rights))
    }

    const LOGS: &str = "[[grant]]\ncaps = \"dac_read_search\"\nbeneath = \"/var/log\"\n";
    const PING: &str = "[[grant]]\ncaps = \"net_raw\"\nthrough = \"socket:raw-icmp\"\n";

    #[test]
    fn without_a_scope_there_is_no_domain() {
        with_plan("[[grant]]\ncaps = \"dac_read_search\"\n", 6, |plan| assert_eq!(plan, None));
        let other_caller = "[[grant]]\ncaps = \"net_raw\"\nthrough = \"socket:packet\"\nwhen = { uid0 = true }\n";
        with_plan(other_caller, 6, |plan| assert_eq!(plan, None));
    }

    #[test]
    fn a_scope_by_system_calls_takes_a_domain_that_forbids_nothing_but_the_way_to_other_processes() {
        for (abi, right) in [(1, Rights::MAKE_BLOCK), (2, Rights::REFER), (7, Rights::REFER)] {
            with_plan(PING, abi, |plan| {
                let domain = plan.unwrap().domain.unwrap();
                assert_eq!((domain.handled, domain.ports), (right, None));
                assert_eq!(domain.rules, [Rule { place: Place::Root, rights: right }]);
            });
        }
    }

    #[test]
    fn reading_is_allowed_where_the_policy_says_and_where_everybody_may_read() {
        with_plan(LOGS, 1, |plan| {
            let plan = plan.unwrap();
            assert_eq!(plan.refused_for(), None);
            assert_eq!(rights(&plan, "/var/log"), Rights::READING);
            let domain = plan.domain.unwrap();
            assert_eq!(domain.handled, Rights::READING.union(Rights::MAKE_BLOCK));
            let has = |place, rights| domain.rules.contains(&Rule { place, rights });
            assert!(has(Place::Preset(Path::new("/usr")), Rights::READING));
            assert!(has(Place::Preset(Path::new("/dev/null")), Rights::READ_FILE));
            assert!(has(Place::OpenToAll(Path::new("/etc")), Rights::READING));
            assert!(has(Place::Tool, Rights::READ_FILE));
        });
        let none = format!("{LOGS}[scope]\npreset = \"none\"\nreadable = \"/srv\"\n");
        with_plan(&none, 6, |plan| {
            let plan = plan.unwrap();
            assert_eq!(rights(&plan, "/srv"), Rights::READING);
            assert_eq!(plan.domain.unwrap().rules.len(), 4);
        });
    }

    #[test]
    fn a_second_grant_without_a_scope_lets_the_capability_count_everywhere() {
        let twice = format!("{LOGS}{PING}[[grant]]\ncaps = \"dac_read_search\"\n");
        with_plan(&twice, 6, |plan| assert_eq!(plan.unwrap().domain.unwrap().handled, Rights::REFER));
    }

    #[test]
    fn what_overrides_reading_is_confined_in_reading_too() {
        let override_ = "[[grant]]\ncaps = \"dac_override\"\nbeneath = \"/srv\"\n";
        with_plan(override_, 3, |plan| {
            let plan = plan.unwrap();
            let both = Rights::READING.union(Rights::WRITING);
            assert_eq!((rights(&plan, "/srv"), plan.domain.unwrap().handled), (both, both));
        });
        let reads_all = format!("{override_}[[grant]]\ncaps = \"dac_read_search\"\n");
        with_plan(&reads_all, 3, |plan| assert_eq!(plan.unwrap().domain.unwrap().handled, Rights::WRITING));
        let by_override = format!("{LOGS}[[grant]]\ncaps = \"dac_override\"\n");
        with_plan(&by_override, 3, |plan| assert_eq!(plan.unwrap().refused_for(), Some(Gap::ReadsByOverride)));
    }

    #[test]
    fn nobody_moves_what_a_scope_for_writing_forbids_to_write() {
        let grants = "[[grant]]\ncaps = \"dac_override\"\nbeneath = \"/srv\"\n";
        with_plan(grants, 6, |plan| {
            let domain = plan.unwrap().domain.unwrap();
            assert!(domain.rules.iter().all(|rule| rule.place != Place::Root));
        });
    }

    #[test]
    fn capabilities_that_files_of_proc_answer_take_a_domain_that_writes_none() {
        let admin = "[[grant]]\ncaps = \"net_admin\"\nthrough = \"netlink:route\"\n";
        let everywhere_else = Rule { place: Place::AllBut(Path::new("/proc")), rights: Rights::WRITE_FILE };
        for abi in [1, 7] {
            with_plan(admin, abi, |plan| {
                let domain = plan.unwrap().domain.unwrap();
                assert!(!domain.handled.intersection(Rights::WRITE_FILE).is_empty());
                assert!(domain.rules.contains(&everywhere_else) && domain.writes_no == Some("proc"));
                assert!(domain.is_about_paths());
            });
        }
        let both = format!("{admin}[[grant]]\ncaps = \"dac_override\"\nbeneath = \"/srv\"\n");
        with_plan(&both, 6, |plan| {
            let domain = plan.unwrap().domain.unwrap();
            assert!(!domain.rules.contains(&everywhere_else) && domain.writes_no == Some("proc"));
        });
        let writes = format!("{both}[scope]\nwritable = \"/proc/sys/net\"\n");
        let named = Gap::WritesProc(Capability::NET_ADMIN.into());
        with_plan(&writes, 6, |plan| assert_eq!(plan.unwrap().refused_for(), Some(named)));
        let lenient = format!("{admin}[scope]\nenforce = \"if-possible\"\n");
        with_plan(&lenient, 0, |plan| {
            let plan = plan.unwrap();
            assert_eq!(plan.gaps, [Gap::NoLandlock, Gap::FilesOfProc(Capability::NET_ADMIN.into())]);
            assert_eq!(plan.refused_for(), None);
        });
        with_plan(PING, 6, |plan| assert_eq!(plan.unwrap().domain.unwrap().writes_no, None));
    }

    #[test]
    fn an_old_kernel_that_leaves_a_gap_is_refused_unless_the_policy_takes_what_is_possible() {
        let writing = "[[grant]]\ncaps = \"dac_override\"\nbeneath = \"/srv\"\n";
        let ports = "[[grant]]\ncaps = \"net_bind_service\"\nports = \"tcp/443\"\n";
        for (grants, abi, gap) in [
            (LOGS, 0, Gap::NoLandlock),
            (PING, 0, Gap::NoLandlock),
            (writing, 1, Gap::Truncate(1)),
            (writing, 2, Gap::Truncate(2)),
            (ports, 3, Gap::Ports(3)),
        ] {
            with_plan(grants, abi, |plan| assert_eq!(plan.unwrap().refused_for(), Some(gap)));
            let lenient = format!("{grants}[scope]\nenforce = \"if-possible\"\n");
            with_plan(&lenient, abi, |plan| {
                let plan = plan.unwrap();
                assert_eq!((plan.refused_for(), plan.gaps.as_slice()), (None, &[gap][..]));
                assert_eq!(plan.domain.is_none(), abi == 0);
            });
        }
    }

    #[test]
    fn the_ports_of_the_policy_and_the_one_that_the_kernel_chooses_may_be_bound() {
        let grants = "[[grant]]\ncaps = \"net_bind_service\"\nports = [\"tcp/443\", \"tcp/80\"]\n";
        with_plan(grants, 4, |plan| {
            let domain = plan.unwrap().domain.unwrap();
            assert_eq!(domain.refused_port(), Some(u16::MAX));
            assert_eq!((domain.handled, domain.ports), (Rights::REFER, Some(vec![0, 80, 443])));
        });
    }

    #[test]
    fn a_tool_that_a_domain_would_end_is_refused_or_runs_without_the_separation() {
        let tracing = format!("{PING}[[grant]]\ncaps = \"sys_ptrace\"\n");
        let mounting = "[[grant]]\ncaps = \"sys_admin\"\nthrough = [\"mount\", \"umount2\"]\n";
        for (grants, gap) in [(tracing.as_str(), Gap::Ptrace), (mounting, Gap::Mounts)] {
            with_plan(grants, 6, |plan| assert_eq!(plan.unwrap().refused_for(), Some(gap)));
            let lenient = format!("{grants}[scope]\nenforce = \"if-possible\"\n");
            with_plan(&lenient, 6, |plan| {
                let plan = plan.unwrap();
                assert_eq!((plan.refused_for(), plan.domain.as_ref()), (None, None));
            });
            let with_paths = format!("{LOGS}{lenient}");
            with_plan(&with_paths, 6, |plan| assert_eq!(plan.unwrap().refused_for(), Some(gap)));
        }
    }

    #[test]
    fn what_contradicts_a_scope_in_every_launch_is_a_conflict_of_the_policy() {
        let of = |grants: &str| {
            let text = format!("schema = 1\ntool = {{ path = \"/t\" }}\nallow = {{ users = [\"root\"] }}\n{grants}");
            conflict(&Policy::read(&text).unwrap())
        };
        let tracing = "[[grant]]\ncaps = \"sys_ptrace\"\n";
        assert_eq!(of(&format!("{PING}{tracing}")), Some(Gap::Ptrace));
        assert_eq!(of(&format!("{PING}{tracing}when = {{ arg = \"-p\" }}\n")), None);
        assert_eq!(of(PING), None);
        assert_eq!(of(tracing), None);
    }

    #[test]
    fn a_release_tells_the_least_abi() {
        let abi = |text| abi_since(KernelVersion::parse(text).unwrap());
        assert_eq!(["5.10.0", "5.13.1", "6.1.0-18-amd64", "6.7", "6.18.44"].map(abi), [0, 1, 2, 4, 7]);
    }

    #[test]
    fn a_directory_that_not_everybody_may_enter_is_not_open_to_all() {
        let directory = 0o040_000;
        assert!([directory | 0o755, 0o100_644, 0o100_404].into_iter().all(is_open_to_all));
        assert!(![directory | 0o754, directory | 0o711, 0o100_640, 0o100_600].into_iter().any(is_open_to_all));
    }

    #[test]
    fn a_rule_on_a_file_has_no_right_that_directories_alone_have() {
        let all = Rights::READING.union(Rights::WRITING).union(Rights::DEVICES);
        let of_a_file = Rights::READ_FILE.union(Rights::WRITE_FILE).union(Rights::TRUNCATE);
        assert_eq!(all.on_a_file(), of_a_file);
    }
}
