//! What a policy can ask that the kernel answers only when it is tried.

use crate::Capability;
use std::fmt;

/// A question that only trying answers, because distributions backport what a release number
/// does not show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// Whether perf uprobes open for CAP_SYS_ADMIN alone, as they do since the fix of
    /// CVE-2025-38466 (commit 183bdb89af1b), rather than for CAP_PERFMON.
    PerfUprobeNeedsSysAdmin,
}

impl Probe {
    /// Every probe's name.
    pub const NAMES: [&'static str; 1] = ["perf_uprobe_needs_sys_admin"];

    /// The probe of that name.
    pub fn parse(name: &str) -> Option<Self> {
        (name == Self::NAMES[0]).then_some(Self::PerfUprobeNeedsSysAdmin)
    }

    /// The capability that the launcher must make effective to ask: it is not passed to the tool for that.
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
