//! The conditions of a grant, and whether they hold.

use crate::decision::arguments::Arguments;
use crate::decision::facts::{Answer, Facts, KernelVersion};
use crate::decision::probe::Probe;
use crate::text::printable;
use crate::{Capability, CapabilitySet};
use std::cmp::Ordering;
use std::fmt;

/// One key of a grant's `when`, or of its `unless`. If its value is a list, one item of the list is enough.
#[derive(Debug, PartialEq, Eq)]
pub enum Condition {
    /// `kernel`: the kernel's release.
    Kernel(Vec<Comparison>),
    /// `kernel_has`: the kernel knows the capability, whatever its release says.
    KernelHas(Vec<Capability>),
    /// `kernel_lacks`: the kernel does not know the capability.
    KernelLacks(Vec<Capability>),
    /// `sysctl`: the value of one kernel setting.
    Sysctl {
        /// The setting's name with dots, as `sysctl -a` prints it.
        name: String,
        /// What the setting's value is compared with.
        values: Vec<Comparison>,
    },
    /// `probe`: what the kernel answers when capwrap tries it.
    Probe(Vec<Probe>),
    /// `subcommand`: the first argument that is not an option.
    Subcommand(Vec<String>),
    /// `option`, with or without `value`.
    Option {
        /// The option's names, including the dashes.
        names: Vec<String>,
        /// The values that count. Empty means any value, or none at all.
        values: Vec<String>,
    },
    /// `arg`: an argument that is exactly this text.
    Argument(Vec<String>),
    /// `uid0`: whether the caller is uid 0.
    Uid0(bool),
    /// A key of `unless`: this condition must not hold.
    Unless(Box<Self>),
}

impl Condition {
    /// Returns whether the condition holds.
    pub fn holds(&self, facts: &Facts, arguments: &Arguments<'_>) -> bool {
        match self {
            Self::Kernel(any) => any.iter().any(|comparison| comparison.holds_for_version(facts.kernel)),
            Self::KernelHas(_) | Self::KernelLacks(_) => self.settled_by_known(facts.last_capability) == Some(true),
            Self::Sysctl { name, values } => facts
                .sysctl(name)
                .is_some_and(|actual| values.iter().any(|comparison| comparison.holds_for_value(actual))),
            Self::Probe(any) => any.iter().any(|probe| facts.probe(*probe).is_some_and(|answer| answer.yes)),
            Self::Subcommand(any) => {
                arguments.subcommand().is_some_and(|given| any.iter().any(|name| given == name.as_str()))
            }
            Self::Option { names, values } => arguments.option(names, values).is_some(),
            Self::Argument(any) => any.iter().any(|argument| arguments.contains(argument)),
            Self::Uid0(wanted) => facts.uid0 == *wanted,
            // What is only assumed is assumed so that no grant is left out.
            Self::Unless(inner) => inner.is_known(facts) && (inner.is_assumed(facts) || !inner.holds(facts, arguments)),
        }
    }

    /// Returns whether every fact that the condition depends on is known. Without that, neither the condition nor its
    /// negation holds.
    pub fn is_known(&self, facts: &Facts) -> bool {
        match self.inner() {
            Self::Sysctl { name, .. } => facts.sysctls.contains_key(name),
            Self::Probe(any) => any.iter().all(|probe| facts.probe(*probe).is_some()),
            _ => true,
        }
    }

    /// Returns whether the condition depends on a fact that nobody has found out, and that is assumed.
    pub fn is_assumed(&self, facts: &Facts) -> bool {
        match self {
            Self::Probe(any) => any.iter().any(|probe| facts.probe(*probe).is_some_and(Answer::is_assumed)),
            _ => false,
        }
    }

    /// Returns the condition itself, or for a key of `unless` the one that must not hold.
    pub fn inner(&self) -> &Self {
        match self {
            Self::Unless(inner) => inner,
            other => other,
        }
    }

    /// Returns whether the condition holds on kernels that know the capabilities up to this number, or `None` where
    /// that does not settle it.
    pub fn settled_by_known(&self, last_capability: u8) -> Option<bool> {
        let knows = |capability: &Capability| capability.number() <= last_capability;
        match self {
            Self::KernelHas(any) => Some(any.iter().any(knows)),
            Self::KernelLacks(any) => Some(any.iter().any(|capability| !knows(capability))),
            Self::Unless(inner) => inner.settled_by_known(last_capability).map(|holds| !holds),
            _ => None,
        }
    }

