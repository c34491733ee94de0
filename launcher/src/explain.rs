//! A decision in words: each capability with the policy's line, the fact and the reason that it
//! rests on, and what this machine cannot give with why.

use crate::arguments::Arguments;
use crate::capability_set::CapabilitySet;
use crate::decision::{Decision, Outcome, Weighed, options_with_value};
use crate::facts::Facts;
use crate::policy::{Bounding, Children, Delivery, Policy};
use crate::printable;
use std::ffi::OsString;
use std::fmt::{Display, Write};
use std::path::Path;

/// Something that a decision needs and the machine or the caller's circumstances do not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// What is missing: a capability's name, or a sentence's subject such as `the ambient set`.
    pub what: String,
    /// Its most likely cause.
    pub why: String,
    /// The command or the change that gives it, where there is one.
    pub mend: Option<String>,
}

/// Everything that an explanation speaks of.
pub struct Explanation<'a> {
    /// The policy's name: what the user types.
    pub name: &'a str,
    /// The policy's file.
    pub file: &'a Path,
    /// What it says.
    pub policy: &'a Policy,
    /// The facts that were looked up.
    pub facts: &'a Facts,
    /// The tool's arguments.
    pub arguments: &'a [OsString],
    /// What was decided.
    pub decision: &'a Decision<'a>,
    /// What is missing; empty: the launch can be met.
    pub shortfalls: &'a [Shortfall],
    /// Lines about the caller, the tool and the circumstances: label and text.
    pub context: &'a [(&'static str, String)],
}

/// As wide as the narrowest terminal that people use.
const WIDTH: usize = 80;

