//! Converts the probe's counts to observations.

use crate::analysis::call_sites;
use crate::analysis::observation::{Credentials, Observation, Options, Target, Verdict};
use crate::analysis::profile::{OwnSets, UseOfSets};
use crate::observe::probe::loaded::Probe;
use crate::observe::probe::symbols::Symbols;
use anyhow::{Context, Result};
use aya::maps::{Array, HashMap};
use capwrap_core::Capability;
use capwrap_ebpf::{self as shared, Check, Executable, Path, Site, lost, stats};
use std::cell::OnceCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// The number of records that the probe lost, by kind. If any number is not zero, the counts are incomplete.
pub type Losses = BTreeMap<&'static str, u64>;

/// Other things that happened in the run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// The number of processes that the probe followed.
    pub processes: u64,
    /// The number of execs that they made, without the one by which the command itself began.
    pub execs: u64,
    /// Whether one of them ever had a user id other than the one it started with.
    pub user_changed: bool,
    /// Whether one of them ever had a group id other than the one it started with.
    pub group_changed: bool,
}

/// The names of call sites and executables. Each is looked up once.
#[derive(Default)]
pub struct Names {
    sites: BTreeMap<u64, CallSite>,
    executables: BTreeMap<Executable, String>,
    symbols: OnceCell<Symbols>,
}

/// The names of a call site.
#[derive(Clone, Debug, Default)]
pub struct CallSite {
    /// The functions, from the caller of `cap_capable` outwards.
    pub functions: Vec<String>,
    /// The system call that the stack names.
    pub system_call: Option<String>,
}

/// All counted checks in the kernel's form, which takes 56 bytes per kind of check; an observation takes hundreds. A
/// run of many processes is therefore converted one process at a time.
pub struct Counted {
    /// Sorted by process.
    checks: Vec<(Check, u64)>,
    names: Names,
    own_namespace: u32,
}

impl Counted {
    /// Yields the observations of one process after the other.
    pub fn processes(&self) -> impl Iterator<Item = Vec<Observation>> {
        self.checks.chunk_by(|(one, _), (other, _)| one.process == other.process).map(|of_one| {
            let words = |(check, times): &(Check, u64)| self.names.observation(check, *times, self.own_namespace);
            of_one.iter().filter_map(words).collect()
        })
    }
}

impl Names {
    /// Converts one check whose names were looked up. It returns `None` for a capability that this program does not
    /// know.
    fn observation(&self, check: &Check, times: u64, own_namespace: u32) -> Option<Observation> {
        let capability = Capability::from_number(check.capability)?;
        let site = self.sites.get(&check.site).cloned().unwrap_or_default();
        Some(Observation {
            process: check.process,
            executable: self.executables.get(&check.executable).cloned().unwrap_or_default(),
            capability,
            verdict: if check.denied == 0 { Verdict::Granted } else { Verdict::Denied },
            options: (check.options & shared::OPTIONS_UNKNOWN == 0).then_some(Options {
                audited: check.options & shared::OPTION_NO_AUDIT == 0,
                inset_id: check.options & shared::OPTION_IN_SET_ID != 0,
            }),
            target: target(check, own_namespace),
            credentials: match check.credentials {
                shared::CREDENTIALS_OWN => Credentials::Own,
                shared::CREDENTIALS_OVERRIDDEN => Credentials::Overridden,
                shared::CREDENTIALS_OTHER => Credentials::Other,
                _ => Credentials::Unknown,
            },
            argument: call_sites::argument(check.system_call, check.argument),
            system_call: site.system_call.or_else(|| system_call(check.system_call)),
            call_site: site.functions,
            times,
        })
    }
}

impl Probe {
    /// Returns all checks that were counted so far.
    pub fn counted(&self) -> Result<Counted> {
        let mut names = Names::default();
        let mut checks = Vec::new();
        for entry in self.counts()?.iter() {
            let (check, times) = entry.context("cannot read the counts")?;
            self.look_up(&check, &mut names)?;
            checks.push((check, times));
        }
        checks.sort_unstable_by_key(|(check, _)| check.process);
        Ok(Counted { checks, names, own_namespace: own_user_namespace()? })
    }

