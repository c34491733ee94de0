//! The checks that need only the text of a policy. Each has a code, which a comment can allow.

use crate::analysis::capability_risk;
use crate::analysis::code_warning;
use crate::analysis::findings::found::{Found, Severity};
use crate::analysis::foreign_code;
use crate::analysis::policy_places::{Places, Step};
use crate::analysis::preparation;
use capwrap_core::decision::condition::Condition;
use capwrap_core::decision::demand::ABOUT_PATHS;
use capwrap_core::decision::facts::KernelVersion;
use capwrap_core::escapes;
use capwrap_core::policy::demand::{Demand, Need};
use capwrap_core::policy::{Children, Delivery, Grant, GrantScope, Policy};
use capwrap_core::scope::table::Row;
use capwrap_core::scope::{domain, door, strength};
use capwrap_core::{Capability, CapabilitySet, TABLE};

/// The codes of all checks of the text, each with what it finds.
pub const CODES: [(&str, &str); 18 + code_warning::CODES.len()] = [
    ("amounts-to-root", "a capability that is root by itself"),
    ("starts-programs", "a tool that can start other programs, which would hold the capabilities"),
    ("kernel-version", "a kernel's release compared where `kernel_has` is meant"),
    ("no-why", "a grant that does not say what for"),
    ("covered", "a grant that another one makes superfluous"),
    ("scope-conflict", "a scope beside what it would end, or what makes it void"),
    ("scope-lost", "a scope that another grant of the same capability takes away"),
    ("shared-door", "a door that a scope closes, and a capability without scope opens"),
    ("prepared-mode", "a directory to prepare that its group could not use as the demand wants"),
    ("no-summary", "a policy that does not say what it is"),
    ("new-privs", "no_new_privs = false: setuid programs work below the tool"),
    ("script", "a script, whose interpreter gets the capabilities"),
    ("until-passed", "a policy that has ended"),
    ("writable-place", "a tool in a directory that others can write"),
    ("refused-tool", "a tool that capwrap refuses to launch as it is installed here"),
    ("given-by-file", "a tool whose file gives its capabilities to others than those whom the policy allows"),
    ("unused", "an enabled policy that nobody has used for 90 days"),
    ("unknown-name", "users and groups that nobody knows"),
    code_warning::CODES[0],
    code_warning::CODES[1],
    code_warning::CODES[2],
];

/// All findings in the text.
pub fn all(policy: &Policy, places: &Places) -> Vec<Found> {
    let mut found = Vec::new();
    found.extend(policy.grants.iter().enumerate().flat_map(|(number, grant)| grants(number, grant, policy, places)));
    found.extend(scope_conflict(policy, places));
    if let Some(optional) = &policy.optional {
        let span = places.span(&[Step::Key("optional"), Step::Key("caps")]);
        found.extend(root(optional.caps, span.clone()));
        found.extend(scope_lost_to_callers(optional.caps, policy, span));
    }
    found
        .extend(policy.demands.iter().enumerate().filter_map(|(at, demand)| prepared_mode(at, demand, policy, places)));
    found.extend(starts_programs(policy, places));
    found.extend(foreign_code::of_text(policy).into_iter().map(|one| Found::of_code(one, places)));
    if policy.summary.trim().is_empty() {
        found.push(
            Found::warning("no-summary", 0..0, "no summary: what is this policy for?")
                .hint("summary = \"what the tool does, and what that shows or changes of others\""),
        );
    }
    let exec = |key| places.span(&[Step::Key("exec"), Step::Key(key)]);
    if !policy.exec.no_new_privs {
        let message = "no_new_privs = false: what the tool starts can be setuid, and gain more";
        found.push(Found::warning("new-privs", exec("no_new_privs"), message));
    }
    if policy.tool.script {
        let message = "a script: its interpreter, and all that it starts, get the capabilities";
        found.push(Found::new(
            Severity::Note,
            "script",
            places.span(&[Step::Key("tool"), Step::Key("script")]),
            message,
        ));
    }
    found
}

