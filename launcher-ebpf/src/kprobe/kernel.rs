//! What user space has found out about this kernel, and functions that read the kernel's memory.

use crate::maps::CONFIG;
use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::{bpf_get_current_task, generated};
use capwrap_ebpf::KprobeConfig;
use core::mem::MaybeUninit;

/// The address of a structure of the kernel.
pub type Address = *const u8;

/// Returns the configuration from user space, which writes it before it attaches anything.
#[inline(always)]
pub fn config() -> &'static KprobeConfig {
    match CONFIG.get(0) {
        Some(config) => config,
        // The first element of an array always exists, but the verifier does not know this. If this
        // branch returned a value, the verifier would follow the rest of the program once more for
        // each field that is read.
        // SAFETY: r0 holds what a program returns, and exit ends it, wherever it stands.
        None => unsafe { core::arch::asm!("r0 = 0", "exit", options(noreturn)) },
    }
}

/// Reads a field of the settings, offsets or places.
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

/// Reads memory whose content the compiler must not assume.
#[inline(always)]
pub fn volatile<T: Copy>(field: &T) -> T {
    // SAFETY: a reference is always valid.
    unsafe { core::ptr::read_volatile(field) }
}

/// Reads a member. If it cannot be read, the result is zero and never `None`: the helper leaves
/// zeroes when it fails, and a branch on that would double what the verifier has to follow. Every
/// kernel has this helper. On x86 and arm64 kernel and user addresses never overlap, so they kept
/// it when Linux 5.5 added the newer ones.
#[inline(always)]
pub fn peek<T: Copy>(from: Address, offset: u32) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the value has this many bytes, which the helper always writes, and it accepts any
    // address. Only integers are read with this function, and for them every pattern of bytes is a
    // value.
    unsafe {
        let from = from.wrapping_add(offset as usize);
        generated::bpf_probe_read(value.as_mut_ptr().cast(), size_of::<T>() as u32, from.cast());
        Some(value.assume_init())
    }
}

/// Reads a member. The result is zero if it cannot be read.
#[inline(always)]
pub fn load<T: Copy + Default>(from: Address, offset: u32) -> T {
    peek(from, offset).unwrap_or_default()
}

/// Reads the memory of the running process, whose addresses differ from the kernel's. The result is zeroes if it cannot
/// be read.
#[inline(always)]
pub fn peek_user<T: Copy + Default>(from: Address) -> T {
    load(from, 0)
}

/// Reads a text of the running process, without its NUL. What does not fit is cut off, and what cannot be read is zeroes.
#[inline(always)]
pub fn peek_user_text<const BYTES: usize>(from: u64) -> [u8; BYTES] {
    let mut text = [0; BYTES];
    // SAFETY: the array has this many bytes. The helper accepts any address, and returns an error for a bad one.
    unsafe { generated::bpf_probe_read_str(text.as_mut_ptr().cast(), BYTES as u32, from as *const _) };
    text
}

/// Returns the running task.
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

/// Reads a register or a field of a program's context, at an offset that user space found out. The
/// verifier allows direct reads of the context only at constant offsets.
#[inline(always)]
pub fn given<T: Copy + Default>(context: &impl EbpfContext, place: u32) -> T {
    load(context.as_ptr().cast_const().cast(), place & 0xfff)
}
