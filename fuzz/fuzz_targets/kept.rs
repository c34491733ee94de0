#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| capwrap_advisor::fuzzing::kept(bytes));
