//! The circumstances of a run, in the words of its policy's own conditions: a grant that is learned from the run carries
//! them. On another kernel or in another mode, the policy grants what it did before.

use capwrap_core::Capability;
use capwrap_core::decision::condition::{Comparison, Condition};
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::{self, Outcome, Request, RequestError};
use capwrap_core::policy::Policy;
use std::ffi::OsString;
use toml_edit::{Array, InlineTable, Value};

/// The modes and conditions of a policy that one run met.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// The modes that grant what the run's arguments choose; empty if all do, or none does.
    pub modes: Vec<String>,
    /// The table `when` of a grant for these circumstances.
    pub when: InlineTable,
    /// The table `unless` of such a grant.
    pub unless: InlineTable,
}

impl Circumstances {
    /// Finds the circumstances of a run with these arguments. Each condition of a grant is one: in `when` if it held, in
    /// `unless` if it did not. Only what is known counts. A condition on arguments that did not hold counts if its
    /// grant is for a mode, because the arguments choose the mode. A table has each key once, so of several conditions
    /// that held with one key, the first stands for all.
    ///
    /// # Errors
    /// The policy refuses one of its own modes.
    pub fn of(policy: &Policy, facts: &Facts, arguments: &[OsString]) -> Result<Self, RequestError> {
        let given = decision::read_arguments(policy, arguments);
        let mut found = Self { modes: modes(policy, facts, arguments)?, ..Self::default() };
        for grant in &policy.grants {
            for condition in grant.when.iter().map(Condition::inner) {
                if !condition.is_known(facts) || condition.is_assumed(facts) {
                    continue;
                }
                let holds = condition.holds(facts, &given);
                if holds || !condition.is_about_arguments() || !grant.modes.is_empty() {
                    found.add(condition, holds);
                }
            }
        }
        found.drop_opposites();
        Ok(found)
    }

    fn add(&mut self, condition: &Condition, holds: bool) {
        match condition {
            // What the kernel knows and whether the caller is uid 0 can be said without a negation.
            Condition::KernelHas(any) | Condition::KernelLacks(any) if any.len() == 1 => {
                let has = matches!(condition, Condition::KernelHas(_)) == holds;
                put(&mut self.when, if has { "kernel_has" } else { "kernel_lacks" }, name(any[0]).into());
            }
            Condition::Uid0(wanted) => put(&mut self.when, "uid0", (*wanted == holds).into()),
            Condition::Sysctl { name, values } => {
                let table = if holds { &mut self.when } else { &mut self.unless };
                let settings = table.get_or_insert("sysctl", InlineTable::new());
                if let Some(settings) = settings.as_inline_table_mut() {
                    put(settings, name, list(values.iter().map(Comparison::to_string)));
                }
            }
            Condition::Option { names, values } => {
                let table = if holds { &mut self.when } else { &mut self.unless };
                if !table.contains_key("option") {
                    put(table, "option", list(names.iter().cloned()));
                    if !values.is_empty() {
                        put(table, "value", list(values.iter().cloned()));
                    }
                }
            }
            Condition::Kernel(any) => self.put("kernel", list(any.iter().map(Comparison::to_string)), holds),
            Condition::KernelHas(any) => self.put("kernel_has", list(any.iter().map(|one| name(*one))), holds),
            Condition::KernelLacks(any) => self.put("kernel_lacks", list(any.iter().map(|one| name(*one))), holds),
            Condition::Probe(any) => self.put("probe", list(any.iter().map(ToString::to_string)), holds),
            Condition::Subcommand(any) => self.put("subcommand", list(any.iter().cloned()), holds),
            Condition::Argument(any) => self.put("arg", list(any.iter().cloned()), holds),
            Condition::Unless(inner) => self.add(inner, !holds),
        }
    }

    /// Puts a key into `when` or `unless`. In `unless` one item of a list is enough, so several conditions are one list.
    fn put(&mut self, key: &str, value: Value, holds: bool) {
        if holds {
            put(&mut self.when, key, value);
        } else if let Some(there) = self.unless.get_mut(key) {
            let mut all: Vec<String> = items(there);
            all.extend(items(&value));
            all.dedup();
            *there = list(all.into_iter());
        } else {
            put(&mut self.unless, key, value);
        }
    }

    /// Removes from `unless` the settings of which `when` says the opposite.
    fn drop_opposites(&mut self) {
        let Some(settings) = self.unless.get_mut("sysctl").and_then(Value::as_inline_table_mut) else { return };
        let held = self.when.get("sysctl").and_then(Value::as_inline_table);
        let said: Vec<String> = settings
            .iter()
            .filter(|(name, value)| held.and_then(|held| held.get(name)).is_some_and(|held| is_opposite(held, value)))
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in said {
            settings.remove(&name);
        }
        if settings.is_empty() {
            self.unless.remove("sysctl");
        }
    }

