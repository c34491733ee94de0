//! Finds the call site of a check: the kernel stack above it, which is walked at each check.

use crate::counting::lose;
use crate::kernel::{given, load, place};
use crate::maps::{SCRATCH, SITES, WALKED};
use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated::bpf_get_stack;
use capwrap_ebpf::{FRAMES, lost};

/// Returns the key of `SITES` for the running check, or 0 if the stack could not be read.
#[inline(always)]
pub fn of(context: &impl EbpfContext) -> u64 {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return 0 };
    // SAFETY: the pointer is not null, and the value is this CPU's alone while the program runs.
    let scratch = unsafe { &mut *scratch };
    for at in 0..WALKED {
        // SAFETY: this is a reference to plain memory. The write is volatile, because otherwise the
        // compiler makes it a call for each byte.
        unsafe { (&raw mut scratch.walked[at]).write_volatile(0) };
    }
    // SAFETY: the array has this many bytes. On a failure the helper returns an error.
    let bytes = unsafe {
        bpf_get_stack(context.as_ptr(), (&raw mut scratch.walked).cast(), size_of_val(&scratch.walked) as u32, 0)
    };
    let caller = caller(context);
    if bytes <= 0 || caller == 0 {
        lose(lost::SITES);
        return 0;
    }
    // An unwinder that uses frame pointers misses the caller, because cap_capable has no frame yet.
    // The correction has no branch, because the verifier would follow it again for each frame.
    let seen = u64::from(scratch.walked[1] == caller).wrapping_neg();
    let mut digest = 0xcbf2_9ce4_8422_2325_u64 ^ caller;
    scratch.site.frames[0] = caller;
    for at in 1..FRAMES {
        let frame = scratch.walked[at + 1] & seen | scratch.walked[at] & !seen;
        scratch.site.frames[at] = frame;
        digest = (digest ^ frame).wrapping_mul(0x0000_0100_0000_01b3);
        digest ^= digest >> 29;
    }
    // User space adds the names.
    scratch.site.names[0][0] = 0;
    let key = digest | 1;
    if SITES.get_ptr(key).is_none()
        && SITES.insert(key, &scratch.site, BPF_NOEXIST.into()).is_err()
        // The entry that another CPU inserted is the same.
        && SITES.get_ptr(key).is_none()
    {
        lose(lost::SITES);
        return 0;
    }
    key
}

/// Returns the address that `cap_capable` returns to. The kprobe is attached after the kretprobe
/// and so runs before it. The address is therefore not yet that of the kretprobe's trampoline
/// (list_add_rcu in add_new_kprobe).
#[inline(always)]
fn caller(context: &impl EbpfContext) -> u64 {
    let register: u64 = given(context, place!(caller));
    if place!(caller_on_stack) != 0 { load(register as *const u8, 0) } else { register }
}
