//! Reads a tool's arguments as getopt_long(3) and getopt_long_only(3) do, as far as a policy describes the tool's
//! options in `[arguments]`.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// `[arguments]`: how the tool reads its arguments, so that conditions read them in the same way.
#[derive(Debug, Default)]
pub struct ArgumentRules {
    /// The options that take a value, with their dashes.
    pub with_value: Vec<String>,
    /// The options after which no argument is the tool's own.
    pub end: Vec<String>,
    /// Whether the first operand also ends the tool's own arguments.
    pub ends_at_operand: bool,
}

/// The tool's own arguments. Those of a command that the tool starts are not among them.
#[derive(Clone, Debug)]
pub struct Own<'a> {
    /// The options, in the order of the arguments.
    options: Vec<Given<'a>>,
    /// The first argument that is neither an option nor the value of one.
    pub operand: Option<&'a OsStr>,
    /// The arguments, without those of the command.
    pub arguments: &'a [OsString],
    names: Names<'a>,
}

/// An option that was given.
#[derive(Clone, Debug)]
struct Given<'a> {
    /// Its name with the dashes. A letter of a group such as `-fp` has one dash too.
    name: Cow<'a, [u8]>,
    /// Its value, if it has one.
    value: Option<&'a [u8]>,
    /// The arguments that it consists of: one, or two if its value stands apart.
    words: &'a [OsString],
}

impl<'a> Own<'a> {
    /// Reads the arguments. `with_value` names the options that take a value, including those of `rules`.
    pub fn read(all: &'a [OsString], with_value: Vec<&'a str>, rules: &'a ArgumentRules) -> Self {
        let mut own = Self { options: Vec::new(), operand: None, arguments: all, names: Names::of(with_value, rules) };
        let mut at = 0;
        while let Some(argument) = all.get(at) {
            let rest = all.get(at..).unwrap_or_default();
            let ends = match argument.as_bytes() {
                b"--" => {
                    at += 1;
                    rules.ends_at_operand
                }
                bytes if bytes == b"-" || !bytes.starts_with(b"-") => {
                    own.operand = own.operand.or(Some(argument));
                    at += 1;
                    rules.ends_at_operand
                }
                bytes => {
                    at += own.add_options(bytes, rest);
                    own.options.last().is_some_and(|last| own.names.ends(&last.name))
                }
            };
            if ends || argument == "--" {
                own.operand = own.operand.or(all.get(at).map(OsString::as_os_str));
                own.arguments = if ends { all.get(..at).unwrap_or(all) } else { all };
                break;
            }
        }
        own
    }

    /// Adds the option, or the group of letters, that the first of these arguments is. Returns how many arguments it
    /// consists of.
    fn add_options(&mut self, first: &'a [u8], arguments: &'a [OsString]) -> usize {
        let next = arguments.get(1).map(|next| next.as_bytes());
        let one = arguments.get(..1).unwrap_or_default();
        let two = arguments.get(..2).unwrap_or(one);
        if self.names.one_dash_is_whole || first.starts_with(b"--") {
            let (name, attached) = match first.iter().position(|byte| *byte == b'=') {
                Some(equals) => (first.get(..equals).unwrap_or(first), first.get(equals + 1..)),
                None => (first, None),
            };
            let apart = next.filter(|_| attached.is_none() && self.names.takes_value(name));
            let words = if apart.is_some() { two } else { one };
            self.options.push(Given { name: Cow::Borrowed(name), value: attached.or(apart), words });
            return words.len();
        }
        for (at, letter) in first.iter().enumerate().skip(1) {
            let name = Cow::Owned(vec![b'-', *letter]);
            if !self.names.takes_value(&name) {
                self.options.push(Given { name, value: None, words: one });
                continue;
            }
            let attached = first.get(at + 1..).filter(|rest| !rest.is_empty());
            let words = if attached.is_some() { one } else { two };
            let value = attached.map(|value| value.strip_prefix(b"=").unwrap_or(value));
            self.options.push(Given { name, value: value.or(next), words });
            return words.len();
        }
        1
    }

    /// Returns the words of the first option that has one of these names and, if values are given, one of these values.
    pub fn option(&self, names: &[String], values: &[String]) -> Option<&'a [OsString]> {
        let is_wanted = |value: &[u8]| values.iter().any(|wanted| wanted.as_bytes() == value);
        let mut options = self.options.iter();
        let found = options.find(|given| {
            names.iter().any(|name| self.names.is_same(&given.name, name))
                && (values.is_empty() || given.value.is_some_and(is_wanted))
        });
        found.map(|given| given.words)
    }
}

