//! Notes what programs do with their own capability sets. The kernel makes no check where a program reads them, but the
//! program may behave differently when a capability is missing there.

use crate::counting::{add_one, lose};
use crate::kernel::{Address, peek, peek_user, setting};
use crate::maps::{OWN_SETS, TRACKED};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use capwrap_ebpf::{Executable, OwnSets, lost, own_sets};

// These are the numbers of include/uapi/linux/prctl.h.
const PR_CAPBSET_READ: u64 = 23;
const PR_CAP_AMBIENT: u64 = 47;
const PR_CAP_AMBIENT_IS_SET: u64 = 1;
const PR_CAP_AMBIENT_RAISE: u64 = 2;

/// The sets that capset(2) takes, as the versions 2 and 3 of its header have them: the lower halves come first.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
    effective_above: u32,
    permitted_above: u32,
    inheritable_above: u32,
}

/// Handles the beginning of a system call. `registers` are those with which the task entered it.
#[inline(always)]
pub fn used(registers: Address, number: u32) {
    if number != setting!(capget) && number != setting!(capset) && number != setting!(prctl) {
        return;
    }
    // A 32-bit program's system call with this number is another one.
    let mode = u32::from(peek::<u16>(registers, setting!(mode_register)).unwrap_or_default());
    if mode & setting!(mode_mask) != setting!(mode_native) {
        return;
    }
    let process = (bpf_get_current_pid_tgid() >> 32) as u32;
    let Some(tracked) = TRACKED.get_ptr(process) else { return };
    // SAFETY: the pointer is not null.
    let executable = unsafe { (*tracked).executable };
    let places = setting!(registers);
    let argument = |place: u32| peek::<u64>(registers, place & 0xfff).unwrap_or_default();
    let (first, second, third) = (argument(places[0]), argument(places[1]), argument(places[2]));
    if number == setting!(prctl) {
        match (first, second) {
            (PR_CAPBSET_READ, capability) => asked(own_sets::ASKED, capability, executable),
            (PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET) => asked(own_sets::ASKED, third, executable),
            (PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE) => asked(own_sets::RAISED, third, executable),
            _ => {}
        }
    } else if second == 0 {
        // capget without data asks which versions the kernel knows.
    } else if number == setting!(capget) {
        note(own_sets::READ, 0, executable);
    } else {
        let data: Data = peek_user(second as Address);
        let lower = data.effective | data.permitted;
        let upper = data.effective_above | data.permitted_above;
        note(own_sets::SET, u64::from(upper) << 32 | u64::from(lower), executable);
    }
}

/// Notes a question about this capability.
#[inline(always)]
fn asked(what: u32, capability: u64, executable: Executable) {
    if capability > u64::from(setting!(last_capability)) {
        note(own_sets::ASKED_BEYOND, 0, executable);
    } else {
        note(what, 1 << (capability & 63), executable);
    }
}

#[inline(always)]
fn note(what: u32, named: u64, executable: Executable) {
    let key = OwnSets { named, executable, what, zero: 0 };
    if let Some(times) = OWN_SETS.get_ptr_mut(key) {
        add_one(times);
    } else if OWN_SETS.insert(key, 1, BPF_NOEXIST.into()).is_err() && OWN_SETS.get_ptr(key).is_none() {
        lose(lost::CHECKS);
    }
}
