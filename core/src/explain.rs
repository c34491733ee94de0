//! Explains a decision in words. Each capability is shown with the policy's line, the fact and the
//! reason for it. What this machine cannot give is shown with its cause.

use crate::Capability;
use crate::capability::set::CapabilitySet;
use crate::decision::condition::Condition;
use crate::decision::demand::{Judged, State};
use crate::decision::facts::Facts;
use crate::decision::shortfall_cause::Cause;
use crate::decision::{Borrowed, Decision, Outcome, Weighed, read_arguments};
use crate::escapes;
use crate::policy::limits::Limit;
use crate::policy::{Argv0, Bounding, Children, Delivery, Grant, Policy};
use crate::scope::calls::YOUNGEST_SINCE;
use crate::scope::confined;
use crate::scope::door::Door;
use crate::scope::filter::Wanted;
use crate::scope::strength;
use crate::text::printable;
use std::ffi::OsString;
use std::fmt::{Display, Write};
use std::path::Path;

/// Something that a decision needs and that the machine or the caller's circumstances do not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// What is missing: a capability's name, or a sentence's subject such as `the ambient set`.
    pub what: String,
    /// Its most likely cause.
    pub why: String,
    /// The command or the change that gives it, if there is one.
    pub hint: Option<String>,
}

impl Shortfall {
    /// Describes capabilities that are not held, for this cause. It marks those that the launcher
    /// itself needs.
    pub fn new(cause: Cause, lacking: CapabilitySet, name: &str, decision: &Decision<'_>, facts: &Facts) -> Self {
        let is_own = |one: &&Borrowed| lacking.contains(one.capability) && !decision.passed.contains(one.capability);
        let own = decision.borrowed.iter().filter(is_own);
        let own: String =
            own.map(|one| format!("; capwrap itself takes {}: it {}", one.capability, one.purpose)).collect();
        Self { what: lacking.to_string(), why: cause.why(lacking, facts) + &own, hint: cause.hint(name, lacking) }
    }
}

/// Everything that an explanation shows.
pub struct Explanation<'a> {
    /// The policy's name, which the user types.
    pub name: &'a str,
    /// The policy's file.
    pub file: &'a Path,
    /// The policy in that file.
    pub policy: &'a Policy,
    /// The facts of the machine.
    pub facts: &'a Facts,
    /// The tool's arguments.
    pub arguments: &'a [OsString],
    /// The decision.
    pub decision: &'a Decision<'a>,
    /// What is missing. If it is empty, the decision can be met.
    pub shortfalls: &'a [Shortfall],
    /// What the tool needs besides capabilities, and whether it holds.
    pub demands: &'a [Judged<'a>],
    /// The heading of the section on what is missing: [`MISSING_HERE`] or [`MISSING_THERE`].
    pub missing: &'static str,
    /// What the caller asked capwrap not to pass, with `--drop`.
    pub dropped: CapabilitySet,
    /// Lines about the caller, the tool and the circumstances, each with its label.
    pub context: &'a [(&'static str, String)],
}

/// The heading of the section on what the policy grants.
pub const GRANTED: &str = "granted";
/// The heading of the section on what it does not grant here, or not for these arguments.
pub const NOT_GRANTED: &str = "not granted";
/// The heading of the section on what it may grant, because its conditions depend on facts that are
/// not known.
pub const UNDECIDED: &str = "undecided";
/// The heading of the section on what the tool needs besides capabilities.
pub const DEMANDED: &str = "needed besides capabilities";
/// The heading of the section on what the decision needs and this machine does not give.
pub const MISSING_HERE: &str = "missing here";
/// The same heading for another machine.
pub const MISSING_THERE: &str = "missing there";

/// The width of the narrowest terminal that people use.
const WIDTH: usize = 80;

