//! Shows what is needed as it happens.

use crate::analysis::classify::{self, RunFacts};
use crate::analysis::observation::Observation;
use crate::observe::subject::watch::{Reader, Watched};
use crate::output::error;
use anyhow::Result;
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// What takes the counts so far.
type Write<'p> = &'p (dyn Fn(Watched) -> Result<()> + Sync);

/// The lines on a terminal, and the file that is written again and again.
pub struct Progress<'p> {
    facts: RunFacts,
    shows: bool,
    named: CapabilitySet,
    every: Option<Duration>,
    last: Instant,
    write: Write<'p>,
}

impl<'p> Progress<'p> {
    pub fn new(shows: bool, facts: RunFacts, every: Option<Duration>, write: Write<'p>) -> Self {
        let shows = shows && std::io::stderr().is_terminal();
        Self { facts, shows, named: CapabilitySet::EMPTY, every, last: Instant::now(), write }
    }
}

impl Reader for Progress<'_> {
    fn first(&mut self, observation: Observation) {
        let capability = observation.capability;
        if !self.shows || self.named.contains(capability) {
            return;
        }
        // The other checks of the process may still change the class: this line only shows that something happens.
        let classed = classify::class(&[observation], &self.facts);
        if let Some(one) = classed.first().filter(|one| one.class.counts()) {
            self.named.insert(capability);
            let system_call = one.observation.system_call.as_deref().unwrap_or("no system call");
            let executable = printable::text(&one.observation.executable);
            error::note(&format!("seen: {capability} in {executable} ({})", printable::text(system_call)));
        }
    }

    fn is_due(&mut self) -> bool {
        self.every.is_some_and(|every| self.last.elapsed() >= every)
    }

    fn so_far(&mut self, watched: Watched) -> Result<()> {
        self.last = Instant::now();
        (self.write)(watched)
    }
}
