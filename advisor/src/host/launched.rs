//! The processes that capwrap launched and that run now, with the capabilities that they hold.
//!
//! No process carries a mark of capwrap's: the launcher is gone when its tool runs. A process counts as launched if a
//! record of a launch names its pid and is not older than the process; if it runs a policy's tool and its sets are those
//! that a launch leaves; or if it was started by such a process and holds capabilities of the same policy.

use crate::host::clock;
use crate::host::mounts;
use crate::host::process::{self, Rights};
use crate::host::records::Records;
use crate::host::records::kept::{Filter, Kept, Source};
use crate::store::{enabled, file_caps, policy_lookup};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::paths;
use capwrap_core::policy::Policy;
use capwrap_core::record::write::Event;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What shows that capwrap launched a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FoundBy {
    /// A record of the launch has its pid, and the process is not younger than the record.
    Record,
    /// It runs the policy's tool, and its sets are those that a launch leaves.
    Tool,
    /// It was started by a process that capwrap launched, and holds capabilities of the same policy.
    Parent,
    /// It has the name of the policy's tool, and its sets are those that a launch leaves. The kernel does not show the
    /// caller which file it runs.
    Name,
    /// It is the launcher, which was called for this policy and has not executed the tool yet.
    Launcher,
}

/// A process that capwrap launched.
#[derive(Clone, Debug)]
pub struct Launched {
    pub pid: i32,
    pub parent: i32,
    /// When it started, in the kernel's ticks since the boot. With the pid it names one process only.
    pub ticks: u64,
    /// When it started, in seconds since 1970.
    pub started: i64,
    /// Its real user id.
    pub uid: u32,
    /// The policy.
    pub policy: String,
    /// Other policies that a record in the journal names for it. The process itself can have sent such a record.
    pub also: Vec<String>,
    /// The file that it runs, if the kernel shows the caller.
    pub executable: Option<PathBuf>,
    /// What it holds now, in any of its threads.
    pub capabilities: CapabilitySet,
    pub found_by: FoundBy,
    /// The record of its launch, if one was found.
    pub record: Option<Kept>,
}

impl Launched {
    /// The policies by which it may have been launched: its own, and those that only the journal names.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        [&self.policy].into_iter().chain(&self.also).map(String::as_str)
    }
}

/// The processes that run now.
pub struct Running {
    /// By their pid.
    pub processes: Vec<Launched>,
    /// The pids of processes that hold ambient capabilities, while nothing shows that capwrap launched them.
    pub others: Vec<i32>,
}

/// What launched processes are known by.
pub struct Known {
    tools: Vec<Tool>,
    /// The records of launches with each pid, since the boot.
    records: HashMap<i32, OfPid>,
    launcher: Option<(u64, u64)>,
    /// What the caller should know: records that cannot be read, and processes that are hidden.
    pub notes: Vec<String>,
}

/// The records of launches with one pid.
#[derive(Default)]
struct OfPid {
    /// The last one that the recorder has.
    stored: Option<Kept>,
    /// The last one that only the journal has. Everybody can send to the journal, and a tool that runs can do so about
    /// its own process. So such a record takes nothing from what the recorder has, and from what was sent before it.
    sent: Option<Kept>,
    /// The policies that records in the journal name, with the last time of each, in microseconds since 1970.
    named: BTreeMap<String, u64>,
}

/// What shows that capwrap launched a process.
struct Shown {
    policy: String,
    also: Vec<String>,
    found_by: FoundBy,
    record: Option<Kept>,
}

/// A policy and its tool.
struct Tool {
    name: String,
    policy: Policy,
    /// Device and inode of the files at its paths.
    files: Vec<(u64, u64)>,
    /// Everything that it can pass.
    most: CapabilitySet,
}

/// A process as /proc shows it.
struct Process {
    pid: i32,
    ticks: u64,
    rights: Rights,
    executable: Executable,
}

/// The file that a process runs.
enum Executable {
    Is { path: PathBuf, identity: Option<(u64, u64)> },
    NotShown,
}

