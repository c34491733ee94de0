//! Holds checks back until the outcome of their system call is known.

use crate::observe::user_symbols::Place;
use capwrap_ebpf::{Event, Outcome};
use std::collections::{HashMap, VecDeque};

/// How long a check waits for its outcome, in nanoseconds: a system call may wait for hours.
const PATIENCE: u64 = 250_000_000;

/// A check that was seen, with the places of its program's stack.
pub struct Seen {
    pub event: Event,
    /// Empty if the stack was not asked for.
    pub user_stack: Vec<Place>,
}

/// The checks that are not shown yet.
pub struct Held {
    /// Whether checks wait at all.
    waits: bool,
    /// In the order in which they were made.
    checks: VecDeque<(Seen, Option<Outcome>)>,
    /// How many checks were taken before the first of `checks`.
    taken: u64,
    /// The checks of each thread that wait for an outcome, by their numbers in the whole trace.
    waiting: HashMap<u32, VecDeque<u64>>,
}

impl Held {
    /// Holds checks back if `waits` says so; otherwise each is due at once.
    pub fn new(waits: bool) -> Self {
        Self { waits, checks: VecDeque::new(), taken: 0, waiting: HashMap::new() }
    }

    /// Adds a check.
    pub fn add(&mut self, seen: Seen) {
        if self.waits {
            self.waiting.entry(seen.event.thread).or_default().push_back(self.taken + self.checks.len() as u64);
        }
        self.checks.push_back((seen, None));
    }

    /// Gives this outcome to the checks of its system call: those of its thread that have none yet.
    pub fn settle(&mut self, outcome: Outcome) {
        for number in self.waiting.remove(&outcome.thread).into_iter().flatten() {
            let place = number.checked_sub(self.taken).and_then(|place| usize::try_from(place).ok());
            if let Some((_, known)) = place.and_then(|place| self.checks.get_mut(place)) {
                *known = Some(outcome);
            }
        }
    }

    /// Takes the first check, if its outcome is known, or if it has waited long enough at this time (CLOCK_MONOTONIC, in
    /// nanoseconds).
    pub fn take(&mut self, now: u64) -> Option<(Seen, Option<Outcome>)> {
        let (Seen { event, .. }, known) = self.checks.front()?;
        if self.waits && known.is_none() {
            if now.saturating_sub(event.time) < PATIENCE {
                return None;
            }
            let thread = event.thread;
            if let Some(numbers) = self.waiting.get_mut(&thread) {
                // Its first number is that of this check.
                numbers.pop_front();
                if numbers.is_empty() {
                    self.waiting.remove(&thread);
                }
            }
        }
        self.taken += 1;
        self.checks.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::trace::lines::tests::event;

    fn at(thread: u32, time: u64) -> Seen {
        Seen { event: Event { thread, time, ..event() }, user_stack: Vec::new() }
    }

    fn returned(thread: u32, returned: i64) -> Outcome {
        Outcome { thread, returned, ..Outcome::default() }
    }

    /// Takes all that is due: the times of the checks, with what their system calls returned.
    fn due(held: &mut Held, now: u64) -> Vec<(u64, Option<i64>)> {
        std::iter::from_fn(|| held.take(now))
            .map(|(seen, known)| (seen.event.time, known.map(|known| known.returned)))
            .collect()
    }

    #[test]
    fn all_checks_of_a_call_get_its_outcome_and_no_others() {
        let mut held = Held::new(true);
        for event in [at(1, 10), at(1, 11), at(2, 12)] {
            held.add(event);
        }
        held.settle(returned(1, -13));
        held.add(at(1, 13));
        assert_eq!(due(&mut held, 20), [(10, Some(-13)), (11, Some(-13))]);
        held.settle(returned(2, 0));
        held.settle(returned(1, 3));
        assert_eq!(due(&mut held, 20), [(12, Some(0)), (13, Some(3))]);
    }

    #[test]
    fn the_order_stays_and_what_waits_too_long_is_shown_without_an_outcome() {
        let mut held = Held::new(true);
        held.add(at(1, 10));
        held.add(at(2, 11));
        held.settle(returned(2, 0));
        assert_eq!(due(&mut held, PATIENCE), []);
        assert_eq!(due(&mut held, PATIENCE + 10), [(10, None), (11, Some(0))]);
        assert!(held.waiting.is_empty());
        // An outcome that comes too late is that of no later check.
        held.settle(returned(1, 0));
        held.add(at(1, 12));
        assert_eq!(due(&mut held, 13), []);
    }

    #[test]
    fn where_nothing_waits_each_check_is_due_at_once() {
        let mut held = Held::new(false);
        held.add(at(1, 10));
        assert_eq!(due(&mut held, 10), [(10, None)]);
        assert!(held.waiting.is_empty());
    }

    #[test]
    fn an_outcome_that_no_check_waits_for_changes_nothing() {
        let mut held = Held::new(true);
        held.settle(returned(1, 0));
        held.add(at(1, 10));
        assert_eq!(due(&mut held, 11), []);
    }
}
