//! What exec makes of the capability sets of a process: the kernel's own rule.
//!
//! The sources are capabilities(7), "Transformation of capabilities during `execve()`", and
//! `cap_bprm_creds_from_file`, `bprm_caps_from_vfs_caps` and `handle_privileged_root` in
//! `security/commoncap.c` (before 5.8, the first is called `cap_bprm_set_creds`). The rule is the same
//! from 4.3, which has the ambient set, to 6.18. What changed since then is when a change of ids counts,
//! and capwrap executes no file that changes ids. The tests compare it with the kernel that runs:
//! `tests/tests/file_capabilities.rs` here, and `tests/kernels/guest/launch` on older kernels.

use crate::CapabilitySet;
use crate::policy::{Bounding, Delivery, Exec, FileCapabilities};
use std::fmt;

/// A process that is about to execute a file. Its real and effective ids are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// The permitted set.
    pub permitted: CapabilitySet,
    /// The inheritable set, which exec does not change.
    pub inheritable: CapabilitySet,
    /// The ambient set.
    pub ambient: CapabilitySet,
    /// The bounding set.
    pub bounding: CapabilitySet,
    /// The capabilities that the kernel knows. It ignores all others in a file.
    pub known: CapabilitySet,
    /// Whether `no_new_privs` is set. The kernel takes a tracer without privileges for the same.
    pub no_new_privs: bool,
    /// Whether the process is uid 0 and the securebit noroot is not set.
    pub is_privileged_root: bool,
}

/// The sets of a process after exec. The inheritable and the bounding set are what they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sets {
    /// The permitted set.
    pub permitted: CapabilitySet,
    /// The effective set.
    pub effective: CapabilitySet,
    /// The ambient set.
    pub ambient: CapabilitySet,
}

/// Exec fails with EPERM: the file has the effective bit, and the process cannot get these
/// capabilities of the file's permitted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied(pub CapabilitySet);

impl Process {
    /// The launcher just before it executes a tool that is to get `passed`. `bounding` is the bounding
    /// set that the caller left it.
    pub fn of_launch(exec: &Exec, passed: CapabilitySet, bounding: CapabilitySet, known: CapabilitySet) -> Self {
        Self {
            permitted: passed,
            inheritable: passed,
            ambient: if exec.deliver == Delivery::Ambient { passed } else { CapabilitySet::EMPTY },
            bounding: if exec.bounding == Bounding::Drop { bounding.intersection(passed) } else { bounding },
            known,
            no_new_privs: exec.no_new_privs,
            is_privileged_root: false,
        }
    }

    /// Returns the sets that exec gives this process. `file` are the capabilities of the file, if it
    /// has some that the kernel honours.
    ///
    /// # Errors
    /// Exec fails.
    pub fn after_exec(&self, file: Option<&FileCapabilities>) -> Result<Sets, Denied> {
        let of_file = |set: fn(&FileCapabilities) -> CapabilitySet| {
            file.map_or(CapabilitySet::EMPTY, |file| set(file).intersection(self.known))
        };
        let (forced, allowed) = (of_file(|file| file.permitted), of_file(|file| file.inheritable));
        let mut is_effective = file.is_some_and(|file| file.effective);
        let mut permitted = forced.intersection(self.bounding).union(allowed.intersection(self.inheritable));
        let lacking = forced.without(permitted);
        if is_effective && !lacking.is_empty() {
            return Err(Denied(lacking));
        }
        if self.is_privileged_root {
            permitted = self.bounding.union(self.inheritable);
            is_effective = true;
        }
        if self.no_new_privs {
            permitted = permitted.intersection(self.permitted);
        }
        let ambient = if file.is_some() { CapabilitySet::EMPTY } else { self.ambient };
        permitted = permitted.union(ambient);
        Ok(Sets { permitted, effective: if is_effective { permitted } else { ambient }, ambient })
    }
}

impl Sets {
    /// Returns whether the process has these capabilities and no others, and all of them are effective.
    pub fn are_exactly(&self, wanted: CapabilitySet) -> bool {
        self.permitted == wanted && self.effective == wanted
    }
}

