//! Watches what runs already, or what its manager starts meanwhile, until the watch is to end.
//!
//! The checks arrive as events and are counted here: an event names the thread, and a manager's own set-up is separated from
//! the service by that.

use crate::analysis::observation::Observation;
use crate::observe::command::{Limits, Waiting};
use crate::observe::probe::{self, BackEnd, Events, Losses, Names, Probe, Record};
use crate::observe::subject::filter::Scope;
use crate::observe::subject::gathered::Gathered;
use anyhow::{Result, anyhow};
use capwrap_ebpf::{Check, Event};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The size of the ring for events in bytes. A burst of half a million checks fits.
const RING: u32 = 64 << 20;
/// How long capwrap rests after it has read all events.
const REST: Duration = Duration::from_millis(10);

/// What is watched, and for how long.
pub struct Watch<'w> {
    pub scope: &'w Scope,
    pub back_end: Option<BackEnd>,
    pub limits: Limits,
    /// Whether a program prepares the subject and is none of its own: by the file that it executes, and by the name of
    /// its thread. The result is the reason, for people.
    pub prepares: &'w (dyn Fn(&str, &str) -> Option<&'static str> + Sync),
    /// Whether the subject did not start, and so has ended.
    pub is_over: &'w AtomicBool,
    /// The inode number of the subject's user namespace; 0 while it is not known.
    pub namespace: &'w AtomicU32,
}

/// A reader of a watch while it goes on.
pub trait Reader: Send {
    /// A kind of check of the subject was seen for the first time.
    fn first(&mut self, observation: Observation);
    /// Whether it wants to know the counts now.
    fn is_due(&mut self) -> bool;
    /// The counts so far.
    fn so_far(&mut self, watched: Watched) -> Result<()>;
}

/// What was seen.
pub struct Watched {
    /// The observations of one process after the other. Processes that have ended and that did the same stand together;
    /// the number says how many they are.
    pub processes: Vec<(Vec<Observation>, u64)>,
    /// The checks of what prepared the subject, each with the reason why it is none of the subject's.
    pub set_up: Vec<(Observation, &'static str)>,
    /// The number of processes that made any check.
    pub seen: u64,
    /// The files that they executed.
    pub executables: BTreeSet<String>,
    pub losses: Losses,
    pub back_end: BackEnd,
    /// The start time in RFC 3339, UTC.
    pub started: String,
    pub took: Duration,
}

impl Watch<'_> {
    /// Watches until a signal asks for the end, the time is over, or nothing is left to watch. `begin` is called once
    /// every check is seen, and may start the subject. The signals are blocked already.
    ///
    /// # Errors
    /// The probe does not load, or `begin` fails.
    pub fn run<T>(
        &self,
        waiting: &Waiting,
        reader: &mut dyn Reader,
        begin: impl FnOnce() -> Result<T>,
    ) -> Result<(Watched, T)> {
        let mut probe = self.scope.open(&self.scope.settings(false, false, false), RING, self.back_end)?;
        let events = probe.events(RING)?;
        let mut listed = self.scope.processes.clone();
        probe.list(&listed)?;
        // What the listed processes start from now on is followed. What they started before is listed as well; a child
        // that comes meanwhile is found when the list is read again.
        loop {
            let new: Vec<u32> = descendants(&listed).into_iter().filter(|one| !listed.contains(one)).collect();
            if new.is_empty() {
                break;
            }
            probe.list(&new)?;
            listed.extend(new);
        }
        let started = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
        let began = Instant::now();
        let over = AtomicBool::new(false);
        let counting = Counting { watch: self, probe: &probe, names: Names::default(), gathered: Gathered::default() };
        std::thread::scope(|threads| {
            let since = Since { text: started, began };
            let thread = threads.spawn(|| counting.read(events, reader, since, &over));
            let begun = begin();
            let waited = if begun.is_ok() {
                waiting.until_asked(self.limits, || thread.is_finished() || self.is_gone(&probe, &listed))
            } else {
                Ok(())
            };
            over.store(true, Ordering::Release);
            let watched = thread.join().unwrap_or_else(|_| Err(anyhow!("the reader of the events ended")));
            let begun = begun?;
            waited?;
            Ok((watched?, begun))
        })
    }

