//! What user space says of this kernel, and reading the kernel's memory.

use crate::maps::CONFIG;
use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::{bpf_get_current_task, generated};
use capwrap_ebpf::KprobeConfig;
use core::mem::MaybeUninit;

/// A structure of the kernel's.
pub type Address = *const u8;

/// What user space says: it is there before anything is attached.
#[inline(always)]
pub fn config() -> &'static KprobeConfig {
    match CONFIG.get(0) {
        Some(config) => config,
        // An array's first place is always there; the verifier does not know. Were this a value like
        // any other, it would follow the rest of the program once more for each field that is read.
        // SAFETY: r0 holds what a program returns, and exit ends it, wherever it stands.
        None => unsafe { core::arch::asm!("r0 = 0", "exit", options(noreturn)) },
    }
}

/// A field of the settings, offsets or places.
macro_rules! setting {
    ($field:ident) => {
        $crate::kernel::config().settings.$field
    };
}
macro_rules! offset {
    ($field:ident) => {
        $crate::kernel::config().offsets.$field
    };
}
macro_rules! place {
    ($field:ident) => {
        $crate::kernel::config().places.$field
    };
}
pub(crate) use {offset, place, setting};

/// Reads memory that the compiler must not think it knows.
#[inline(always)]
pub fn volatile<T: Copy>(field: &T) -> T {
    // SAFETY: a reference is valid.
    unsafe { core::ptr::read_volatile(field) }
}

/// Reads a member; zero where it cannot be read, never `None`. The helper leaves zeroes behind when
/// it fails, and a branch on that doubles what the verifier has to follow. It is the helper that every
/// kernel has; x86 and arm64, whose kernel and user addresses never overlap, keep it beside the ones
/// of Linux 5.5.
#[inline(always)]
pub fn peek<T: Copy>(from: Address, offset: u32) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: as many bytes as the value has, which the helper writes in any case; it takes any
    // address. Every pattern of bytes is a value of what is read by it: integers.
    unsafe {
        let from = from.wrapping_add(offset as usize);
        generated::bpf_probe_read(value.as_mut_ptr().cast(), size_of::<T>() as u32, from.cast());
        Some(value.assume_init())
    }
}

/// Reads a member, zero where it cannot be read.
#[inline(always)]
pub fn load<T: Copy + Default>(from: Address, offset: u32) -> T {
    peek(from, offset).unwrap_or_default()
}

/// The running task.
#[inline(always)]
pub fn current() -> Address {
    // SAFETY: the helper has no precondition.
    unsafe { bpf_get_current_task() as Address }
}

/// Reads a member of [`current`].
#[inline(always)]
pub fn load_current<T: Copy + Default>(task: Address, offset: u32) -> T {
    load(task, offset)
}

/// Reads a register or a field of what a program is given, at a place that user space found out:
/// the verifier lets a program read it directly at constant places alone.
#[inline(always)]
pub fn given<T: Copy + Default>(context: &impl EbpfContext, place: u32) -> T {
    load(context.as_ptr().cast_const().cast(), place & 0xfff)
}
