//! The command line as completion needs it: levels, each with its options and operands.

use clap::{Arg, Command};

/// A level is `capwrap` itself, a verb, or a word below a verb.
pub struct Level {
    /// The words that lead to this level, as in `caps show`; empty for `capwrap` itself.
    pub words: String,
    pub options: Vec<Choice>,
    /// The kinds of the operands, in order. No further operand may follow, unless `repeats` is set.
    pub operands: Vec<Kind>,
    /// Whether the last operand may be given any number of times.
    pub repeats: bool,
    /// The words that lead one level down, each with its help.
    pub below: Vec<(String, String)>,
}

pub struct Choice {
    /// The option's names as typed, with the dashes.
    pub names: Vec<String>,
    pub help: String,
    /// The kind of the option's value; `None` for an option without a value.
    pub value: Option<Kind>,
}

/// The kind of a value or an operand, which decides what the script offers for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A policy that the caller may run. All later words belong to its tool.
    Tool,
    /// A command. All later words belong to it.
    Command,
    /// An enabled policy.
    Policies,
    /// An enabled policy or a shipped one.
    Templates,
    /// An enabled policy or a file.
    PoliciesAndFiles,
    /// A list of capability names with commas between.
    Capabilities,
    Users,
    Groups,
    Processes,
    Files,
    Directories,
    /// One of these words.
    Words(Vec<String>),
    /// A value for which nothing can be offered.
    Free,
}

impl Level {
    /// The level of this command and all levels below it, without hidden commands. `command` must have been built.
    pub fn all(command: &Command) -> Vec<Self> {
        let mut levels = Vec::new();
        gather(command, "", &mut levels);
        levels
    }

    /// The kind of the operand at this place, counted from 0.
    pub fn operand(&self, place: usize) -> Option<&Kind> {
        self.operands.get(place).or_else(|| self.operands.last().filter(|_| self.repeats))
    }
}

fn gather(command: &Command, words: &str, levels: &mut Vec<Level>) {
    let below: Vec<&Command> = command.get_subcommands().filter(|below| !below.is_hide_set()).collect();
    let positionals: Vec<&Arg> = command.get_positionals().filter(|operand| !operand.is_hide_set()).collect();
    levels.push(Level {
        words: words.to_owned(),
        options: command
            .get_opts()
            .chain(flags(command))
            .filter(|option| !option.is_hide_set())
            .map(choice(words))
            .collect(),
        operands: positionals.iter().map(|operand| kind(words, operand)).collect(),
        repeats: positionals.last().is_some_and(|last| many(last)),
        below: below.iter().map(|below| (below.get_name().to_owned(), about(below))).collect(),
    });
    // `help` repeats the names of the verbs, so its levels are left out.
    for below in below.iter().filter(|below| words.is_empty() || below.get_name() != "help") {
        let words = format!("{words} {}", below.get_name());
        match below.get_name() {
            "help" => levels.push(help(command, words.trim())),
            _ => gather(below, words.trim(), levels),
        }
    }
}

/// The level of `capwrap help`, whose operand is a verb.
fn help(above: &Command, words: &str) -> Level {
    let verbs = above.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help");
    Level {
        words: words.to_owned(),
        options: Vec::new(),
        operands: vec![Kind::Words(verbs.map(|verb| verb.get_name().to_owned()).collect())],
        repeats: false,
        below: Vec::new(),
    }
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| !argument.is_positional() && !argument.get_action().takes_values())
}

