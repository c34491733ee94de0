//! Counts the events of a watch in a space that does not grow with its time.

use crate::analysis::observation::count;
use capwrap_ebpf::{Check, Event};
use std::collections::{BTreeMap, HashMap, HashSet};

/// When there are so many processes, those that have been silent are put together.
const PROCESSES: usize = 1 << 12;
/// A process is silent after this time without a check, in nanoseconds. The kernel makes the checks that belong together
/// within one system call.
const SILENT: u64 = 10_000_000_000;
/// When processes did so many different things, the next ones are counted without that difference.
const SHAPES: usize = 1 << 14;

/// What one process asked for, and when it did last.
#[derive(Default)]
struct Process {
    checks: HashMap<Check, u64>,
    last: u64,
}

/// The checks of a process that has been silent, without their counts, in order.
type Shape = Vec<Check>;

/// The counts so far.
#[derive(Default)]
pub struct Gathered {
    live: HashMap<u32, Process>,
    /// What each kind of silent process did: how often each check was made, and by how many processes.
    silent: BTreeMap<Shape, (Vec<u64>, u64)>,
    /// The silent processes beyond [`SHAPES`], as if they were one.
    mixed: (HashMap<Check, u64>, u64),
    set_up: HashMap<(Check, &'static str), u64>,
    known: HashSet<Check>,
    /// The last process whose checks were set-up, so that a process counts once.
    preparing: HashSet<u32>,
}

impl Gathered {
    /// Counts a check of the subject's own. Returns whether it is the first of its kind.
    pub fn own(&mut self, event: &Event) -> bool {
        if self.live.len() >= PROCESSES && !self.live.contains_key(&event.check.process) {
            self.put_together(event.time);
        }
        let kind = Check { process: 0, ..event.check };
        let process = self.live.entry(event.check.process).or_default();
        process.last = process.last.max(event.time);
        let times = process.checks.entry(kind).or_default();
        count(times, 1);
        *times == 1 && self.known.insert(kind)
    }

    /// Counts a check of what prepares the subject.
    pub fn set_up(&mut self, event: &Event, why: &'static str) {
        if self.preparing.len() < PROCESSES {
            self.preparing.insert(event.check.process);
        }
        count(self.set_up.entry((Check { process: 0, ..event.check }, why)).or_default(), 1);
    }

    /// The number of processes that made any check.
    pub fn seen(&self) -> u64 {
        let silent: u64 = self.silent.values().map(|(_, number)| number).sum();
        let only_prepared = self.preparing.iter().filter(|id| !self.live.contains_key(id)).count();
        self.live.len() as u64 + silent + self.mixed.1 + only_prepared as u64
    }

    /// The checks of one process after the other, and how many processes that is. The checks have the number of a
    /// process, which is the same for those of one process.
    pub fn processes(&self) -> Vec<(Vec<(Check, u64)>, u64)> {
        let live = self.live.values().map(|process| (process.checks.clone().into_iter().collect(), 1));
        let silent = self
            .silent
            .iter()
            .map(|(shape, (times, number))| (shape.iter().copied().zip(times.iter().copied()).collect(), *number));
        let mixed = (self.mixed.0.iter().map(|(check, times)| (*check, *times)).collect(), self.mixed.1);
        let all = live.chain(silent).chain(std::iter::once(mixed).filter(|(_, number)| *number > 0));
        let sorted = all.map(|(mut checks, number): (Vec<_>, _)| {
            checks.sort_unstable();
            (checks, number)
        });
        sorted.collect()
    }

    /// The checks of what prepared the subject.
    pub fn all_set_up(&self) -> Vec<(Check, &'static str, u64)> {
        let mut all: Vec<_> = self.set_up.iter().map(|((check, why), times)| (*check, *why, *times)).collect();
        all.sort_unstable();
        all
    }

