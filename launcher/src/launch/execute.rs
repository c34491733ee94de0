//! Step 12 executes the file that step 8 checked.

use super::command_line::Launch;
use super::prepared::Prepared;
use super::tool::CheckedTool;
use crate::refusal::{NOT_EXECUTABLE, OrRefuse, Refusal};
use crate::system::exec::{self, Target};
use capwrap_core::decision::facts::KernelVersion;
use capwrap_core::trusted_path;
use nix::errno::Errno;
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};

/// The first kernel that names a process executed by descriptor after its file rather than after
/// the descriptor's number (commit 543841d18060).
const NAMES_DESCRIPTORS: KernelVersion = KernelVersion { major: 6, minor: 14, patch: 0 };

/// Becomes the tool. It returns only if that failed.
pub fn become_tool(
    launch: &Launch,
    tool: &CheckedTool,
    prepared: &Prepared,
    kernel: KernelVersion,
) -> Result<Infallible, Refusal> {
    let own_name = tool.path.file_name().unwrap_or(OsStr::new(&launch.name));
    let own_name = launch.called.as_deref().unwrap_or(own_name);
    let argv = std::iter::once(own_name).chain(launch.arguments.iter().map(OsString::as_os_str));
    let argv = exec::c_strings(argv).or_refuse(|| "pass the arguments on")?;
    let environment = exec::variables(&prepared.environment).or_refuse(|| "make the environment")?;
    let errno = match exec::become_target(&target(tool, kernel)?, &argv, &environment, prepared.exec_tag) {
        Ok(never) => match never {},
        Err(errno) => errno,
    };
    let refusal = Refusal::failed(format!("execute {}", tool.path.display()), errno.desc()).with_status(NOT_EXECUTABLE);
    Err(match errno {
        Errno::ENOENT => refusal.with_hint("its interpreter or dynamic loader is missing, or /dev/fd is"),
        Errno::ENOEXEC => refusal.with_hint("it is built for another machine, or no program at all"),
        _ => refusal,
    })
}

/// Returns whether capwrap executes the descriptor itself. Kernels before [`NAMES_DESCRIPTORS`]
/// would show the descriptor's number as the name of the process. There capwrap executes the tool's
/// name in the directory that it checked, if only root can have put another file there.
fn is_by_descriptor(tool: &CheckedTool, kernel: KernelVersion) -> bool {
    kernel >= NAMES_DESCRIPTORS || !tool.by_name
}

/// Returns the descriptor by which a script's interpreter opens it, below `/dev/fd`. The descriptor
/// must stay open after the exec.
pub fn descriptor_of_script(tool: &CheckedTool, kernel: KernelVersion) -> BorrowedFd<'_> {
    if is_by_descriptor(tool, kernel) { tool.opened.file.as_fd() } else { tool.opened.directory.as_fd() }
}

fn target(tool: &CheckedTool, kernel: KernelVersion) -> Result<Target<'_>, Refusal> {
    if is_by_descriptor(tool, kernel) {
        return Ok(Target::Descriptor(tool.opened.file.as_fd()));
    }
    match trusted_path::is_still(&tool.opened).or_refuse(|| format!("check {} again", tool.path.display()))? {
        true => Ok(Target::Entry { directory: tool.opened.directory.as_fd(), name: &tool.opened.name }),
        false => Err(Refusal::new(format!("{} was replaced while it was checked", tool.path.display()))),
    }
}