    /// Converts one check and looks up its names. It returns `None` for a capability that this program does not know.
    pub fn observation(
        &self,
        check: &Check,
        times: u64,
        own_namespace: u32,
        names: &mut Names,
    ) -> Result<Option<Observation>> {
        self.look_up(check, names)?;
        Ok(names.observation(check, times, own_namespace))
    }

    /// Returns the path of an executable, and looks it up if it is not among the names.
    pub fn name_of<'n>(&self, executable: Executable, names: &'n mut Names) -> Result<&'n str> {
        self.executable(executable, names)?;
        Ok(names.executables.get(&executable).map_or("", String::as_str))
    }

    fn look_up(&self, check: &Check, names: &mut Names) -> Result<()> {
        self.call_site(check.site, names)?;
        self.executable(check.executable, names)
    }

    fn call_site(&self, key: u64, names: &mut Names) -> Result<()> {
        if names.sites.contains_key(&key) {
            return Ok(());
        }
        let sites: HashMap<_, u64, Site> = HashMap::try_from(self.map("SITES")?)?;
        let site = match sites.get(&key, 0) {
            Ok(site) => in_words(&site, &names.symbols),
            // The call site was lost, and the probe counted the loss.
            Err(aya::maps::MapError::KeyNotFound) => CallSite::default(),
            Err(error) => return Err(error).context("cannot read a call site"),
        };
        names.sites.insert(key, site);
        Ok(())
    }

    fn executable(&self, key: Executable, names: &mut Names) -> Result<()> {
        match names.executables.entry(key) {
            Entry::Occupied(_) => Ok(()),
            Entry::Vacant(new) => {
                let paths: HashMap<_, Executable, Path> = HashMap::try_from(self.map("EXECUTABLES")?)?;
                let path = match paths.get(&key, 0) {
                    Ok(path) if key.device == shared::DEVICE_BY_NAME => named(&path, self.command.as_deref()),
                    Ok(path) => joined(&path),
                    Err(aya::maps::MapError::KeyNotFound) if key.inode == 0 => "[kernel]".to_owned(),
                    Err(aya::maps::MapError::KeyNotFound) => format!("inode {}", key.inode),
                    Err(error) => return Err(error).context("cannot read an executable's path"),
                };
                new.insert(path);
                Ok(())
            }
        }
    }

    /// Returns the files that the processes executed which the probe follows.
    pub fn executables(&self) -> Result<BTreeSet<String>> {
        let paths: HashMap<_, Executable, Path> = HashMap::try_from(self.map("EXECUTABLES")?)?;
        let mut names = Names::default();
        for key in paths.keys() {
            self.executable(key.context("cannot read an executable's path")?, &mut names)?;
        }
        Ok(names.executables.into_values().collect())
    }

    /// Returns what the processes did with their own capability sets.
    pub fn own_sets(&self) -> Result<Vec<OwnSets>> {
        let uses: HashMap<_, shared::OwnSets, u64> = HashMap::try_from(self.map("OWN_SETS")?)?;
        let mut names = Names::default();
        let mut found = Vec::new();
        for key in uses.keys() {
            let key = key.context("cannot read the uses of capability sets")?;
            let what = match key.what {
                shared::own_sets::READ => UseOfSets::Read,
                shared::own_sets::SET => UseOfSets::Set,
                shared::own_sets::ASKED => UseOfSets::Asked,
                shared::own_sets::ASKED_BEYOND => UseOfSets::AskedBeyond,
                _ => UseOfSets::Raised,
            };
            let named = (0..64).filter(|number| key.named >> number & 1 != 0).filter_map(Capability::from_number);
            let executable = self.name_of(key.executable, &mut names)?.to_owned();
            found.push(OwnSets { executable, what, named: named.collect() });
        }
        Ok(found)
    }

    /// Returns what the probe has lost so far.
    pub fn losses(&self) -> Result<Losses> {
        let counters: Array<_, u64> = Array::try_from(self.map("LOST")?)?;
        let counted = |what| counters.get(&what, 0).context("cannot read the lost counters");
        Ok(BTreeMap::from([
            ("checks", counted(lost::CHECKS)?),
            ("processes", counted(lost::PROCESSES)?),
            ("call_sites", counted(lost::SITES)?),
            ("executables", counted(lost::EXECUTABLES)?),
            ("events", counted(lost::EVENTS)?),
            ("missed_runs", self.missed_runs()?),
        ]))
    }

    /// Returns what has happened so far.
    pub fn stats(&self) -> Result<Stats> {
        let counters: Array<_, u64> = Array::try_from(self.map("STATS")?)?;
        let counted = |what| counters.get(&what, 0).context("cannot read the stats");
        Ok(Stats {
            processes: counted(stats::PROCESSES)?,
            execs: counted(stats::EXECS)?,
            user_changed: counted(stats::USER_CHANGED)? > 0,
            group_changed: counted(stats::GROUP_CHANGED)? > 0,
        })
    }

    /// Returns how often the kernel skipped a program of the probe because it was already running on that CPU. The
    /// kernel counts this since 5.12 (proc_pid_fdinfo(5)).
    fn missed_runs(&self) -> Result<u64> {
        use std::os::fd::{AsFd, AsRawFd};
        let mut missed = 0;
        for (_, program) in self.ebpf.programs() {
            // A program of an unused back end was not loaded.
            let Ok(descriptor) = program.fd() else { continue };
            let path = format!("/proc/self/fdinfo/{}", descriptor.as_fd().as_raw_fd());
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
            let counter = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"));
            missed += counter.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(missed)
    }
}