    /// Returns whether the condition is about the caller's arguments, so that `--mode` replaces it.
    pub fn is_about_arguments(&self) -> bool {
        matches!(self.inner(), Self::Subcommand(_) | Self::Option { .. } | Self::Argument(_))
    }

    /// Returns the fact that the condition was compared with, for people.
    pub fn fact(&self, facts: &Facts, arguments: &Arguments<'_>) -> String {
        match self {
            Self::Kernel(_) => format!("the kernel is {}", facts.kernel),
            Self::KernelHas(any) | Self::KernelLacks(any) => {
                let (known, unknown): (Vec<Capability>, Vec<Capability>) =
                    any.iter().partition(|one| facts.knows(**one));
                let list = |of: Vec<Capability>| of.into_iter().collect::<CapabilitySet>().to_string();
                match (known.is_empty(), unknown.is_empty()) {
                    (false, true) => format!("the kernel knows {}", list(known)),
                    (true, _) => format!("the kernel does not know {}", list(unknown)),
                    (false, false) => format!("the kernel knows {}, not {}", list(known), list(unknown)),
                }
            }
            Self::Sysctl { name, .. } => match facts.sysctl(name) {
                Some(value) => format!("{name} is {}", printable::text(value)),
                None => format!("the kernel has no {name}"),
            },
            Self::Probe(any) => any
                .iter()
                .filter_map(|probe| facts.probe(*probe))
                .map(|answer| answer.because.to_string())
                .collect::<Vec<_>>()
                .join("; "),
            Self::Subcommand(_) => match arguments.subcommand() {
                Some(given) => format!("the subcommand is {}", printable::text(given)),
                None => "there is no subcommand".to_owned(),
            },
            Self::Option { names, values } => match arguments.option(names, values) {
                Some(given) => {
                    let given: Vec<String> = given.into_iter().map(printable::text).collect();
                    format!("the arguments have {}", given.join(" "))
                }
                None if values.is_empty() => format!("the arguments have no {}", names.join(" or ")),
                None => format!("the arguments have no {} {}", names.join(" or "), values.join(" or ")),
            },
            Self::Argument(any) => {
                let given: Vec<&str> = any.iter().map(String::as_str).filter(|one| arguments.contains(one)).collect();
                if given.is_empty() {
                    format!("no argument is {}", any.join(" or "))
                } else {
                    format!("the arguments have {}", given.join(", "))
                }
            }
            Self::Uid0(_) if facts.uid0 => "the caller is uid 0".to_owned(),
            Self::Uid0(_) => "the caller is not uid 0".to_owned(),
            Self::Unless(inner) => inner.fact(facts, arguments),
        }
    }
}

/// Formats as a policy file writes it, for example `kernel_has = "cap_bpf"`.
impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: fmt::Display>(items: &[T]) -> String {
            items.iter().map(T::to_string).collect::<Vec<_>>().join(" or ")
        }
        match self {
            Self::Kernel(any) => write!(out, "kernel {}", list(any)),
            Self::KernelHas(any) => write!(out, "kernel_has {}", list(any)),
            Self::KernelLacks(any) => write!(out, "kernel_lacks {}", list(any)),
            Self::Sysctl { name, values } => write!(out, "sysctl {name} {}", list(values)),
            Self::Probe(any) => write!(out, "probe {}", list(any)),
            Self::Subcommand(any) => write!(out, "subcommand {}", list(any)),
            Self::Option { names, values } if values.is_empty() => write!(out, "option {}", list(names)),
            Self::Option { names, values } => write!(out, "option {} with value {}", list(names), list(values)),
            Self::Argument(any) => write!(out, "arg {}", list(any)),
            Self::Uid0(wanted) => write!(out, "uid0 {wanted}"),
            Self::Unless(inner) => write!(out, "unless {inner}"),
        }
    }
}

/// A value and the operator to compare with it: `>=5.8`, `!=0`, `2`.
#[derive(Debug, PartialEq, Eq)]
pub struct Comparison {
    operator: Operator,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    AtLeast,
    More,
    AtMost,
    Less,
    Equal,
    Unequal,
}

