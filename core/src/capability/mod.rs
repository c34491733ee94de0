//! The capabilities of Linux, by number and name.

pub mod exec_rule;
pub mod set;
pub mod setcap_text;
pub mod xattr;

use crate::text::nearest;
use std::fmt;

/// One row of [`TABLE`].
pub struct Row {
    /// The name that the kernel, libcap and policies use, in lower case.
    pub name: &'static str,
    /// The first kernel release that knows the capability.
    pub since: &'static str,
    /// The capability for which kernels before it ask in its place, if there is one (capabilities(7)).
    pub before: Option<Capability>,
}

const fn row(name: &'static str, since: &'static str) -> Row {
    Row { name, since, before: None }
}

/// A capability that was split from cap_sys_admin.
const fn of_sys_admin(name: &'static str, since: &'static str) -> Row {
    Row { name, since, before: Some(Capability::SYS_ADMIN) }
}

/// Every capability, at the index that is its number.
///
/// The sources are `include/uapi/linux/capability.h` of Linux 6.18 and capabilities(7).
pub const TABLE: [Row; 41] = [
    row("cap_chown", "2.2"),
    row("cap_dac_override", "2.2"),
    row("cap_dac_read_search", "2.2"),
    row("cap_fowner", "2.2"),
    row("cap_fsetid", "2.2"),
    row("cap_kill", "2.2"),
    row("cap_setgid", "2.2"),
    row("cap_setuid", "2.2"),
    row("cap_setpcap", "2.2"),
    row("cap_linux_immutable", "2.2"),
    row("cap_net_bind_service", "2.2"),
    row("cap_net_broadcast", "2.2"),
    row("cap_net_admin", "2.2"),
    row("cap_net_raw", "2.2"),
    row("cap_ipc_lock", "2.2"),
    row("cap_ipc_owner", "2.2"),
    row("cap_sys_module", "2.2"),
    row("cap_sys_rawio", "2.2"),
    row("cap_sys_chroot", "2.2"),
    row("cap_sys_ptrace", "2.2"),
    row("cap_sys_pacct", "2.2"),
    row("cap_sys_admin", "2.2"),
    row("cap_sys_boot", "2.2"),
    row("cap_sys_nice", "2.2"),
    row("cap_sys_resource", "2.2"),
    row("cap_sys_time", "2.2"),
    row("cap_sys_tty_config", "2.2"),
    row("cap_mknod", "2.4"),
    row("cap_lease", "2.4"),
    row("cap_audit_write", "2.6.11"),
    row("cap_audit_control", "2.6.11"),
    row("cap_setfcap", "2.6.24"),
    row("cap_mac_override", "2.6.25"),
    row("cap_mac_admin", "2.6.25"),
    of_sys_admin("cap_syslog", "2.6.37"),
    row("cap_wake_alarm", "3.0"),
    row("cap_block_suspend", "3.5"),
    row("cap_audit_read", "3.16"),
    of_sys_admin("cap_perfmon", "5.8"),
    of_sys_admin("cap_bpf", "5.8"),
    of_sys_admin("cap_checkpoint_restore", "5.9"),
];

/// The length of the longest name, which is cap_checkpoint_restore.
const WIDTH: usize = 22;

/// The names of [`TABLE`], each with its length behind it, without the addresses that a launch would have to relocate
/// (see [`tape`](crate::text::tape)).
static NAMES: [([u8; WIDTH], u8); TABLE.len()] = {
    let mut names = [([0; WIDTH], 0); TABLE.len()];
    let mut number = 0;
    while number < TABLE.len() {
        let name = TABLE[number].name.as_bytes();
        let mut at = 0;
        while at < name.len() {
            names[number].0[at] = name[at];
            at += 1;
        }
        names[number].1 = name.len() as u8;
        number += 1;
    }
    names
};

/// [`Row::before`] of each row.
static BEFORE: [Option<Capability>; TABLE.len()] = {
    let mut before = [None; TABLE.len()];
    let mut number = 0;
    while number < TABLE.len() {
        before[number] = TABLE[number].before;
        number += 1;
    }
    before
};

