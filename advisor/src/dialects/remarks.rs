//! What a reader of an export must know: where it comes from, what each capability is for, what the tool needs besides,
//! what the target cannot express, and what to mind.

use crate::analysis::capability_risk;
use crate::analysis::capability_risk::Closeness;
use crate::dialects::export_request::Launch;
use crate::dialects::target::Target;
use crate::dialects::{quote, seccomp, systemd};
use crate::output::demanded;
use capwrap_core::decision::condition::Condition;
use capwrap_core::decision::facts::Answer;
use capwrap_core::decision::grants_for_any_arguments;
use capwrap_core::decision::questions::Questions;
use capwrap_core::policy::{Bounding, Children, Delivery, Grant, Identity};
use capwrap_core::scope::calls::YOUNGEST_SINCE;
use capwrap_core::scope::confined::Confined;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};

/// Remarks as sentences. Each has one line of any length.
pub struct Remarks {
    /// What the export is, from which policy, for which machine.
    pub heading: Vec<String>,
    /// The capabilities' names, and what each is for.
    pub capabilities: Vec<(String, String)>,
    /// What the tool needs besides capabilities, which no launcher gives.
    pub needs: Vec<String>,
    /// What the policy states and the target cannot express.
    pub unsaid: Vec<String>,
    /// What to do, and what is dangerous.
    pub mind: Vec<String>,
}

impl Remarks {
    /// Returns the remarks on a launch in the target's format. Every remark is printable and has one line.
    pub fn of(launch: &Launch<'_>, target: Target) -> Self {
        Self {
            heading: heading(launch),
            capabilities: launch.caps.iter().map(|one| (one.name().to_owned(), purpose(launch, one))).collect(),
            needs: demanded::of_any_arguments(launch.policy, launch.facts, launch.mode),
            unsaid: unsaid(launch, target),
            mind: mind(launch, target),
        }
    }
}

fn heading(launch: &Launch<'_>) -> Vec<String> {
    let facts = launch.facts;
    let sysctls = facts.sysctls.iter().map(|(name, value)| match value {
        Some(value) => format!("{} = {}", printable::text(name), printable::text(value)),
        None => format!("no {}", printable::text(name)),
    });
    // An unknown setting of another machine is missing from its facts, and every condition on it is false.
    let unknown = Questions::of(launch.policy).sysctls.into_iter().filter(|name| !facts.sysctls.contains_key(name));
    let unknown = unknown.map(|name| format!("{} not known, and nothing granted for it", printable::text(name)));
    let probes = facts.probes.iter().map(|(probe, answer)| {
        format!(
            "probe {probe}: {} ({})",
            if answer.yes { "yes" } else { "no" },
            printable::text(answer.because.to_string())
        )
    });
    let calls = launch.mode.map_or("any arguments".to_owned(), |mode| format!("mode {}", printable::text(mode)));
    let decided = format!("Decided for Linux {} and {calls}", facts.kernel);
    vec![
        format!("{}: {}", launch.name, printable::text(&launch.policy.summary)),
        format!("Written by capwrap export from {}", printable::text(launch.file)),
        std::iter::once(decided).chain(sysctls).chain(unknown).chain(probes).collect::<Vec<_>>().join("; "),
    ]
}

/// Returns the policy's reason for the grant. If the policy has no reason, it returns what the capability permits.
fn purpose(launch: &Launch<'_>, capability: Capability) -> String {
    let holding = grants(launch).filter(|grant| grant.caps.contains(capability));
    let mut whys: Vec<String> = Vec::new();
    for why in holding.filter_map(|grant| grant.why.as_deref()).map(printable::text) {
        if !whys.contains(&why) {
            whys.push(why);
        }
    }
    if whys.is_empty() { capability_risk::of(capability).opens.to_owned() } else { whys.join("; ") }
}

/// Returns the grants that are part of the export.
fn grants<'p>(launch: &Launch<'p>) -> impl Iterator<Item = &'p Grant> {
    grants_for_any_arguments(launch.policy, launch.facts, launch.mode)
}