impl Known {
    /// Reads the policies and the records of launches since the boot.
    ///
    /// # Errors
    /// The policies cannot be listed.
    pub fn read() -> Result<Self> {
        let mut notes: Vec<String> = hidden_processes().into_iter().collect();
        let since = u64::try_from(booted()).unwrap_or(0).saturating_mul(1_000_000);
        let events = [Event::Launch, Event::Run, Event::Bypass].map(Event::word).to_vec();
        let records = Records::open(&Filter { since: Some(since), events, ..Filter::default() });
        let tools = tools()?;
        let mut of_pids: HashMap<i32, OfPid> = HashMap::new();
        match records {
            Ok(records) => {
                notes.extend(records.notes.iter().cloned());
                for record in records {
                    match record {
                        Ok(record) => {
                            let Ok(pid) = i32::try_from(record.pid) else { continue };
                            of_pids.entry(pid).or_default().take(record, &tools);
                        }
                        Err(error) => {
                            notes.push(format!("not all records of launches can be read: {error:#}"));
                            break;
                        }
                    }
                }
            }
            Err(error) => notes.push(format!("the records of launches cannot be read: {error:#}")),
        }
        let launcher = fs::metadata(file_caps::installed()).ok().map(|file| (file.dev(), file.ino()));
        Ok(Self { tools, records: of_pids, launcher, notes })
    }

    /// Finds the launched processes among those that run.
    ///
    /// # Errors
    /// /proc cannot be listed.
    pub fn running(&self) -> Result<Running> {
        let booted = booted();
        let all = all_processes()?;
        let mut found: BTreeMap<i32, Launched> = BTreeMap::new();
        for process in all.values() {
            if let Some(shown) = self.by_itself(process, booted) {
                found.insert(process.pid, process.launched(shown, booted));
            }
        }
        // A child can have a smaller pid than its parent, so every chain is followed to where it is known.
        for process in all.values().filter(|process| !process.holds().is_empty()) {
            if found.contains_key(&process.pid) {
                continue;
            }
            let Some(ancestor) = ancestor(process, &all, &found) else { continue };
            let ancestor = &found[&ancestor];
            let most = |policy: &str| {
                let most = self.tools.iter().find(|tool| tool.name == policy).map(|tool| tool.most);
                most.unwrap_or(ancestor.capabilities)
            };
            let fits = |policy: &&str| process.rights.permitted.without(most(policy)).is_empty();
            let (policy, also) = (ancestor.policies().find(fits).map(str::to_owned), ancestor.also.clone());
            if let Some(policy) = policy {
                let shown = Shown { policy, also, found_by: FoundBy::Parent, record: None };
                found.insert(process.pid, process.launched(shown, booted));
            }
        }
        let is_other = |process: &&Process| !process.rights.ambient.is_empty() && !found.contains_key(&process.pid);
        let others = all.values().filter(is_other).map(|process| process.pid).collect();
        Ok(Running { processes: found.into_values().collect(), others })
    }

    /// What shows of a process, without its ancestors, that capwrap launched it.
    fn by_itself(&self, process: &Process, booted: i64) -> Option<Shown> {
        if let Some(shown) = self.records.get(&process.pid).and_then(|of_pid| of_pid.about(process, booted)) {
            return Some(shown);
        }
        let shown =
            |tool: &Tool, found_by| Shown { policy: tool.name.clone(), also: Vec::new(), found_by, record: None };
        if process.is(self.launcher) {
            let words = command_line(process.pid);
            let tool = self.tools.iter().find(|tool| words.iter().skip(1).any(|word| *word == tool.name));
            return tool.map(|tool| shown(tool, FoundBy::Launcher));
        }
        // A launch leaves what it passed in the inheritable set. Whatever has its capabilities from the file of its
        // program, or because it is root's, has nothing there.
        let left = process.rights.inheritable.union(process.rights.permitted);
        if process.rights.inheritable.is_empty() || process.rights.permitted.is_empty() {
            return None;
        }
        let fits = |tool: &&Tool| left.without(tool.most).is_empty();
        let is_tool = |tool: &&Tool| process.runs(tool);
        let found_by = match process.executable {
            Executable::Is { .. } => FoundBy::Tool,
            Executable::NotShown => FoundBy::Name,
        };
        let tool = self.tools.iter().filter(fits).find(is_tool)?;
        Some(shown(tool, found_by))
    }
}

impl OfPid {
    /// Takes a record that is not older than those before.
    fn take(&mut self, record: Kept, tools: &[Tool]) {
        match record.source {
            Source::Recorder => self.stored = Some(record),
            Source::Journal => {
                // Other names are no policy's, and nobody can be asked to end what runs by them.
                if tools.iter().any(|tool| tool.name == record.get("name")) {
                    self.named.insert(record.get("name").to_owned(), record.time);
                }
                self.sent = Some(record);
            }
        }
    }

