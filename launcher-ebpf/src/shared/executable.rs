//! Identifies the file that a process executes, and reads its path once, when the file is first
//! seen.

use crate::climbing::Climbing;
use crate::counting::lose;
use crate::kernel::{Address, current as current_task, load_current, offset, peek, volatile};
use crate::maps::{EXECUTABLES, SCRATCH, Scratch};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use capwrap_ebpf::{Executable, PATH_BYTES, lost};

/// The number of components and mounts that are followed. The end of a longer path is kept.
const COMPONENTS: usize = 16;
/// The size of one component in bytes, including the NUL (NAME_MAX + 1).
const COMPONENT_BYTES: u32 = 256;

/// Returns the file that the running process executes. The inode is 0 for a kernel thread.
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
/// The progress is kept in memory and not in variables. The verifier follows every path, and this
/// makes each round of the loop the same to it.
#[inline(never)]
fn keep_path(executable: &Executable, file: u64) -> u64 {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return 0 };
    // SAFETY: the pointer is not null, and the value is this CPU's alone while the program runs.
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
        // A path of the same file that another CPU inserted is equally good.
        && EXECUTABLES.get_ptr(executable).is_none()
    {
        lose(lost::EXECUTABLES);
    }
    0
}

/// Goes one step up: over a component, or from a mount to where it is mounted. Returns true at the
/// end.
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
    // SAFETY: `at` is less than PATH_BYTES, and after the path there is space for one component.
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