/// What a policy says of the names of the tool's options.
#[derive(Clone, Debug)]
struct Names<'a> {
    with_value: Vec<&'a str>,
    end: &'a [String],
    /// Whether the tool reads an argument with one dash as one name, as getopt_long_only(3), find and most programs in
    /// Go do. Two dashes then mean the same. A policy shows it by naming such an option.
    one_dash_is_whole: bool,
}

impl<'a> Names<'a> {
    fn of(with_value: Vec<&'a str>, rules: &'a ArgumentRules) -> Self {
        let mut names = with_value.iter().copied().chain(rules.end.iter().map(String::as_str));
        let one_dash_is_whole = names.any(|name| name.len() > 2 && !name.starts_with("--"));
        Self { with_value, end: &rules.end, one_dash_is_whole }
    }

    fn takes_value(&self, given: &[u8]) -> bool {
        self.with_value.iter().any(|name| self.is_same(given, name))
    }

    fn ends(&self, given: &[u8]) -> bool {
        self.end.iter().any(|name| self.is_same(given, name))
    }

    fn is_same(&self, given: &[u8], name: &str) -> bool {
        self.compared(given) == self.compared(name.as_bytes())
    }

    fn compared<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        if self.one_dash_is_whole && name.starts_with(b"--") { name.strip_prefix(b"-").unwrap_or(name) } else { name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn strings(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    /// As strace reads its options: the first operand is a command.
    fn strace(line: &str) -> (bool, Option<String>, usize) {
        let rules = ArgumentRules { with_value: strings("-e -o -p --attach"), end: Vec::new(), ends_at_operand: true };
        let given = os(line);
        let own = Own::read(&given, rules.with_value.iter().map(String::as_str).collect(), &rules);
        let operand = own.operand.map(|operand| operand.to_string_lossy().into_owned());
        (own.option(&strings("-p --attach"), &[]).is_some(), operand, own.arguments.len())
    }

    #[test]
    fn letters_in_a_group_are_options_and_the_last_may_take_a_value() {
        for line in ["-p 1", "-p1", "-fp 1", "-fp1", "-ffp 1", "-f -o x -p 1", "-fo x -p1", "--attach 1", "--attach=1"]
        {
            assert_eq!(strace(line), (true, None, os(line).len()), "{line}");
        }
        for line in ["-f", "-o p", "-fop", "-e -p", "-e--attach", "--attachment", "--output=-p", ""] {
            assert!(!strace(line).0, "{line}");
        }
    }

    #[test]
    fn the_options_of_a_command_are_not_the_tools_own() {
        for (line, count) in
            [("mkdir -p x", 1), ("-e trace=x mkdir -p x", 3), ("-- mkdir -p x", 1), ("-f -- mkdir -p", 2)]
        {
            assert_eq!(strace(line), (false, Some("mkdir".into()), count), "{line}");
        }
        assert_eq!(strace("-p 1 mkdir"), (true, Some("mkdir".into()), 3));
        assert_eq!(strace("- -p 1"), (false, Some("-".into()), 1));
    }

    /// As gdb reads its options: whole words with one dash or two, until `--args`.
    fn gdb(line: &str, names: &str, values: &str) -> (bool, Option<String>) {
        let with_value = strings("-ex -p --pid -x");
        let rules = ArgumentRules { with_value, end: strings("--args"), ends_at_operand: false };
        let given = os(line);
        let own = Own::read(&given, rules.with_value.iter().map(String::as_str).collect(), &rules);
        let operand = own.operand.map(|operand| operand.to_string_lossy().into_owned());
        (own.option(&strings(names), &strings(values)).is_some(), operand)
    }

    #[test]
    fn where_one_dash_begins_a_word_no_letters_are_taken_apart() {
        for line in ["-p 1", "-pid 1", "--pid 1", "-pid=1", "--p=1", "prog -p 1", "-nx -p 1"] {
            assert!(gdb(line, "-p --pid", "").0, "{line}");
        }
        for line in ["-p1", "-np 1", "--args prog -p 1", "-args prog -p 1", "prog -- -p 1", "-ex -p"] {
            assert!(!gdb(line, "-p --pid", "").0, "{line}");
        }
        assert_eq!(gdb("-nx -ex run prog", "--ex", "run start"), (true, Some("prog".into())));
        assert_eq!(gdb("-ex=run --args prog 1", "-ex", "run"), (true, Some("prog".into())));
        assert_eq!(gdb("-ex quit prog", "-ex", "run"), (false, Some("prog".into())));
    }

    #[test]
    fn an_option_whose_value_is_missing_is_still_there() {
        assert_eq!(strace("-fp"), (true, None, 1));
        assert!(gdb("-pid", "-pid", "").0);
        assert!(!gdb("-pid", "-pid", "1").0);
    }
}
