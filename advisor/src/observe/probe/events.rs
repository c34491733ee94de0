//! Reads the checks as they happen. They come from the probe's ring buffer, or from the kprobes' buffers, of which each
//! CPU has one.

use crate::observe::probe::loaded::Probe;
use anyhow::{Context, Result};
use aya::maps::perf::{PerfEvent, PerfEventArrayBuffer};
use aya::maps::{Map, MapData, PerfEventArray, RingBuf};
use aya::util::online_cpus;
use capwrap_ebpf::Event;

/// The least number of pages of a buffer, so that a burst on one CPU fits.
const LEAST_PAGES: usize = 16;

/// The source of events.
pub struct Events(Source);

enum Source {
    Ring(RingBuf<MapData>),
    Buffers { buffers: Vec<PerfEventArrayBuffer<MapData>>, taken: Vec<Event> },
}

impl Probe {
    /// Opens the source of events. `bytes` is the size of the buffer, the same value that `open` got.
    pub fn events(&mut self, bytes: u32) -> Result<Events> {
        match self.ebpf.take_map("EVENTS").context("the probe has no events")? {
            ring @ Map::RingBuf(_) => Ok(Events(Source::Ring(RingBuf::try_from(ring)?))),
            array => {
                let mut array: PerfEventArray<MapData> = PerfEventArray::try_from(array)?;
                let cpus = online_cpus().map_err(|(what, error)| anyhow::Error::new(error).context(what))?;
                // The kernel requires powers of two.
                let pages = (bytes as usize / 4096 / cpus.len().max(1)).max(LEAST_PAGES).next_power_of_two();
                let open =
                    |cpu| array.open(cpu, Some(pages)).with_context(|| format!("cannot read CPU {cpu}'s events"));
                let buffers = cpus.into_iter().map(open).collect::<Result<_>>()?;
                Ok(Events(Source::Buffers { buffers, taken: Vec::new() }))
            }
        }
    }
}

impl Events {
    /// Takes all events that have arrived. The probe counts those that did not fit.
    pub fn take(&mut self, mut each: impl FnMut(&Event)) {
        match &mut self.0 {
            Source::Ring(ring) => {
                while let Some(bytes) = ring.next() {
                    if let Some(event) = Event::from_bytes(&bytes) {
                        each(&event);
                    }
                }
            }
            Source::Buffers { buffers, taken } => {
                for buffer in buffers {
                    buffer.for_each(|record| taken.extend(event(&record)));
                }
                // The events of each single CPU are already in order.
                taken.sort_by_key(|event| event.time);
                taken.drain(..).for_each(|event| each(&event));
            }
        }
    }
}

fn event(record: &PerfEvent<'_>) -> Option<Event> {
    match record {
        PerfEvent::Sample { head, tail: [] } => Event::from_bytes(head),
        PerfEvent::Sample { head, tail } => Event::from_bytes(&[*head, *tail].concat()),
        PerfEvent::Lost { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_at_the_buffers_end_is_put_together() {
        let bytes: Vec<u8> = (0..size_of::<Event>() as u8 + 4).collect();
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            let event = event(&PerfEvent::Sample { head, tail }).unwrap();
            assert_eq!(event.time, u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7]));
            assert_eq!(event.name[15], size_of::<Event>() as u8 - 1);
        }
        assert!(event(&PerfEvent::Sample { head: &bytes[..50], tail: &[] }).is_none());
        assert!(event(&PerfEvent::Lost { count: 3 }).is_none());
    }
}
