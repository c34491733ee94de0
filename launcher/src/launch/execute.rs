//! Step 12 executes the file that step 8 checked.

use super::command_line::Launch;
use super::prepared::Prepared;
use super::tool::CheckedTool;
use crate::refusal::{NOT_EXECUTABLE, OrRefuse, Refusal};
use crate::system::exec::{self, Target};
use capwrap_core::decision::facts::KernelVersion;
use capwrap_core::policy::{Argv0, Policy};
use capwrap_core::trusted_path;
use nix::errno::Errno;
use nix::sys::stat::stat;
use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

/// The first kernel that names a process executed by descriptor after its file rather than after
/// the descriptor's number (commit 543841d18060).
const NAMES_DESCRIPTORS: KernelVersion = KernelVersion { major: 6, minor: 14, patch: 0 };

/// Becomes the tool. It returns only if that failed.
pub fn become_tool(
    launch: &Launch,
    policy: &Policy,
    tool: &CheckedTool,
    prepared: &Prepared,
    kernel: KernelVersion,
) -> Result<Infallible, Refusal> {
    let own_name = match (&launch.called, policy.exec.argv0) {
        (Some(called), _) => called.as_os_str(),
        (None, Argv0::Path) => tool.path.as_os_str(),
        (None, Argv0::Name) => OsStr::new(&launch.name),
    };
    let argv = std::iter::once(own_name).chain(launch.arguments.iter().map(OsString::as_os_str));
    let argv = exec::c_strings(argv).or_refuse(|| "pass the arguments on")?;
    let environment = exec::variables(&prepared.environment).or_refuse(|| "make the environment")?;
    let errno = match exec::become_target(&target(tool, prepared, kernel)?, &argv, &environment, prepared.exec_tag) {
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

/// Returns the descriptor by which a script's interpreter opens it, below `/dev/fd`, if it is not executed by its path.
/// The descriptor must stay open after the exec.
pub fn descriptor_of_script(tool: &CheckedTool, kernel: KernelVersion) -> BorrowedFd<'_> {
    if is_by_descriptor(tool, kernel) { tool.opened.file.as_fd() } else { tool.opened.directory.as_fd() }
}

/// Returns the path of a script that is executed by it. A user who may not go there, as below a directory of root's own,
/// gets the script by descriptor.
pub fn path_of_script(tool: &CheckedTool) -> Result<Option<CString>, Refusal> {
    if !tool.by_path {
        return Ok(None);
    }
    match is_replaced(tool) {
        Ok(false) => {}
        Ok(true) => return Err(replaced(tool)),
        Err(Errno::EACCES) => return Ok(None),
        Err(errno) => return Err(errno).or_refuse(|| format!("check {} again", tool.path.display())),
    }
    let path = CString::new(tool.path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL);
    path.map(Some).or_refuse(|| format!("name {}", tool.path.display()))
}

/// Returns whether the tool's path leads to another file by now.
fn is_replaced(tool: &CheckedTool) -> Result<bool, Errno> {
    let (now, checked) = (stat(&tool.path)?, &tool.opened.status);
    Ok((now.st_dev, now.st_ino) != (checked.st_dev, checked.st_ino))
}

fn replaced(tool: &CheckedTool) -> Refusal {
    Refusal::new(format!("{} was replaced while it was checked", tool.path.display()))
}

fn target<'t>(tool: &'t CheckedTool, prepared: &'t Prepared, kernel: KernelVersion) -> Result<Target<'t>, Refusal> {
    if let Some(path) = &prepared.path_of_script {
        return match is_replaced(tool).or_refuse(|| format!("check {} again", tool.path.display()))? {
            true => Err(replaced(tool)),
            false => Ok(Target::Path(path)),
        };
    }
    if is_by_descriptor(tool, kernel) {
        return Ok(Target::Descriptor(tool.opened.file.as_fd()));
    }
    match trusted_path::is_still(&tool.opened).or_refuse(|| format!("check {} again", tool.path.display()))? {
        true => Ok(Target::Entry { directory: tool.opened.directory.as_fd(), name: &tool.opened.name }),
        false => Err(replaced(tool)),
    }
}
