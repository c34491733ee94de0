//! The file that a process executes, and its path: taken once, when the file is first met.

use crate::climbing::Climbing;
use crate::counting::lose;
use crate::kernel::{Address, current as current_task, load_current, offset, peek, volatile};
use crate::maps::{EXECUTABLES, SCRATCH, Scratch};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use capwrap_ebpf::{Executable, PATH_BYTES, lost};

/// The components and mounts that are followed; of a longer path the end is kept.
const COMPONENTS: usize = 16;
/// The bytes of one component, NUL included (NAME_MAX + 1).
const COMPONENT_BYTES: u32 = 256;

/// The running process's, inode 0 for a kernel thread.
#[inline(always)]
pub fn current() -> Executable {
    let memory: usize = load_current(current_task(), offset!(task_mm));
    let none = Executable { inode: 0, device: 0 };
    if memory == 0 {
        return none;
    }
    let Some(file) = peek::<usize>(memory as Address, offset!(mm_exe_file)) else { return none };
    let Some(inode) = peek::<usize>(file as Address, offset!(file_inode)) else { return none };
    let Some(number) = peek::<u64>(inode as Address, offset!(inode_number)) else { return none };
    let super_block = peek::<usize>(inode as Address, offset!(inode_super_block)).unwrap_or(0);
    let device = peek::<u32>(super_block as Address, offset!(super_block_device)).unwrap_or(0);
    let executable = Executable { inode: number, device: u64::from(device) };
    if EXECUTABLES.get_ptr(executable).is_none() {
        keep_path(&executable, file as u64);
    }
    executable
}

/// Walks from the file to the root of its mounts, and keeps the names.
///
/// How far it has come is kept in memory and not in variables: to the verifier, which follows every
/// path, each round of the loop is then the same.
#[inline(never)]
fn keep_path(executable: &Executable, file: u64) -> u64 {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return 0 };
    // SAFETY: checked not to be null, and this CPU's alone while the program runs.
    let scratch = unsafe { &mut *scratch };
    scratch.climbing = Climbing {
        entry: peek(file as Address, offset!(file_dentry)).unwrap_or(0),
        vfsmount: peek(file as Address, offset!(file_mount)).unwrap_or(0),
        whole: 0,
    };
    scratch.path.length = 0;
    for _ in 0..COMPONENTS {
        if climb(scratch) {
            break;
        }
    }
    scratch.path.whole = volatile(&scratch.climbing.whole);
    if EXECUTABLES.insert(executable, &scratch.path, BPF_NOEXIST.into()).is_err()
        // Another CPU's path of the same file is as good.
        && EXECUTABLES.get_ptr(executable).is_none()
    {
        lose(lost::EXECUTABLES);
    }
    0
}

/// One step up: over a component, or from a mount to where it is mounted. True at the end.
#[inline(always)]
fn climb(scratch: &mut Scratch) -> bool {
    let Climbing { entry, vfsmount, .. } = volatile(&scratch.climbing);
    let root: u64 = peek(vfsmount as Address, offset!(vfsmount_root)).unwrap_or(0);
    let parent: u64 = peek(entry as Address, offset!(dentry_parent)).unwrap_or(0);
    if entry == root || entry == parent {
        let mount = vfsmount.wrapping_sub(u64::from(offset!(mount_vfsmount)));
        let above: u64 = peek(mount as Address, offset!(mount_parent)).unwrap_or(0);
        if above == mount || above == 0 {
            scratch.climbing.whole = 1;
            return true;
        }
        scratch.climbing.entry = peek(mount as Address, offset!(mount_mountpoint)).unwrap_or(0);
        scratch.climbing.vfsmount = above.wrapping_add(u64::from(offset!(mount_vfsmount)));
        return false;
    }
    let name: u64 = peek(entry as Address, offset!(dentry_name)).unwrap_or(0);
    let length = volatile(&scratch.path.length);
    let at = length & (PATH_BYTES as u64 - 1);
    // SAFETY: `at` is below PATH_BYTES, and behind the path there is room for one component.
    let written = unsafe {
        let components = (&raw mut scratch.path.components).cast::<u8>();
        bpf_probe_read_kernel_str(components.add(at as usize).cast(), COMPONENT_BYTES, name as *const _)
    };
    if written <= 0 || length + written as u64 > PATH_BYTES as u64 {
        return true;
    }
    scratch.path.length = length + written as u64;
    scratch.climbing.entry = parent;
    false
}
