//! Describes each kind of check once, because checks of the same kind have the same description.

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

/// A kind of check in words.
pub struct Described {
    /// The check as it was observed.
    pub observation: Observation,
    /// The options of the check, as the back end reports them or as the call site implies them.
    pub options: Option<Options>,
    /// The inode number of the target user namespace.
    pub target_namespace: u32,
    /// Whether the check has no effect on the result.
    pub speculative: bool,
    /// The explanation that is known for this call site.
    pub why: Option<&'static str>,
}

/// The kinds of checks that occurred so far.
pub struct Describer {
    known: HashMap<Check, Rc<Described>>,
    names: Names,
    kernel: KernelVersion,
}

/// When there are more kinds than this, the table is emptied. A system has some thousands.
const KINDS: usize = 1 << 16;

impl Describer {
    pub fn new() -> Result<Self> {
        Ok(Self { known: HashMap::new(), names: Names::default(), kernel: kernel::version(&kernel::release()?)? })
    }

    /// The check in words; `None` for a capability that this program does not know.
    pub fn describe(&mut self, probe: &Probe, event: &Event) -> Result<Option<Rc<Described>>> {
        // The description does not depend on the process.
        let kind = Check { process: 0, ..event.check };
        if let Some(known) = self.known.get(&kind) {
            return Ok(Some(Rc::clone(known)));
        }
        if self.known.len() >= KINDS {
            self.known.clear();
        }
        // "Own" refers to the process that was checked. In a container its user namespace is not this program's.
        let own = if kind.relation == RELATION_SAME { kind.target_namespace } else { 0 };
        let Some(observation) = probe.observation(&kind, 1, own, &mut self.names)? else {
            return Ok(None);
        };
        let described = Rc::new(self.judged(observation, kind.target_namespace));
        self.known.insert(kind, Rc::clone(&described));
        Ok(Some(described))
    }

    /// The file that the process of a check executes.
    pub fn executable(&mut self, probe: &Probe, event: &Event) -> Result<&str> {
        probe.name_of(event.check.executable, &mut self.names)
    }

    fn judged(&self, observation: Observation, target_namespace: u32) -> Described {
        // Facts that depend on the whole run are not known while it goes on.
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
