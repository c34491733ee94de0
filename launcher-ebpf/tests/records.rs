//! Tests the conversions from records to bytes and from bytes to records. An ordinary run compares
//! them. Under Miri (`.ci/miri`) the tests also fail on a byte that is not initialised and on a
//! read beyond the end.
#![cfg(feature = "user")]
#![allow(clippy::unwrap_used, missing_docs)]

use aya::Pod;
use capwrap_ebpf::{
    Argument, Check, Event, Executable, Ids, KprobeConfig, Offsets, Outcome, OwnSets, Path, Settings, Site, Start,
    Tracked, UserStack,
};

/// Returns the bytes of a record, as they are written to a map of the kernel.
fn bytes<T: Pod>(record: &T) -> Vec<u8> {
    // SAFETY: the record lives as long as the slice, and every byte of it is initialised, which is
    // what the test is about.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(record).cast::<u8>(), size_of::<T>()) }.to_vec()
}

/// Returns the record with these bytes, as it is read from a map.
fn record<T: Pod>(bytes: &[u8]) -> T {
    assert_eq!(bytes.len(), size_of::<T>());
    // SAFETY: the bytes are as many as the record has, read_unaligned needs no alignment, and every
    // pattern is a record, which is what the test is about.
    unsafe { bytes.as_ptr().cast::<T>().read_unaligned() }
}

fn there_and_back<T: Pod>() {
    for fill in [0, 1, 0x7f, 0x80, 0xff] {
        let pattern = vec![fill; size_of::<T>()];
        assert_eq!(bytes(&record::<T>(&pattern)), pattern);
    }
}

#[test]
fn every_pattern_of_bytes_is_a_record_and_gives_the_same_bytes() {
    there_and_back::<Argument>();
    there_and_back::<Check>();
    there_and_back::<Executable>();
    there_and_back::<Ids>();
    there_and_back::<KprobeConfig>();
    there_and_back::<Offsets>();
    there_and_back::<OwnSets>();
    there_and_back::<Path>();
    there_and_back::<Settings>();
    there_and_back::<Site>();
    there_and_back::<Start>();
    there_and_back::<Tracked>();
}

#[test]
fn a_record_that_was_made_field_by_field_has_no_byte_that_nobody_set() {
    // A copy of a type with padding need not copy the padding.
    fn copied<T: Pod + Default>() {
        let boxed = Box::new(T::default());
        assert_eq!(bytes(&*boxed).len(), size_of::<T>());
    }
    copied::<Argument>();
    copied::<Check>();
    copied::<Executable>();
    copied::<Ids>();
    copied::<KprobeConfig>();
    copied::<Offsets>();
    copied::<OwnSets>();
    copied::<Settings>();
    copied::<Start>();
    copied::<Tracked>();
}

#[test]
fn an_event_is_read_from_any_place_and_from_no_fewer_bytes_than_it_has() {
    let size = size_of::<Event>();
    for length in [0, 1, size - 1] {
        assert!(Event::from_bytes(&vec![9; length]).is_none());
    }
    for place in 0..16 {
        for more in [0, 7] {
            let bytes: Vec<u8> = (0..place + size + more).map(|at| (at % 251) as u8).collect();
            let event = Event::from_bytes(&bytes[place..]).unwrap();
            assert_eq!(event.time.to_ne_bytes(), bytes[place..place + 8]);
            assert_eq!(event.name, bytes[place + size - 16..place + size]);
        }
    }
}

#[test]
fn an_outcome_is_read_from_as_many_bytes_as_no_event_has() {
    let size = size_of::<Outcome>();
    for length in [0, size - 1, size_of::<Event>(), size_of::<Event>() + 7] {
        assert!(Outcome::from_bytes(&vec![9; length]).is_none());
    }
    for more in 0..8 {
        let bytes: Vec<u8> = (0..size + more).map(|at| at as u8).collect();
        let outcome = Outcome::from_bytes(&bytes).unwrap();
        assert_eq!(outcome.returned.to_ne_bytes(), bytes[8..16]);
        assert_eq!(outcome.arguments[5].to_ne_bytes(), bytes[56..64]);
    }
}

#[test]
fn a_programs_stack_is_read_from_as_many_bytes_as_no_event_has() {
    let size = size_of::<UserStack>();
    for more in 0..8 {
        let bytes: Vec<u8> = (0..size + more).map(|at| (at % 251) as u8).collect();
        assert!(Event::from_bytes(&bytes).is_none());
        let stack = UserStack::from_bytes(&bytes).unwrap();
        assert_eq!(stack.frames[0].build_id, bytes[12..32]);
        assert_eq!(stack.frames[0].place.to_ne_bytes(), bytes[32..40]);
    }
    assert!(UserStack::from_bytes(&vec![9; size - 1]).is_none());
}