impl Explanation<'_> {
    /// Formats the explanation as text of at most [`WIDTH`] columns, except for words that are
    /// longer.
    pub fn render(&self) -> String {
        let nothing = [Item::new("nothing", [])];
        let mut page = Page::default();
        page.paragraph(0, &format!("{}: {}", self.name, printable::text(&self.policy.summary)));
        let mut context = vec![("policy", self.file.display().to_string())];
        context.extend(self.context.iter().cloned());
        context.push(("delivery", self.manner()));
        context.extend(self.beside_scopes().map(|said| ("scopes", said)));
        context.extend(self.what_fails().map(|fails| ("note", fails)));
        for (label, text) in context {
            page.labelled(label, &text);
        }
        let items = |reasons: Vec<Reason>| reasons.iter().map(Reason::item).collect::<Vec<_>>();
        let granted = items(self.granted());
        page.section(GRANTED, if granted.is_empty() { &nothing } else { &granted });
        page.section(NOT_GRANTED, &items(self.withheld()));
        page.section(UNDECIDED, &items(self.unknown()));
        let borrowed = self.decision.borrowed.iter();
        let borrowed: Vec<Item> = borrowed.map(|one| Item::new(one.capability, [one.purpose.clone()])).collect();
        page.section("used by capwrap itself, not passed to the tool", &borrowed);
        let demands: Vec<Item> = self.demands.iter().map(demanded).collect();
        page.section(DEMANDED, &demands);
        let missing = self.shortfalls.iter().map(|one| {
            let hint = one.hint.as_ref().map(|hint| format!("hint: {hint}"));
            Item::new(&one.what, [one.why.clone()].into_iter().chain(hint))
        });
        page.section(self.missing, &missing.collect::<Vec<_>>());
        page.text
    }

    /// Returns one reason for each grant that holds, and one for what `--add` added.
    pub fn granted(&self) -> Vec<Reason> {
        let holding = self.decision.grants.iter().filter(|weighed| weighed.outcome == Outcome::Holds);
        let mut reasons: Vec<Reason> = holding
            .map(|weighed| {
                let scope = self.scope(weighed.grant);
                Reason { scope, ..self.reason(weighed.grant.caps.intersection(self.decision.passed), weighed) }
            })
            .collect();
        if let Some(optional) = &self.policy.optional {
            let why = optional.why.as_deref().map(printable::text);
            let met = vec![Met::fact("asked for with --add")];
            reasons.push(Reason {
                capabilities: self.decision.added,
                line: Some(optional.line),
                met,
                scope: Vec::new(),
                why,
            });
        }
        reasons.retain(Reason::is_about_something);
        reasons
    }

    /// Returns one reason for each grant that does not hold, one for what was dropped, and one for
    /// what could be added.
    pub fn withheld(&self) -> Vec<Reason> {
        let failed = self.decision.grants.iter().filter(|weighed| weighed.outcome != Outcome::Holds);
        let mut reasons: Vec<Reason> = failed
            .filter(|weighed| self.undecided(weighed).is_empty())
            .map(|weighed| self.reason(weighed.grant.caps.without(self.decision.passed), weighed))
            .collect();
        let met = vec![Met::fact("dropped by the caller with --drop")];
        reasons.push(Reason { capabilities: self.decision.dropped, line: None, met, scope: Vec::new(), why: None });
        if let Some(optional) = &self.policy.optional {
            let left = optional.caps.without(self.decision.passed).without(self.decision.dropped);
            let why = optional.why.as_deref().map(printable::text);
            let met = vec![Met::fact("not asked for with --add")];
            reasons.push(Reason { capabilities: left, line: Some(optional.line), met, scope: Vec::new(), why });
        }
        reasons.retain(Reason::is_about_something);
        reasons
    }

    /// Returns one reason for each grant whose known conditions hold but that has a condition that
    /// is not known, and one for what the launcher itself needs if a limit is not known. The list
    /// is empty if every fact of the policy is known, as it is at a launch.
    pub fn unknown(&self) -> Vec<Reason> {
        let grants = self.decision.grants.iter().map(|weighed| {
            let conditions = self.undecided(weighed).into_iter();
            let met = conditions.map(|one| Met { condition: Some(shown(one.inner())), fact: None }).collect();
            let why = weighed.grant.why.as_deref().map(printable::text);
            // This is what the grant would give, without what the caller dropped.
            let more = weighed.grant.caps.without(self.decision.passed).without(self.dropped);
            Reason { capabilities: more, line: Some(weighed.grant.line), met, scope: Vec::new(), why }
        });
        let grants = grants.filter(|reason| !reason.met.is_empty());
        let limits = self.policy.exec.limits.iter();
        let limits = limits.filter(|(name, limit)| *limit > Limit(0) && self.facts.hard_limit(*name).is_none());
        let limits = limits.map(|(name, limit)| Reason {
            capabilities: Capability::SYS_RESOURCE.into(),
            line: None,
            met: vec![Met { condition: Some(format!("a {} limit below {limit}", name.name())), fact: None }],
            scope: Vec::new(),
            why: Some("capwrap then raises the limit itself, and does not pass this to the tool".to_owned()),
        });
        grants.chain(limits).filter(Reason::is_about_something).collect()
    }

    /// Returns the conditions of a grant whose answers are not known. It returns none if a known
    /// answer rules the grant out.
    fn undecided<'w>(&self, weighed: &Weighed<'w>) -> Vec<&'w Condition> {
        if !matches!(weighed.outcome, Outcome::Fails(_)) {
            return Vec::new();
        }
        let arguments = read_arguments(self.policy, self.arguments);
        let failing = self.counting(weighed).filter(|one| !one.holds(self.facts, &arguments));
        let (unknown, failing): (Vec<&Condition>, Vec<&Condition>) = failing.partition(|one| !one.is_known(self.facts));
        if failing.is_empty() { unknown } else { Vec::new() }
    }

    /// Returns the conditions of a grant that count. Conditions on arguments do not count if
    /// `--mode` replaces them.
    fn counting<'w>(&self, weighed: &Weighed<'w>) -> impl Iterator<Item = &'w Condition> {
        let by_mode = self.mode_of(weighed).is_some();
        weighed.grant.when.iter().filter(move |one| !(by_mode && one.is_about_arguments()))
    }

    fn mode_of(&self, weighed: &Weighed<'_>) -> Option<&String> {
        self.decision.mode.as_ref().filter(|mode| weighed.grant.modes.contains(mode))
    }

    fn reason(&self, capabilities: CapabilitySet, weighed: &Weighed<'_>) -> Reason {
        let why = weighed.grant.why.as_deref().map(printable::text);
        Reason { capabilities, line: Some(weighed.grant.line), met: self.met(weighed), scope: Vec::new(), why }
    }

    fn met(&self, weighed: &Weighed<'_>) -> Vec<Met> {
        let arguments = read_arguments(self.policy, self.arguments);
        let met =
            |one: &Condition| Met { condition: Some(shown(one)), fact: Some(shown(one.fact(self.facts, &arguments))) };
        match weighed.outcome {
            Outcome::Fails(first) => {
                let mut failing = self.counting(weighed).filter(|one| !one.holds(self.facts, &arguments));
                vec![met(failing.find(|one| one.is_known(self.facts)).unwrap_or(first))]
            }
            Outcome::OtherMode => {
                let asked = self.decision.mode.as_deref().unwrap_or_default();
                let condition = format!("mode {}", weighed.grant.modes.join(" or "));
                vec![Met { condition: Some(condition), fact: Some(format!("--mode is {asked}")) }]
            }
            Outcome::Holds => {
                let by_mode = self.mode_of(weighed).map(|mode| Met::fact(format!("--mode {mode}")));
                by_mode.into_iter().chain(self.counting(weighed).map(met)).collect()
            }
        }
    }

    /// Returns what the scope of a grant that holds says, and what it leaves open.
    fn scope(&self, grant: &Grant) -> Vec<String> {
        let (scope, passed) = (&grant.scope, grant.caps.intersection(self.decision.passed));
        let mut said = Vec::new();
        if scope.is_empty() || passed.is_empty() {
            return said;
        }
        let confined = passed.intersection(confined::capabilities(&self.decision.confined));
        let names = |doors: &[Door]| doors.iter().map(Door::name).collect::<Vec<_>>().join(", ");
        if !scope.through.is_empty() && !confined.is_empty() {
            let (whole, part) = self.wanted().refused_of(confined);
            let counted = |calls: Vec<&str>| match calls.len() {
                0 => None,
                1..=3 => Some(calls.join(", ")),
                many => Some(format!("{many} calls")),
            };
            let whole = counted(whole).map(|calls| format!("{calls} refused"));
            let part = counted(part).map(|calls| format!("other uses of {calls} refused"));
            let refused: Vec<String> = whole.into_iter().chain(part).collect();
            said.push(format!("through {} (seccomp: {})", names(&scope.through), refused.join(", ")));
        }
        if !scope.beneath.is_empty() && !confined.is_empty() {
            let paths: Vec<String> = scope.beneath.iter().map(printable::text).collect();
            said.push(format!("beneath {} (Landlock)", paths.join(", ")));
        }
        if !scope.ports.is_empty() && !confined.is_empty() {
            let ports: Vec<String> = scope.ports.iter().map(ToString::to_string).collect();
            said.push(format!("ports {} (Landlock)", ports.join(", ")));
        }
        for one in confined.iter().map(strength::of).filter(|_| !scope.through.is_empty()) {
            if one.leaves != strength::NOTHING {
                said.push(format!("it leaves {}", one.leaves));
            }
        }
        let free = passed.without(confined);
        let added = free.intersection(self.decision.added);
        if !added.is_empty() {
            said.push(format!("no scope of {added}: --add gives it without one"));
        }
        let free = free.without(added);
        if !free.is_empty() {
            said.push(format!("no scope of {free}: it is granted without one too"));
        }
        said
    }

    /// Returns what every launch with a scope refuses besides.
    pub fn beside_scopes(&self) -> Option<String> {
        if self.decision.confined.is_empty() {
            return None;
        }
        let others = match self.decision.passed.contains(Capability::SYS_PTRACE) {
            true => "; not against the user's other processes, because cap_sys_ptrace is passed",
            false => ", and to look into other processes",
        };
        Some(format!("also refused: io_uring, clone3, calls younger than Linux {YOUNGEST_SINCE}, 32-bit calls{others}"))
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted { passed: self.decision.passed, confined: &self.decision.confined, only_exec: None }
    }

    /// Returns what fails in this launch because the tool may start no other program.
    pub fn what_fails(&self) -> Option<String> {
        escapes::what_fails(self.policy).filter(|_| self.policy.exec.forbids_children(self.decision.passed))
    }

    fn manner(&self) -> String {
        let exec = &self.policy.exec;
        let mut manner = match exec.deliver {
            Delivery::Ambient => "ambient".to_owned(),
            Delivery::Inheritable => "inheritable (only this file gets them, its children do not)".to_owned(),
        };
        for (said, holds) in [
            (", no_new_privs", exec.no_new_privs),
            (", starts no other program", exec.forbids_children(self.decision.passed)),
            (
                ", may start other programs, because nothing is passed",
                exec.children == Children::WhenUnprivileged && self.decision.passed.is_empty(),
            ),
            (", bounding set reduced", exec.bounding == Bounding::Drop),
            (", argv[0] is the policy's name", exec.argv0 == Argv0::Name),
        ] {
            manner.push_str(if holds { said } else { "" });
        }
        for (resource, limit) in &exec.limits {
            // Writing to a String cannot fail.
            let _ = write!(manner, ", {} {limit}", resource.name());
        }
        manner
    }
}