/// One capability of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capability(u8);

impl Capability {
    /// Returns the capability for which a kernel asks here: this one, or the one that stands in its place on a kernel
    /// whose last capability comes before it.
    #[must_use]
    pub fn on_kernel(self, last: u8) -> Self {
        BEFORE[usize::from(self.0)].filter(|_| self.0 > last).unwrap_or(self)
    }

    /// Returns every capability of [`TABLE`], in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0..TABLE.len() as u8).map(Self)
    }

    /// Returns the capability of that number, if [`TABLE`] has one.
    pub fn from_number(number: u8) -> Option<Self> {
        (usize::from(number) < TABLE.len()).then_some(Self(number))
    }

    /// Returns the capability's number, which is its bit in a capability mask.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Returns the capability's name, such as `cap_bpf`.
    pub fn name(self) -> &'static str {
        let (name, length) = &NAMES[usize::from(self.0)];
        name.get(..usize::from(*length)).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }

    /// Reads a name in any case, with or without `cap_`.
    pub fn parse(text: &str) -> Result<Self, UnknownCapability> {
        let lower = text.trim().to_ascii_lowercase();
        let bare = lower.strip_prefix("cap_").unwrap_or(&lower);
        Self::all().find(|capability| capability.name()[4..] == *bare).ok_or_else(|| UnknownCapability::new(text, bare))
    }
}

/// The constants of [`Capability`]: each name with its number in [`TABLE`].
macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl Capability {
            $($(#[$doc])* pub const $name: Self = Self($number);)*
        }

        #[cfg(test)]
        const CONSTANTS: &[(&str, Capability)] = &[$((stringify!($name), Capability::$name)),*];
    };
}

constants! {
    /// Change the owner and group of files.
    CHOWN = 0;
    /// Read, write and execute files whatever their permissions say.
    DAC_OVERRIDE = 1;
    /// Read files and search directories whatever their permissions say.
    DAC_READ_SEARCH = 2;
    /// Act on files as their owner may.
    FOWNER = 3;
    /// Keep the setuid and setgid bits of a file that is changed.
    FSETID = 4;
    /// Send signals to processes of other users.
    KILL = 5;
    /// Change the group ids.
    SETGID = 6;
    /// Change the user ids.
    SETUID = 7;
    /// Change the capability sets and securebits of the process itself.
    SETPCAP = 8;
    /// Set the immutable and append-only flags of files.
    LINUX_IMMUTABLE = 9;
    /// Bind to ports below the first unprivileged one.
    NET_BIND_SERVICE = 10;
    /// Broadcast and listen to multicast (unused).
    NET_BROADCAST = 11;
    /// Configure the network.
    NET_ADMIN = 12;
    /// Use raw and packet sockets.
    NET_RAW = 13;
    /// Lock memory beyond the limit.
    IPC_LOCK = 14;
    /// Use System V IPC objects whatever their permissions say.
    IPC_OWNER = 15;
    /// Load and unload kernel modules.
    SYS_MODULE = 16;
    /// Use I/O ports and the memory of devices.
    SYS_RAWIO = 17;
    /// Use chroot(2) and enter mount namespaces.
    SYS_CHROOT = 18;
    /// Trace and inspect processes of other users.
    SYS_PTRACE = 19;
    /// Turn process accounting on and off.
    SYS_PACCT = 20;
    /// The capability that opens most of the system.
    SYS_ADMIN = 21;
    /// Reboot, and load another kernel.
    SYS_BOOT = 22;
    /// Raise priorities and choose scheduling of any process.
    SYS_NICE = 23;
    /// Raise hard resource limits.
    SYS_RESOURCE = 24;
    /// Set the clocks.
    SYS_TIME = 25;
    /// Configure and hang up terminals.
    SYS_TTY_CONFIG = 26;
    /// Make device files.
    MKNOD = 27;
    /// Take leases on files of other users.
    LEASE = 28;
    /// Write records to the audit log.
    AUDIT_WRITE = 29;
    /// Configure auditing.
    AUDIT_CONTROL = 30;
    /// Set file capabilities.
    SETFCAP = 31;
    /// Override mandatory access control.
    MAC_OVERRIDE = 32;
    /// Configure mandatory access control.
    MAC_ADMIN = 33;
    /// Read and clear the kernel log, and see kernel addresses.
    SYSLOG = 34;
    /// Set timers that wake the system.
    WAKE_ALARM = 35;
    /// Keep the system from suspending.
    BLOCK_SUSPEND = 36;
    /// Read the audit log over a multicast socket.
    AUDIT_READ = 37;
    /// Performance monitoring, since Linux 5.8.
    PERFMON = 38;
    /// Load BPF programs and maps, since Linux 5.8.
    BPF = 39;
    /// Checkpoint and restore processes, since Linux 5.9.
    CHECKPOINT_RESTORE = 40;
}

