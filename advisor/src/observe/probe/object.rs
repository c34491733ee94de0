//! What every back end needs to load its object: settings, the kernel's types, and the programs by name.

use crate::host::kernel;
use crate::observe::probe::arguments::{self, REGISTERS};
use crate::observe::probe::btf::KernelTypes;
use crate::observe::probe::offsets;
use anyhow::{Context, Result};
use aya::{Btf, Ebpf};
use capwrap_ebpf::{Offsets, Settings};
use std::os::linux::fs::MetadataExt;
use syscalls::Sysno;

/// The tracepoints to which a program of the probe may be attached by its type.
const TRACEPOINTS: &[&str] = &[
    "cap_capable",
    "sched_process_fork",
    "sched_process_exec",
    "sched_process_exit",
    "sched_process_free",
    "sys_enter",
    "sys_exit",
];

/// The configuration with which every back end loads the probe.
pub struct ProbeConfig {
    /// The settings for every kernel.
    pub settings: Settings,
    /// The settings for kernels that have the later helpers.
    pub recent: Settings,
    pub types: Result<Types>,
}

/// The offsets at which this kernel keeps what the probe reads.
pub struct Types {
    pub offsets: Offsets,
    /// The numbers of the types to which the probe is attached, and nothing else.
    pub btf: Btf,
    /// The size of `pt_regs`.
    registers_bytes: u32,
}

impl ProbeConfig {
    pub fn find(asked: &Settings) -> Self {
        // If the file is missing, process ids are those of the initial namespace.
        let namespace = std::fs::metadata("/proc/self/ns/pid").ok();
        let types = Types::read();
        let settings = Settings {
            pid_namespace_device: namespace.as_ref().map_or(0, MetadataExt::st_dev),
            pid_namespace_inode: namespace.as_ref().map_or(0, MetadataExt::st_ino),
            observer: std::process::id(),
            registers: REGISTERS.arguments,
            call_register: REGISTERS.call,
            instruction_register: REGISTERS.instruction,
            mode_register: REGISTERS.mode,
            mode_mask: REGISTERS.mode_mask,
            mode_native: REGISTERS.mode_native,
            stack_bytes: stack_bytes(),
            registers_bytes: types.as_ref().map_or(arguments::REGISTERS_BYTES, |types| types.registers_bytes),
            capget: Sysno::capget.id() as u32,
            capset: Sysno::capset.id() as u32,
            prctl: Sysno::prctl.id() as u32,
            openat: Sysno::openat.id() as u32,
            last_capability: kernel::last_capability().map_or(63, u32::from),
            ..*asked
        };
        Self { settings, recent: Settings { recent: 1, ..settings }, types }
    }
}

/// Returns the size of a kernel stack (THREAD_SIZE in arch/*/include/asm), or of a part to which it is aligned too. A
/// kernel that checks itself (CONFIG_KASAN) has larger ones.
fn stack_bytes() -> u32 {
    let page = if cfg!(target_arch = "aarch64") { procfs::page_size() as u32 } else { 0 };
    page.max(16 << 10)
}

impl Types {
    fn read() -> Result<Self> {
        let path = offsets::VMLINUX;
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
        Self::of(&bytes).with_context(|| format!("cannot use {path}"))
    }

    fn of(bytes: &[u8]) -> Result<Self> {
        let types = KernelTypes::read(bytes)?;
        let (offsets, registers_bytes) = (offsets::of(&types)?, offsets::registers_bytes(&types)?);
        let numbers = types.numbers_of(TRACEPOINTS, &["cap_capable"]);
        Ok(Self { offsets, btf: Btf::parse(&numbers, aya::Endianness::default())?, registers_bytes })
    }
}

/// Finds the program of this name in a loaded object.
pub fn program<'e>(ebpf: &'e mut Ebpf, name: &str) -> Result<&'e mut aya::programs::Program> {
    ebpf.program_mut(name).with_context(|| format!("the probe has no program {name}"))
}