fn demanded(judged: &Judged<'_>) -> Item {
    let demand = judged.demand;
    let line = format!("line {}: {}", demand.line, judged.state);
    let hint = demand.hint.iter().filter(|_| judged.state != State::Met);
    let hint = hint.map(|hint| format!("hint: {}", printable::text(hint)));
    Item {
        head: demand.need.to_string(),
        about: [line, printable::text(&demand.why)].into_iter().chain(hint).collect(),
    }
}

/// Why capabilities are granted, are not, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The capabilities.
    pub capabilities: CapabilitySet,
    /// The line of the policy that names them, from 1; `None` if no line does.
    pub line: Option<usize>,
    /// The conditions that decided. The list is empty if the policy always grants them.
    pub met: Vec<Met>,
    /// What the capabilities are for, and what that leaves, a line each. The list is empty for a grant without a scope.
    pub scope: Vec<String>,
    /// The policy's own reason, safe to print.
    pub why: Option<String>,
}

/// A condition, and the fact that decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// The condition as a policy file writes it; `None` if the caller's own options decide.
    pub condition: Option<String>,
    /// The fact; `None` if it is not known.
    pub fact: Option<String>,
}

/// Makes words of the policy safe to print. Words that are safe already are unchanged.
fn shown(words: impl Display) -> String {
    let words = words.to_string();
    let escaped = printable::text(&words);
    if escaped.replace("\\\\", "\\") == words { words } else { escaped }
}