fn grants(number: usize, grant: &Grant, policy: &Policy, places: &Places) -> Vec<Found> {
    let caps = places.grant(number, "caps");
    let mut found = Vec::new();
    // Root has these capabilities anyway.
    if !grant.when.contains(&Condition::Uid0(true)) {
        found.extend(root(unconfined(grant), caps.clone()));
    }
    if grant.why.as_deref().is_none_or(|why| why.trim().is_empty()) {
        found.push(
            Found::warning("no-why", caps.clone(), format!("{}: what for?", grant.caps))
                .hint("why = \"the system call or file that takes it\""),
        );
    }
    found.extend(covered(number, grant, policy, caps));
    found.extend(scope_lost(number, grant, policy, places));
    found.extend(shared_doors(number, grant, policy, places));
    found.extend(kernel_version(number, grant, places));
    found
}

/// The capabilities of a grant that amount to what they do by themselves, whatever its scope.
fn unconfined(grant: &Grant) -> CapabilitySet {
    let confines = |capability: &Capability| {
        !grant.scope.through.is_empty()
            && strength::of(*capability).through.confines()
            && strength::is_harmless(*capability, &grant.scope.through)
    };
    grant.caps.iter().filter(|capability| !confines(capability)).collect()
}

/// The key of a grant that a finding about its scope points at.
fn scope_span(number: usize, grant: &Grant, places: &Places) -> std::ops::Range<usize> {
    let key = match &grant.scope {
        GrantScope { through, .. } if !through.is_empty() => "through",
        GrantScope { beneath, .. } if !beneath.is_empty() => "beneath",
        _ => "ports",
    };
    places.grant(number, key)
}

/// Finds scopes for which capwrap refuses every launch, whatever the kernel is.
fn scope_conflict(policy: &Policy, places: &Places) -> Option<Found> {
    let gap = domain::conflict(policy)?;
    let (number, grant) = policy.grants.iter().enumerate().find(|(_, grant)| !grant.scope.is_empty())?;
    let span = scope_span(number, grant, places);
    Some(Found::new(Severity::Error, "scope-conflict", span, gap.to_string()).hint(gap.hint()))
}

/// Finds a grant of the same capability without a scope. Where both hold, the scope counts for nothing.
fn scope_lost(number: usize, grant: &Grant, policy: &Policy, places: &Places) -> Option<Found> {
    if grant.scope.is_empty() {
        return None;
    }
    let without = |other: &&Grant| other.scope.is_empty() && !other.caps.intersection(grant.caps).is_empty();
    let other = policy.grants.iter().find(without)?;
    let both = other.caps.intersection(grant.caps);
    let message = format!(
        "the grant on line {} gives {both} without a scope: where it holds, this one counts for nothing",
        other.line
    );
    let span = scope_span(number, grant, places);
    Some(
        Found::warning("scope-lost", span, message)
            .hint("give that grant a scope too, or a condition that excludes this one"),
    )
}

/// Finds capabilities that callers may add, and so have without the scope that a grant gives them.
fn scope_lost_to_callers(optional: CapabilitySet, policy: &Policy, span: std::ops::Range<usize>) -> Option<Found> {
    let scoped =
        policy.grants.iter().find(|one| !one.scope.is_empty() && !one.caps.intersection(optional).is_empty())?;
    let (both, line) = (scoped.caps.intersection(optional), scoped.line);
    let message = format!("--add gives {both} without the scope on line {line}: any caller can take the scope away");
    Some(Found::warning("scope-lost", span, message).hint(format!("leave {both} out of [optional]")))
}