    /// The keys of a grant that say these circumstances.
    pub fn keys(&self) -> Vec<(&'static str, Value)> {
        let modes = (!self.modes.is_empty()).then(|| ("mode", list(self.modes.iter().cloned())));
        let tables = [("when", &self.when), ("unless", &self.unless)].into_iter();
        let tables = tables.filter(|(_, table)| !table.is_empty());
        modes.into_iter().chain(tables.map(|(key, table)| (key, Value::InlineTable(table.clone())))).collect()
    }
}

/// Returns whether a grant holds on another kernel, or in another mode, than those of one run: what the run shows must
/// then take nothing from it.
pub fn holds_elsewhere(policy: &Policy, grant: usize) -> bool {
    let is_fact = |condition: &Condition| !condition.is_about_arguments();
    policy.modes().len() > 1 || policy.grants.get(grant).is_some_and(|grant| grant.when.iter().any(is_fact))
}

/// Returns the modes whose grants are those that the arguments choose; none if all modes are such.
fn modes(policy: &Policy, facts: &Facts, arguments: &[OsString]) -> Result<Vec<String>, RequestError> {
    let holding = |request: &Request| {
        let decision = decision::decide(policy, facts, arguments, request)?;
        Ok(decision.grants.iter().map(|grant| grant.outcome == Outcome::Holds).collect::<Vec<bool>>())
    };
    let chosen = holding(&Request::default())?;
    let all = policy.modes();
    let mut modes = Vec::new();
    for mode in &all {
        if holding(&Request { mode: Some((*mode).to_owned()), ..Request::default() })? == chosen {
            modes.push((*mode).to_owned());
        }
    }
    Ok(if modes.len() == all.len() { Vec::new() } else { modes })
}

fn put(table: &mut InlineTable, key: &str, value: Value) {
    if !table.contains_key(key) {
        table.insert(key, value);
    }
}

fn name(capability: Capability) -> String {
    capability.name().to_owned()
}

/// One item as a string, several as a list.
fn list(items: impl Iterator<Item = String>) -> Value {
    let items: Vec<String> = items.collect();
    match items.as_slice() {
        [one] => one.as_str().into(),
        _ => Value::Array(items.into_iter().collect::<Array>()),
    }
}

fn items(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.as_str().map(str::to_owned).into_iter().collect(),
    }
}

