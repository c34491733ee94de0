//! Keeps the argument of a system call that distinguishes checks, such as the signal of kill(2).

use crate::kernel::{Address, peek};
use crate::maps::ARGUMENTS;

/// Returns the bits of the argument that user space asked for, or 0. `registers` are those with which the task entered
/// the system call.
#[inline(always)]
pub fn of(system_call: i32, registers: Address) -> u32 {
    // A negative number is beyond the end of the map.
    match ARGUMENTS.get(system_call as u32) {
        Some(argument) if argument.mask != 0 => {
            peek::<u64>(registers, argument.register).unwrap_or_default() as u32 & argument.mask
        }
        _ => 0,
    }
}