/// Finds calls that the scope of a grant closes and a capability without scope opens: a filter sees the call, and not
/// the capability that it is made with.
fn shared_doors(number: usize, grant: &Grant, policy: &Policy, places: &Places) -> Option<Found> {
    if grant.scope.through.is_empty() {
        return None;
    }
    let is_open =
        |row: &Row| grant.scope.through.iter().any(|door| door.name() == row.call || row.doors.contains(&door.name()));
    let closed: Vec<&Row> = grant.caps.iter().flat_map(door::rows_of).filter(|row| !is_open(row)).collect();
    let others = policy.grants.iter().filter(|other| other.scope.is_empty());
    let others = others.map(|other| (format!("on line {}", other.line), other.caps));
    let others = others.chain([("of [optional], added,".to_owned(), policy.optional())]);
    let others = others
        .flat_map(|(place, caps)| caps.without(grant.caps).iter().map(|one| (place.clone(), one)).collect::<Vec<_>>());
    let mut shared = others.flat_map(|(place, one)| door::rows_of(one).map(move |row| (place.clone(), one, row)));
    let (place, opener, row) = shared.find(|(_, _, open)| closed.iter().any(|row| row.meets(open)))?;
    let call = row.call;
    let message = format!("{opener} {place} has no scope and opens {call} to {} too", grant.caps);
    let found = Found::new(Severity::Note, "shared-door", scope_span(number, grant, places), message);
    Some(found.hint(format!("give {opener} a scope too, if it needs no {call}")))
}

fn root(caps: CapabilitySet, span: std::ops::Range<usize>) -> Option<Found> {
    let root = capability_risk::root_alone(caps);
    let first = root.iter().next()?;
    let message = if root.iter().count() > 1 {
        format!("{root} amount to root, each by itself")
    } else {
        format!("{root} amounts to root: {}", capability_risk::of(first).escalation)
    };
    Some(Found::warning("amounts-to-root", span, message).hint(
        "whoever can make the tool use it as they like is root: say so in the summary (\"grants … as such\"), \
         or why nobody can: # lint: allow amounts-to-root: REASON",
    ))
}

/// A directory to prepare that the demand is about, with a mode that does not let its group do what the demand says. A
/// capability that the tool gets can make up for that.
fn prepared_mode(number: usize, demand: &Demand, policy: &Policy, places: &Places) -> Option<Found> {
    let prepare = demand.prepare.as_ref()?;
    let helps: CapabilitySet = ABOUT_PATHS.into_iter().collect();
    if demand.need.path() != Some(&prepare.directory)
        || preparation::serves(&demand.need, prepare)
        || !policy.grantable().intersection(helps).is_empty()
    {
        return None;
    }
    let steps = [Step::Key("demand"), Step::At(number), Step::Key("prepare"), Step::Key("mode")];
    let message =
        format!("mode {:04o}: its group could not use it, and the demand wants it {}", prepare.mode, demand.need.key());
    let mode = if matches!(demand.need, Need::Writable(_)) { "0770" } else { "0750" };
    Some(Found::warning("prepared-mode", places.span(&steps), message).hint(format!("mode = \"{mode}\"")))
}

fn starts_programs(policy: &Policy, places: &Places) -> Option<Found> {
    let grants_any = !policy.grantable().union(policy.optional()).is_empty();
    if !grants_any || policy.exec.deliver == Delivery::Inheritable {
        return None;
    }
    let (tool, escape) = escapes::of_any(&policy.tool.paths)?;
    if policy.exec.children != Children::Any && !escape.within {
        return None;
    }
    let message =
        format!("{tool} can be made to start programs or run its caller's code, with the capabilities: {}", escape.how);
    let span = places.span(&[Step::Key("tool"), Step::Key("path")]);
    let help = if escape.within {
        "deliver = \"inheritable\" does not help either where the tool itself runs the code: say in the summary that the policy grants the capability as such"
    } else {
        "children = \"none\" or deliver = \"inheritable\" in [exec], or say in the summary that the policy grants the capability as such"
    };
    Some(Found::warning("starts-programs", span, message).hint(help))
}

