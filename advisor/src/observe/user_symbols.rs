//! Names for places in the code of programs, which the kernel reports by the build id of a file and an offset in it. The
//! file is found by what the program is, even after it has ended: its executable, what it maps while it runs, and the
//! machine's libraries.
//!
//! These files may be anybody's and hold anything. What is kept of them is bounded, and nothing in them makes the reader
//! panic.

use crate::store::bounded_read;
use capwrap_core::text::hex;
use capwrap_ebpf::{UserFrame, UserStack, user_frame};
use object::read::{Object, ObjectSegment, ObjectSymbol, ReadCache};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

/// A place in a program's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a function of a file, so many bytes after its beginning.
    Function { name: String, offset: u64, file: String },
    /// In a file, at this offset, in a function without a name.
    File { offset: u64, file: String },
    /// In a file with this build id, which was not found.
    Unknown { offset: u64, build_id: String },
    /// At this address of the process's memory.
    Address(u64),
}

/// The files that were found so far.
#[derive(Default)]
pub struct UserSymbols {
    by_build_id: HashMap<[u8; 20], Option<Rc<Symbols>>>,
    /// The files whose build ids are known, by device and inode.
    read: BTreeSet<(u64, u64)>,
    /// Whether the machine's libraries were read.
    libraries: bool,
}

/// The functions of a file, by the offset at which they begin.
struct Symbols {
    file: String,
    functions: Vec<Function>,
}

struct Function {
    begins: u64,
    ends: u64,
    name: String,
}

/// No architecture has addresses of programs from here on (x86-64 with five levels of pages has the most).
const PROGRAMS_END: u64 = 1 << 56;

/// As many functions of a file are kept, and as many files.
const MOST_FUNCTIONS: usize = 1 << 18;
const MOST_FILES: usize = 1 << 12;

impl UserSymbols {
    /// Names the places of a stack, innermost first. `executable` is the file that the thread's process executes.
    pub fn places(&mut self, stack: &UserStack, executable: &Path) -> Vec<Place> {
        // Code that keeps no frame pointers ends the walk with what is no address.
        let is_place = |frame: &&UserFrame| match frame.status {
            user_frame::EMPTY => false,
            user_frame::IN_FILE => true,
            _ => (1..PROGRAMS_END).contains(&frame.place),
        };
        let frames = stack.frames.iter().take_while(is_place);
        frames.map(|frame| self.place(frame, stack.thread, executable)).collect()
    }

    fn place(&mut self, frame: &UserFrame, thread: u32, executable: &Path) -> Place {
        if frame.status != user_frame::IN_FILE {
            return Place::Address(frame.place);
        }
        match self.file(&frame.build_id, thread, executable) {
            Some(symbols) => symbols.place(frame.place),
            None => Place::Unknown { offset: frame.place, build_id: hex::encode(&frame.build_id) },
        }
    }

    fn file(&mut self, build_id: &[u8; 20], thread: u32, executable: &Path) -> Option<Rc<Symbols>> {
        if let Some(known) = self.by_build_id.get(build_id) {
            return known.clone();
        }
        self.read(executable, bounded_read::open(executable));
        if !self.by_build_id.contains_key(build_id)
            && let Ok(root) =
                File::options().read(true).custom_flags(OFlags::PATH.bits() as i32).open(format!("/proc/{thread}/root"))
        {
            for path in mapped(thread) {
                self.read(&path, beneath(&root, &path));
            }
        }
        if !self.by_build_id.contains_key(build_id) && !self.libraries {
            self.libraries = true;
            for path in libraries() {
                self.read(&path, bounded_read::open(&path));
            }
        }
        // What was not found is not looked for again.
        self.by_build_id.entry(*build_id).or_insert(None).clone()
    }

    /// Reads a file, unless it cannot be opened or was read already.
    fn read(&mut self, path: &Path, file: io::Result<File>) {
        let Ok(file) = file else { return };
        let Ok(about) = file.metadata() else { return };
        if self.read.len() < MOST_FILES
            && self.read.insert((about.dev(), about.ino()))
            && let Some((build_id, symbols)) = Symbols::of(path, file)
        {
            self.by_build_id.insert(build_id, Some(Rc::new(symbols)));
        }
    }
}

impl Symbols {
    /// Reads the functions of a file; `None` if it is no ELF file with a build id.
    fn of(path: &Path, file: File) -> Option<([u8; 20], Self)> {
        let data = ReadCache::new(file);
        let file = object::File::parse(&data).ok()?;
        let given = file.build_id().ok()??;
        let mut build_id = [0; 20];
        // A longer one is cut, as the kernel cuts it (BUILD_ID_SIZE_MAX in include/linux/buildid.h).
        let length = given.len().min(build_id.len());
        build_id[..length].copy_from_slice(&given[..length]);
        let segments: Vec<(u64, u64, u64)> =
            file.segments().map(|segment| (segment.address(), segment.size(), segment.file_range().0)).collect();
        let in_file = |address: u64| {
            let (from, _, at) = segments.iter().find(|(from, size, _)| address.wrapping_sub(*from) < *size)?;
            at.checked_add(address - from)
        };
        let symbols = file.symbols().chain(file.dynamic_symbols());
        let mut functions: Vec<Function> = symbols
            .filter(|symbol| symbol.kind() == object::SymbolKind::Text && symbol.is_definition())
            .filter_map(|symbol| {
                let begins = in_file(symbol.address())?;
                let ends = begins.checked_add(symbol.size())?;
                Some(Function { begins, ends, name: symbol.name().ok()?.to_owned() })
            })
            .take(MOST_FUNCTIONS)
            .collect();
        // Of several names of a function the shortest is kept, which is the one without underscores.
        functions.sort_by(|one, other| {
            (one.begins, one.name.len(), &one.name).cmp(&(other.begins, other.name.len(), &other.name))
        });
        functions.dedup_by_key(|function| function.begins);
        Some((build_id, Self { file: path.display().to_string(), functions }))
    }

    fn place(&self, offset: u64) -> Place {
        let behind = self.functions.partition_point(|function| function.begins <= offset);
        let before = behind.checked_sub(1).map(|at| &self.functions[at]);
        match before.filter(|function| offset <= function.ends) {
            Some(function) => Place::Function {
                name: function.name.clone(),
                offset: offset - function.begins,
                file: self.file.clone(),
            },
            None => Place::File { offset, file: self.file.clone() },
        }
    }
}

/// The files that a thread's process maps while it runs, as paths below the process's root.
fn mapped(thread: u32) -> BTreeSet<PathBuf> {
    let text = std::fs::read_to_string(format!("/proc/{thread}/maps")).unwrap_or_default();
    text.lines().filter_map(|line| line.find('/').map(|at| PathBuf::from(&line[at..]))).collect()
}

/// Opens a regular file below the root of a process, which may be that of a container whose links lead anywhere. It
/// never waits.
fn beneath(root: &File, path: &Path) -> io::Result<File> {
    let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let found = File::from(openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), within)?);
    if !found.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    File::open(format!("/proc/self/fd/{}", found.as_raw_fd()))
}

/// The libraries that the dynamic loader finds (ldconfig(8)).
fn libraries() -> BTreeSet<PathBuf> {
    let printed = Command::new("/sbin/ldconfig").arg("-p").env_clear().stdin(Stdio::null()).output();
    let printed = printed.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&printed);
    text.lines().filter_map(|line| line.split_once(" => ")).map(|(_, path)| PathBuf::from(path)).collect()
}
