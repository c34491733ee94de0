//! What does not change from one check to the next of its kind is found out once.

use crate::analysis::call_sites;
use crate::analysis::call_sites::{Given, Meaning};
use crate::analysis::check_options;
use crate::analysis::observation::{Observation, Options};
use crate::host::kernel;
use crate::observe::probe::{Names, Probe};
use anyhow::Result;
use capwrap_core::decision::facts::KernelVersion;
use capwrap_ebpf::{Check, Event, RELATION_SAME};
use std::collections::HashMap;
use std::rc::Rc;

/// A kind of check, in words.
pub struct Described {
    /// What was seen.
    pub observation: Observation,
    /// How it was asked: as the back end reports it, or as the call site shows.
    pub options: Option<Options>,
    /// The inode number of the target user namespace.
    pub target_namespace: u32,
    /// Whether it has no effect on the result.
    pub speculative: bool,
    /// What is known of this place.
    pub why: Option<&'static str>,
}

/// The kinds that were met.
pub struct Describer {
    known: HashMap<Check, Rc<Described>>,
    names: Names,
    kernel: KernelVersion,
}

/// More kinds than this are begun anew: a system has some thousands.
const KINDS: usize = 1 << 16;

impl Describer {
    pub fn new() -> Result<Self> {
        Ok(Self { known: HashMap::new(), names: Names::default(), kernel: kernel::version(&kernel::release()?)? })
    }

    /// The check in words. `None` for a capability that this program does not know.
    pub fn describe(&mut self, probe: &Probe, event: &Event) -> Result<Option<Rc<Described>>> {
        // Of which process does not matter to it.
        let kind = Check { process: 0, ..event.check };
        if let Some(known) = self.known.get(&kind) {
            return Ok(Some(Rc::clone(known)));
        }
        if self.known.len() >= KINDS {
            self.known.clear();
        }
        // Here "own" is that of who is asked: in a container's user namespace that is not this program's.
        let own = if kind.relation == RELATION_SAME { kind.target_namespace } else { 0 };
        let Some(observation) = probe.observation(&kind, 1, own, &mut self.names)? else {
            return Ok(None);
        };
        let described = Rc::new(self.judged(observation, kind.target_namespace));
        self.known.insert(kind, Rc::clone(&described));
        Ok(Some(described))
    }

    fn judged(&self, observation: Observation, target_namespace: u32) -> Described {
        // What depends on the whole run is not known while it goes on.
        let site = call_sites::site(&observation, self.kernel, |given| given == Given::Any);
        Described {
            options: observation.options.or_else(|| check_options::told_by(&observation.call_site)),
            target_namespace,
            speculative: site.is_some_and(|site| matches!(site.meaning, Meaning::Speculative)),
            why: site.map(|site| site.why),
            observation,
        }
    }
}