impl fmt::Display for Sets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { permitted, effective, .. } = self;
        match permitted == effective {
            true => write!(out, "{permitted}"),
            false => write!(out, "{permitted} permitted and {effective} effective"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: CapabilitySet = CapabilitySet::from_mask(1 << 13);
    const ADMIN: CapabilitySet = CapabilitySet::from_mask(1 << 12);
    const BOTH: CapabilitySet = RAW.union(ADMIN);
    const NONE: CapabilitySet = CapabilitySet::EMPTY;

    /// A launch that passes cap_net_raw.
    const LAUNCH: Process = Process {
        permitted: RAW,
        inheritable: RAW,
        ambient: RAW,
        bounding: BOTH,
        known: BOTH,
        no_new_privs: true,
        is_privileged_root: false,
    };

    fn file(effective: bool, permitted: CapabilitySet, inheritable: CapabilitySet) -> FileCapabilities {
        FileCapabilities { effective, permitted, inheritable }
    }

    fn permitted_and_effective(process: Process, file: FileCapabilities) -> Result<[CapabilitySet; 2], Denied> {
        process.after_exec(Some(&file)).map(|sets| [sets.permitted, sets.effective])
    }

    #[test]
    fn without_file_capabilities_the_ambient_set_is_what_the_tool_has() {
        let sets = LAUNCH.after_exec(None).unwrap();
        assert_eq!(sets, Sets { permitted: RAW, effective: RAW, ambient: RAW });
        let inheritable = Process { ambient: NONE, ..LAUNCH };
        assert!(inheritable.after_exec(None).unwrap().are_exactly(NONE));
    }

    #[test]
    fn a_file_that_has_exactly_the_decision_gives_it_in_place_of_the_ambient_set() {
        for exact in [file(true, RAW, NONE), file(true, NONE, RAW), file(true, RAW, RAW), file(true, RAW, BOTH)] {
            for no_new_privs in [false, true] {
                let sets = Process { no_new_privs, ..LAUNCH }.after_exec(Some(&exact)).unwrap();
                assert_eq!(sets, Sets { permitted: RAW, effective: RAW, ambient: NONE }, "{exact:?}");
            }
        }
    }

    #[test]
    fn a_file_that_has_more_gives_more_unless_no_new_privs_is_set() {
        let more = file(true, BOTH, NONE);
        assert_eq!(permitted_and_effective(LAUNCH, more), Ok([RAW, RAW]));
        assert_eq!(permitted_and_effective(Process { no_new_privs: false, ..LAUNCH }, more), Ok([BOTH, BOTH]));
    }

    #[test]
    fn a_file_that_has_less_gives_less() {
        assert_eq!(permitted_and_effective(LAUNCH, file(true, NONE, NONE)), Ok([NONE, NONE]));
        assert_eq!(permitted_and_effective(LAUNCH, file(true, NONE, ADMIN)), Ok([NONE, NONE]));
        assert_eq!(permitted_and_effective(LAUNCH, file(false, RAW, NONE)), Ok([RAW, NONE]), "not effective");
        assert_eq!(permitted_and_effective(LAUNCH, file(false, NONE, RAW)), Ok([RAW, NONE]), "not effective");
    }

    #[test]
    fn exec_fails_where_the_bounding_set_keeps_back_what_the_file_forces() {
        let bounded = Process { bounding: RAW, ..LAUNCH };
        assert_eq!(permitted_and_effective(bounded, file(true, BOTH, NONE)), Err(Denied(ADMIN)));
        assert_eq!(permitted_and_effective(bounded, file(false, BOTH, NONE)), Ok([RAW, NONE]));
        // What the process may inherit passes the bounding set.
        let inheriting = Process { bounding: NONE, ..LAUNCH };
        assert_eq!(permitted_and_effective(inheriting, file(true, RAW, RAW)), Ok([RAW, RAW]));
        assert_eq!(permitted_and_effective(inheriting, file(true, RAW, NONE)), Err(Denied(RAW)));
    }

    #[test]
    fn a_capability_that_the_kernel_does_not_know_counts_for_nothing() {
        let unknown = file(true, RAW.union(CapabilitySet::from_mask(1 << 63)), NONE);
        assert_eq!(permitted_and_effective(LAUNCH, unknown), Ok([RAW, RAW]));
    }

    #[test]
    fn an_unconfined_root_has_its_bounding_set_whatever_the_file_has() {
        let root = Process { is_privileged_root: true, no_new_privs: false, ..LAUNCH };
        assert_eq!(permitted_and_effective(root, file(true, RAW, NONE)), Ok([BOTH, BOTH]));
        assert!(root.after_exec(None).unwrap().are_exactly(BOTH));
        let contained = Process { bounding: RAW, ..root };
        assert_eq!(permitted_and_effective(contained, file(true, RAW, NONE)), Ok([RAW, RAW]));
        assert_eq!(permitted_and_effective(contained, file(true, ADMIN, NONE)), Err(Denied(ADMIN)));
    }
}
