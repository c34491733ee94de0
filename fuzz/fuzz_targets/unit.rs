#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| capwrap_advisor::fuzzing::unit(text));
