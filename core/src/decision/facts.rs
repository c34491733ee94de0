//! The facts about the machine and the caller on which a policy is decided.

use crate::decision::probe::Probe;
use crate::policy::limits::{Limit, Resource};
use crate::{Capability, CapabilitySet};
use std::collections::BTreeMap;
use std::fmt;

/// The facts that a decision depends on. Only facts that the policy mentions are read.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The release of the kernel.
    pub kernel: KernelVersion,
    /// The number of the last capability that the kernel knows (`kernel.cap_last_cap`).
    pub last_capability: u8,
    /// Settings by their dotted names; `None` for a setting that the kernel does not have.
    pub sysctls: BTreeMap<String, Option<String>>,
    /// Answers of the probes.
    pub probes: BTreeMap<Probe, Answer>,
    /// Whether the caller is uid 0.
    pub uid0: bool,
    /// Whether uid 0 already gains nothing at exec, because the securebit noroot is set and locked.
    pub root_is_confined: bool,
    /// The bounding set of the process. It is read for uid 0 alone, which would gain it at exec.
    pub bounding: CapabilitySet,
    /// The hard limits of the resources that the policy presets, in the order of the policy.
    pub hard_limits: Vec<(Resource, Limit)>,
}

/// The answer of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether the statement in the probe's name is true.
    pub yes: bool,
    /// What the answer is based on.
    pub because: Because,
}

impl Answer {
    /// The answer of a probe that was not tried. It counts as yes, so that nothing is left out that
    /// the policy may grant.
    pub const NOT_TRIED: Self = Self { yes: true, because: Because::NotTried };

    /// Returns the answer that a probe found, and how it found it.
    pub fn found(yes: bool, because: impl Into<String>) -> Self {
        Self { yes, because: Because::Found(because.into()) }
    }

    /// Returns whether the answer is only assumed.
    pub fn is_assumed(&self) -> bool {
        self.because == Because::NotTried
    }
}

/// What an answer is based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// What was tried and with what result, or why trying was not needed.
    Found(String),
    /// The probe was not tried.
    NotTried,
}

impl fmt::Display for Because {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Found(how) => how,
            Self::NotTried => "not tried",
        })
    }
}

impl Facts {
    /// Returns whether the kernel knows this capability.
    pub const fn knows(&self, capability: Capability) -> bool {
        capability.number() <= self.last_capability
    }

    pub(crate) fn sysctl(&self, name: &str) -> Option<&str> {
        self.sysctls.get(name)?.as_deref().map(str::trim)
    }

    pub(crate) fn probe(&self, probe: Probe) -> Option<&Answer> {
        self.probes.get(&probe)
    }

    /// Returns the current hard limit of a resource that the policy presets.
    pub fn hard_limit(&self, resource: Resource) -> Option<Limit> {
        self.hard_limits.iter().find(|(named, _)| *named == resource).map(|(_, limit)| *limit)
    }
}

/// The numbers of a kernel release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// The 6 in 6.18.44.
    pub major: u32,
    /// The 18 in 6.18.44.
    pub minor: u32,
    /// The 44 in 6.18.44; 0 if the release has no third number.
    pub patch: u32,
}

impl KernelVersion {
    /// Reads the numbers at the beginning of a release such as `5.10.0-30-amd64` or `6.1-rc4`.
    pub fn parse(release: &str) -> Option<Self> {
        let end = release.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(release.len());
        let mut numbers = release[..end].trim_end_matches('.').split('.').map(|part| part.parse().ok());
        Some(Self { major: numbers.next()??, minor: numbers.next()??, patch: numbers.next().unwrap_or(Some(0))? })
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_of_every_distribution_is_read() {
        for (release, expected) in [
            ("6.18.44-fc-v595", (6, 18, 44)),
            ("5.10.0-30-amd64", (5, 10, 0)),
            ("4.18.0-553.el8_10.x86_64", (4, 18, 0)),
            ("6.1-rc4", (6, 1, 0)),
            ("5.15.167.4-microsoft-standard-WSL2", (5, 15, 167)),
            ("7.2", (7, 2, 0)),
        ] {
            let version = KernelVersion::parse(release).unwrap();
            assert_eq!((version.major, version.minor, version.patch), expected, "{release}");
        }
        for bad in ["", "linux", "6", "6.x", ".6.1"] {
            assert_eq!(KernelVersion::parse(bad), None, "{bad}");
        }
    }
}
