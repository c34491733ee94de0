//! The editor of root: which program that is, and how it is run on a private copy of a text.

use super::locate::locate;
use crate::output::error::{hinted, reason};
use crate::store::{bounded_read, trusted_file};
use anyhow::{Context, Result, bail};
use capwrap_core::decision::environment::PATH;
use capwrap_core::text::printable;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// The variables that choose the editor, in the order in which sudo asks them (sudo(8), `SUDO_EDITOR`).
const VARIABLES: [&str; 3] = ["SUDO_EDITOR", "VISUAL", "EDITOR"];
/// The editors where no variable is set. The first is the one that a Debian system's administrator chose.
const USUAL: [&str; 4] = ["/usr/bin/editor", "/usr/bin/vi", "/bin/vi", "/usr/bin/nano"];
/// The editors that begin at line N where `+N` stands before the file.
const TAKES_LINE: [&str; 12] =
    ["vi", "vim", "vim.basic", "vim.tiny", "nvi", "nvim", "nano", "emacs", "pico", "joe", "jed", "mg"];
/// Where the copy lies while it is edited: in a directory that root alone can change and that is empty after a boot.
const COPIES: &str = "/run";

/// An editor that only root can have put in its place.
pub struct Editor {
    file: PathBuf,
    arguments: Vec<OsString>,
}

impl Editor {
    /// Finds the editor.
    ///
    /// # Errors
    /// The variable that is set names no program, or one that another user than root could have written. It is not
    /// passed over for the next, because the person who set it means it.
    pub fn find() -> Result<Self> {
        for name in VARIABLES {
            if let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) {
                let named = || format!("cannot use the editor that {name} names");
                return Self::of(&value).map_err(|error| hinted(format!("{}: {error:#}", named()), unset(name)));
            }
        }
        let Some(file) = USUAL.iter().map(Path::new).find(|file| file.exists()) else {
            bail!("no editor is installed: {} are not there, and {} is not set", USUAL.join(", "), VARIABLES[0]);
        };
        trusted_file::open(file)?;
        Ok(Self { file: file.to_owned(), arguments: Vec::new() })
    }

    /// The value has the words of a command. As for sudo, blanks separate them, and no shell reads them.
    fn of(value: &OsStr) -> Result<Self> {
        let value = value.to_str().context("it is no text")?;
        let mut words = value.split_ascii_whitespace();
        let program = words.next().context("it is empty")?;
        if program.contains('/') && !program.starts_with('/') {
            bail!("{} is a path from a directory that may be anybody's", printable::text(program));
        }
        // PATH can be the one of the user who became root.
        let file = locate(OsStr::new(program), Some(PATH.into()))?;
        trusted_file::open(&file)?;
        Ok(Self { file, arguments: words.map(OsString::from).collect() })
    }

    /// Lets root edit a copy of this text, and returns what it is then. The cursor begins in this line, if the editor is
    /// known to take one. The copy is gone afterwards.
    ///
    /// # Errors
    /// The editor cannot be started, or it failed, or what it left is no text or longer than `most` bytes.
    pub fn edit(&self, name: &str, text: &str, line: Option<usize>, most: usize) -> Result<String> {
        let copy = Copy::of(name, text)?;
        let status = self.run(&copy.path, line)?;
        if !status.success() {
            bail!("the editor {} failed ({status})", self.file.display());
        }
        bounded_read::text_of(&copy.path, most)
    }

    fn run(&self, path: &Path, line: Option<usize>) -> Result<ExitStatus> {
        let cannot = |error: std::io::Error| anyhow::anyhow!("cannot run {}: {}", self.file.display(), reason(&error));
        let real = self.file.canonicalize().unwrap_or_else(|_| self.file.clone());
        let takes_line = real.file_name().and_then(OsStr::to_str).is_some_and(|name| TAKES_LINE.contains(&name));
        // What is typed on the terminal to interrupt is for the editor, as system(3) has it. The editor must not inherit
        // that the signals are blocked, so a process of our own unblocks them and becomes the editor.
        let typed: SigSet = [Signal::SIGINT, Signal::SIGQUIT].into_iter().collect();
        typed.thread_block().context("cannot block signals")?;
        let mut command = Command::new("/proc/self/exe");
        command.args(["become", "--at-once", "--"]).arg(&self.file).args(&self.arguments);
        command.args(line.filter(|_| takes_line).map(|line| format!("+{line}")));
        let status = command.arg(path).status().map_err(cannot);
        let pending = SignalFd::with_flags(&typed, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC);
        let pending = pending.context("cannot take signals")?;
        while let Ok(Some(_)) = pending.read_signal() {}
        typed.thread_unblock().context("cannot unblock signals")?;
        status
    }
}

fn unset(name: &str) -> String {
    format!("unset {name}, or set it to an editor of root's, as in {name}=/usr/bin/nano")
}

/// A copy of a text in a directory of its own, which only root can enter. Both are removed when it is dropped.
struct Copy {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Copy {
    fn of(name: &str, text: &str) -> Result<Self> {
        let cannot = || format!("cannot make a copy in {COPIES}");
        let private = Permissions::from_mode(0o700);
        let mut made = tempfile::Builder::new();
        let folder = made.prefix("capwrap-edit-").permissions(private).tempdir_in(COPIES).with_context(cannot)?;
        let path = folder.path().join(name);
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path).with_context(cannot)?;
        file.write_all(text.as_bytes()).with_context(cannot)?;
        Ok(Self { path, _folder: folder })
    }
}

/// Keeps a text that could not be put in its place, for root alone, and returns where.
///
/// # Errors
/// The system refuses.
pub fn keep(name: &str, text: &str) -> Result<PathBuf> {
    let Copy { path, _folder: folder } = Copy::of(name, text)?;
    let _ = folder.keep();
    Ok(path)
}
