//! What the options ask of a watch.

use crate::analysis::profile::Profile;
use crate::dialects::target::Target;
use crate::observe::command::Limits;
use crate::observe::probe::BackEnd;
use crate::verbs::learn::profile_output;
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

/// What the options ask.
#[derive(Clone, Copy)]
pub struct Settings<'s> {
    pub limit: Option<Duration>,
    pub restart: bool,
    pub write: bool,
    pub accept_failure: bool,
    pub every: Option<Duration>,
    pub output: Option<&'s Path>,
    pub json: bool,
    pub verbose: bool,
    pub styled: bool,
    pub to: Option<Target>,
    pub back_end: Option<BackEnd>,
    pub minimize: Option<Minimize<'s>>,
}

/// What `--minimize` asks.
#[derive(Clone, Copy)]
pub struct Minimize<'s> {
    pub check: Option<&'s str>,
    pub reset: Option<&'s str>,
    pub repeat: u64,
    /// Nobody is asked.
    pub yes: bool,
}

impl Settings<'_> {
    /// When the watch ends, as the end of a sentence.
    pub fn until(&self) -> String {
        match self.limit {
            Some(limit) => format!("{} have passed", humantime::format_duration(limit)),
            None => "Ctrl-C".to_owned(),
        }
    }

    /// What is printed when the watch begins.
    pub fn says(&self, what: &str, restart: bool) -> String {
        let until = self.until();
        if restart {
            format!("{what} is started again, and watched from its start until {until}")
        } else {
            format!("{what} is watched from now on, until {until}; its start was not seen")
        }
    }

    /// How long the watch lasts at most.
    pub fn limits(&self) -> Limits {
        Limits { after: self.limit, ..Limits::default() }
    }

    /// Writes a profile to `--output`.
    pub fn write_output(&self, profile: &Profile) -> Result<()> {
        profile_output::write(self.output, profile)
    }
}
