//! Compares `capwrap_core::capability::exec_rule` with the kernel: a process is given each combination of sets, executes
//! a file with each combination of file capabilities, and the new program prints the sets that it has.

use capwrap_core::CapabilitySet;
use capwrap_core::capability::exec_rule::{Denied, Process, Sets};
use capwrap_core::capability::xattr::{ATTRIBUTE, Attribute};
use capwrap_core::policy::FileCapabilities;
use std::ffi::CString;
use std::fs;
use std::io::{Error, Read};
use std::os::fd::FromRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The capabilities that the sets are made of: cap_net_raw and cap_syslog, one in each half of a mask.
const MEMBERS: [u64; 2] = [1 << 13, 1 << 34];

/// The word by which the program that is executed prints its sets, see [`print_sets`].
pub const PRINT: &str = "print-sets";

/// What an exec led to: permitted, effective and ambient set, or the number of the error.
type Outcome = Result<[u64; 3], i32>;

/// Who executes the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    User,
    RootWithoutRights,
    Root,
}

/// Executes `file`, which is a copy of the witness, in every combination of this many capabilities (1 or 2). With 2, the
/// sets of the process are those that the launcher can have. It needs root. Returns the number of combinations, and a
/// line for each one in which the kernel did something else than the rule says.
pub fn compare(file: &Path, members: usize) -> Result<(usize, Vec<String>), Error> {
    let sets: Vec<u64> = match members {
        1 => vec![0, MEMBERS[0]],
        _ => vec![0, MEMBERS[0], MEMBERS[1], MEMBERS[0] | MEMBERS[1]],
    };
    let (processes, files) = (processes(&sets), files(&sets));
    let mut different = Vec::new();
    for of_file in &files {
        mark(file, of_file.as_ref())?;
        let honoured = of_file.as_ref().and_then(|attribute| attribute.honoured(true)[0]);
        for (who, process) in &processes {
            let expected = match process.after_exec(honoured) {
                Ok(Sets { permitted, effective, ambient }) => {
                    Ok([permitted, effective, ambient].map(CapabilitySet::mask))
                }
                Err(Denied(_)) => Err(libc::EPERM),
            };
            let actual = outcome(file, *who, process)?;
            if actual != expected {
                let of_file = of_file.as_ref().map(Attribute::to_string);
                different.push(format!("{who:?} {process:?} {of_file:?}: {actual:x?} instead of {expected:x?}"));
            }
        }
    }
    mark(file, None)?;
    Ok((processes.len() * files.len(), different))
}

/// Gives the file these capabilities, in setcap's notation.
pub fn set_capabilities(text: &str, file: &Path) {
    let capabilities = FileCapabilities::parse(text).unwrap();
    mark(file, Some(&Attribute { capabilities, root_id: None })).unwrap();
}

/// Prints the sets of this process in one line.
pub fn print_sets() {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set =
        |name| status.lines().find_map(|line: &str| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    println!("{}", ["CapPrm:", "CapEff:", "CapAmb:"].map(set).join(" "));
}

fn processes(sets: &[u64]) -> Vec<(Who, Process)> {
    let of = |mask: &u64| CapabilitySet::from_mask(*mask);
    let is_launcher = sets.len() > 2;
    let mut all = Vec::new();
    for (permitted, inheritable, ambient) in triples(sets) {
        let is_possible = ambient & !(permitted & inheritable) == 0;
        let is_of_launcher = permitted == inheritable && (ambient == permitted || ambient == 0);
        if !is_possible || is_launcher && !is_of_launcher {
            continue;
        }
        for bounding in sets {
            for no_new_privs in [false, true] {
                for who in [Who::User, Who::RootWithoutRights, Who::Root] {
                    let process = Process {
                        permitted: of(&permitted),
                        inheritable: of(&inheritable),
                        ambient: of(&ambient),
                        bounding: of(bounding),
                        known: CapabilitySet::from_mask(MEMBERS[0] | MEMBERS[1]),
                        no_new_privs,
                        is_privileged_root: who == Who::Root,
                    };
                    all.push((who, process));
                }
            }
        }
    }
    all
}

/// No attribute, every combination of the three parts, and attributes of another user namespace.
fn files(sets: &[u64]) -> Vec<Option<Attribute>> {
    let of = CapabilitySet::from_mask;
    let mut all = vec![None];
    for (permitted, inheritable, effective) in triples(sets).filter(|(_, _, effective)| *effective <= sets[1]) {
        let capabilities =
            FileCapabilities { effective: effective != 0, permitted: of(permitted), inheritable: of(inheritable) };
        all.push(Some(Attribute { capabilities, root_id: None }));
        if effective != 0 && permitted == *sets.last().unwrap_or(&0) {
            all.push(Some(Attribute { capabilities, root_id: Some(1000) }));
        }
    }
    all
}

fn triples(sets: &[u64]) -> impl Iterator<Item = (u64, u64, u64)> {
    sets.iter().flat_map(move |one| sets.iter().flat_map(move |two| sets.iter().map(move |three| (*one, *two, *three))))
}

fn mark(file: &Path, attribute: Option<&Attribute>) -> Result<(), Error> {
    match attribute {
        Some(attribute) => xattr::set(file, ATTRIBUTE, &attribute.encode()),
        None if xattr::get(file, ATTRIBUTE)?.is_some() => xattr::remove(file, ATTRIBUTE),
        None => Ok(()),
    }
}

/// Executes the file in a child that is this process.
fn outcome(file: &Path, who: Who, process: &Process) -> Result<Outcome, Error> {
    let path = CString::new(file.as_os_str().as_bytes())?;
    let word = CString::new(PRINT)?;
    let argv = [path.as_ptr(), word.as_ptr(), std::ptr::null()];
    let mut ends = [0; 2];
    // SAFETY: pipe2 writes two descriptors to the array.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: this process has one thread, so that the child may call what it likes.
    let child = check(unsafe { libc::fork() })?;
    if child == 0 {
        let made = become_process(who, process);
        if made.is_ok() {
            // SAFETY: the strings and the array outlive the calls.
            unsafe {
                libc::dup2(ends[1], 1);
                libc::execv(path.as_ptr(), argv.as_ptr());
            }
        }
        let errno = Error::last_os_error().raw_os_error().unwrap_or(0);
        let said = match made {
            Ok(()) => format!("{errno}\n"),
            Err(error) => format!("cannot set it up: {error}\n"),
        };
        // SAFETY: the text outlives the call, and the child ends.
        unsafe {
            libc::write(ends[1], said.as_ptr().cast(), said.len());
            libc::_exit(0);
        }
    }
    // SAFETY: this process owns both ends.
    let (mut read, written) = unsafe { (fs::File::from_raw_fd(ends[0]), fs::File::from_raw_fd(ends[1])) };
    drop(written);
    let mut said = String::new();
    read.read_to_string(&mut said)?;
    // SAFETY: the child is this process's own.
    check(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) })?;
    let numbers: Vec<u64> = said.split_whitespace().filter_map(|word| u64::from_str_radix(word, 16).ok()).collect();
    match (numbers[..].try_into(), said.trim().parse()) {
        (Ok(sets), _) => Ok(Ok(sets)),
        (_, Ok(errno)) => Ok(Err(errno)),
        _ => Err(Error::other(format!("{who:?} {process:?}: {said:?}"))),
    }
}