fn unsaid(launch: &Launch<'_>, target: Target) -> Vec<String> {
    let (policy, words) = (launch.policy, target.words());
    let mut unsaid = of_scopes(launch, target);
    let mut say = |holds: bool, text: String| {
        if holds {
            unsaid.push(text);
        }
    };
    let conditional = grants(launch).flat_map(|grant| &grant.when).any(Condition::is_about_arguments);
    say(
        conditional && launch.mode.is_none(),
        "Conditions on the arguments: every call has what the policy grants to some calls alone.".to_owned(),
    );
    let modes = policy.modes();
    say(
        launch.mode.is_none() && modes.len() > 1,
        format!("One mode at a time: this is {} together; --mode NAME exports one.", modes.join(", ")),
    );
    let root_alone = policy.grantable_to_root().without(launch.caps);
    say(!root_alone.is_empty(), format!("What the policy grants to uid 0 alone is not in it: {root_alone}."));
    let optional = policy.optional().without(launch.caps);
    say(!optional.is_empty(), format!("What callers may add with --add is not in it: {optional}."));
    say(true, format!("Who may run it: by the policy {}; here {}.", allowed(launch), words.who));
    say(
        policy.allow.until.is_some() || policy.allow.reason || policy.allow.audit_required,
        "The policy's end of validity, its demand for a reason, and the record of each launch.".to_owned(),
    );
    say(
        !policy.allow.temporary.is_empty(),
        "Who may run it for a time alone, and when that ends (`capwrap grant`).".to_owned(),
    );
    say(policy.tool.sha256.is_some(), "The tool's digest, which a launch checks each time.".to_owned());
    let children = if policy.exec.children == Children::None { "none" } else { "when-unprivileged" };
    say(policy.exec.forbids_children(launch.caps), format!("children = \"{children}\": {}.", words.children));
    let inheritable = policy.exec.deliver == Delivery::Inheritable;
    say(
        inheritable && target == Target::Systemd,
        format!(
            "deliver = \"inheritable\": it raises the ambient set. The tool's file must carry {}=ei: then the kernel \
             clears the ambient set at exec, and what the tool starts has nothing.",
            launch.caps
        ),
    );
    say(
        inheritable && target == Target::Nixos,
        "deliver = \"inheritable\": the wrapper raises the ambient set, and all that the tool starts has it."
            .to_owned(),
    );
    say(
        inheritable && words.by_root,
        "deliver = \"inheritable\": uid 0 of the container has them, and so has all that it starts.".to_owned(),
    );
    say(
        policy.exec.no_new_privs && !words.no_new_privs,
        "no_new_privs: setuid programs that the tool starts work as ever.".to_owned(),
    );
    say(
        policy.exec.bounding == Bounding::Drop && !words.no_new_privs,
        "bounding = \"drop\": the bounding set stays as the caller's.".to_owned(),
    );
    let limits = launch.limits();
    let lacking: Vec<String> = limits
        .iter()
        .filter(|(resource, _)| words.lacks_limits.contains(&resource.name()))
        .map(|(resource, limit)| format!("{} = {limit}", resource.name()))
        .collect();
    say(!lacking.is_empty(), format!("Resource limits: {}.", lacking.join(", ")));
    let env = &policy.exec.env;
    let set = env.set.iter().filter(|_| !words.sets_env).map(|(name, _)| name);
    let kept = env.keep.iter().filter(|_| !words.keeps_env);
    let variables: Vec<String> = set.chain(kept).map(printable::text).collect();
    say(!variables.is_empty(), format!("Variables that the policy sets or keeps: {}.", variables.join(", ")));
    unsaid
}

