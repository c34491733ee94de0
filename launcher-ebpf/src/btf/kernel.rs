//! Reads the kernel's structures, with the offsets that user space took from BTF.

use aya_ebpf::helpers::{bpf_get_current_task, bpf_probe_read_kernel, bpf_probe_read_user, generated};
use capwrap_ebpf::{Offsets, Settings};

/// The address of a structure of the kernel.
pub type Address = *const u8;

// User space sets these before the load, and the load freezes them, so they are constants to the
// verifier.
#[unsafe(no_mangle)]
pub static SETTINGS: Settings = Settings {
    cgroup: 0,
    pid_namespace_device: 0,
    pid_namespace_inode: 0,
    scope: 0,
    cgroup_level: 0,
    observer: 0,
    events: 0,
    denied_only: 0,
    follow: 0,
    recent: 0,
    outcomes: 0,
    own_sets: 0,
    user_stack: 0,
    capget: 0,
    capset: 0,
    prctl: 0,
    openat: 0,
    last_capability: 0,
    registers: [0; 6],
    call_register: 0,
    instruction_register: 0,
    mode_register: 0,
    mode_mask: 0,
    mode_native: 0,
    stack_bytes: 0,
    registers_bytes: 0,
};
#[unsafe(no_mangle)]
pub static OFFSETS: Offsets = Offsets {
    task_pid: 0,
    task_tgid: 0,
    task_flags: 0,
    task_group_leader: 0,
    task_cred: 0,
    task_real_cred: 0,
    task_mm: 0,
    cred_user_ns: 0,
    cred_uid: 0,
    cred_gid: 0,
    cred_suid: 0,
    cred_sgid: 0,
    cred_euid: 0,
    cred_egid: 0,
    cred_fsuid: 0,
    cred_fsgid: 0,
    cred_ids_adjacent: 0,
    user_namespace_level: 0,
    user_namespace_inum: 0,
    mm_exe_file: 0,
    file_inode: 0,
    file_dentry: 0,
    file_mount: 0,
    inode_number: 0,
    inode_super_block: 0,
    super_block_device: 0,
    dentry_name: 0,
    dentry_parent: 0,
    mount_vfsmount: 0,
    mount_parent: 0,
    mount_mountpoint: 0,
    vfsmount_root: 0,
};

/// Reads a field of the settings or offsets. The read is volatile, because the compiler must not
/// rely on the zeroes above.
macro_rules! setting {
    ($field:ident) => {
        $crate::kernel::volatile(&$crate::kernel::SETTINGS.$field)
    };
}
macro_rules! offset {
    ($field:ident) => {
        $crate::kernel::volatile(&$crate::kernel::OFFSETS.$field)
    };
}
pub(crate) use {offset, setting};

/// Reads memory whose content the compiler must not assume.
#[inline(always)]
pub fn volatile<T: Copy>(field: &T) -> T {
    // SAFETY: a reference is always valid.
    unsafe { core::ptr::read_volatile(field) }
}

/// Reads a member through a pointer whose type the verifier knows. It is one load, which the kernel
/// makes safe.
#[inline(always)]
pub fn load<T: Copy>(from: Address, offset: u32) -> T {
    // SAFETY: the verifier refuses the program unless `from` is a kernel structure with a member
    // of this size at this offset.
    unsafe { core::ptr::read_volatile(from.add(offset as usize).cast::<T>()) }
}

/// Reads a member through an address whose type the verifier does not know.
#[inline(always)]
pub fn peek<T: Copy>(from: Address, offset: u32) -> Option<T> {
    // SAFETY: bpf_probe_read_kernel accepts any address, and returns an error for a bad one.
    unsafe { bpf_probe_read_kernel(from.wrapping_add(offset as usize).cast::<T>()) }.ok()
}

/// Reads the memory of the running process. The result is zeroes if it cannot be read.
#[inline(always)]
pub fn peek_user<T: Copy + Default>(from: Address) -> T {
    // SAFETY: bpf_probe_read_user accepts any address, and returns an error for a bad one.
    unsafe { bpf_probe_read_user(from.cast::<T>()) }.unwrap_or_default()
}

/// Reads a text of the running process, without its NUL. What does not fit is cut off, and what cannot be read is zeroes.
#[inline(always)]
pub fn peek_user_text<const BYTES: usize>(from: u64) -> [u8; BYTES] {
    let mut text = [0; BYTES];
    // SAFETY: the array has this many bytes. The helper accepts any address, and returns an error for a bad one.
    unsafe { generated::bpf_probe_read_user_str(text.as_mut_ptr().cast(), BYTES as u32, from as *const _) };
    text
}

/// Returns the running task.
#[inline(always)]
pub fn current() -> Address {
    // SAFETY: the helpers have no precondition.
    unsafe {
        if setting!(recent) != 0 {
            generated::bpf_get_current_task_btf() as Address
        } else {
            bpf_get_current_task() as Address
        }
    }
}

/// Reads a member of [`current`].
#[inline(always)]
pub fn load_current<T: Copy + Default>(task: Address, offset: u32) -> T {
    if setting!(recent) != 0 { load(task, offset) } else { peek(task, offset).unwrap_or_default() }
}
