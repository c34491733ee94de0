//! Watching a command for the files that it uses, from which the learner proposes `beneath`: which calls name a path, and
//! the lines of the report.
//!
//! A Landlock domain judges a call by the file that it is about, and no check of a capability shows that file. So the
//! launcher's watcher resolves the paths of these calls before the kernel makes them ([`super::watch`]).

use crate::scope::calls::{Architecture, Call};
use crate::text::hidden::is_hidden;
use crate::text::tape::{Reader, Writer};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What a domain wants to know of a use of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// It is opened for reading, listed, or executed.
    Read,
    /// It is opened for writing, or what lies in it is made, removed or renamed.
    Write,
    /// A device is made in it.
    Device,
}

impl Access {
    /// Every access.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Device];

    /// Returns the first word of a line about it. No system call has such a name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::Write => "writes",
            Self::Device => "makes-device",
        }
    }
}

/// A file or directory that a command uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// How it uses it.
    pub access: Access,
    /// Its path, without links.
    pub path: PathBuf,
}

impl Place {
    /// Makes a place that a policy can name. In the place of a path with hidden characters, or that is not UTF-8, stands
    /// the directory in which it lies.
    pub fn named(access: Access, mut path: PathBuf) -> Self {
        let is_plain = |path: &Path| path.to_str().is_some_and(|text| !text.contains(is_hidden));
        while !is_plain(&path) && path.pop() {}
        Self { access, path }
    }

    /// Reads a line of a report.
    pub fn read(line: &str) -> Option<Self> {
        let (word, path) = line.split_once(' ')?;
        let access = Access::ALL.into_iter().find(|access| access.word() == word)?;
        path.starts_with('/').then(|| Self { access, path: PathBuf::from(path) })
    }
}

/// Formats as a line of a report, without a line feed.
impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.access.word(), self.path.display())
    }
}

/// What a call does with the path that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// It opens it with the flags in this argument.
    Open(u8),
    /// It opens it with the flags at the beginning of what this argument points to.
    OpenAsSaid(u8),
    /// It makes the file, or empties it.
    Create,
    /// It changes the length of the file.
    Truncate,
    /// It executes the file.
    Execute,
    /// It makes or removes the name.
    Name,
    /// It makes the name, for a file of the mode in this argument.
    Node(u8),
}

/// An argument of a call that names a path.
#[derive(Debug, PartialEq, Eq)]
pub struct Naming {
    /// The call.
    pub call: &'static str,
    /// The argument that is the descriptor of the directory from which a relative path begins; without one, it is the
    /// working directory.
    pub directory: Option<u8>,
    /// The argument that points to the path.
    pub path: u8,
    /// What the call does with it.
    pub does: Does,
}

const fn at(call: &'static str, directory: u8, does: Does) -> Naming {
    Naming { call, directory: Some(directory), path: directory + 1, does }
}

const fn from_here(call: &'static str, path: u8, does: Does) -> Naming {
    Naming { call, directory: None, path, does }
}

/// Every argument by which a call names a file that a domain judges (security/landlock/fs.c: the hooks `file_open`,
/// `file_truncate`, and those of the path). A link and a move are about two directories.
const NAMINGS: &[Naming] = &[
    from_here("creat", 0, Does::Create),
    from_here("execve", 0, Does::Execute),
    at("execveat", 0, Does::Execute),
    from_here("link", 0, Does::Name),
    from_here("link", 1, Does::Name),
    at("linkat", 0, Does::Name),
    at("linkat", 2, Does::Name),
    from_here("mkdir", 0, Does::Name),
    at("mkdirat", 0, Does::Name),
    from_here("mknod", 0, Does::Node(1)),
    at("mknodat", 0, Does::Node(2)),
    from_here("open", 0, Does::Open(1)),
    at("openat", 0, Does::Open(2)),
    at("openat2", 0, Does::OpenAsSaid(2)),
    from_here("rename", 0, Does::Name),
    from_here("rename", 1, Does::Name),
    at("renameat", 0, Does::Name),
    at("renameat", 2, Does::Name),
    at("renameat2", 0, Does::Name),
    at("renameat2", 2, Does::Name),
    from_here("rmdir", 0, Does::Name),
    from_here("symlink", 1, Does::Name),
    at("symlinkat", 1, Does::Name),
    from_here("truncate", 0, Does::Truncate),
    from_here("unlink", 0, Does::Name),
    at("unlinkat", 0, Does::Name),
];