/// Reports what becomes of the policy's scopes.
fn of_scopes(launch: &Launch<'_>, target: Target) -> Vec<String> {
    let Some(profile) = launch.profile() else { return Vec::new() };
    let all = |of: &dyn Fn(&Confined) -> bool| {
        let scopes: Vec<String> = launch.scopes.iter().filter(|one| of(one)).map(Confined::to_string).collect();
        scopes.join("; ")
    };
    let refuses = target == Target::Systemd || target == Target::Oci || launch.seccomp.is_some();
    let mut unsaid = Vec::new();
    if !refuses {
        let hint =
            if target.takes_a_profile() { " --seccomp FILE writes a profile that refuses the rest." } else { "" };
        unsaid
            .push(format!("What the capabilities are for: {}. Here they count for everything.{hint}", all(&|_| true)));
        return unsaid;
    }
    let is_by_paths = |one: &Confined| one.beneath.is_some();
    if launch.scopes.iter().any(is_by_paths) {
        unsaid.push(format!(
            "Paths, which capwrap confines by Landlock: {}. Here they count everywhere.",
            all(&is_by_paths)
        ));
    }
    let is_by_ports = |one: &Confined| one.ports.is_some();
    if launch.scopes.iter().any(is_by_ports) {
        unsaid.push(match target {
            Target::Systemd => "SocketBindDeny= is a BPF program in the unit's control group: where systemd is older than \
                                249 or built without it (`systemctl --version` says -BPF_FRAMEWORK), every port may be bound."
                .to_owned(),
            _ => format!(
                "Ports, which capwrap confines by Landlock: {}. Here every port may be bound.",
                all(&is_by_ports)
            ),
        });
    }
    unsaid.push(
        "A scope keeps the tool from the other processes of its user by Landlock; here the refused system calls do it \
         alone, and /proc/PID/mem is as the kernel has it."
            .to_owned(),
    );
    if target == Target::Systemd {
        let (said, calls) = (systemd::scope::in_other_words(&profile), seccomp::write::in_part(&profile));
        if !calls.is_empty() {
            unsaid.push(format!(
                "SystemCallFilter= compares no arguments: of these calls, a launch by capwrap refuses a part{said}: {calls}."
            ));
        }
        unsaid.push(format!(
            "A list of refused calls lets through what is younger than it, and systemd ignores names that its libseccomp \
             does not know; a launch by capwrap answers ENOSYS to calls of kernels after {YOUNGEST_SINCE}."
        ));
    }
    unsaid
}

fn allowed(launch: &Launch<'_>) -> String {
    let list = |kind: &str, names: &[Identity]| {
        names.iter().map(|name| format!("{kind} {}", printable::text(name.to_string()))).collect::<Vec<_>>()
    };
    let allow = &launch.policy.allow;
    let all = [list("user", &allow.users), list("group", &allow.groups)].concat();
    if all.is_empty() { "root alone".to_owned() } else { all.join(", ") }
}

fn mind(launch: &Launch<'_>, target: Target) -> Vec<String> {
    let mut mind = own(launch, target);
    if target.is_container() {
        mind.extend(in_a_container(launch, target));
    }
    mind.extend(assumed(launch));
    mind.extend(dangers(launch.caps));
    mind
}

/// Reports the capabilities that are included only because an untried probe is assumed to say yes.
fn assumed(launch: &Launch<'_>) -> Option<String> {
    let of_probes = |grant: &Grant| grant.when.iter().any(|condition| matches!(condition.inner(), Condition::Probe(_)));
    let certain = grants(launch).filter(|grant| !of_probes(grant));
    let certain = certain.fold(CapabilitySet::EMPTY, |all, grant| all.union(grant.caps));
    let assumed = launch.caps.without(certain);
    let untried = launch.facts.probes.values().any(Answer::is_assumed);
    (untried && !assumed.is_empty()).then(|| {
        format!(
            "{assumed} is in it because a probe was not tried and is taken to say yes: leave it out where \
             `capwrap explain {}` on that machine does.",
            launch.name
        )
    })
}

/// Reports the capabilities that come close to root, and how.
fn dangers(caps: CapabilitySet) -> impl Iterator<Item = String> {
    caps.iter()
        .map(|one| (one, capability_risk::of(one)))
        .filter(|(_, meaning)| meaning.closeness >= Closeness::Near)
        .map(|(one, meaning)| {
            let how = if meaning.closeness == Closeness::Root { "is root by itself" } else { "comes close to root" };
            format!("{one} {how}: {}.", meaning.escalation)
        })
}