/// A condition on the kernel release at which a capability was added. Distributions also backport capabilities to older
/// kernels.
fn kernel_version(number: usize, grant: &Grant, places: &Places) -> Vec<Found> {
    let steps = [Step::Key("grant"), Step::At(number), Step::Key("when"), Step::Key("kernel")];
    let compared = |text: &str| {
        let version = KernelVersion::parse(text.trim_start_matches(['<', '>', '=', '!', ' ']))?;
        let came: CapabilitySet = Capability::all().filter(|one| came_with(*one, version)).collect();
        // Of the capabilities that came with this release, one of the grant's own shows best what is meant.
        let meant = came.intersection(grant.caps).iter().next().or_else(|| came.iter().last())?;
        let lacks = text.trim_start().starts_with('<');
        // Before this release, the kernel checked the older capability instead.
        let relates =
            came.iter().any(|one| grant.caps.contains(one)) || lacks && grant.caps.contains(Capability::SYS_ADMIN);
        relates.then_some((meant, if lacks { "kernel_lacks" } else { "kernel_has" }))
    };
    let found = places.strings(&steps).into_iter().filter_map(|(text, span)| {
        let (meant, key) = compared(&text)?;
        Some(
            Found::warning(
                "kernel-version",
                span,
                format!("{meant} came with this release, and distributions brought it to older ones (RHEL 8's 4.18 has cap_bpf)"),
            )
            .hint(format!("when = {{ {key} = \"{meant}\" }}")),
        )
    });
    found.collect()
}

fn came_with(capability: Capability, version: KernelVersion) -> bool {
    // Older capabilities are in every kernel that capwrap runs on.
    const OLDEST: KernelVersion = KernelVersion { major: 4, minor: 3, patch: 0 };
    let since = KernelVersion::parse(TABLE[usize::from(capability.number())].since);
    version > OLDEST && since == Some(version)
}