const SECBIT_NOROOT: libc::c_ulong = 1;

/// Takes the ids and the sets. Root alone can.
fn become_process(who: Who, process: &Process) -> Result<(), Error> {
    let option = |option: i32, value: libc::c_ulong, third: libc::c_ulong| {
        // SAFETY: these options take numbers alone.
        check(unsafe { libc::prctl(option, value, third, 0, 0) }).map(drop)
    };
    let all = |set: CapabilitySet| (0..64).filter(move |number| set.mask() & 1 << number != 0);
    let held = u64::MAX >> (64 - capwrap_core::TABLE.len());
    let held = (0..64).filter(|number| held & 1 << number != 0);
    let inheritable = process.inheritable.mask();
    set(permitted()?, permitted()?, inheritable)?;
    for number in held.filter(|number| process.bounding.mask() & 1 << number == 0) {
        // A kernel that does not know the capability answers EINVAL.
        let _ = option(libc::PR_CAPBSET_DROP, number, 0);
    }
    if who == Who::RootWithoutRights {
        option(libc::PR_SET_SECUREBITS, SECBIT_NOROOT, 0)?;
    }
    if who == Who::User {
        option(libc::PR_SET_KEEPCAPS, 1, 0)?;
        // SAFETY: both calls take numbers alone.
        unsafe {
            check(libc::setresgid(1000, 1000, 1000))?;
            check(libc::setresuid(1000, 1000, 1000))?;
        }
    }
    set(process.permitted.mask(), 0, inheritable)?;
    for number in all(process.ambient) {
        option(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong, number)?;
    }
    if process.no_new_privs {
        option(libc::PR_SET_NO_NEW_PRIVS, 1, 0)?;
    }
    Ok(())
}

/// `struct __user_cap_header_struct` and two of `struct __user_cap_data_struct`.
type Header = [u32; 2];
type Data = [u32; 6];
const VERSION_3: u32 = 0x2008_0522;

fn permitted() -> Result<u64, Error> {
    let (mut header, mut data): (Header, Data) = ([VERSION_3, 0], [0; 6]);
    // SAFETY: both arrays have the layout of the structures, and the kernel writes no more.
    check(unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), data.as_mut_ptr()) as i32 })?;
    Ok(u64::from(data[1]) | u64::from(data[4]) << 32)
}

fn set(permitted: u64, effective: u64, inheritable: u64) -> Result<(), Error> {
    let half = |shift: u32| [effective, permitted, inheritable].map(|set| (set >> shift) as u32);
    let ([a, b, c], [d, e, f]) = (half(0), half(32));
    let (mut header, data): (Header, Data) = ([VERSION_3, 0], [a, b, c, d, e, f]);
    // SAFETY: both arrays have the layout of the structures.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), data.as_ptr()) as i32 }).map(drop)
}

fn check(answer: i32) -> Result<i32, Error> {
    if answer < 0 { Err(Error::last_os_error()) } else { Ok(answer) }
}