fn many(operand: &Arg) -> bool {
    operand.get_num_args().is_some_and(|range| range.max_values() > 1) || operand.is_trailing_var_arg_set()
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn choice(words: &str) -> impl Fn(&Arg) -> Choice {
    move |option| Choice {
        names: option
            .get_short()
            .map(|short| format!("-{short}"))
            .into_iter()
            .chain(option.get_long().map(|long| format!("--{long}")))
            .collect(),
        help: option.get_help().map(ToString::to_string).unwrap_or_default().replace('\n', " "),
        value: option.get_action().takes_values().then(|| kind(words, option)),
    }
}

/// The kinds by level and value name. The first row that fits counts; an empty level fits every level.
const NAMED: [(&str, &str, Kind); 27] = [
    ("list", "WORD", Kind::Templates),
    ("enable", "NAME", Kind::Templates),
    // These enable a policy that is not enabled.
    ("grant", "NAME", Kind::Templates),
    ("edit", "NAME", Kind::Templates),
    // History names a policy also when it is not enabled any more.
    ("history", "TOOL", Kind::Templates),
    ("learn", "--user", Kind::Users),
    ("trace", "--user", Kind::Users),
    ("", "--mode", Kind::Free),
    ("", "NAME", Kind::Policies),
    ("", "NAME|PATH", Kind::PoliciesAndFiles),
    ("", "POLICY", Kind::PoliciesAndFiles),
    ("", "A", Kind::PoliciesAndFiles),
    ("", "B", Kind::PoliciesAndFiles),
    ("", "TOOL", Kind::Tool),
    ("", "CMD", Kind::Command),
    ("", "USER", Kind::Users),
    ("", "GROUP", Kind::Groups),
    ("", "PID", Kind::Processes),
    ("", "DIR", Kind::Directories),
    ("trace", "PATH", Kind::Directories),
    ("learn", "PATH", Kind::Directories),
    ("", "PATH", Kind::Files),
    ("", "FILE", Kind::Files),
    ("", "PROFILE", Kind::Files),
    ("", "CAPS", Kind::Capabilities),
    ("", "CAP", Kind::Capabilities),
    ("", "CAPABILITY", Kind::Capabilities),
];

fn kind(words: &str, argument: &Arg) -> Kind {
    let possible: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    if !possible.is_empty() {
        return Kind::Words(possible);
    }
    let long = argument.get_long().map(|long| format!("--{long}")).unwrap_or_default();
    let value =
        argument.get_value_names().and_then(|names| names.first()).map(clap::builder::Str::as_str).unwrap_or_default();
    // Only `caps encode LIST` uses this name for a list of capabilities.
    if words == "caps encode" && argument.is_positional() {
        return Kind::Capabilities;
    }
    // clap names an operand without a value name after its field.
    let value = value.to_uppercase();
    let fits = |(level, name, _): &&(&str, &str, Kind)| {
        (level.is_empty() || *level == words) && (*name == long || *name == value)
    };
    NAMED.iter().find(fits).map_or(Kind::Free, |(_, _, kind)| kind.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::completions::launcher::with_verbs;
    use clap::CommandFactory;

    fn level(words: &str) -> Level {
        Level::all(&with_verbs(crate::CommandLine::command())).into_iter().find(|level| level.words == words).unwrap()
    }

    #[test]
    fn every_verb_has_a_level_and_hidden_ones_have_none() {
        let all = Level::all(&with_verbs(crate::CommandLine::command()));
        for (verb, _) in &level("").below {
            assert!(all.iter().any(|level| level.words == *verb), "{verb}");
        }
        assert!(!all.iter().any(|level| level.words == "become"));
    }

    #[test]
    fn each_value_is_known_for_what_it_is() {
        let value = |words: &str, name: &str| {
            let level = level(words);
            level.options.iter().find(|option| option.names.iter().any(|n| n == name)).unwrap().value.clone()
        };
        assert_eq!(value("", "--drop"), Some(Kind::Capabilities));
        assert_eq!(value("enable", "--group"), Some(Kind::Groups));
        assert_eq!(value("learn", "--user"), Some(Kind::Users));
        assert_eq!(value("learn", "--policy"), Some(Kind::Policies));
        for verb in ["grant", "revoke", "history"] {
            assert_eq!(value(verb, "--user"), Some(Kind::Users), "{verb}");
        }
        for (verb, option) in [("edit", "--from"), ("report", "--html"), ("report", "--since"), ("adopt", "--sudoers")]
        {
            assert_eq!(value(verb, option), Some(Kind::Files), "{verb}");
        }
        for (verb, option) in
            [("grant", "--until"), ("grant", "--for"), ("history", "--since"), ("history", "--against")]
        {
            assert_eq!(value(verb, option), Some(Kind::Free), "{verb}");
        }
        for verb in ["grant", "edit", "history"] {
            assert_eq!(level(verb).operand(0), Some(&Kind::Templates), "{verb}");
        }
        assert_eq!(level("revoke").operand(0), Some(&Kind::Policies));
        assert_eq!(value("revoke", "--kill"), None);
        assert_eq!(value("doctor", "--json"), None);
        assert_eq!(
            value("trace", "--color"),
            Some(Kind::Words(["auto", "always", "never"].map(str::to_owned).to_vec()))
        );
        assert_eq!(level("").operand(5), Some(&Kind::Tool));
        assert_eq!(level("learn").operand(0), Some(&Kind::Command));
        assert_eq!(level("disable").operand(0), Some(&Kind::Policies));
        assert_eq!(level("disable").operand(1), Some(&Kind::Policies));
        assert_eq!(level("caps encode").operand(0), Some(&Kind::Capabilities));
    }
}
