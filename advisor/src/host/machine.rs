//! The known facts of a machine other than this one.

use capwrap_core::decision::facts::{Answer, KernelVersion};
use capwrap_core::decision::probe::Probe;
use capwrap_core::{Capability, CapabilitySet, TABLE};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The known facts of a machine other than this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The file that describes it.
    pub file: Option<PathBuf>,
    /// Its kernel.
    pub kernel: KernelVersion,
    /// The number of the last capability that the kernel knows.
    pub last_capability: u8,
    /// Whether `last_capability` was derived from the release alone.
    pub by_release: bool,
    /// Settings by their dotted names; `None` for a setting that its kernel does not have.
    pub sysctls: BTreeMap<String, Option<String>>,
    /// The answers of the probes that were tried there.
    pub probes: BTreeMap<Probe, bool>,
    /// The capabilities that the bounding set there lacks, so that no process there can have them.
    pub bounding_lacks: CapabilitySet,
    /// The permitted file capabilities of the launcher there.
    pub launcher: Option<CapabilitySet>,
}

impl Machine {
    /// Returns the same machine with another kernel, on which no probe was tried yet. The new kernel knows the
    /// capabilities that its release brought, although distributions backport some capabilities to older releases.
    pub fn with_kernel(self, kernel: KernelVersion) -> Self {
        let last_capability = last_capability_of(kernel);
        Self { kernel, last_capability, by_release: true, probes: BTreeMap::new(), ..self }
    }
}

/// Returns the answer of a probe that need not be tried, in the launcher's words.
pub fn settled(probe: Probe, last_capability: u8) -> Option<Answer> {
    match probe {
        Probe::PerfUprobeNeedsSysAdmin if last_capability < Capability::PERFMON.number() => {
            let because = "the kernel is older than cap_perfmon, so perf uprobes need cap_sys_admin";
            Some(Answer::found(true, because))
        }
        Probe::PerfUprobeNeedsSysAdmin => None,
    }
}

/// Returns the number of the last capability that a release knows.
pub fn last_capability_of(kernel: KernelVersion) -> u8 {
    let known = |row: &&capwrap_core::Row| KernelVersion::parse(row.since).is_some_and(|since| since <= kernel);
    let number = TABLE.iter().take_while(known).count().saturating_sub(1);
    u8::try_from(number).unwrap_or(u8::MAX)
}
