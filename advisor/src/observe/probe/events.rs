//! Reads the checks as they happen. They come from the probe's ring buffer, or from the kprobes' buffers, of which each
//! CPU has one.

use crate::observe::probe::loaded::Probe;
use anyhow::{Context, Result};
use aya::maps::perf::{PerfEvent, PerfEventArrayBuffer};
use aya::maps::{Map, MapData, PerfEventArray, RingBuf};
use aya::util::online_cpus;
use capwrap_ebpf::{Event, Outcome, UserStack};

/// The least number of pages of a buffer, so that a burst on one CPU fits.
const LEAST_PAGES: usize = 16;

/// A record of the probe.
#[derive(Clone, Debug)]
pub enum Record {
    /// A check.
    Check(Event),
    /// The end of a system call in which checks were made. It comes after them.
    Outcome(Outcome),
    /// The stack of the program that made a check necessary. It comes just before the check.
    Stack(Box<UserStack>),
}

impl Record {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let stack = || UserStack::from_bytes(bytes).map(Box::new).map(Self::Stack);
        Event::from_bytes(bytes)
            .map(Self::Check)
            .or_else(stack)
            .or_else(|| Outcome::from_bytes(bytes).map(Self::Outcome))
    }

    const fn time(&self) -> u64 {
        match self {
            Self::Check(event) => event.time,
            Self::Outcome(outcome) => outcome.time,
            Self::Stack(stack) => stack.time,
        }
    }
}

/// The name of the thread that an event is about, without the NUL that ends it.
pub fn thread_name(event: &Event) -> &[u8] {
    let end = event.name.iter().position(|byte| *byte == 0).unwrap_or(event.name.len());
    &event.name[..end]
}

/// The source of events.
pub struct Events(Source);

enum Source {
    Ring(RingBuf<MapData>),
    Buffers { buffers: Vec<PerfEventArrayBuffer<MapData>>, taken: Vec<Record> },
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
                let page = procfs::page_size() as usize;
                let pages = (bytes as usize / page / cpus.len().max(1)).max(LEAST_PAGES).next_power_of_two();
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
    pub fn take(&mut self, mut each: impl FnMut(Record)) {
        match &mut self.0 {
            Source::Ring(ring) => {
                while let Some(bytes) = ring.next() {
                    if let Some(record) = Record::from_bytes(&bytes) {
                        each(record);
                    }
                }
            }
            Source::Buffers { buffers, taken } => {
                for buffer in buffers {
                    buffer.for_each(|sample| taken.extend(record(&sample)));
                }
                // The records of each single CPU are already in order, and the sort keeps it where times are equal.
                taken.sort_by_key(Record::time);
                taken.drain(..).for_each(&mut each);
            }
        }
    }
}

fn record(sample: &PerfEvent<'_>) -> Option<Record> {
    match sample {
        PerfEvent::Sample { head, tail: [] } => Record::from_bytes(head),
        PerfEvent::Sample { head, tail } => Record::from_bytes(&[*head, *tail].concat()),
        PerfEvent::Lost { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_at_the_buffers_end_is_put_together() {
        let bytes: Vec<u8> = (0..size_of::<Event>() as u8 + 4).collect();
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            let found = record(&PerfEvent::Sample { head, tail });
            let as_expected = |event: &Event| {
                event.time.to_ne_bytes() == [0, 1, 2, 3, 4, 5, 6, 7] && event.name[15] == size_of::<Event>() as u8 - 1
            };
            assert!(matches!(&found, Some(Record::Check(event)) if as_expected(event)), "{at}: {found:?}");
        }
        assert!(record(&PerfEvent::Sample { head: &bytes[..50], tail: &[] }).is_none());
        assert!(record(&PerfEvent::Lost { count: 3 }).is_none());
    }

    #[test]
    fn the_end_of_a_call_is_told_from_a_check_by_its_length_whatever_the_buffer_appends() {
        for more in 0..8 {
            let bytes = vec![1; size_of::<Outcome>() + more];
            let found = record(&PerfEvent::Sample { head: &bytes, tail: &[] });
            let expected =
                |outcome: &Outcome| outcome.thread == 0x0101_0101 && outcome.returned == 0x0101_0101_0101_0101;
            assert!(matches!(&found, Some(Record::Outcome(outcome)) if expected(outcome)), "{more}: {found:?}");
        }
    }
}
