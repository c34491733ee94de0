//! The capabilities of Linux, by number and name.

pub mod set;
pub mod setcap_text;
pub mod xattr;

use crate::text::nearest;
use std::fmt;

/// One row of [`TABLE`].
pub struct Row {
    /// The name that the kernel, libcap and policies use, in lower case.
    pub name: &'static str,
    /// The first kernel release that knows it.
    pub since: &'static str,
}

const fn row(name: &'static str, since: &'static str) -> Row {
    Row { name, since }
}

/// Every capability, at the index that is its number.
///
/// Source: `include/uapi/linux/capability.h` of Linux 6.18 and capabilities(7).
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
    row("cap_syslog", "2.6.37"),
    row("cap_wake_alarm", "3.0"),
    row("cap_block_suspend", "3.5"),
    row("cap_audit_read", "3.16"),
    row("cap_perfmon", "5.8"),
    row("cap_bpf", "5.8"),
    row("cap_checkpoint_restore", "5.9"),
];

/// One capability of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capability(u8);

impl Capability {
    /// Change the capability sets and securebits of the process itself.
    pub const SETPCAP: Self = Self(8);
    /// The capability that opens most of the system.
    pub const SYS_ADMIN: Self = Self(21);
    /// Raise hard resource limits.
    pub const SYS_RESOURCE: Self = Self(24);
    /// Performance monitoring, since Linux 5.8.
    pub const PERFMON: Self = Self(38);

    /// Every capability of [`TABLE`], in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len() as u8).map(Self)
    }

    /// The capability of that number, if [`TABLE`] has one.
    pub fn from_number(number: u8) -> Option<Self> {
        (usize::from(number) < TABLE.len()).then_some(Self(number))
    }

    /// Its number: the bit in a capability mask.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its name, as in `cap_bpf`.
    pub fn name(self) -> &'static str {
        TABLE[usize::from(self.0)].name
    }

    /// Reads a name in any case, with or without `cap_`.
    pub fn parse(text: &str) -> Result<Self, UnknownCapability> {
        let lower = text.trim().to_ascii_lowercase();
        let bare = lower.strip_prefix("cap_").unwrap_or(&lower);
        Self::all().find(|capability| capability.name()[4..] == *bare).ok_or_else(|| UnknownCapability::new(text, bare))
    }
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
        let nearest = nearest::name(bare, TABLE.iter().map(|row| &row.name[4..]))
            .and_then(|near| TABLE.iter().find(|row| &row.name[4..] == near))
            .map(|row| row.name);
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
    fn the_running_kernel_knows_no_capability_that_the_table_lacks() {
        let last = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap();
        let last: usize = last.trim().parse().unwrap();
        assert!(last < TABLE.len(), "the kernel's last capability is {last}");
    }
}
