//! Reads the user and group ids of credentials, and compares them with those that a process was
//! started with.

use crate::counting::happened;
use crate::kernel::{Address, offset, peek};
use capwrap_ebpf::{Ids, stats};

/// Returns all eight ids, each read from its offset.
#[inline(always)]
pub fn each(read: impl Fn(u32) -> u32) -> Ids {
    Ids {
        uid: read(offset!(cred_uid)),
        gid: read(offset!(cred_gid)),
        suid: read(offset!(cred_suid)),
        sgid: read(offset!(cred_sgid)),
        euid: read(offset!(cred_euid)),
        egid: read(offset!(cred_egid)),
        fsuid: read(offset!(cred_fsuid)),
        fsgid: read(offset!(cred_fsgid)),
    }
}

/// Does the same through an address whose type the verifier does not know, where each read is a
/// call. One call reads all ids if they are adjacent, which they are unless the kernel's structures
/// are shuffled (CONFIG_RANDSTRUCT).
#[inline(always)]
pub fn of(credentials: Address) -> Ids {
    if offset!(cred_ids_adjacent) != 0 {
        return peek(credentials, offset!(cred_uid)).unwrap_or_default();
    }
    each(|at| peek(credentials, at).unwrap_or(0))
}

/// Notes whether the ids of a process differ from those that it was started with. setuid(2) makes
/// the same check whether the id is new or not, and the check is needed only if an id ever changed.
#[inline(always)]
pub fn compare(now: &Ids, start: &Ids) {
    // This has no branch for each id, because the verifier would follow every one.
    let users = (now.uid ^ start.uid) | (now.suid ^ start.suid) | (now.euid ^ start.euid) | (now.fsuid ^ start.fsuid);
    let groups = (now.gid ^ start.gid) | (now.sgid ^ start.sgid) | (now.egid ^ start.egid) | (now.fsgid ^ start.fsgid);
    if users != 0 {
        happened(stats::USER_CHANGED);
    }
    if groups != 0 {
        happened(stats::GROUP_CHANGED);
    }
}

/// Applies what an exec itself does to the ids, without a check: it copies the effective ids to the
/// saved and the filesystem ids (cap_bprm_creds_from_file in security/commoncap.c).
#[inline(always)]
pub fn executed(start: &mut Ids) {
    (start.suid, start.fsuid) = (start.euid, start.euid);
    (start.sgid, start.fsgid) = (start.egid, start.egid);
}
