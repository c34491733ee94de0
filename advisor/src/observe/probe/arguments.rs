//! Writes into maps of the probe which argument of which system call, and which file, to keep with a check.

use crate::analysis::call_sites::{ARGUMENTS, LIBRARY_FILES};
use anyhow::{Context, Result};
use aya::Ebpf;
use aya::maps::{Array, HashMap};
use capwrap_ebpf::{Argument, FILE_BYTES};

/// The machine's registers, as offsets in bytes in the kernel's `struct pt_regs` (arch/*/include/asm/ptrace.h). These are
/// the same in every kernel.
pub struct Registers {
    /// The arguments of a system call. The first is the one as it was at the entry.
    pub arguments: [u32; 6],
    /// The number of the system call, for the kernel's own use.
    pub call: u32,
    /// The address of the program's next instruction.
    pub instruction: u32,
    /// A register that shows in which mode a task entered the kernel.
    pub mode: u32,
    /// The bits that show it.
    pub mode_mask: u32,
    /// These bits where it was a 64-bit program.
    pub mode_native: u32,
}

pub const REGISTERS: Registers = {
    #[cfg(target_arch = "x86_64")]
    {
        Registers {
            arguments: [112, 104, 96, 56, 72, 64], // di, si, dx, r10, r8, r9
            call: 120,                             // orig_ax
            instruction: 128,                      // ip
            mode: 136,                             // cs
            mode_mask: 0xffff,
            mode_native: 0x33, // __USER_CS
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        Registers {
            arguments: [272, 8, 16, 24, 32, 40], // orig_x0, x1 to x5
            call: 280,                           // syscallno
            instruction: 256,                    // pc
            mode: 264,                           // pstate
            mode_mask: 0x1f,                     // PSR_MODE32_BIT and PSR_MODE_MASK
            mode_native: 0,                      // PSR_MODE_EL0t
        }
    }
    #[cfg(target_arch = "riscv64")]
    {
        Registers {
            arguments: [280, 88, 96, 104, 112, 120], // orig_a0, a1 to a5
            call: 136,                               // a7
            instruction: 0,                          // epc
            mode: 256,                               // status
            mode_mask: 0x100,                        // SR_SPP: the kernel itself was interrupted
            mode_native: 0,
        }
    }
};

/// The size of `pt_regs` in every kernel of the architecture, or 0 where kernels differ.
pub const REGISTERS_BYTES: u32 = if cfg!(target_arch = "x86_64") { 21 * 8 } else { 0 };

/// Fills the maps `ARGUMENTS` and `FILES` of a loaded object, before anything is attached.
pub fn ask(ebpf: &mut Ebpf) -> Result<()> {
    let map = ebpf.map_mut("ARGUMENTS").context("the probe has no map ARGUMENTS")?;
    let mut map: Array<_, Argument> = Array::try_from(map)?;
    for (call, argument, mask) in ARGUMENTS {
        map.set(call.id() as u32, Argument { register: REGISTERS.arguments[*argument], mask: *mask }, 0)?;
    }
    let map = ebpf.map_mut("FILES").context("the probe has no map FILES")?;
    let mut map: HashMap<_, [u8; FILE_BYTES], u32> = HashMap::try_from(map)?;
    for (path, number) in LIBRARY_FILES {
        map.insert(padded(path), number, 0)?;
    }
    Ok(())
}

/// Returns a path as the map `FILES` has it. It is shorter than that.
fn padded(path: &str) -> [u8; FILE_BYTES] {
    std::array::from_fn(|at| path.as_bytes().get(at).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::probe::btf::KernelTypes;
    use crate::observe::probe::offsets::VMLINUX;

    #[test]
    fn every_system_call_fits_into_the_map() {
        assert!(ARGUMENTS.iter().all(|(call, ..)| (call.id() as u32) < capwrap_ebpf::SYSTEM_CALLS));
    }

    #[test]
    fn every_file_fits_into_the_map_with_a_number_of_its_own() {
        assert!(LIBRARY_FILES.len() <= capwrap_ebpf::FILES as usize);
        for (at, (path, number)) in LIBRARY_FILES.iter().enumerate() {
            assert!(path.len() < FILE_BYTES && *number != 0, "{path}");
            assert!(LIBRARY_FILES[..at].iter().all(|(other, taken)| other != path && taken != number), "{path}");
        }
    }

    #[test]
    fn the_registers_are_where_the_running_kernel_has_them() {
        let Ok(btf) = std::fs::read(VMLINUX) else { return };
        let types = KernelTypes::read(&btf).unwrap();
        let registers = types.structure("pt_regs").unwrap();
        let [first, second, third, fourth, fifth, sixth] = REGISTERS.arguments;
        let places = match std::env::consts::ARCH {
            "x86_64" => vec![
                ("di", first),
                ("si", second),
                ("dx", third),
                ("r10", fourth),
                ("r8", fifth),
                ("r9", sixth),
                ("orig_ax", REGISTERS.call),
                ("ip", REGISTERS.instruction),
                ("cs", REGISTERS.mode),
            ],
            "aarch64" => vec![
                ("orig_x0", first),
                ("syscallno", REGISTERS.call),
                ("pc", REGISTERS.instruction),
                ("pstate", REGISTERS.mode),
            ],
            _ => vec![
                ("orig_a0", first),
                ("a1", second),
                ("a5", sixth),
                ("a7", REGISTERS.call),
                ("epc", REGISTERS.instruction),
                ("status", REGISTERS.mode),
            ],
        };
        for (name, place) in places {
            assert_eq!(registers.offset(&[name]).unwrap(), place, "{name}");
        }
    }
}
