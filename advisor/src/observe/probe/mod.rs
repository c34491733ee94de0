//! The edge to the kernel: loads the probe by the first back end that works, and reads what it
//! counted. Everything behind this is pure.

mod back_end;
mod btf;
mod events;
mod kprobe;
mod offsets;
pub mod reading;
pub mod rights;
pub mod securebits;
mod symbols;

pub use back_end::{BackEnd, attempts, open};
pub use events::Events;
pub use reading::{Counted, Losses, Names, Tally};

use anyhow::{Context, Result};
use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData};
use capwrap_ebpf::{Check, Start};

/// A loaded probe. When it is dropped the kernel lets go of it.
pub struct Probe {
    ebpf: Ebpf,
    /// The back end that loaded.
    pub back_end: BackEnd,
}

impl Probe {
    /// Takes checks from the exec of this process on that is its `execs`th from now.
    pub fn start_at(&mut self, process: u32, execs: u32) -> Result<()> {
        let mut start: Array<_, Start> = Array::try_from(self.map_mut("START")?)?;
        Ok(start.set(0, Start { process, execs }, 0)?)
    }

    /// Takes checks of these processes.
    pub fn list(&mut self, processes: &[u32]) -> Result<()> {
        let mut listed: HashMap<_, u32, u32> = HashMap::try_from(self.map_mut("LISTED")?)?;
        for process in processes {
            listed.insert(process, 1, 0)?;
        }
        Ok(())
    }

    fn counts(&self) -> Result<HashMap<&MapData, Check, u64>> {
        Ok(HashMap::try_from(self.map("COUNTS")?)?)
    }

    fn map(&self, name: &str) -> Result<&Map> {
        self.ebpf.map(name).with_context(|| format!("the probe has no map {name}"))
    }

    fn map_mut(&mut self, name: &str) -> Result<&mut Map> {
        self.ebpf.map_mut(name).with_context(|| format!("the probe has no map {name}"))
    }
}
