//! The scopes of a launch as a seccomp profile: what is answered to each system call, for launchers that take profiles.

use crate::scope::calls::{Call, UNTOUCHED};
use crate::scope::door;
use crate::scope::filter::{Refusal, Refused, Rule, Wanted};
use crate::scope::table::{CLONE_NAMESPACE, Test};
use crate::scope::uses::{self, Uses};
use std::collections::BTreeMap;

/// What a profile answers to a system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is let through.
    Allowed,
    /// It is refused.
    Refused(Refusal),
    /// It is let through for these uses, and fails with EPERM otherwise.
    AllowedFor(Vec<Uses>),
}

impl Answer {
    /// Returns what a rule answers.
    pub fn of(rule: &Rule) -> Self {
        let permitted = uses::permitted(rule);
        match rule.refusal {
            _ if permitted == [Uses::ALL] => Self::Allowed,
            refusal if permitted.is_empty() => Self::Refused(refusal),
            _ => Self::AllowedFor(permitted),
        }
    }
}

/// A profile: every system call that the table of doors was compared with, by its name. What is not in it is refused.
pub type Profile = BTreeMap<&'static str, Answer>;

/// System calls, or uses of them, that Docker's own profile refuses to a container without the capability that asks for
/// them (moby, profiles/seccomp/default_linux.go). A profile of one's own takes that one's place, so it must refuse them too.
const ENGINES_REFUSE: &[(&str, &[Test])] = &[
    ("acct", &[]),
    ("add_key", &[]),
    ("bpf", &[]),
    ("chroot", &[]),
    ("clock_settime", &[]),
    ("clone", &[Test::AnyBit { argument: 0, bits: CLONE_NAMESPACE }]),
    ("delete_module", &[]),
    ("fanotify_init", &[]),
    ("fchroot", &[]),
    ("finit_module", &[]),
    ("fsconfig", &[]),
    ("fsmount", &[]),
    ("fsopen", &[]),
    ("fspick", &[]),
    ("init_module", &[]),
    ("ioperm", &[]),
    ("iopl", &[]),
    ("kcmp", &[]),
    ("kexec_file_load", &[]),
    ("kexec_load", &[]),
    ("keyctl", &[]),
    ("lookup_dcookie", &[]),
    ("mount", &[]),
    ("mount_setattr", &[]),
    ("move_mount", &[]),
    ("move_pages", &[]),
    ("open_by_handle_at", &[]),
    ("open_tree", &[]),
    ("perf_event_open", &[]),
    ("pivot_root", &[]),
    ("quotactl", &[]),
    ("quotactl_fd", &[]),
    ("reboot", &[]),
    ("request_key", &[]),
    ("setdomainname", &[]),
    ("sethostname", &[]),
    ("setns", &[]),
    ("settimeofday", &[]),
    ("swapoff", &[]),
    ("swapon", &[]),
    ("syslog", &[]),
    ("umount2", &[]),
    ("unshare", &[]),
    ("userfaultfd", &[]),
    ("vhangup", &[]),
];

impl Wanted<'_> {
    /// Returns the profile of the scopes.
    pub fn profile(&self) -> Profile {
        let calls = Call::all().iter().map(|call| call.name).chain(UNTOUCHED.iter().copied());
        let allowed = calls.map(|call| (call, Answer::Allowed));
        allowed.chain(self.rules().iter().map(|rule| (rule.call, Answer::of(rule)))).collect()
    }

    /// Returns the profile of the scopes for a container. What engines refuse by themselves stays refused, unless it is a
    /// door of a capability that is passed.
    pub fn profile_of_a_container(&self) -> Profile {
        let mut profile = self.profile();
        let is_passed = |call: &str| self.passed.iter().flat_map(door::rows_of).any(|row| row.call == call);
        for (call, tests) in ENGINES_REFUSE.iter().filter(|(call, _)| !is_passed(call)) {
            let refused = if tests.is_empty() { Refused::Every } else { Refused::When(vec![tests.to_vec()]) };
            let rule = Rule { call, refusal: Refusal::NotPermitted, refused, allowed: Vec::new() };
            // What a scope refuses whatever it names is refused altogether.
            if profile.get(call) == Some(&Answer::Allowed) {
                profile.insert(call, Answer::of(&rule));
            }
        }
        profile
    }
}
