//! Whether a demand holds: for one user, with the capabilities that the tool gets.

use crate::mount_table;
use crate::policy::demand::{Demand, Need};
use crate::text::printable;
use crate::{Capability, CapabilitySet};
use nix::errno::Errno;
use std::fmt;
use std::path::Path;

/// The capabilities that the answer about a path depends on (path_resolution(7)). Whoever asks for a tool asks with
/// those of them that the tool gets.
pub const ABOUT_PATHS: [Capability; 2] = [Capability::DAC_OVERRIDE, Capability::DAC_READ_SEARCH];

/// Returns the capabilities with which to ask about a demand, for a tool that gets these.
pub fn asked_with(demand: &Demand, passed: CapabilitySet) -> CapabilitySet {
    match demand.unprivileged || !demand.need.is_about_access() {
        true => CapabilitySet::EMPTY,
        false => passed.intersection(ABOUT_PATHS.into_iter().collect()),
    }
}

/// A demand, and whether it holds.
#[derive(Debug)]
pub struct Judged<'p> {
    /// The demand.
    pub demand: &'p Demand,
    /// Whether it holds.
    pub state: State,
}

/// Whether a demand holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It holds.
    Met,
    /// It does not hold. The words say what is so instead, as in `/x is not writable: permission denied`.
    Unmet(String),
    /// Nobody can say, and why.
    Unknown(String),
}

/// Formats the state as a clause that explanations show.
impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Met => out.write_str("holds"),
            Self::Unmet(what) => write!(out, "does not hold: {what}"),
            Self::Unknown(why) => write!(out, "not known: {why}"),
        }
    }
}

/// What a tool does with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It reads a file, or lists a directory.
    Read,
    /// It writes a file, or makes files in a directory.
    Write,
}

/// Judges what a tool needs. `uid0` is whether the tool runs as root, and `mounts` the text of
/// [`mount_table::FILE`], if that can be read. `ask` asks the kernel whether the tool could use a path, as
/// faccessat2(2) does.
pub fn judge(
    need: &Need,
    uid0: bool,
    mounts: Option<&[u8]>,
    ask: impl Fn(&Path, Access) -> Result<(), Errno>,
) -> State {
    let (path, access) = match need {
        Need::Uid0 => return of_uid0(uid0),
        Need::Readable(path) => (path, Access::Read),
        Need::Writable(path) => (path, Access::Write),
        Need::Mounted { path, .. } => (path, Access::Read),
    };
    let shown = printable::text(path);
    let Some(kind) = mounts.and_then(|mounts| mount_table::kind_of(mounts, path)) else {
        return State::Unknown(format!("{} does not show what {shown} lies on", mount_table::FILE));
    };
    if let Need::Mounted { kind: wanted, .. } = need {
        return match kind {
            kind if kind == *wanted => State::Met,
            // What is asked for may appear there on the first use.
            kind if kind == "autofs" => State::Unknown(format!("{shown} is below an automount point")),
            kind => State::Unmet(format!(
                "{shown} lies on {} and not on {}",
                printable::text(&kind),
                printable::text(wanted)
            )),
        };
    }
    if !mount_table::is_local(&kind) {
        return State::Unknown(format!("{shown} lies on {}, which could take long to answer", printable::text(&kind)));
    }
    let word = if access == Access::Read { "readable" } else { "writable" };
    match ask_of_any(path, |path| ask(path, access)) {
        Ok(()) => State::Met,
        Err(errno) if is_an_answer(errno) => {
            State::Unmet(format!("{shown} is not {word}: {}", in_sentence(errno.desc())))
        }
        Err(errno) => State::Unknown(format!("the kernel does not say: {}", in_sentence(errno.desc()))),
    }
}

/// Judges [`Need::Uid0`], by whether the tool runs as root.
pub fn of_uid0(uid0: bool) -> State {
    if uid0 { State::Met } else { State::Unmet("the tool does not run as uid 0".to_owned()) }
}

/// Asks about a directory, which the tool must be able to enter as well, or else about a file.
fn ask_of_any(path: &Path, ask: impl Fn(&Path) -> Result<(), Errno>) -> Result<(), Errno> {
    match ask(&path.join(".")) {
        Err(Errno::ENOTDIR) => ask(path),
        other => other,
    }
}