    /// Whether nothing is left that could make a check.
    fn is_gone(&self, probe: &Probe, listed: &[u32]) -> bool {
        if self.is_over.load(Ordering::Acquire) {
            return true;
        }
        if self.scope.directory().is_some() {
            return !self.scope.is_same_cgroup();
        }
        !listed.iter().any(|id| std::path::Path::new("/proc").join(id.to_string()).exists()) && !probe.tracks_any()
    }
}

/// Returns the descendants of these processes.
fn descendants(of: &[u32]) -> Vec<u32> {
    let mut found = Vec::new();
    let mut rest = of.to_vec();
    while let Some(id) = rest.pop() {
        let threads = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        for thread in threads {
            // The kernel shows the children of each thread (CONFIG_PROC_CHILDREN, which distributions have for CRIU).
            let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
                if !found.contains(&child) {
                    found.push(child);
                    rest.push(child);
                }
            }
        }
    }
    found
}

/// When a watch began.
struct Since {
    text: String,
    began: Instant,
}

struct Counting<'c> {
    watch: &'c Watch<'c>,
    probe: &'c Probe,
    names: Names,
    gathered: Gathered,
}

impl Counting<'_> {
    fn read(mut self, mut events: Events, reader: &mut dyn Reader, since: Since, over: &AtomicBool) -> Result<Watched> {
        loop {
            // This is read before the events, so that events that arrived until then still count.
            let last = over.load(Ordering::Acquire);
            let mut failed = Ok(());
            events.take(|record| {
                if let (Ok(()), Record::Check(event)) = (&failed, record) {
                    failed = self.count(&event, reader);
                }
            });
            failed?;
            if last {
                return self.watched(&since);
            }
            if reader.is_due() {
                reader.so_far(self.watched(&since)?)?;
            }
            std::thread::sleep(REST);
        }
    }

    fn count(&mut self, event: &Event, reader: &mut dyn Reader) -> Result<()> {
        let thread = String::from_utf8_lossy(probe::thread_name(event));
        let executable = self.probe.name_of(event.check.executable, &mut self.names)?;
        match (self.watch.prepares)(executable, &thread) {
            Some(why) => self.gathered.set_up(event, why),
            None => {
                if self.gathered.own(event) {
                    if let Some(observation) = self.observation(&event.check, 1)? {
                        reader.first(observation);
                    }
                }
            }
        }
        Ok(())
    }

    fn observation(&mut self, check: &Check, times: u64) -> Result<Option<Observation>> {
        let namespace = self.watch.namespace.load(Ordering::Acquire);
        self.probe.observation(check, times, namespace, &mut self.names)
    }

    fn watched(&mut self, since: &Since) -> Result<Watched> {
        let mut processes = Vec::new();
        let mut executables = BTreeSet::new();
        for (checks, number) in self.gathered.processes() {
            let mut observations = Vec::new();
            for (check, times) in checks {
                if let Some(observation) = self.observation(&check, times)? {
                    executables.insert(observation.executable.clone());
                    observations.push(observation);
                }
            }
            processes.push((observations, number));
        }
        let mut set_up = Vec::new();
        for (check, why, times) in self.gathered.all_set_up() {
            if let Some(observation) = self.observation(&check, times)? {
                set_up.push((observation, why));
            }
        }
        Ok(Watched {
            processes,
            set_up,
            seen: self.gathered.seen(),
            executables,
            losses: self.probe.losses()?,
            back_end: self.probe.back_end,
            started: since.text.clone(),
            took: since.began.elapsed(),
        })
    }
}
