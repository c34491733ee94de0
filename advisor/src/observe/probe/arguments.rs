//! Writes into a map of the probe which argument of which system call to keep with a check.

use crate::analysis::call_sites::ARGUMENTS;
use anyhow::{Context, Result};
use aya::Ebpf;
use aya::maps::Array;
use capwrap_ebpf::Argument;

/// The offsets of the registers with a system call's arguments in the kernel's `pt_regs`. The first register holds the
/// argument as it was at the entry (arch/*/include/asm/ptrace.h).
pub const REGISTERS: [u32; 6] = {
    #[cfg(target_arch = "x86_64")]
    {
        [112, 104, 96, 56, 72, 64] // di, si, dx, r10, r8, r9
    }
    #[cfg(target_arch = "aarch64")]
    {
        [272, 8, 16, 24, 32, 40] // orig_x0, x1 to x5
    }
    #[cfg(target_arch = "riscv64")]
    {
        [280, 88, 96, 104, 112, 120] // orig_a0, a1 to a5
    }
};

/// Fills the map `ARGUMENTS` of a loaded object, before anything is attached.
pub fn ask(ebpf: &mut Ebpf) -> Result<()> {
    let map = ebpf.map_mut("ARGUMENTS").context("the probe has no map ARGUMENTS")?;
    let mut map: Array<_, Argument> = Array::try_from(map)?;
    for (call, argument, mask) in ARGUMENTS {
        map.set(call.id() as u32, Argument { register: REGISTERS[*argument], mask: *mask }, 0)?;
    }
    Ok(())
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
    fn the_registers_are_where_the_running_kernel_has_them() {
        let Ok(btf) = std::fs::read(VMLINUX) else { return };
        let types = KernelTypes::read(&btf).unwrap();
        let registers = types.structure("pt_regs").unwrap();
        let names: &[(usize, &str)] = match std::env::consts::ARCH {
            "x86_64" => &[(0, "di"), (1, "si"), (2, "dx"), (3, "r10"), (4, "r8"), (5, "r9")],
            "aarch64" => &[(0, "orig_x0")],
            "riscv64" => &[(0, "orig_a0"), (1, "a1"), (5, "a5")],
            _ => &[],
        };
        for (argument, name) in names {
            assert_eq!(registers.offset(&[name]).unwrap(), REGISTERS[*argument], "{name}");
        }
    }
}