impl Met {
    fn fact(fact: impl Into<String>) -> Self {
        Self { condition: None, fact: Some(fact.into()) }
    }
}

impl Display for Met {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.condition, &self.fact) {
            (Some(condition), Some(fact)) => write!(out, "{condition}: {fact}"),
            (Some(condition), None) => write!(out, "depends on {condition}"),
            (None, fact) => out.write_str(fact.as_deref().unwrap_or_default()),
        }
    }
}

impl Reason {
    fn is_about_something(&self) -> bool {
        !self.capabilities.is_empty()
    }

    fn item(&self) -> Item {
        let met: Vec<String> = self.met.iter().map(Met::to_string).collect();
        let met = if met.is_empty() { "always".to_owned() } else { met.join("; ") };
        let line = self.line.map_or(String::new(), |line| format!("line {line}: "));
        Item::new(self.capabilities, [line + &met].into_iter().chain(self.scope.clone()).chain(self.why.clone()))
    }
}

/// A line that names something, with lines about it.
struct Item {
    head: String,
    about: Vec<String>,
}

impl Item {
    fn new(head: impl Display, about: impl IntoIterator<Item = String>) -> Self {
        Self { head: head.to_string().replace(',', ", "), about: about.into_iter().collect() }
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn section(&mut self, title: &str, items: &[Item]) {
        if items.is_empty() {
            return;
        }
        self.text.push('\n');
        self.paragraph(0, title);
        for item in items {
            self.paragraph(2, &item.head);
            for line in &item.about {
                self.paragraph(6, line);
            }
        }
    }

    fn labelled(&mut self, label: &str, text: &str) {
        self.wrapped(&format!("  {label:<9} "), 12, text);
    }

    fn paragraph(&mut self, indent: usize, text: &str) {
        self.wrapped(&" ".repeat(indent), indent, text);
    }

    /// Adds words after `first`, broken at [`WIDTH`] and continued at `indent`.
    fn wrapped(&mut self, first: &str, indent: usize, text: &str) {
        // Whoever wrote the text, no word of a page may move the cursor or reorder its line.
        let text = &printable::line(text);
        let mut line = first.to_owned();
        let mut is_fresh = true;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if !is_fresh && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.text.push_str(&line);
                self.text.push('\n');
                line = " ".repeat(indent);
                is_fresh = true;
            }
            line.push_str(if is_fresh { "" } else { " " });
            line.push_str(word);
            is_fresh = false;
        }
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::facts::KernelVersion;
    use crate::decision::{Request, decide};

