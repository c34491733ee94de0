//! The tool's arguments, as conditions read them. The caller chooses them, so they prove nothing:
//! they only select among capabilities that the administrator wrote into the policy.

use crate::decision::getopt::{ArgumentRules, Own};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The arguments after the tool's name. They need not be UTF-8.
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    all: &'a [OsString],
    with_value: Vec<&'a str>,
    /// The arguments as the tool reads them, if the policy has `[arguments]`.
    own: Option<Own<'a>>,
}

impl<'a> Arguments<'a> {
    /// `with_value` names options that take a value, so that such a value is not mistaken for the
    /// subcommand.
    pub fn new(all: &'a [OsString], with_value: Vec<&'a str>, rules: Option<&'a ArgumentRules>) -> Self {
        let own = rules.map(|rules| Own::read(all, with_value.clone(), rules));
        Self { all, with_value, own }
    }

    /// Returns the first argument that is neither an option nor the value of one.
    pub fn subcommand(&self) -> Option<&'a OsStr> {
        if let Some(own) = &self.own {
            return own.operand;
        }
        let mut arguments = self.all.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                return arguments.next().map(OsString::as_os_str);
            }
            if argument == "-" || !argument.as_bytes().starts_with(b"-") {
                return Some(argument);
            }
            if self.with_value.iter().any(|name| argument == name) {
                arguments.next();
            }
        }
        None
    }

    /// Returns whether one argument is exactly this.
    pub fn contains(&self, argument: &str) -> bool {
        let all = self.own.as_ref().map_or(self.all, |own| own.arguments);
        all.iter().any(|given| given == argument)
    }

    /// Returns the words of the first option before `--` that has one of these names and, if values
    /// are given, one of these values. An option may be written `-m V`, `-mV`, `-m=V`, `--model V`
    /// or `--model=V`.
    pub fn option(&self, names: &[String], values: &[String]) -> Option<Vec<&'a OsStr>> {
        if let Some(own) = &self.own {
            return own.option(names, values).map(|words| words.iter().map(OsString::as_os_str).collect());
        }
        let end = self.all.iter().position(|argument| argument == "--").unwrap_or(self.all.len());
        let options = &self.all[..end];
        options.iter().enumerate().find_map(|(at, argument)| {
            let next = options.get(at + 1).map(OsString::as_os_str);
            let name = names.iter().find(|name| matches(argument.as_bytes(), next, name, values))?;
            let has_value_apart = !values.is_empty() && argument == name.as_str();
            Some(std::iter::once(argument.as_os_str()).chain(next.filter(|_| has_value_apart)).collect())
        })
    }
}

fn matches(argument: &[u8], next: Option<&OsStr>, name: &str, values: &[String]) -> bool {
    let is_wanted = |value: &[u8]| values.is_empty() || values.iter().any(|wanted| wanted.as_bytes() == value);
    let Some(rest) = argument.strip_prefix(name.as_bytes()) else { return false };
    if rest.is_empty() {
        return values.is_empty() || next.is_some_and(|value| is_wanted(value.as_bytes()));
    }
    if let Some(value) = rest.strip_prefix(b"=") {
        return is_wanted(value);
    }
    let is_short = name.len() == 2 && !name.starts_with("--");
    is_short && is_wanted(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn os(arguments: &[&str]) -> Vec<OsString> {
        arguments.iter().map(OsString::from).collect()
    }

    fn strings(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn an_option_is_found_in_every_way_to_write_it() {
        let (names, values) = (strings(&["-m", "--model"]), strings(&["pcapng", "pcap"]));
        for line in [
            &["tls", "-m", "pcapng"][..],
            &["tls", "-mpcapng"],
            &["tls", "-m=pcap"],
            &["--model", "pcap", "tls"],
            &["tls", "--model=pcapng", "-i", "eth0"],
        ] {
            let given = os(line);
            assert!(Arguments::new(&given, vec![], None).option(&names, &values).is_some(), "{line:?}");
        }
        for line in [
            &["tls"][..],
            &["tls", "-m", "text"],
            &["tls", "-m"],
            &["tls", "--", "-m", "pcapng"],
            &["tls", "--modelpcapng"],
            &["tls", "--model-x=pcapng"],
            &["pcapng", "-x"],
            &[],
        ] {
            let given = os(line);
            assert!(Arguments::new(&given, vec![], None).option(&names, &values).is_none(), "{line:?}");
        }
    }

    #[test]
    fn a_value_of_a_known_option_is_not_the_subcommand() {
        let given = os(&["-m", "pcapng", "--hex", "tls", "x"]);
        assert_eq!(Arguments::new(&given, vec!["-m"], None).subcommand(), Some(OsStr::new("tls")));
        assert_eq!(Arguments::new(&given, vec![], None).subcommand(), Some(OsStr::new("pcapng")));
    }

    #[test]
    fn arguments_that_are_not_utf_8_are_compared_byte_by_byte() {
        let given = vec![OsString::from_vec(b"-m\xff".to_vec()), OsString::from_vec(b"\xfe".to_vec())];
        let arguments = Arguments::new(&given, vec![], None);
        assert_eq!(arguments.subcommand(), Some(given[1].as_os_str()));
        assert!(arguments.option(&strings(&["-m"]), &[]).is_some());
        assert!(arguments.option(&strings(&["-m"]), &strings(&["\u{fffd}"])).is_none());
    }
}