/// Returns the inode number of the user namespace of this process, which is also the command's.
fn own_user_namespace() -> Result<u32> {
    use std::os::linux::fs::MetadataExt;
    let path = "/proc/self/ns/user";
    let inode = std::fs::metadata(path).with_context(|| format!("cannot read {path}"))?.st_ino();
    u32::try_from(inode).with_context(|| format!("{path} has an odd inode number"))
}

fn target(check: &Check, own_namespace: u32) -> Target {
    match check.relation {
        _ if check.target_namespace == own_namespace => Target::Own,
        shared::RELATION_OUTER => Target::Outer,
        shared::RELATION_SAME | shared::RELATION_INNER => Target::Inner,
        _ => Target::Unknown,
    }
}

/// Returns the names of the functions above `cap_capable`.
fn in_words(site: &Site, symbols: &OnceCell<Symbols>) -> CallSite {
    let texts: Vec<String> = site.names.iter().map(|text| until_nul(text)).collect();
    let mut functions: Vec<String> = if texts[0].is_empty() {
        let symbols = symbols.get_or_init(Symbols::read);
        site.frames
            .iter()
            .take_while(|frame| **frame != 0)
            .filter_map(|frame| symbols.name(*frame))
            .map(bare_name)
            .collect()
    } else {
        let frames = site.frames.iter().filter(|frame| **frame != 0).count();
        texts.iter().flat_map(|text| text.lines()).take(frames).map(bare_name).collect()
    };
    if let Some(at) = functions.iter().rposition(|function| function == "cap_capable") {
        functions.drain(..=at);
    } else {
        // With fexit the trampoline's frame takes the place of cap_capable's.
        let ours = |function: &String| function.starts_with("bpf_") || function.starts_with("0x");
        let outside = functions.iter().position(|function| !ours(function)).unwrap_or(functions.len());
        functions.drain(..outside);
    }
    let entry = functions.iter().position(|function| call_sites::entered_call(function).is_some());
    let system_call = entry.and_then(|at| call_sites::entered_call(&functions[at])).map(str::to_owned);
    // The outermost functions are the same for all call sites: do_syscall_64 and the entry from user space.
    let outside = entry
        .map(|at| at + 1)
        .or_else(|| functions.iter().position(|one| OUTSIDE.iter().any(|name| one.starts_with(name))));
    functions.truncate(outside.unwrap_or(functions.len()));
    CallSite { functions, system_call }
}

/// The functions through which a system call enters from user space, on the architectures that Linux supports.
const OUTSIDE: [&str; 3] = ["do_syscall_", "invoke_syscall", "do_trap_ecall"];