    const POLICY: &str = r#"schema = 1
summary = "a tool that shows packets and takes quite a long sentence to say so"
[tool]
path = "/usr/bin/tool"
[allow]
groups = ["capwrap"]

[[grant]]
caps = ["cap_net_raw"]
why = "open packet sockets"

[[grant]]
caps = ["cap_bpf", "cap_perfmon"]
when = { kernel_has = "cap_bpf" }
why = "load programs"

[[grant]]
caps = ["cap_sys_admin"]
when = { kernel_lacks = "cap_bpf" }

[[grant]]
mode = "write"
caps = ["cap_dac_override"]
when = { option = ["-w", "--write"], value = "-" }
why = "write where root writes"

[optional]
caps = ["cap_sys_ptrace"]
why = "name processes of others"

[exec]
children = "none"
limits = { memlock = "unlimited" }
"#;

    fn explained(arguments: &[&str], request: &Request, shortfalls: &[Shortfall]) -> String {
        let policy = Policy::read(POLICY).unwrap();
        let facts = Facts {
            kernel: KernelVersion { major: 6, minor: 1, patch: 0 },
            last_capability: 40,
            hard_limits: vec![(
                crate::policy::limits::Resource::parse("memlock").unwrap(),
                crate::policy::limits::Limit(65536),
            )],
            ..Facts::default()
        };
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let decision = decide(&policy, &facts, &arguments, request).unwrap();
        Explanation {
            name: "tool",
            file: Path::new("/etc/capwrap/policies/tool.toml"),
            policy: &policy,
            facts: &facts,
            arguments: &arguments,
            decision: &decision,
            shortfalls,
            demands: &[],
            missing: MISSING_HERE,
            dropped: request.drop,
            context: &[("caller", "alice, as group capwrap".to_owned())],
        }
        .render()
    }

