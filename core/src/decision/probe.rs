//! Questions of a policy that the kernel answers only when capwrap tries something.

use crate::Capability;
use std::fmt;

/// A question that only an attempt answers. A release number does not answer it, because
/// distributions backport changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// Whether perf uprobes open for CAP_SYS_ADMIN alone, as they do since the fix of
    /// CVE-2025-38466 (commit 183bdb89af1b), rather than for CAP_PERFMON.
    PerfUprobeNeedsSysAdmin,
}

impl Probe {
    /// The names of all probes.
    pub const NAMES: [&'static str; 1] = ["perf_uprobe_needs_sys_admin"];

    /// Returns the probe of that name.
    pub fn parse(name: &str) -> Option<Self> {
        (name == Self::NAMES[0]).then_some(Self::PerfUprobeNeedsSysAdmin)
    }

    /// Returns the capability that the launcher must make effective to ask. This use does not pass
    /// it to the tool.
    pub const fn borrows(self) -> Capability {
        match self {
            Self::PerfUprobeNeedsSysAdmin => Capability::PERFMON,
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerfUprobeNeedsSysAdmin => out.write_str(Self::NAMES[0]),
        }
    }
}