impl Explanation<'_> {
    /// The explanation as text of at most [`WIDTH`] columns, but for words that are longer.
    pub fn render(&self) -> String {
        let nothing = [Item::new("nothing", [])];
        let mut page = Page::default();
        page.paragraph(0, &format!("{}: {}", self.name, printable::text(&self.policy.summary)));
        let mut context = vec![("policy", self.file.display().to_string())];
        context.extend(self.context.iter().cloned());
        context.push(("delivery", self.manner()));
        for (label, text) in context {
            page.labelled(label, &text);
        }
        let granted = self.granted();
        page.section("granted", if granted.is_empty() { &nothing } else { &granted });
        page.section("not granted", &self.withheld());
        let borrowed = self.decision.borrowed.iter();
        let borrowed: Vec<Item> = borrowed.map(|one| Item::new(one.capability, [one.purpose.clone()])).collect();
        page.section("used by capwrap itself, not handed over", &borrowed);
        let missing = self.shortfalls.iter().map(|one| {
            let mend = one.mend.as_ref().map(|mend| format!("mend: {mend}"));
            Item::new(&one.what, [one.why.clone()].into_iter().chain(mend))
        });
        page.section("missing here", &missing.collect::<Vec<_>>());
        page.text
    }

    /// One item for each grant that holds: its capabilities, its line and the fact that it was held
    /// against, its reason.
    fn granted(&self) -> Vec<Item> {
        let holding = self.decision.grants.iter().filter(|weighed| weighed.outcome == Outcome::Holds);
        let mut items: Vec<Item> = holding
            .map(|weighed| self.item(weighed.grant.caps.intersection(self.decision.handed), weighed))
            .filter(|item| item.is_about_something)
            .collect();
        if let Some(optional) = self.policy.optional.as_ref().filter(|_| !self.decision.added.is_empty()) {
            let source = format!("line {}: asked for with --add", optional.line);
            let why = optional.why.as_deref().map(printable::text);
            items.push(Item::new(self.decision.added, [source].into_iter().chain(why)));
        }
        items
    }

    /// One item for each grant that does not hold, one for what was dropped, one for what could be
    /// added.
    fn withheld(&self) -> Vec<Item> {
        let failed = self.decision.grants.iter().filter(|weighed| weighed.outcome != Outcome::Holds);
        let mut items: Vec<Item> = failed
            .map(|weighed| self.item(weighed.grant.caps.without(self.decision.handed), weighed))
            .filter(|item| item.is_about_something)
            .collect();
        if !self.decision.dropped.is_empty() {
            items.push(Item::new(self.decision.dropped, ["dropped by the caller with --drop".to_owned()]));
        }
        if let Some(optional) = &self.policy.optional {
            let left = optional.caps.without(self.decision.handed).without(self.decision.dropped);
            if !left.is_empty() {
                let how = format!("line {}: not asked for with --add", optional.line);
                items.push(Item::new(left, [how].into_iter().chain(optional.why.as_deref().map(printable::text))));
            }
        }
        items
    }

    fn item(&self, capabilities: CapabilitySet, weighed: &Weighed<'_>) -> Item {
        let fact = format!("line {}: {}", weighed.grant.line, self.fact(weighed));
        let why = weighed.grant.why.as_deref().map(printable::text);
        let mut item = Item::new(capabilities, [fact].into_iter().chain(why));
        item.is_about_something = !capabilities.is_empty();
        item
    }

    fn fact(&self, weighed: &Weighed<'_>) -> String {
        let with_value = options_with_value(self.policy);
        let arguments = Arguments::new(self.arguments, &with_value);
        match weighed.outcome {
            Outcome::Fails(condition) => format!("{condition}: {}", condition.fact(self.facts, &arguments)),
            Outcome::OtherMode => {
                let asked = self.decision.mode.as_deref().unwrap_or_default();
                format!("mode {}: --mode is {asked}", weighed.grant.modes.join(" or "))
            }
            Outcome::Holds if weighed.grant.when.is_empty() => "always".to_owned(),
            Outcome::Holds => {
                let mode = self.decision.mode.as_ref().filter(|mode| weighed.grant.modes.contains(mode));
                let by_mode = mode.map(|mode| format!("--mode {mode}"));
                let conditions = weighed.grant.when.iter().filter(|one| mode.is_none() || !one.is_about_arguments());
                let facts = conditions.map(|one| one.fact(self.facts, &arguments));
                by_mode.into_iter().chain(facts).collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn manner(&self) -> String {
        let exec = &self.policy.exec;
        let mut manner = match exec.deliver {
            Delivery::Ambient => "ambient".to_owned(),
            Delivery::Inheritable => "inheritable (only the marked file gets them, its children do not)".to_owned(),
        };
        for (said, holds) in [
            (", no_new_privs", exec.no_new_privs),
            (", starts no other program", exec.children == Children::None),
            (", bounding set reduced", exec.bounding == Bounding::Drop),
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

/// A line that names something, and lines about it.
struct Item {
    head: String,
    about: Vec<String>,
    is_about_something: bool,
}

impl Item {
    fn new(head: impl Display, about: impl IntoIterator<Item = String>) -> Self {
        Self { head: head.to_string().replace(',', ", "), about: about.into_iter().collect(), is_about_something: true }
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

    /// Words after `first`, broken at [`WIDTH`] and continued at `indent`.
    fn wrapped(&mut self, first: &str, indent: usize, text: &str) {
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
    use crate::decision::{Request, decide};
    use crate::facts::KernelVersion;

    const POLICY: &str = r#"schema = 1
summary = "a tool that looks at packets and takes quite a long sentence to say so"
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
            hard_limits: vec![(crate::policy::Resource::parse("memlock").unwrap(), crate::policy::Limit(65536))],
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
            context: &[("caller", "alice, as group capwrap".to_owned())],
        }
        .render()
    }

    #[test]
    fn each_capability_is_shown_with_line_fact_and_reason() {
        assert_eq!(
            explained(&["-w", "-"], &Request::default(), &[]),
            "\
tool: a tool that looks at packets and takes quite a long sentence to say so
  policy    /etc/capwrap/policies/tool.toml
  caller    alice, as group capwrap
  delivery  ambient, no_new_privs, starts no other program, memlock unlimited

granted
  cap_net_raw
      line 8: always
      open packet sockets
  cap_perfmon, cap_bpf
      line 12: the kernel knows cap_bpf
      load programs
  cap_dac_override
      line 21: the arguments have -w -
      write where root writes

not granted
  cap_sys_admin
      line 17: kernel_lacks cap_bpf: the kernel knows cap_bpf
  cap_sys_ptrace
      line 27: not asked for with --add
      name processes of others

used by capwrap itself, not handed over
  cap_sys_resource
      raises the memlock limit from 65536 to unlimited
"
        );
    }

    #[test]
    fn what_the_caller_asked_for_and_what_is_missing_is_shown() {
        let request = Request {
            drop: CapabilitySet::parse("net_raw").unwrap(),
            add: CapabilitySet::parse("sys_ptrace").unwrap(),
            ..Request::default()
        };
        let missing = Shortfall { what: "cap_bpf".into(), why: "gone".into(), mend: Some("bring it back".into()) };
        let page = explained(&[], &request, &[missing]);
        for part in [
            "  cap_sys_ptrace\n      line 27: asked for with --add\n",
            "  cap_net_raw\n      dropped by the caller with --drop\n",
            "  cap_dac_override\n      line 21: option -w or --write with value -: the arguments have no -w or\n      --write -\n",
            "missing here\n  cap_bpf\n      gone\n      mend: bring it back\n",
        ] {
            assert!(page.contains(part), "{part:?} is not in\n{page}");
        }
        assert!(page.lines().all(|line| line.chars().count() <= WIDTH), "{page}");
    }
}
