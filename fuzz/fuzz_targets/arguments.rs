//! Fuzzes the matching of arguments against a second statement of its rules.
#![no_main]

use arbitrary::Arbitrary;
use capwrap_core::decision::arguments::Arguments;
use capwrap_core::decision::getopt::ArgumentRules;
use libfuzzer_sys::fuzz_target;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

#[derive(Arbitrary, Debug)]
struct Input {
    given: Vec<Vec<u8>>,
    names: Vec<String>,
    values: Vec<String>,
    with_value: Vec<String>,
    end: Vec<String>,
    ends_at_operand: bool,
}

fuzz_target!(|input: Input| {
    let given: Vec<OsString> = input.given.iter().take(32).cloned().map(OsString::from_vec).collect();
    let with_value: Vec<&str> = input.with_value.iter().map(String::as_str).collect();
    let arguments = Arguments::new(&given, with_value.clone(), None);

    let options = given.iter().position(|word| word == "--").unwrap_or(given.len());
    if let Some(subcommand) = arguments.subcommand() {
        let at = given.iter().position(|word| word == subcommand).expect("a subcommand that was not given");
        let is_option = subcommand.as_bytes().starts_with(b"-") && subcommand != "-";
        assert!(!is_option || at > options || given[..].iter().any(|word| word == "--"));
    }
    for word in &input.values {
        assert_eq!(arguments.contains(word), given.iter().any(|one| one.as_bytes() == word.as_bytes()));
    }
    let found = arguments.option(&input.names, &input.values);
    if let Some(words) = &found {
        // The words must occur in this order before `--`, the first must begin with a name, and the last must end with
        // a requested value.
        assert!(given[..options].windows(words.len()).any(|window| window.iter().eq(words.iter())));
        assert!(input.names.iter().any(|name| words[0].as_bytes().starts_with(name.as_bytes())));
        let last = words[words.len() - 1].as_bytes();
        assert!(input.values.is_empty() || input.values.iter().any(|value| last.ends_with(value.as_bytes())));
    }
    // As a tool reads them whose policy describes its options: what is found was given, in this order.
    let rules =
        ArgumentRules { with_value: input.with_value.clone(), end: input.end, ends_at_operand: input.ends_at_operand };
    let own = Arguments::new(&given, with_value, Some(&rules));
    if let Some(words) = own.option(&input.names, &input.values) {
        assert!(given.windows(words.len()).any(|window| window.iter().eq(words.iter())));
        assert!(words[0].as_bytes().starts_with(b"-") && words[0] != "--");
    }
    assert!(own.subcommand().is_none_or(|operand| given.iter().any(|word| word == operand)));
    assert!(input.values.iter().all(|word| !own.contains(word) || arguments.contains(word)));

    // With more names, the search must still find something.
    let more: Vec<String> = input.names.iter().cloned().chain(["--more".to_owned()]).collect();
    assert!(found.is_none() || arguments.option(&more, &input.values).is_some());
});
