//! The cause for which the launcher does not hold what a decision needs, and the hint.

use crate::decision::facts::Facts;
use crate::decision::launcher_needs::depends_on_kernel;
use crate::policy::Policy;
use crate::{Capability, CapabilitySet};

/// Why a capability is not held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The kernel is older than the capability.
    UnknownToKernel,
    /// The bounding set lacks the capability.
    BoundingSet,
    /// Root itself does not have the capability.
    Root,
    /// The caller set no_new_privs.
    NoNewPrivs,
    /// The launcher's file capabilities belong to another user namespace.
    UserNamespace,
    /// The launcher is on a file system mounted nosuid.
    NosuidMount,
    /// The launcher is being traced.
    Traced,
    /// The launcher's own file does not have the capability.
    NotOnFile,
    /// The launcher's own file does not have the capability, and launches of the policy do not need it on every kernel.
    /// The file may have been made for another kernel.
    OtherKernel,
    /// The cause is none of these.
    Unexplained,
}

impl Cause {
    /// Returns the cause for a capability that a launch of the policy needs and the launcher's own file does not have.
    pub fn of_file(policy: &Policy, capability: Capability) -> Self {
        if depends_on_kernel(policy, capability) { Self::OtherKernel } else { Self::NotOnFile }
    }

    /// Describes the cause in words.
    pub fn why(self, lacking: CapabilitySet, facts: &Facts) -> String {
        let it = if lacking.iter().nth(1).is_some() { "them" } else { "it" };
        let last = Capability::from_number(facts.last_capability).map_or("unknown", Capability::name);
        match self {
            Self::UnknownToKernel => return format!("this kernel does not know {it} (its last is {last})"),
            Self::BoundingSet => {
                return format!("the bounding set of this process lacks {it}, so nothing started here can have {it}");
            }
            Self::Root => return format!("root does not hold {it} here"),
            Self::NoNewPrivs => {
                "the caller set no_new_privs, under which capwrap's own file capabilities have no effect"
            }
            Self::UserNamespace => "in this user namespace capwrap's own file capabilities have no effect",
            Self::NosuidMount => "capwrap lies on a file system mounted nosuid, where file capabilities have no effect",
            Self::Traced => "capwrap is being traced, so its own file capabilities have no effect",
            Self::NotOnFile => return format!("capwrap's own file does not carry {it}"),
            Self::OtherKernel => {
                return format!(
                    "capwrap's own file does not carry {it}, which other kernels than this one do not need"
                );
            }
            Self::Unexplained => return format!("capwrap's own file carries {it}, yet the kernel did not give {it}"),
        }
        .to_owned()
    }

    /// Returns what would give the capabilities, if something can.
    pub fn hint(self, name: &str, lacking: CapabilitySet) -> Option<String> {
        Some(match self {
            Self::UnknownToKernel => {
                let one = lacking.iter().next()?;
                format!("give its grant `when = {{ kernel_has = \"{one}\" }}`")
            }
            Self::BoundingSet => {
                let add = lacking.iter().map(|one| format!("--cap-add={}", one.name()[4..].to_uppercase()));
                format!("in a container {}; in a unit CapabilityBoundingSet=", add.collect::<Vec<_>>().join(" "))
            }
            Self::NoNewPrivs => {
                "start capwrap from a session without it (sandboxes and NoNewPrivileges= set it)".to_owned()
            }
            Self::NosuidMount => "install capwrap elsewhere, or remount that file system suid".to_owned(),
            Self::NotOnFile => {
                format!("an administrator can run `capwrap enable {name}` to give capwrap what its policies need")
            }
            Self::OtherKernel => {
                "an administrator can run `capwrap enable` to give capwrap what its policies need on this kernel"
                    .to_owned()
            }
            // `check_unsafe_exec` (fs/exec.c) and `cap_bprm_creds_from_file` (security/commoncap.c); the kernel does not
            // show who shares it.
            Self::Unexplained => {
                "start capwrap from a shell: a process that shares its working directory with another (CLONE_FS, clone(2)) \
                 is given none"
                    .to_owned()
            }
            Self::Root | Self::UserNamespace | Self::Traced => return None,
        })
    }
}