/// Shortens `name [module]` and `name.isra.0` to `name`.
fn bare_name(line: &str) -> String {
    line.split([' ', '.']).next().unwrap_or_default().to_owned()
}

fn system_call(number: i32) -> Option<String> {
    let number = usize::try_from(number).ok()?;
    Some(syscalls::Sysno::new(number).map_or_else(|| format!("number {number}"), |known| known.name().to_owned()))
}

/// Joins the components of a path, which are stored from the last to the first.
fn joined(path: &Path) -> String {
    let length = (path.length as usize).min(path.components.len());
    let mut components: Vec<_> =
        path.components[..length].split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    // The split leaves an empty part after the last NUL.
    components.pop();
    components.reverse();
    format!("{}/{}", if path.whole == 0 { "…" } else { "" }, components.join("/"))
}

/// Returns the name that exec was given. The symbolic links of an absolute path are resolved, as in the kernel's own
/// paths. The launcher executes the command by a descriptor, and the kernel's name for that is `/dev/fd/N`, or
/// `/dev/fd/N/NAME` for a name in a directory (execveat(2)).
fn named(path: &Path, command: Option<&std::path::Path>) -> String {
    let name = until_nul(&path.components);
    let by_descriptor = name.strip_prefix("/dev/fd/").map(|rest| rest.split_once('/').map(|(_, entry)| entry));
    let name = match (by_descriptor, command) {
        (Some(entry), Some(command)) if entry.is_none_or(|entry| command.ends_with(entry)) => {
            command.to_string_lossy().into_owned()
        }
        _ => name,
    };
    if !name.starts_with('/') {
        return name;
    }
    std::fs::canonicalize(&name).map_or(name, |path| path.to_string_lossy().into_owned())
}

fn until_nul(text: &[u8]) -> String {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    String::from_utf8_lossy(&text[..end]).into_owned()
}

/// Decodes the records in these bytes (an event, its call site, its executable's path) as far as the bytes reach.
#[cfg(fuzzing)]
pub fn of_bytes(bytes: &[u8]) -> Option<Vec<Observation>> {
    let event = shared::Event::from_bytes(bytes)?;
    let mut rest = bytes[size_of::<shared::Event>()..].iter().copied();
    let mut site = Site { frames: [0; shared::FRAMES], names: [[0; shared::TEXT_BYTES]; 2] };
    let mut path = Path { length: event.time, whole: u64::from(event.user), components: [0; shared::PATH_BYTES] };
    site.frames.fill_with(|| rest.next().unwrap_or(0).into());
    for byte in site.names.as_flattened_mut().iter_mut().chain(&mut path.components) {
        *byte = rest.next().unwrap_or(0);
    }
    let names = Names { symbols: Symbols::default().into(), ..Names::default() };
    let call_site = in_words(&site, &names.symbols);
    let counted = Counted {
        checks: vec![(event.check, event.time), (event.check, 1)],
        names: Names {
            sites: BTreeMap::from([(event.check.site, call_site)]),
            executables: BTreeMap::from([(event.check.executable, joined(&path))]),
            ..names
        },
        own_namespace: 1,
    };
    Some(counted.processes().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_the_launcher_executes_by_descriptor_has_the_name_of_the_commands_file() {
        let name = |given: &str, command: Option<&str>| {
            let mut path = Path { length: 0, whole: 1, components: [0; shared::PATH_BYTES] };
            path.components[..given.len()].copy_from_slice(given.as_bytes());
            named(&path, command.map(std::path::Path::new))
        };
        let tool = Some("/nowhere/tool");
        assert_eq!(name("/dev/fd/4/tool", tool), "/nowhere/tool");
        assert_eq!(name("/dev/fd/4", tool), "/nowhere/tool");
        assert_eq!(name("/dev/fd/4/other", tool), "/dev/fd/4/other");
        assert_eq!(name("/dev/fd/4/tool", None), "/dev/fd/4/tool");
        assert_eq!(name("/nowhere/child", tool), "/nowhere/child");
        assert_eq!(name("tool", tool), "tool");
    }
}