    #[test]
    fn a_scope_is_shown_with_what_it_refuses_and_what_it_leaves() {
        let text = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n\
                    [[grant]]\ncaps = [\"sys_admin\", \"syslog\"]\nthrough = [\"perf_event_open\", \"syslog:read\"]\nwhy = \"count\"\n\
                    [[grant]]\ncaps = \"syslog\"\nwhen = { arg = \"all\" }\n[optional]\ncaps = \"syslog\"\n";
        let policy = Policy::read(text).unwrap();
        let explained = |arguments: &[OsString], add| {
            let facts = Facts {
                kernel: KernelVersion { major: 6, minor: 1, patch: 0 },
                last_capability: 40,
                ..Facts::default()
            };
            let add = CapabilitySet::parse(add).unwrap();
            let decision = decide(&policy, &facts, arguments, &Request { add, ..Request::default() }).unwrap();
            let explanation = Explanation {
                name: "t",
                file: Path::new("/t.toml"),
                policy: &policy,
                facts: &facts,
                arguments,
                decision: &decision,
                shortfalls: &[],
                demands: &[],
                missing: MISSING_HERE,
                dropped: CapabilitySet::EMPTY,
                context: &[],
            };
            (explanation.granted()[0].scope.clone(), explanation.render())
        };
        let (scope, page) = explained(&[], "");
        assert!(scope[0].starts_with("through perf_event_open, syslog:read (seccomp: "), "{scope:?}");
        assert!(scope[0].contains(" calls refused, other uses of "), "{scope:?}");
        assert!(scope[1].starts_with("it leaves files of /proc/sys") && scope[2].starts_with("it leaves /dev/kmsg"));
        assert!(page.contains("  scopes    also refused: io_uring, clone3, "), "{page}");
        let (scope, _) = explained(&["all".into()], "");
        assert_eq!(scope.last().unwrap(), "no scope of cap_syslog: it is granted without one too");
        let (scope, _) = explained(&[], "syslog");
        assert_eq!(scope.last().unwrap(), "no scope of cap_syslog: --add gives it without one");
    }

    #[test]
    fn a_demand_is_shown_with_its_line_what_is_so_its_reason_and_its_hint() {
        let demands = "[[demand]]\nwritable = \"/var/lib/a,b\"\nwhy = \"makes its output there\"\nhint = \"tool -o DIR\"\n\
             [[demand]]\nuid0 = true\nwhy = \"asks for root\"\nhint = \"sudo\"\n";
        let policy = Policy::read(&format!("{POLICY}{demands}")).unwrap();
        let (facts, request) = (Facts::default(), Request::default());
        let decision = decide(&policy, &facts, &[], &request).unwrap();
        let states = [State::Unmet("it is not writable: permission denied".to_owned()), State::Met];
        let demands: Vec<Judged<'_>> =
            decision.demands.iter().zip(states).map(|(demand, state)| Judged { demand, state }).collect();
        let explanation = Explanation {
            name: "tool",
            file: Path::new("/p"),
            policy: &policy,
            facts: &facts,
            arguments: &[],
            decision: &decision,
            shortfalls: &[],
            demands: &demands,
            missing: MISSING_HERE,
            dropped: CapabilitySet::EMPTY,
            context: &[],
        };
        let text = explanation.render();
        let shown = "\
needed besides capabilities
  /var/lib/a,b is writable
      line 34: does not hold: it is not writable: permission denied
      makes its output there
      hint: tool -o DIR
  the tool runs as uid 0
      line 38: holds
      asks for root
";
        assert!(text.contains(shown), "{text}");
    }

    #[test]
    fn each_capability_is_shown_with_line_fact_and_reason() {
        assert_eq!(
            explained(&["-w", "-"], &Request::default(), &[]),
            "\
tool: a tool that shows packets and takes quite a long sentence to say so
  policy    /etc/capwrap/policies/tool.toml
  caller    alice, as group capwrap
  delivery  ambient, no_new_privs, starts no other program, memlock unlimited

granted
  cap_net_raw
      line 8: always
      open packet sockets
  cap_perfmon, cap_bpf
      line 12: kernel_has cap_bpf: the kernel knows cap_bpf
      load programs
  cap_dac_override
      line 21: option -w or --write with value -: the arguments have -w -
      write where root writes

not granted
  cap_sys_admin
      line 17: kernel_lacks cap_bpf: the kernel knows cap_bpf
  cap_sys_ptrace
      line 27: not asked for with --add
      name processes of others

used by capwrap itself, not passed to the tool
  cap_sys_resource
      raises the memlock limit from 65536 to unlimited
"
        );
    }

    #[test]
    fn a_grant_that_depends_on_what_nobody_asked_is_apart_and_one_that_fails_anyway_is_not() {
        let grant = |caps: &str, when: &str| format!("[[grant]]\ncaps = \"{caps}\"\nwhen = {{ {when} }}\n");
        let probe = "probe = \"perf_uprobe_needs_sys_admin\"";
        let setting = "sysctl = { \"kernel.x\" = \">2\" }";
        let head = "schema = 1\nsummary = \"t\"\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n";
        let grants =
            [grant("sys_admin", probe), grant("kill", setting), grant("chown", &format!("{setting}, arg = \"-x\""))];
        let policy = Policy::read(&format!("{head}{}[exec]\nlimits = {{ memlock = 1 }}\n", grants.concat())).unwrap();
        let page = |facts: &Facts| {
            let decision = decide(&policy, facts, &[], &Request::default()).unwrap();
            let (file, missing, dropped) = (Path::new("/p"), MISSING_THERE, CapabilitySet::EMPTY);
            let (decision, shortfalls, context) = (&decision, &[], &[]);
            let policy = &policy;
            Explanation {
                name: "t",
                file,
                policy,
                facts,
                arguments: &[],
                decision,
                shortfalls,
                demands: &[],
                missing,
                dropped,
                context,
            }
            .render()
        };
        let unknown = page(&Facts::default());
        assert!(
            unknown.contains(
                "\ngranted\n  nothing\n\nnot granted\n  cap_chown\n      line 11: arg -x: no argument is -x\n\n\
                 undecided\n  cap_sys_admin\n      line 5: depends on probe perf_uprobe_needs_sys_admin\n  \
                 cap_kill\n      line 8: depends on sysctl kernel.x >2\n  \
                 cap_sys_resource\n      depends on a memlock limit below 1\n"
            ),
            "{unknown}"
        );
        let sysctls = [("kernel.x".to_owned(), None)].into();
        let known = page(&Facts { sysctls, ..Facts::default() });
        assert!(
            known.contains("\n  cap_kill\n      line 8: sysctl kernel.x >2: the kernel has no kernel.x\n"),
            "{known}"
        );
    }

    #[test]
    fn what_the_caller_asked_for_and_what_is_missing_is_shown() {
        let request = Request {
            drop: CapabilitySet::parse("net_raw").unwrap(),
            add: CapabilitySet::parse("sys_ptrace").unwrap(),
            ..Request::default()
        };
        let missing = Shortfall { what: "cap_bpf".into(), why: "gone".into(), hint: Some("bring it back".into()) };
        let page = explained(&[], &request, &[missing]);
        for part in [
            "  cap_sys_ptrace\n      line 27: asked for with --add\n",
            "  cap_net_raw\n      dropped by the caller with --drop\n",
            "  cap_dac_override\n      line 21: option -w or --write with value -: the arguments have no -w or\n      --write -\n",
            "missing here\n  cap_bpf\n      gone\n      hint: bring it back\n",
        ] {
            assert!(page.contains(part), "{part:?} is not in\n{page}");
        }
        assert!(page.lines().all(|line| line.chars().count() <= WIDTH), "{page}");
    }
}
