//! What the arguments of a call point to that the watcher got, in the memory of the process that made it.

/// Reads what an argument of the call points to. Another thread may change it afterwards, so that nothing may be refused
/// for it.
pub(super) fn read(call: &libc::seccomp_notif, argument: usize, to: &mut [u8]) -> Option<()> {
    let count = read_as_far_as_it_goes(call, argument, to)?;
    (count == to.len()).then_some(())
}

/// Reads the same up to the first page that is not there, and returns how many bytes it read.
pub(super) fn read_as_far_as_it_goes(call: &libc::seccomp_notif, argument: usize, to: &mut [u8]) -> Option<usize> {
    /// No page is smaller, so that none of these parts goes beyond the page that it begins in.
    const PART: usize = 4096;
    let process = libc::pid_t::try_from(call.pid).ok()?;
    let begins = usize::try_from(call.data.args[argument]).ok()?;
    let first = (PART - begins % PART).min(to.len());
    let room = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: to.len() };
    let part =
        |at: usize, length| libc::iovec { iov_base: begins.wrapping_add(at) as *mut libc::c_void, iov_len: length };
    // The kernel does not split one part (process_vm_readv(2)), and what is read here fits into two pages.
    let from = [part(0, first), part(first, (to.len() - first).min(PART))];
    // SAFETY: the kernel writes at most as many bytes to `to` as it has, and reads them from the other process.
    let count = unsafe { libc::process_vm_readv(process, &raw const room, 1, from.as_ptr(), from.len() as _, 0) };
    usize::try_from(count).ok()
}