    /// Puts the silent processes together by what they did. If all of them are busy, the half that was silent for longer
    /// goes.
    fn put_together(&mut self, now: u64) {
        let mut lasts: Vec<u64> = self.live.values().map(|process| process.last).collect();
        lasts.sort_unstable();
        let until = lasts[lasts.len() / 2].max(now.saturating_sub(SILENT));
        let silent: Vec<u32> =
            self.live.iter().filter(|(_, process)| process.last <= until).map(|(id, _)| *id).collect();
        for process in silent.iter().filter_map(|id| self.live.remove(id)) {
            let mut checks: Vec<_> = process.checks.into_iter().collect();
            checks.sort_unstable();
            let (shape, times): (Shape, Vec<u64>) = checks.into_iter().unzip();
            if self.silent.len() >= SHAPES && !self.silent.contains_key(&shape) {
                for (check, times) in shape.into_iter().zip(times) {
                    count(self.mixed.0.entry(check).or_default(), times);
                }
                self.mixed.1 += 1;
                continue;
            }
            let (all, number) = self.silent.entry(shape).or_insert_with(|| (vec![0; times.len()], 0));
            for (all, times) in all.iter_mut().zip(times) {
                count(all, times);
            }
            *number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(process: u32, capability: u8, time: u64) -> Event {
        let check = Check { process, capability, ..Check::default() };
        Event { time, check, thread: process, user: 0, name: [0; 16] }
    }

    #[test]
    fn a_kind_of_check_is_the_first_of_its_kind_once_whatever_process_makes_it() {
        let mut gathered = Gathered::default();
        assert!(gathered.own(&event(1, 7, 0)));
        assert!(!gathered.own(&event(1, 7, 1)));
        assert!(!gathered.own(&event(2, 7, 2)));
        assert!(gathered.own(&event(2, 8, 3)));
    }

    #[test]
    fn the_checks_of_processes_stay_apart() {
        let mut gathered = Gathered::default();
        for (process, capability) in [(1, 7), (2, 8), (1, 7)] {
            gathered.own(&event(process, capability, 0));
        }
        let mut counts: Vec<_> = gathered.processes().iter().map(|(checks, _)| checks.clone()).collect();
        counts.sort();
        let kind = |capability| Check { capability, ..Check::default() };
        assert_eq!(counts, [vec![(kind(7), 2)], vec![(kind(8), 1)]]);
        assert_eq!(gathered.seen(), 2);
    }

    #[test]
    fn a_million_processes_take_the_space_of_a_few_and_no_check_is_lost() {
        let mut gathered = Gathered::default();
        for process in 0..1_000_000_u32 {
            let time = u64::from(process) * 1_000;
            gathered.own(&event(process, (process % 3) as u8, time));
            assert!(gathered.live.len() <= PROCESSES);
        }
        let all = gathered.processes();
        assert!(all.len() <= PROCESSES + 3, "{}", all.len());
        assert_eq!(all.iter().flat_map(|(checks, _)| checks).map(|(_, times)| times).sum::<u64>(), 1_000_000);
        assert_eq!(gathered.seen(), 1_000_000);
    }

    #[test]
    fn processes_that_each_do_something_else_take_no_more_space_either() {
        let mut gathered = Gathered::default();
        for process in 0..100_000_u32 {
            let mut one = event(process, 1, u64::from(process));
            one.check.site = u64::from(process);
            gathered.own(&one);
        }
        assert!(gathered.silent.len() <= SHAPES);
        assert_eq!(gathered.seen(), 100_000);
    }

    #[test]
    fn what_prepares_the_subject_is_counted_apart() {
        let mut gathered = Gathered::default();
        gathered.set_up(&event(1, 21, 0), "systemd");
        gathered.set_up(&event(1, 21, 1), "systemd");
        gathered.own(&event(1, 7, 2));
        assert_eq!(gathered.all_set_up(), [(Check { capability: 21, ..Check::default() }, "systemd", 2)]);
        assert_eq!(gathered.processes().len(), 1);
        assert_eq!(gathered.seen(), 1);
    }
}