/// [`NAMINGS`] as bytes: they are for the learner's watch, and no other launch pays for them.
static TAPE: [u8; write::<0>().length] = write::<{ write::<0>().length }>().bytes;

/// What stands for the working directory.
const HERE: u8 = u8::MAX;

const fn write<const LENGTH: usize>() -> Writer<LENGTH> {
    let mut to = Writer::new();
    let mut at = 0;
    while at < NAMINGS.len() {
        let naming = &NAMINGS[at];
        to.text(naming.call);
        to.byte(match naming.directory {
            Some(directory) => directory,
            None => HERE,
        });
        to.byte(naming.path);
        let (kind, argument) = match naming.does {
            Does::Open(flags) => (0, flags),
            Does::OpenAsSaid(flags) => (1, flags),
            Does::Create => (2, 0),
            Does::Truncate => (3, 0),
            Does::Execute => (4, 0),
            Does::Name => (5, 0),
            Does::Node(mode) => (6, mode),
        };
        to.byte(kind);
        to.byte(argument);
        at += 1;
    }
    to
}

fn read(from: &mut Reader) -> Option<Naming> {
    let (call, directory, path) = (from.text()?, from.byte()?, from.byte()?);
    let does = match (from.byte()?, from.byte()?) {
        (0, flags) => Does::Open(flags),
        (1, flags) => Does::OpenAsSaid(flags),
        (2, _) => Does::Create,
        (3, _) => Does::Truncate,
        (4, _) => Does::Execute,
        (5, _) => Does::Name,
        (6, mode) => Does::Node(mode),
        _ => return None,
    };
    Some(Naming { call, directory: Some(directory).filter(|at| *at != HERE), path, does })
}

/// Returns every argument by which a call names a file that a domain judges.
pub fn all_namings() -> &'static [Naming] {
    static ALL: OnceLock<Vec<Naming>> = OnceLock::new();
    ALL.get_or_init(|| Reader::of(&TAPE).rows(read).collect())
}

/// Returns the paths that a call of this number names.
pub fn namings(architecture: Architecture, number: u32) -> impl Iterator<Item = &'static Naming> {
    let call = Call::all().iter().chain(Call::of_paths()).find(|call| call.number(architecture) == Some(number));
    all_namings().iter().filter(move |naming| call.is_some_and(|call| call.name == naming.call))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_line_says_the_access_and_the_path() {
        for access in Access::ALL {
            let place = Place { access, path: "/var/log/a file".into() };
            assert_eq!(Place::read(&place.to_string()), Some(place));
        }
        for bad in ["", "reads", "reads x", "opens /x", "openat 0 0 0 0 0 0"] {
            assert_eq!(Place::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_no_policy_can_name_is_its_directory() {
        let named = |bytes: &[u8]| Place::named(Access::Read, OsStr::from_bytes(bytes).into()).path;
        assert_eq!(named(b"/srv/a/b"), Path::new("/srv/a/b"));
        assert_eq!(named(b"/srv/a\nreads /etc/b"), Path::new("/srv"));
        assert_eq!(named(b"/srv/\xff"), Path::new("/srv"));
        assert_eq!(named("/\u{202e}".as_bytes()), Path::new("/"));
    }

    #[test]
    fn the_arguments_are_read_as_they_are_written_here() {
        assert_eq!(all_namings(), NAMINGS);
    }

    #[test]
    fn every_call_has_a_number_and_each_path_call_a_path() {
        let numbered = |naming: &Naming| Call::numbered(naming.call).is_some();
        assert!(all_namings().iter().all(numbered));
        assert!(Call::of_paths().iter().all(|call| all_namings().iter().any(|naming| naming.call == call.name)));
        let of = |number| namings(Architecture::X86_64, number).map(|naming| naming.call).collect::<Vec<_>>();
        assert_eq!(of(257), ["openat"]);
        assert_eq!(of(316), ["renameat2", "renameat2"]);
        assert_eq!(of(0), [""; 0]);
    }
}
