//! Between steps 11 and 12: the filter of system calls, behind `through` and `children`. It comes last, because it may
//! refuse what the steps before it call.

use super::prepared::Prepared;
use crate::refusal::{OrRefuse, Refusal, print_note};
use crate::system::seccomp;
use capwrap_core::decision::Decision;
use capwrap_core::policy::{Enforce, Policy};
use capwrap_core::scope::calls::Architecture;
use capwrap_core::scope::filter::Wanted;
use nix::errno::Errno;

const _: () = assert!(Architecture::HERE.is_some(), "filters need this architecture in capwrap_core::scope::calls");

/// Installs the filter that the decision asks for, and tries it. A launch without scopes whose tool may start other
/// programs has none, and makes no call here.
///
/// # Errors
/// The kernel does not take the filter, or does not act on it.
pub fn install(name: &str, policy: &Policy, decision: &Decision<'_>, prepared: &Prepared) -> Result<(), Refusal> {
    let only_exec = policy.exec.forbids_children(decision.passed).then_some(prepared.exec_tag);
    let wanted = Wanted { passed: decision.passed, confined: &decision.confined, only_exec };
    if wanted.is_nothing() {
        return Ok(());
    }
    let has_scopes = !decision.confined.is_empty();
    let what = match (has_scopes, only_exec) {
        (true, _) => "install the filter behind the scopes",
        (false, _) => "install the filter that forbids children",
    };
    let program = Architecture::HERE.map(|architecture| wanted.compile(architecture)).unwrap_or_default();
    match seccomp::install(&program) {
        Ok(()) => {}
        Err(Errno::ENOSYS | Errno::EINVAL) if policy.scope.enforce == Enforce::IfPossible && only_exec.is_none() => {
            print_note(&format!("{name}: its scopes do not hold: this kernel has no filters of system calls"), None);
            return Ok(());
        }
        Err(errno) => return Err(errno).or_refuse(|| what),
    }
    let is_in_force = only_exec.is_none_or(seccomp::forbids_exec_without) && (!has_scopes || seccomp::confines_calls());
    match is_in_force {
        true => Ok(()),
        false => Err(Refusal::new(format!("the kernel did not {what}, though it said so"))),
    }
}