    /// What the records say about a process that has this pid now.
    fn about(&self, process: &Process, booted: i64) -> Option<Shown> {
        // A record that is older than the process was about an earlier one with this pid. The kernel counts a process's
        // start in hundredths of a second, and the clock may be set a little.
        let is_about_it = |time: u64| {
            let at = i64::try_from(time / 1_000_000).unwrap_or(i64::MAX);
            process.started(booted) <= at.saturating_add(1)
        };
        let stored = self.stored.as_ref().filter(|record| is_about_it(record.time));
        let record = stored.or(self.sent.as_ref().filter(|record| is_about_it(record.time)))?;
        let policy = record.get("name").to_owned();
        // What the journal says of an earlier launch is over where the recorder has a later one.
        let is_later = |time: u64| stored.is_none_or(|stored| stored.time <= time);
        let also = self.named.iter().filter(|(name, time)| **name != policy && is_later(**time) && is_about_it(**time));
        let also = also.map(|(name, _)| name.clone()).collect();
        Some(Shown { policy, also, found_by: FoundBy::Record, record: Some(record.clone()) })
    }
}

/// The nearest ancestor that capwrap launched.
fn ancestor(process: &Process, all: &BTreeMap<i32, Process>, found: &BTreeMap<i32, Launched>) -> Option<i32> {
    let (mut parent, mut seen) = (process.rights.parent, BTreeSet::new());
    while parent > 1 && seen.insert(parent) {
        // What the launcher has started is the tool, or the advisor.
        if found.get(&parent).is_some_and(|found| found.found_by != FoundBy::Launcher) {
            return Some(parent);
        }
        parent = all.get(&parent)?.rights.parent;
    }
    None
}

impl Process {
    /// Reads a process; `None` if it has ended.
    fn read(pid: i32) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let (state, ticks) = of_stat(&fs::read_to_string(folder.join("stat")).ok()?)?;
        if ['Z', 'X', 'x'].contains(&state) {
            return None;
        }
        let mut rights = process::rights(&folder).ok()?;
        if rights.threads > 1 {
            for thread in fs::read_dir(folder.join("task")).ok()?.flatten() {
                let Ok(thread) = process::rights(&thread.path()) else { continue };
                rights.permitted = rights.permitted.union(thread.permitted);
                rights.inheritable = rights.inheritable.union(thread.inheritable);
                rights.ambient = rights.ambient.union(thread.ambient);
            }
        }
        let executable = match fs::read_link(folder.join("exe")) {
            Ok(path) => {
                let identity = fs::metadata(folder.join("exe")).ok().map(|file| (file.dev(), file.ino()));
                Executable::Is { path: without_deleted(path), identity }
            }
            Err(_) => Executable::NotShown,
        };
        // It can have ended, and another can have its pid, while it was read.
        let (_, again) = of_stat(&fs::read_to_string(folder.join("stat")).ok()?)?;
        (again == ticks).then_some(Self { pid, ticks, rights, executable })
    }

    fn started(&self, booted: i64) -> i64 {
        booted.saturating_add(i64::try_from(self.ticks / procfs::ticks_per_second()).unwrap_or(i64::MAX))
    }

    /// What it holds or could take.
    const fn holds(&self) -> CapabilitySet {
        self.rights.permitted
    }

    fn is(&self, file: Option<(u64, u64)>) -> bool {
        matches!(&self.executable, Executable::Is { identity: Some(identity), .. } if Some(*identity) == file)
    }

    /// Whether it runs a policy's tool. A file that was replaced since, as by an upgrade, is known by its path, and a
    /// script by the command line of its interpreter.
    fn runs(&self, tool: &Tool) -> bool {
        let paths = &tool.policy.tool.paths;
        match &self.executable {
            Executable::Is { path, identity } => {
                identity.is_some_and(|identity| tool.files.contains(&identity))
                    || paths.contains(path)
                    || tool.policy.tool.script
                        && command_line(self.pid)
                            .iter()
                            .skip(1)
                            .any(|word| paths.iter().any(|path| path == Path::new(word)))
            }
            // The kernel keeps 15 bytes of a name (TASK_COMM_LEN of include/linux/sched.h).
            Executable::NotShown => paths.iter().filter_map(|path| path.file_name()?.to_str()).any(|name| {
                let kept = name.get(..15).unwrap_or(name);
                self.rights.name == kept
            }),
        }
    }

    fn launched(&self, shown: Shown, booted: i64) -> Launched {
        let Shown { policy, also, found_by, record } = shown;
        let executable = match &self.executable {
            Executable::Is { path, .. } => Some(path.clone()),
            Executable::NotShown => None,
        };
        Launched {
            pid: self.pid,
            parent: self.rights.parent,
            ticks: self.ticks,
            started: self.started(booted),
            uid: self.rights.uids.first().copied().unwrap_or(u32::MAX),
            policy,
            also,
            executable,
            capabilities: if found_by == FoundBy::Launcher { CapabilitySet::EMPTY } else { self.rights.permitted },
            found_by,
            record,
        }
    }
}