fn own(launch: &Launch<'_>, target: Target) -> Vec<String> {
    let tool = printable::text(&launch.tool);
    match target {
        Target::Systemd => vec![
            format!(
                "Put it into /etc/systemd/system/{}.service.d/capwrap.conf, beside a unit that starts {tool}.",
                launch.name
            ),
            "Set User= (or DynamicUser=yes) in the unit. Without it the service is uid 0: no more capabilities than \
             these, but the owner of root's files."
                .to_owned(),
        ],
        Target::Setcap => {
            let mut mind =
                vec!["A new version of the file comes without them: run this again after each update.".to_owned()];
            if launch.policy.tool.script {
                mind.push("On a #! script they have no effect.".to_owned());
            }
            if let Some(link) = &launch.link {
                mind.push(format!(
                    "{} is a link to this file, and setcap takes files alone: the capabilities count under every name \
                     of the file.",
                    printable::text(link)
                ));
            }
            if launch.policy.exec.deliver == Delivery::Inheritable {
                mind.push(
                    "Only who has them in the inheritable set gains them: through capwrap, or pam_cap(8).".to_owned(),
                );
            } else {
                mind.push(
                    "With these on the file, capwrap refuses to run it: they clear the ambient set at exec.".to_owned(),
                );
                mind.push(everyone(launch));
            }
            mind
        }
        Target::Nixos => vec![format!(
            "The source is a guess from the policy's name: name the package that holds {}.",
            launch.tool.rsplit('/').next().map(printable::text).unwrap_or_default()
        )],
        _ => Vec::new(),
    }
}

/// Reports who can use the file capabilities. They do not check the caller, so only the file's group and mode restrict
/// it.
fn everyone(launch: &Launch<'_>) -> String {
    let hint = match (&launch.policy.tool.group, launch.policy.allow.groups.first()) {
        (None, Some(group)) => {
            let (group, tool) = (group.to_string(), quote::shell(&launch.tool));
            let words = format!(
                "chown {} {tool}; chmod 0750 {tool}",
                quote::shell(&format!("root:{}", group.trim_start_matches('#')))
            );
            format!(" First, perhaps: {}", printable::text(words))
        }
        _ => " See to its group and mode.".to_owned(),
    };
    format!("Everyone who may execute the file has them.{hint}")
}