/// Whether the error is about the path. Other errors are about the call: kernels before 5.8 do not know it, and a
/// container's filter of system calls answers EPERM or ENOSYS.
const fn is_an_answer(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::EACCES
            | Errno::ENOENT
            | Errno::ENOTDIR
            | Errno::ELOOP
            | Errno::EROFS
            | Errno::ENAMETOOLONG
            | Errno::ETXTBSY
    )
}

/// The words of an error, in the middle of a sentence.
fn in_sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    const MOUNTS: &[u8] = b"22 1 254:0 / / rw - ext4 /dev/vda rw\n\
        24 22 0:6 / /t rw - tracefs tracefs rw\n\
        30 22 0:30 / /home rw - nfs4 server:/home rw\n\
        31 22 0:31 / /auto rw - autofs systemd-1 rw\n";

    fn answered(need: &Need, answer: Result<(), Errno>) -> State {
        judge(need, false, Some(MOUNTS), |_, _| answer)
    }

    fn unmet(state: &State) -> &str {
        match state {
            State::Unmet(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_kernel_says_of_a_path_decides() {
        let need = Need::Writable("/x".into());
        assert_eq!(answered(&need, Ok(())), State::Met);
        assert_eq!(unmet(&answered(&need, Err(Errno::EACCES))), "/x is not writable: permission denied");
        assert_eq!(unmet(&answered(&need, Err(Errno::ENOENT))), "/x is not writable: no such file or directory");
        assert_eq!(unmet(&answered(&need, Err(Errno::EROFS))), "/x is not writable: read-only file system");
        for errno in [Errno::ENOSYS, Errno::EPERM, Errno::EINVAL, Errno::EIO] {
            assert!(matches!(answered(&need, Err(errno)), State::Unknown(_)), "{errno}");
        }
    }

    #[test]
    fn a_directory_must_be_entered_too_and_a_file_need_not() {
        let asked = RefCell::new(Vec::new());
        let ask = |path: &Path, access| {
            asked.borrow_mut().push((path.as_os_str().to_owned(), access));
            if path.as_os_str() == "/file/." { Err(Errno::ENOTDIR) } else { Ok(()) }
        };
        assert_eq!(judge(&Need::Readable("/directory".into()), false, Some(MOUNTS), ask), State::Met);
        assert_eq!(judge(&Need::Writable("/file".into()), false, Some(MOUNTS), ask), State::Met);
        let expected = [("/directory/.", Access::Read), ("/file/.", Access::Write), ("/file", Access::Write)];
        assert_eq!(*asked.borrow(), expected.map(|(path, access)| (path.into(), access)));
    }

    #[test]
    fn nothing_is_asked_of_what_could_take_long_to_answer() {
        let ask = |_: &Path, _| panic!("asked");
        for path in ["/home/x", "/auto/x"] {
            let state = judge(&Need::Readable(path.into()), false, Some(MOUNTS), ask);
            assert!(matches!(&state, State::Unknown(why) if why.contains("could take long")), "{state:?}");
        }
        let state = judge(&Need::Readable("/x".into()), false, None, ask);
        assert!(matches!(state, State::Unknown(_)));
    }

    #[test]
    fn a_file_system_is_judged_by_the_table_alone() {
        let need = |kind: &str, path: &str| Need::Mounted { kind: kind.into(), path: path.into() };
        let ask = |_: &Path, _| panic!("asked");
        let of = |need: Need| judge(&need, false, Some(MOUNTS), ask);
        assert_eq!(of(need("tracefs", "/t")), State::Met);
        assert_eq!(unmet(&of(need("bpf", "/t"))), "/t lies on tracefs and not on bpf");
        assert_eq!(unmet(&of(need("bpf", "/home"))), "/home lies on nfs4 and not on bpf");
        assert!(matches!(of(need("bpf", "/auto/x")), State::Unknown(_)));
    }

    #[test]
    fn root_is_asked_of_no_table() {
        let ask = |_: &Path, _| panic!("asked");
        assert_eq!(judge(&Need::Uid0, true, None, ask), State::Met);
        assert_eq!(unmet(&judge(&Need::Uid0, false, None, ask)), "the tool does not run as uid 0");
    }
}
