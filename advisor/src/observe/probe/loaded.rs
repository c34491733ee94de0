//! A probe that is loaded into the kernel, and its maps.

use anyhow::{Context, Result};
use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData};
use capwrap_ebpf::{Check, Start, Tracked};
use std::fmt;
use std::path::{Path, PathBuf};

/// A way to see a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BackEnd {
    /// fexit on `cap_capable`: verdict, options and namespace.
    Fexit,
    /// The tracepoint `capability:cap_capable` by its BTF (Linux 6.13): verdict and namespace.
    #[value(name = "tp_btf")]
    TracepointBtf,
    /// kprobe and kretprobe on `cap_capable`: verdict and options; namespace where there is BTF.
    Kprobe,
}

/// The order in which the back ends are tried.
pub const ORDER: [BackEnd; 3] = [BackEnd::Fexit, BackEnd::TracepointBtf, BackEnd::Kprobe];

impl fmt::Display for BackEnd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Fexit => "fexit",
            Self::TracepointBtf => "tp_btf",
            Self::Kprobe => "kprobe",
        })
    }
}

/// A loaded probe. The kernel unloads it when the value is dropped.
pub struct Probe {
    pub ebpf: Ebpf,
    /// The back end that was loaded.
    pub back_end: BackEnd,
    /// The command's file, if the probe waits for a command.
    pub command: Option<PathBuf>,
}

impl Probe {
    /// Starts to record the checks of this process at its `execs`th exec from now. That exec is the launcher's, which
    /// executes this file.
    pub fn start_at(&mut self, process: u32, execs: u32, file: Option<&Path>) -> Result<()> {
        self.command = file.map(Path::to_owned);
        let mut start: Array<_, Start> = Array::try_from(self.map_mut("START")?)?;
        Ok(start.set(0, Start { process, execs }, 0)?)
    }

    /// Records the checks of these processes.
    pub fn list(&mut self, processes: &[u32]) -> Result<()> {
        let mut listed: HashMap<_, u32, u32> = HashMap::try_from(self.map_mut("LISTED")?)?;
        for process in processes {
            listed.insert(process, 1, 0)?;
        }
        Ok(())
    }

    /// Whether the probe follows any process. If the kernel does not say, it may.
    pub fn tracks_any(&self) -> bool {
        let tracked = self.map("TRACKED").and_then(|map| Ok(HashMap::<_, u32, Tracked>::try_from(map)?));
        tracked.map_or(true, |tracked| tracked.keys().next().is_some())
    }

    pub fn counts(&self) -> Result<HashMap<&MapData, Check, u64>> {
        Ok(HashMap::try_from(self.map("COUNTS")?)?)
    }

    pub fn map(&self, name: &str) -> Result<&Map> {
        self.ebpf.map(name).with_context(|| format!("the probe has no map {name}"))
    }

    pub fn map_mut(&mut self, name: &str) -> Result<&mut Map> {
        self.ebpf.map_mut(name).with_context(|| format!("the probe has no map {name}"))
    }
}