/// The operators, with longer ones first so that `>=` is not read as `>`.
const OPERATORS: [(&str, Operator); 7] = [
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("!=", Operator::Unequal),
    ("==", Operator::Equal),
    (">", Operator::More),
    ("<", Operator::Less),
    ("=", Operator::Equal),
];

impl Operator {
    const fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::AtLeast => order.is_ge(),
            Self::More => order.is_gt(),
            Self::AtMost => order.is_le(),
            Self::Less => order.is_lt(),
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
        }
    }
}

impl Comparison {
    /// Reads a value with an operator before it; no operator means equal. The result is `None`
    /// without a value, or if the operator orders numbers and the value is not a number.
    pub fn parse(text: &str) -> Option<Self> {
        let (operator, value) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)))
            .unwrap_or((Operator::Equal, text));
        let value = value.trim();
        let orders = !matches!(operator, Operator::Equal | Operator::Unequal);
        if value.is_empty() || orders && numbers(value).is_none() {
            return None;
        }
        Some(Self { operator, value: value.to_owned() })
    }

    /// Reads a comparison of releases. These are numbers, whatever the operator.
    pub fn parse_version(text: &str) -> Option<Self> {
        Self::parse(text).filter(|comparison| numbers(&comparison.value).is_some())
    }

    /// Compares as many numbers as the policy writes: 5.8.12 is equal to 5.8, and so it is also at
    /// most 5.8.
    fn holds_for_version(&self, kernel: KernelVersion) -> bool {
        let Some(wanted) = numbers(&self.value) else { return false };
        let actual = [kernel.major, kernel.minor, kernel.patch];
        let order = wanted
            .iter()
            .zip(actual.iter().chain(std::iter::repeat(&0)))
            .map(|(wanted, actual)| i64::from(*actual).cmp(wanted))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal);
        self.operator.accepts(order)
    }

    /// Compares as numbers if both are numbers, else as text with each run of blanks read as one.
    fn holds_for_value(&self, actual: &str) -> bool {
        if let (Ok(wanted), Ok(actual)) = (self.value.parse::<i64>(), actual.trim().parse::<i64>()) {
            return self.operator.accepts(actual.cmp(&wanted));
        }
        let same = self.value.split_whitespace().eq(actual.split_whitespace());
        match self.operator {
            Operator::Equal => same,
            Operator::Unequal => !same,
            _ => false,
        }
    }
}

fn numbers(text: &str) -> Option<Vec<i64>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = OPERATORS.iter().find(|(_, operator)| *operator == self.operator).map_or("", |(sign, _)| sign);
        let sign = if sign == "==" { "" } else { sign };
        write!(out, "{sign}{}", self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> KernelVersion {
        KernelVersion::parse(text).unwrap()
    }

    #[test]
    fn releases_are_compared_as_numbers_and_only_as_far_as_they_are_written() {
        for (test, release, expected) in [
            (">=5.8", "5.10.0-30-amd64", true),
            (">=5.8", "5.8.0", true),
            (">=5.8", "5.7.19", false),
            ("<5.8", "4.18.0-553.el8.x86_64", true),
            (">5.8", "5.8.12", false),
            ("<=5.8", "5.8.12", true),
            ("5.8", "5.8.12", true),
            ("!=5.8", "5.9.1", true),
            (">=5.10.240", "5.10.239", false),
            (">=6", "6.0.0", true),
        ] {
            let comparison = Comparison::parse(test).unwrap();
            assert_eq!(comparison.holds_for_version(version(release)), expected, "{release} {test}");
        }
    }

    #[test]
    fn settings_are_compared_as_numbers_where_they_are_numbers() {
        for (test, value, expected) in [
            (">2", "3\n", true),
            (">2", "2", false),
            (">2", "10", true),
            (">=-1", "-1", true),
            ("1", "1\n", true),
            ("!=0", "0", false),
            ("1 0", "1\t0\n", true),
            ("always", "always", true),
        ] {
            let comparison = Comparison::parse(test).unwrap();
            assert_eq!(comparison.holds_for_value(value), expected, "{value:?} {test}");
        }
    }

    #[test]
    fn an_order_of_what_is_no_number_is_no_comparison() {
        for bad in ["", ">=", ">five", "<=5.x"] {
            assert_eq!(Comparison::parse(bad), None, "{bad:?}");
        }
        for bad in ["5.x", "!=5.x", "six", "5."] {
            assert_eq!(Comparison::parse_version(bad), None, "{bad:?}");
        }
    }
}