/// Finds a grant that another one certainly covers: the other has the same modes, only conditions that this one has
/// too, and no capability less.
fn covered(number: usize, grant: &Grant, policy: &Policy, span: std::ops::Range<usize>) -> Option<Found> {
    let covers = |(other_number, other): &(usize, &Grant)| {
        let same = other.caps == grant.caps
            && other.when == grant.when
            && other.modes == grant.modes
            && other.scope == grant.scope;
        let wider = grant.caps.is_subset(other.caps)
            && other.when.iter().all(|condition| grant.when.contains(condition))
            && (other.scope.is_empty() || other.scope == grant.scope)
            && (other.modes.is_empty() || other.modes == grant.modes)
            // A named mode ignores conditions on arguments, so with named modes the two grants can differ.
            && (grant.modes.is_empty() || other.modes == grant.modes || other.when.is_empty());
        // Of two equal grants, the second is reported.
        *other_number != number && if same { *other_number < number } else { wider }
    };
    let (_, by) = policy.grants.iter().enumerate().find(covers)?;
    Some(
        Found::warning("covered", span, format!("the grant on line {} gives this whenever this one does", by.line))
            .hint("take it out, or give it a condition of its own"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "schema = 1\nsummary = \"s\"\ntool = { path = \"/usr/bin/t\" }\nallow = { users = [\"root\"] }\n";

    fn codes(head: &str, rest: &str) -> Vec<(&'static str, String)> {
        let text = format!("{head}{rest}");
        let policy = Policy::read(&text).unwrap();
        let found = all(&policy, &Places::of(&text));
        found.into_iter().map(|one| (one.code, text[one.span].to_owned())).collect()
    }

    #[test]
    fn what_is_well_written_has_no_findings() {
        assert_eq!(codes(HEAD, "[[grant]]\ncaps = \"net_raw\"\nwhy = \"w\"\nwhen = { kernel = \">=5.11\" }\n"), []);
    }

    #[test]
    fn a_directory_to_prepare_is_one_that_its_group_can_use() {
        let with = |kind: &str, mode: &str, caps: &str| {
            let grant = format!("[[grant]]\ncaps = \"{caps}\"\nwhy = \"w\"\n# lint: allow amounts-to-root: w\n");
            let demand = format!(
                "[[demand]]\n{kind} = \"/x\"\nwhy = \"w\"\nprepare = {{ directory = \"/x\", mode = \"{mode}\" }}\n"
            );
            codes(HEAD, &(grant + &demand)).into_iter().filter(|(code, _)| *code == "prepared-mode").collect::<Vec<_>>()
        };
        assert_eq!(with("writable", "0750", "kill"), [("prepared-mode", "\"0750\"".to_owned())]);
        assert_eq!(with("readable", "0710", "kill"), [("prepared-mode", "\"0710\"".to_owned())]);
        for (kind, mode, caps) in
            [("writable", "0770", "kill"), ("readable", "0750", "kill"), ("writable", "0750", "dac_override")]
        {
            assert_eq!(with(kind, mode, caps), [], "{kind} {mode} {caps}");
        }
    }

    #[test]
    fn a_capability_that_is_root_is_pointed_at_unless_root_alone_gets_it() {
        let rest = "[[grant]]\ncaps = [\"bpf\", \"setuid\"]\nwhy = \"w\"\n";
        assert_eq!(codes(HEAD, rest), [("amounts-to-root", "[\"bpf\", \"setuid\"]".to_owned())]);
        assert_eq!(codes(HEAD, &format!("{rest}when = {{ uid0 = true }}\n")), []);
        assert_eq!(codes(HEAD, "[optional]\ncaps = \"sys_module\"\n")[0].0, "amounts-to-root");
    }

    #[test]
    fn a_tool_that_starts_programs_is_pointed_at_unless_it_cannot() {
        let head = HEAD.replace("/usr/bin/t", "/usr/sbin/tcpdump");
        let rest = "[[grant]]\ncaps = \"net_raw\"\nwhy = \"w\"\n";
        assert_eq!(codes(&head, rest), [("starts-programs", "\"/usr/sbin/tcpdump\"".to_owned())]);
        assert_eq!(codes(&head, &format!("{rest}[exec]\nchildren = \"none\"\n")), []);
        assert_eq!(codes(&head, &format!("{rest}[exec]\ndeliver = \"inheritable\"\n")), []);
        let gdb = HEAD.replace("/usr/bin/t", "/usr/bin/gdb");
        assert_eq!(codes(&gdb, &format!("{rest}[exec]\nchildren = \"none\"\n"))[0].0, "starts-programs");
    }

    #[test]
    fn a_release_stands_for_a_capability_only_where_that_is_what_it_brought() {
        for (when, caps, expected) in [
            (">=5.8", "bpf", true),
            ("<5.8", "sys_admin", true),
            (">=5.9", "checkpoint_restore", true),
            (">=5.8", "net_raw", false),
            ("<5.11", "sys_resource", false),
            (">=2.2", "chown", false),
        ] {
            let rest = format!("[[grant]]\ncaps = \"{caps}\"\nwhy = \"w\"\nwhen = {{ kernel = [\"{when}\"] }}\n");
            let found = codes(HEAD, &rest).contains(&("kernel-version", format!("\"{when}\"")));
            assert_eq!(found, expected, "{when} {caps}");
        }
    }

    #[test]
    fn a_grant_is_covered_only_where_that_is_sure() {
        let grant = |caps: &str, more: &str| format!("[[grant]]\ncaps = \"{caps}\"\nwhy = \"w\"\n{more}\n");
        let found = |rest: String| codes(HEAD, &rest).iter().filter(|(code, _)| *code == "covered").count();
        assert_eq!(found(grant("kill", "") + &grant("kill", "when = { kernel = \">6\" }")), 1);
        assert_eq!(found(grant("kill", "") + &grant("kill", "")), 1);
        assert_eq!(found(grant("kill", "when = { arg = \"a\" }") + &grant("kill", "when = { arg = \"b\" }")), 0);
        assert_eq!(found(grant("kill", "mode = \"a\"") + &grant("kill", "")), 1, "the one without a mode serves all");
        assert_eq!(
            found(grant("kill", "mode = \"a\"\nwhen = { arg = \"a\" }") + &grant("kill", "when = { arg = \"a\" }")),
            0
        );
    }

    #[test]
    fn a_scope_that_leaves_less_than_root_is_no_root_and_one_that_does_not_is() {
        let grant = |through: &str| format!("[[grant]]\ncaps = \"sys_admin\"\nwhy = \"w\"\nthrough = {through}\n");
        assert_eq!(codes(HEAD, &grant("[\"sethostname\", \"quotactl\"]")), []);
        for door in ["mount", "perf_event_open", "fanotify_init"] {
            assert_eq!(codes(HEAD, &grant(&format!("[\"sethostname\", {door:?}]")))[0].0, "amounts-to-root", "{door}");
        }
    }

    #[test]
    fn what_takes_a_scope_away_is_pointed_at() {
        let scoped = "[[grant]]\ncaps = \"sys_admin\"\nwhy = \"w\"\nthrough = \"sethostname\"\n";
        let other =
            |caps: &str| format!("{scoped}[[grant]]\ncaps = \"{caps}\"\nwhy = \"w\"\nwhen = {{ uid0 = true }}\n");
        assert_eq!(codes(HEAD, &other("sys_admin")), [("scope-lost", "\"sethostname\"".to_owned())]);
        assert_eq!(codes(HEAD, &other("bpf")), [("shared-door", "\"sethostname\"".to_owned())]);
        assert_eq!(codes(HEAD, &other("perfmon"))[0].0, "shared-door", "bpf is a door of cap_perfmon");
        assert_eq!(codes(HEAD, &other("chown")), []);
    }

    #[test]
    fn a_scope_that_callers_can_take_away_by_adding_is_pointed_at() {
        let scoped = "[[grant]]\ncaps = \"sys_boot\"\nwhy = \"w\"\nthrough = \"reboot:reboot\"\n";
        let optional = |caps: &str| codes(HEAD, &format!("{scoped}[optional]\ncaps = \"{caps}\"\n"));
        assert!(optional("sys_boot").contains(&("scope-lost", "\"sys_boot\"".to_owned())));
        let bpf =
            "[[grant]]\ncaps = \"perfmon\"\nwhy = \"w\"\nthrough = \"perf_event_open\"\n[optional]\ncaps = \"bpf\"\n";
        assert!(codes(HEAD, bpf).iter().any(|(code, _)| *code == "shared-door"));
        assert!(!optional("chown").iter().any(|(code, _)| ["scope-lost", "shared-door"].contains(code)));
    }

    #[test]
    fn a_scope_beside_what_it_ends_is_an_error() {
        let scoped = "[[grant]]\ncaps = \"net_raw\"\nwhy = \"w\"\nthrough = \"socket:packet\"\n";
        let tracing = "[[grant]]\ncaps = \"sys_ptrace\"\nwhy = \"w\"\n";
        let found = codes(HEAD, &format!("{scoped}{tracing}"));
        assert!(found.contains(&("scope-conflict", "\"socket:packet\"".to_owned())), "{found:?}");
        assert!(!codes(HEAD, scoped).iter().any(|(code, _)| *code == "scope-conflict"));
    }

    #[test]
    fn what_is_not_said_is_asked_for() {
        let head = HEAD.replace("summary = \"s\"\n", "");
        let found: Vec<_> = codes(&head, "[[grant]]\ncaps = \"kill\"\n").into_iter().map(|(code, _)| code).collect();
        assert_eq!(found, ["no-why", "no-summary"]);
    }
}
