//! Finds the relation of the target user namespace to that of the credentials.

use crate::kernel::{Address, load, offset};
use capwrap_ebpf::{RELATION_INNER, RELATION_OUTER, RELATION_SAME};

/// Searches as the kernel does, from the target outwards (cap_capable in security/commoncap.c).
#[inline(always)]
pub fn of(credentials: Address, target: Address) -> u8 {
    let own = load::<usize>(credentials, offset!(cred_user_ns)) as Address;
    if own == target {
        return RELATION_SAME;
    }
    let level = |namespace| load::<u32>(namespace, offset!(user_namespace_level));
    if level(target) < level(own) { RELATION_OUTER } else { RELATION_INNER }
}