/// Returns whether two comparisons of one setting are the opposites of each other, as `>2` and `<=2` are.
fn is_opposite(one: &Value, other: &Value) -> bool {
    const OPPOSITES: [(&str, &str); 2] = [(">=", "<"), ("<=", ">")];
    let (Some(one), Some(other)) = (one.as_str(), other.as_str()) else { return false };
    OPPOSITES.iter().any(|(wide, narrow)| {
        let opposite = |wider: &str, narrower: &str| {
            wider.strip_prefix(wide).is_some_and(|limit| narrower.strip_prefix(narrow) == Some(limit))
        };
        opposite(one, other) || opposite(other, one)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::decision::facts::{Answer, KernelVersion};
    use capwrap_core::decision::probe::Probe;

    fn machine(paranoid: &str) -> Facts {
        Facts {
            kernel: KernelVersion::parse("6.1").unwrap(),
            last_capability: 40,
            sysctls: [("kernel.perf_event_paranoid".to_owned(), Some(paranoid.to_owned()))].into(),
            ..Facts::default()
        }
    }

    /// Returns what a grant would have for a run with these arguments.
    fn circumstances(grants: &str, facts: &Facts, arguments: &str) -> String {
        let text = format!("schema = 1\n[tool]\npath = \"/t\"\n[allow]\ngroups = [\"g\"]\n{grants}");
        let arguments: Vec<OsString> = arguments.split_whitespace().map(OsString::from).collect();
        let found = Circumstances::of(&Policy::read(&text).unwrap(), facts, &arguments).unwrap();
        found.keys().iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(" ")
    }

    const MODES: &str = "\
        [[grant]]\ncaps = \"cap_bpf\"\nmode = [\"text\", \"keylog\", \"pcapng\"]\nwhen = { kernel_has = \"cap_bpf\" }\n\
        [[grant]]\ncaps = \"cap_sys_admin\"\nwhen = { sysctl = { \"kernel.perf_event_paranoid\" = \">2\" } }\n\
        [[grant]]\ncaps = \"cap_sys_admin\"\nwhen = { kernel_lacks = \"cap_bpf\" }\n\
        [[grant]]\ncaps = \"cap_net_admin\"\nmode = \"pcapng\"\nwhen = { option = \"-m\", value = \"pcapng\" }\n";

    #[test]
    fn the_kernel_and_the_mode_of_a_run_are_said_as_the_policy_asks_for_them() {
        for (paranoid, arguments, expected) in [
            (
                "3",
                "tls",
                "mode = [\"text\", \"keylog\"] when = { kernel_has = \"cap_bpf\", \
                 sysctl = { \"kernel.perf_event_paranoid\" = \">2\" } } \
                 unless = { option = \"-m\", value = \"pcapng\" }",
            ),
            (
                "2",
                "tls -m pcapng",
                "mode = \"pcapng\" when = { kernel_has = \"cap_bpf\", option = \"-m\", value = \"pcapng\" } \
                 unless = { sysctl = { \"kernel.perf_event_paranoid\" = \">2\" } }",
            ),
        ] {
            assert_eq!(circumstances(MODES, &machine(paranoid), arguments), expected);
        }
        let old = Facts { last_capability: 37, ..machine("2") };
        assert!(circumstances(MODES, &old, "tls").contains("when = { kernel_lacks = \"cap_bpf\" }"));
    }

    #[test]
    fn a_policy_without_conditions_has_no_circumstances() {
        assert_eq!(circumstances("[[grant]]\ncaps = \"cap_kill\"\n", &machine("2"), "-x"), "");
    }

    #[test]
    fn what_the_arguments_are_not_counts_only_where_they_choose_a_mode() {
        let grants = "[[grant]]\ncaps = \"cap_kill\"\nwhen = { subcommand = [\"a\", \"b\"] }\n\
                      [[grant]]\ncaps = \"cap_chown\"\nwhen = { arg = \"-z\" }\n";
        assert_eq!(circumstances(grants, &machine("2"), "a"), "when = { subcommand = [\"a\", \"b\"] }");
        assert_eq!(circumstances(grants, &machine("2"), "c"), "");
    }

    #[test]
    fn opposites_are_said_once_and_several_that_did_not_hold_are_one_list() {
        let sysctl = |than: &str| format!("sysctl = {{ \"kernel.perf_event_paranoid\" = \"{than}\" }}");
        let grants = format!(
            "[[grant]]\ncaps = \"cap_bpf\"\nwhen = {{ {} }}\n[[grant]]\ncaps = \"cap_sys_admin\"\nwhen = {{ {} }}\n\
             [[grant]]\ncaps = \"cap_kill\"\nwhen = {{ kernel = \"<5.8\" }}\nunless = {{ kernel = \">=6.9\" }}\n",
            sysctl("<2"),
            sysctl(">=2")
        );
        let expected = format!("when = {{ {} }} unless = {{ kernel = [\"<5.8\", \">=6.9\"] }}", sysctl(">=2"));
        assert_eq!(circumstances(&grants, &machine("3"), ""), expected);
    }

    #[test]
    fn a_probe_that_nobody_tried_says_nothing_about_the_run() {
        let grants = "[[grant]]\ncaps = \"cap_sys_admin\"\nwhen = { probe = \"perf_uprobe_needs_sys_admin\" }\n";
        let with = |answer| Facts { probes: [(Probe::PerfUprobeNeedsSysAdmin, answer)].into(), ..machine("2") };
        assert_eq!(circumstances(grants, &machine("2"), ""), "");
        assert_eq!(circumstances(grants, &with(Answer::NOT_TRIED), ""), "");
        let tried = circumstances(grants, &with(Answer::found(false, "")), "");
        assert_eq!(tried, "unless = { probe = \"perf_uprobe_needs_sys_admin\" }");
    }

    #[test]
    fn uid_0_counts_as_the_run_had_it() {
        let grants = "[[grant]]\ncaps = \"cap_kill\"\nwhen = { uid0 = false }\n";
        assert_eq!(circumstances(grants, &machine("2"), ""), "when = { uid0 = false }");
        assert_eq!(circumstances(grants, &Facts { uid0: true, ..machine("2") }, ""), "when = { uid0 = true }");
    }

    #[test]
    fn a_grant_that_depends_on_the_kernel_or_on_a_mode_holds_elsewhere() {
        let policy = |grants: &str| {
            Policy::read(&format!("schema = 1\n[tool]\npath = \"/t\"\n[allow]\ngroups = [\"g\"]\n{grants}")).unwrap()
        };
        let flat = "[[grant]]\ncaps = \"cap_kill\"\n";
        for (grants, elsewhere) in [
            (flat.to_owned(), false),
            ("[[grant]]\ncaps = \"cap_kill\"\nwhen = { arg = \"-z\" }\n".to_owned(), false),
            ("[[grant]]\ncaps = \"cap_kill\"\nwhen = { kernel = \">=5.8\" }\n".to_owned(), true),
            ("[[grant]]\ncaps = \"cap_kill\"\nunless = { uid0 = true }\n".to_owned(), true),
            (format!("{flat}{MODES}"), true),
        ] {
            assert_eq!(holds_elsewhere(&policy(&grants), 0), elsewhere, "{grants}");
        }
    }
}