/// Reads every process that /proc shows.
fn all_processes() -> Result<BTreeMap<i32, Process>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("cannot list /proc")? {
        let entry = entry.context("cannot list /proc")?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        all.extend(Process::read(pid).map(|process| (pid, process)));
    }
    Ok(all)
}

/// The policies by name: what is enabled, and else what is disabled, and else what is shipped, because a tool goes on
/// when its policy is no longer enabled.
fn tools() -> Result<Vec<Tool>> {
    let mut names: BTreeSet<String> = enabled::names()?.into_iter().collect();
    names.extend(enabled::names_in(Path::new(paths::DISABLED))?);
    names.extend(enabled::names_in(&policy_lookup::templates())?);
    let mut found: Vec<(bool, Tool)> = Vec::new();
    for name in names {
        let Ok(source) = policy_lookup::find(&name) else { continue };
        let is_enabled = source == enabled::path(&name);
        let Some(policy) = policy_lookup::text(&source).ok().and_then(|text| Policy::read(&text).ok()) else {
            continue;
        };
        let files = policy.tool.paths.iter().filter_map(|path| fs::metadata(path).ok());
        let files = files.map(|file| (file.dev(), file.ino())).collect();
        let most = policy.grantable().union(policy.grantable_to_root()).union(policy.optional());
        found.push((is_enabled, Tool { name, policy, files, most }));
    }
    // Several policies can be for one tool, and one that is enabled is the likelier.
    found.sort_by_key(|(is_enabled, _)| !is_enabled);
    Ok(found.into_iter().map(|(_, tool)| tool).collect())
}

/// The state and the start of a process, from the text of `/proc/PID/stat` (proc_pid_stat(5), fields 3 and 22).
fn of_stat(stat: &str) -> Option<(char, u64)> {
    // The name of the program stands in parentheses and can have any character.
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let mut fields = behind_name.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// The kernel writes this behind the path of a file that has no name any more (d_path of fs/d_path.c).
fn without_deleted(path: PathBuf) -> PathBuf {
    match path.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(text) => text.into(),
        None => path,
    }
}

fn command_line(pid: i32) -> Vec<String> {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// When the machine started, by the clock of now, in seconds since 1970.
fn booted() -> i64 {
    let up = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME);
    clock::now() - up.map_or(0, |up| up.tv_sec())
}

/// The note that /proc hides the processes of other users from this caller (proc(5), hidepid).
fn hidden_processes() -> Option<String> {
    if nix::unistd::geteuid().is_root() {
        return None;
    }
    let all = mounts::here().ok()?;
    let option = mounts::of_kind(&all, "proc")?.hides_processes()?;
    Some(format!("/proc is mounted with {option}, which hides the processes of other users"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_start_are_read_whatever_the_program_calls_itself() {
        for name in ["cat", "a) S 1 2 3 (b", ") "] {
            let stat = format!("12 ({name}) R 1 12 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987 1 2 3");
            assert_eq!(of_stat(&stat), Some(('R', 987)), "{name}");
        }
        assert_eq!(of_stat("12 (cat) R 1 2"), None);
    }

    #[test]
    fn this_process_is_read_as_it_is() {
        let own = Process::read(std::process::id() as i32).unwrap();
        let theirs = procfs::process::Process::myself().unwrap().stat().unwrap();
        assert_eq!((own.ticks, own.rights.parent), (theirs.starttime, theirs.ppid));
        assert!((clock::now() - own.started(booted())).abs() < 3600);
        let Executable::Is { path, .. } = &own.executable else { unreachable!() };
        assert_eq!(*path, std::env::current_exe().unwrap());
    }

    #[test]
    fn a_file_that_was_replaced_keeps_its_path() {
        assert_eq!(without_deleted("/usr/bin/x (deleted)".into()), Path::new("/usr/bin/x"));
        assert_eq!(without_deleted("/usr/bin/x".into()), Path::new("/usr/bin/x"));
    }
}