fn in_a_container(launch: &Launch<'_>, target: Target) -> Vec<String> {
    let names = |text: &str| launch.caps.iter().any(|one| one.name() == text);
    let (bpf, perfmon) = (names("cap_bpf"), names("cap_perfmon"));
    let mut mind = Vec::new();
    if launch.image().is_none() && target != Target::Oci {
        mind.push(format!("The policy names no image: put in one that has {}.", printable::text(&launch.tool)));
    }
    if let (Some(name), false) = (&launch.seccomp, target == Target::Oci) {
        let place =
            if target == Target::Kubernetes { " Put it below /var/lib/kubelet/seccomp on each node." } else { "" };
        mind.push(format!(
            "The profile {} takes the place of the engine's own. It refuses what the scopes refuse, and what Docker \
             refuses by itself.{place}",
            printable::text(name)
        ));
    }
    match target {
        Target::Oci => mind.push(
            "process.user is nobody: put in the uid and gid that are to run it. rootfs is the folder of its files."
                .to_owned(),
        ),
        Target::Podman => mind.push(
            "Run it as root: without root, capabilities count in the container's user namespace alone. With --user, \
             that user has them in the ambient set."
                .to_owned(),
        ),
        _ => mind
            .push("They are for uid 0 of the container: with another user set, the tool has none of them.".to_owned()),
    }
    if matches!(target, Target::Docker | Target::Compose) {
        if bpf || perfmon {
            mind.push(
                "CAP_BPF and CAP_PERFMON take Docker 20.10; its default seccomp profile lets bpf and perf_event_open \
                 through for them since 23.0 (moby pull request 43988)."
                    .to_owned(),
            );
        }
        if names("cap_sys_ptrace") && launch.pid() == Some("host") {
            mind.push(
                "Where AppArmor is on, the profile docker-default refuses to trace processes outside of the \
                 container: --security-opt apparmor=unconfined, or a profile of your own."
                    .to_owned(),
            );
        }
    }
    if target == Target::Podman && perfmon && !names("cap_sys_admin") {
        mind.push(
            "Podman's default seccomp profile may refuse perf_event_open to CAP_PERFMON alone (before the end of 2025, \
             containers/common pull request 2534): then --security-opt seccomp=FILE with one that does not."
                .to_owned(),
        );
    }
    if target == Target::Kubernetes && names("cap_sys_admin") && launch.policy.exec.no_new_privs {
        mind.push(
            "no_new_privs is not set: Kubernetes always allows privilege escalation with CAP_SYS_ADMIN. (That it takes \
             allowPrivilegeEscalation: false beside SYS_ADMIN is its issue 119568.)"
                .to_owned(),
        );
    }
    if matches!(target, Target::Kubernetes | Target::Oci) {
        let lost: Vec<String> =
            launch.mounts.iter().flat_map(crate::dialects::mount::Mount::engine_options).map(printable::text).collect();
        if !lost.is_empty() {
            mind.push(format!(
                "Options of mounts that are Docker's and Podman's own are left out: {}.",
                lost.join(", ")
            ));
        }
        for (key, word) in [("pid", launch.pid()), ("net", launch.net())] {
            if let Some(word) = word.filter(|word| *word != "host" && *word != "none") {
                mind.push(format!("The policy's {key} = \"{}\" is left out.", printable::text(word)));
            }
        }
    }
    if launch.pid() == Some("host") || launch.net() == Some("host") {
        mind.push("It shares namespaces of the host: it sees the host's processes or network, not its own.".to_owned());
    }
    mind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::export_request::tests::{facts, policy};

    fn remarks(more: &str, answer: &Answer) -> Remarks {
        let (source, mut facts) = (policy(more), facts());
        for probe in Questions::of(&source.policy).probes {
            facts.probes.insert(probe, answer.clone());
        }
        let launch = Launch::of(&source, &facts, None).unwrap();
        Remarks::of(&launch, Target::Docker)
    }

    #[test]
    fn what_rests_on_a_probe_that_was_not_tried_is_reported() {
        let grant = "[[grant]]\ncaps = [\"cap_sys_admin\"]\nwhen = { probe = \"perf_uprobe_needs_sys_admin\" }\n";
        let minds = |answer| remarks(grant, answer).mind.iter().any(|text| text.starts_with("cap_sys_admin is in it"));
        assert!(minds(&Answer::NOT_TRIED));
        assert!(!minds(&Answer::found(true, "not tried")));
    }

    #[test]
    fn a_setting_that_is_not_known_is_reported() {
        let grant = "[[grant]]\ncaps = [\"cap_syslog\"]\nwhen = { sysctl = { \"kernel.dmesg_restrict\" = \"1\" } }\n";
        let remarks = remarks(grant, &Answer::NOT_TRIED);
        assert!(
            remarks.heading.iter().any(|text| text.contains("kernel.dmesg_restrict not known")),
            "{:?}",
            remarks.heading
        );
    }

    #[test]
    fn what_the_tool_needs_besides_capabilities_is_said_for_the_mode_and_the_machine() {
        let source = policy(
            "mode = [\"a\", \"b\"]\n\
             [[demand]]\nwritable = \"/x\"\nwhy = \"w\"\nhint = \"h\"\n\
             [[demand]]\nreadable = \"/y\"\nwhy = \"w\"\nunless = { option = \"-o\" }\n\
             [[demand]]\nmounted = { type = \"bpf\", path = \"/z\" }\nwhy = \"w\"\nmode = \"a\"\nwhen = { arg = \"a\" }\n\
             [[demand]]\nuid0 = true\nwhy = \"w\"\nwhen = { kernel = \"<5\" }\n",
        );
        let facts = facts();
        let needs = |mode| Remarks::of(&Launch::of(&source, &facts, mode).unwrap(), Target::Systemd).needs;
        let [always, other] = ["/x is writable; w; hint: h", "with some arguments, /y is readable; w"];
        assert_eq!(needs(None), [always, other, "with some arguments, /z lies on bpf; w"]);
        assert_eq!(needs(Some("a")), [always, other, "/z lies on bpf; w"]);
        assert_eq!(needs(Some("b")), [always, other]);
    }

    #[test]
    fn texts_of_the_policy_stay_within_their_line() {
        let demand = "[[demand]]\nreadable = \"/x\"\nwhy = \"a\\nb\"\nhint = \"c\\nd\"\n";
        let remarks = remarks(&format!("why = \"a\\nrm -rf / \\u001b[2J\"\n{demand}"), &Answer::NOT_TRIED);
        assert_eq!(remarks.capabilities[0].1, "a\\u{a}rm -rf / \\u{1b}[2J");
        assert_eq!(remarks.needs, ["/x is readable; a\\u{a}b; hint: c\\u{a}d"]);
    }
}
