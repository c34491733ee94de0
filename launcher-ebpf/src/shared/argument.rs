//! Keeps the argument of a system call that distinguishes checks, such as the signal of kill(2).

use crate::kernel::{Address, load, peek, peek_user_text, setting};
use crate::maps::{ARGUMENTS, FILES};
use capwrap_ebpf::CONSTANT_WITHIN;

/// Returns the bits of the argument that user space asked for, or 0. `registers` are those with which the task entered
/// the system call.
#[inline(always)]
pub fn of(system_call: i32, registers: Address) -> u32 {
    if system_call as u32 == setting!(openat) {
        return file(registers);
    }
    // A negative number is beyond the end of the map.
    match ARGUMENTS.get(system_call as u32) {
        Some(argument) if argument.mask != 0 => {
            peek::<u64>(registers, argument.register).unwrap_or_default() as u32 & argument.mask
        }
        _ => 0,
    }
}

/// Returns the number of the file that openat(2) opens, or 0. The path is read only if it is a constant beside the code that
/// makes the system call: that is the C library's own code, and its own constant, or a static program's.
#[inline(always)]
fn file(registers: Address) -> u32 {
    let path: u64 = load(registers, setting!(registers)[1]);
    let instruction: u64 = load(registers, setting!(instruction_register));
    if path.wrapping_sub(instruction) >= CONSTANT_WITHIN {
        return 0;
    }
    let text = peek_user_text(path);
    // SAFETY: nothing writes to the map while the probe runs.
    unsafe { FILES.get(text) }.copied().unwrap_or_default()
}