impl fmt::Display for Capability {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A name that no capability has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCapability {
    given: String,
    /// The capability whose name is closest, if one is close.
    pub nearest: Option<&'static str>,
}

impl UnknownCapability {
    fn new(given: &str, bare: &str) -> Self {
        let names = Capability::all().map(Capability::name);
        let nearest = nearest::name(bare, names.clone().map(|name| &name[4..]))
            .and_then(|near| names.clone().find(|name| &name[4..] == near));
        Self { given: given.to_owned(), nearest }
    }
}

impl fmt::Display for UnknownCapability {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "unknown capability {:?}", self.given)
    }
}

impl std::error::Error for UnknownCapability {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_any_case_and_without_its_prefix() {
        for text in ["cap_bpf", "CAP_BPF", "bpf", "Bpf", " cap_bpf "] {
            assert_eq!(Capability::parse(text).map(Capability::number), Ok(39), "{text:?}");
        }
    }

    #[test]
    fn the_last_capability_is_read_like_every_other() {
        assert_eq!(Capability::parse("checkpoint_restore").map(Capability::number), Ok(40));
        assert_eq!(Capability::all().count(), 41);
    }

    #[test]
    fn the_names_are_those_of_the_table() {
        assert!(Capability::all().map(Capability::name).eq(TABLE.iter().map(|row| row.name)));
        assert_eq!(TABLE.iter().map(|row| row.name.len()).max(), Some(WIDTH));
    }

    #[test]
    fn every_capability_has_a_constant_of_its_name() {
        let named: Vec<_> = CONSTANTS.iter().map(|(name, constant)| (format!("CAP_{name}"), *constant)).collect();
        let all: Vec<_> = Capability::all().map(|one| (one.name().to_uppercase(), one)).collect();
        assert_eq!(named, all);
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest_one() {
        let nearest = |text: &str| Capability::parse(text).err().and_then(|error| error.nearest);
        assert_eq!(nearest("cap_net_rwa"), Some("cap_net_raw"));
        assert_eq!(nearest("cap_sysadmin"), Some("cap_sys_admin"));
        assert_eq!(nearest("cap_zzzzzzzzzz"), None);
    }

    #[test]
    fn the_table_agrees_with_the_crate_that_sets_the_capabilities() {
        for capability in Capability::all() {
            let theirs: caps::Capability = capability.name().to_uppercase().parse().unwrap();
            assert_eq!(theirs.index(), capability.number(), "{capability}");
        }
    }

    #[test]
    fn a_kernel_asks_for_what_was_there_before_a_capability_that_it_lacks() {
        for (capability, last, expected) in [
            (Capability::PERFMON, 40, Capability::PERFMON),
            (Capability::PERFMON, 37, Capability::SYS_ADMIN),
            (Capability::CHECKPOINT_RESTORE, 39, Capability::SYS_ADMIN),
            (Capability::AUDIT_READ, 36, Capability::AUDIT_READ),
            (Capability::CHOWN, 37, Capability::CHOWN),
        ] {
            assert_eq!(capability.on_kernel(last), expected, "{capability:?} {last}");
        }
    }

    #[test]
    fn the_running_kernel_knows_no_capability_that_the_table_lacks() {
        let last = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap();
        let last: usize = last.trim().parse().unwrap();
        assert!(last < TABLE.len(), "the kernel's last capability is {last}");
    }
}
