//! The part of perf_event_open(2) that a probe needs.

use nix::Error;
use nix::errno::Errno;
use std::os::fd::{FromRawFd, OwnedFd};

/// The beginning of `struct perf_event_attr`, as long as one of its first versions was
/// (`PERF_ATTR_SIZE_VER1`, 72 bytes). The kernel takes the fields that follow as 0.
#[repr(C)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    uprobe_path: u64,
    probe_offset: u64,
}

const DISABLED: u64 = 1 << 0;
const EXCLUDE_KERNEL: u64 = 1 << 5;
/// `PERF_FLAG_FD_CLOEXEC`.
const CLOSE_ON_EXEC: libc::c_ulong = 1 << 3;

/// Asks the kernel for a uprobe without naming a file. The kernel checks the rights first: EINVAL
/// means that the rights suffice, EACCES that they do not. The kernel never attaches anything.
pub fn try_uprobe(pmu_type: u32) -> Result<(), Error> {
    let attributes = Attributes {
        kind: pmu_type,
        size: size_of::<Attributes>() as u32,
        config: 0,
        sample_period: 0,
        sample_type: 0,
        read_format: 0,
        flags: DISABLED | EXCLUDE_KERNEL,
        wakeup_events: 0,
        bp_type: 0,
        uprobe_path: 0,
        probe_offset: 0,
    };
    let (hardening, any_cpu, no_group, flags) = (0, -1, -1, CLOSE_ON_EXEC);
    // SAFETY: the kernel reads `size` bytes of `attributes`, which is that long and outlives the call.
    let answer =
        unsafe { libc::syscall(libc::SYS_perf_event_open, &raw const attributes, hardening, any_cpu, no_group, flags) };
    Errno::result(answer).map(|descriptor| {
        // SAFETY: the call has just made this descriptor, and nothing else uses it.
        drop(unsafe { OwnedFd::from_raw_fd(descriptor as i32) });
    })
}
