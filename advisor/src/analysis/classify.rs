//! Decides what each observed check means. It is pure: the same observations give the same classes.

use crate::analysis::asked_options;
use crate::analysis::call_sites;
use crate::analysis::call_sites::{EITHER_OR, Given, Meaning};
use crate::analysis::observation::count;
use crate::analysis::observation::{Credentials, Observation, Target, Verdict};
use capwrap_core::decision::facts::KernelVersion;
use capwrap_core::{Capability, CapabilitySet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is known about the run as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunFacts {
    /// The capabilities that were passed to the command, and so could have been granted.
    pub held: CapabilitySet,
    /// Whether processes of the run changed their ids.
    pub ids_changed: IdsChanged,
    /// Whether the tool's policy runs it with `no_new_privs`, as policies do by default. The observed run need not have
    /// had it.
    pub no_new_privs: bool,
    /// The kernel on which the run happened.
    pub kernel: KernelVersion,
}

/// Whether some process of a run changed any of its real, effective, saved or filesystem ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdsChanged {
    /// A process changed a user id.
    pub users: bool,
    /// A process changed a group id.
    pub groups: bool,
}

/// What a check means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The check passed, or a check for a broader capability passed in its place, and what the command did depends on
    /// it.
    Needed,
    /// The check was refused, and what the command wanted to do depends on it.
    Denied,
    /// The check has no effect on what the command wants to do.
    Speculative,
    /// The check is about a user namespace or credentials that no grant reaches.
    Foreign,
    /// A manager made the check before it executed the service that it prepared.
    SetUp,
}

impl Class {
    /// Whether a check of this class means that its capability should be granted.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Needed | Self::Denied)
    }

    /// Returns the name of the class for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Needed => "needed",
            Self::Denied => "denied",
            Self::Speculative => "speculative",
            Self::Foreign => "foreign",
            Self::SetUp => "set-up",
        }
    }
}

/// An observation and its class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Classified {
    /// The observation.
    pub observation: Observation,
    /// Its class.
    pub class: Class,
    /// The reason, in one phrase.
    pub why: String,
    /// Another capability that would suffice in place of the one that was asked for.
    pub instead: Option<Capability>,
    /// The number of processes in which it was observed.
    pub processes: u64,
}

/// Classifies the observations of one process after the other, and merges the results that differ only in the process.
/// A check of one process never affects the checks of another.
pub fn class_all(processes: impl Iterator<Item = Vec<Observation>>, run: &RunFacts) -> Vec<Classified> {
    class_many(processes.map(|observations| (observations, 1)), run)
}

/// Does the same for processes that are counted together where they did the same. Each number says how many they are.
pub fn class_many(processes: impl Iterator<Item = (Vec<Observation>, u64)>, run: &RunFacts) -> Vec<Classified> {
    let mut together: BTreeMap<Classified, (u64, u64)> = BTreeMap::new();
    for (observations, number) in processes {
        let mut of_one: BTreeMap<Classified, u64> = BTreeMap::new();
        for one in class(&observations, run) {
            let times = one.observation.times;
            let observation = Observation { process: 0, times: 0, ..one.observation };
            count(of_one.entry(Classified { observation, processes: 0, ..one }).or_default(), times);
        }
        for (one, times) in of_one {
            let (all_times, all_processes) = together.entry(one).or_default();
            count(all_times, times);
            count(all_processes, number);
        }
    }
    let counted = |(one, (times, processes)): (Classified, (u64, u64))| Classified {
        observation: Observation { times, ..one.observation },
        processes,
        ..one
    };
    together.into_iter().map(counted).collect()
}

/// Judges what means more or less by what the command asks for.
pub fn by_options(checks: &mut [Classified], command: &[String]) {
    for check in checks.iter_mut().filter(|check| check.observation.verdict == Verdict::Granted) {
        let seen = &check.observation;
        let row = asked_options::ASKED.iter().find(|row| row.fits(seen));
        let is_asked = match row {
            Some(row) => row.is_asked(command),
            None => asked_options::is_wanted_priority(seen, command).then_some(true),
        };
        match (is_asked, row) {
            (Some(true), _) if check.class == Class::Speculative => (check.class, check.why, _) = plain(seen),
            (Some(false), Some(row)) if check.class.counts() => {
                check.class = Class::Speculative;
                check.why = row.why.to_owned();
            }
            _ => {}
        }
    }
}

/// Judges what an interpreter did for a script that is the command. The executable is the interpreter's, of which nothing is
/// known, but a script may be one of the programs whose conduct is known.
pub fn by_script(checks: &mut [Classified], script: &str, kernel: KernelVersion) {
    let of_an_interpreter = |check: &&mut Classified| {
        check.class.counts() && call_sites::is_program(&check.observation.executable, call_sites::INTERPRETERS)
    };
    for check in checks.iter_mut().filter(of_an_interpreter) {
        if let Some(site) = call_sites::site_of_script(&check.observation, script, kernel) {
            check.class = Class::Speculative;
            check.why = site.why.to_owned();
        }
    }
}

/// Judges what shows only over all processes of a run. `granted` is what the policy grants.
pub fn over_all(checks: &mut [Classified], granted: CapabilitySet) {
    follow_owners(checks);
    give_up_groups(checks);
    choose(checks, granted);
}

/// Takes alternatives into account, over all processes of a run: where either of two capabilities serves, and the
/// broader one is needed anyway or granted already, that one counts. `granted` is what the policy grants. That the run
/// asked for cap_sys_admin elsewhere is not enough: many programs only try what takes it.
fn choose(checks: &mut [Classified], granted: CapabilitySet) {
    let counting = checks.iter().filter(|check| check.class.counts() && check.instead.is_none());
    let outright: CapabilitySet = counting.map(|check| check.observation.capability).collect();
    for check in checks.iter_mut().filter(|check| check.class.counts() && check.instead.is_none()) {
        let choices = EITHER_OR.iter().filter(|pair| pair.is_choice(&check.observation));
        let broad: Vec<Capability> = choices.map(|pair| pair.broad).collect();
        if let Some(broad) = broad.iter().find(|one| outright.contains(**one) && **one != Capability::SYS_ADMIN) {
            check.class = Class::Speculative;
            check.why = format!("covered: {broad} is needed anyway, and serves here too");
        } else if let Some(broad) = broad.into_iter().find(|broad| granted.contains(*broad))
            && !granted.contains(check.observation.capability)
        {
            check.why = format!("{broad}, which the policy grants, serves here");
            check.instead = Some(broad);
        }
    }
}

/// Changes the class of what only follows from a change of owner that the program does without. It changed a copy's owner
/// because it could, and so the copy's mode, times and list of access were those of another's file. Without the
/// capability for the first, the copy stays its own (sed -i, gzip, vim).
fn follow_owners(checks: &mut [Classified]) {
    // Whether each program that changes owners does without it.
    let mut goes_on: BTreeMap<String, bool> = BTreeMap::new();
    let is_change = |one: &&Classified| one.observation.capability == Capability::CHOWN && one.class != Class::Foreign;
    for change in checks.iter().filter(is_change) {
        *goes_on.entry(change.observation.executable.clone()).or_insert(true) &= !change.class.counts();
    }
    for check in checks.iter_mut().filter(|check| check.class.counts()) {
        let seen = &check.observation;
        if seen.capability == Capability::FOWNER && goes_on.get(&seen.executable) == Some(&true) {
            check.class = Class::Speculative;
            check.why = "follows a change of owner that the program does without".to_owned();
        }
    }
}

/// The system calls that change the ids of users and groups, without that of the other groups.
const CHANGES_OF_IDS: &[&str] =
    &["setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid"];

/// Changes the class of a call of setgroups(2) by a program that calls nothing else of this kind. It does not become another
/// user: it would like to have fewer groups, and goes on if it may not. Who becomes another user insists on it, even if that
/// user is the one that it is already, and the kernel then asks for these calls too.
fn give_up_groups(checks: &mut [Classified]) {
    let changes = |one: &&Classified| {
        one.observation.system_call.as_deref().is_some_and(|call| CHANGES_OF_IDS.contains(&call))
            && [Capability::SETUID, Capability::SETGID].contains(&one.observation.capability)
    };
    let changers: BTreeSet<String> =
        checks.iter().filter(changes).map(|one| one.observation.executable.clone()).collect();
    for check in checks.iter_mut().filter(|check| check.class.counts()) {
        let seen = &check.observation;
        if seen.capability == Capability::SETGID
            && seen.system_call.as_deref() == Some("setgroups")
            && !changers.contains(&seen.executable)
            && !call_sites::is_program(&seen.executable, call_sites::GROUP_CHANGERS)
            && !call_sites::is_program(&seen.executable, call_sites::INTERPRETERS)
        {
            check.class = Class::Speculative;
            check.why = "giving up the groups alone, and staying the same user".to_owned();
        }
    }
}

/// Classifies every observation, in the given order.
pub fn class(observations: &[Observation], run: &RunFacts) -> Vec<Classified> {
    let pairs = Pairs::of(observations);
    observations.iter().map(|observation| classed(observation, run, &pairs)).collect()
}

fn classed(observation: &Observation, run: &RunFacts, pairs: &Pairs) -> Classified {
    let (class, why, instead) = foreign(observation)
        .or_else(|| known_site(observation, run, pairs))
        .or_else(|| not_from_the_grant(observation, run))
        .or_else(|| pairs.half(observation, run))
        .unwrap_or_else(|| plain(observation));
    Classified { observation: observation.clone(), class, why, instead, processes: 1 }
}

type Judgement = (Class, String, Option<Capability>);

/// Decides whether a check is about something that no grant reaches (user_namespaces(7)).
fn foreign(observation: &Observation) -> Option<Judgement> {
    let overlay = || observation.call_site.iter().any(|function| function.starts_with("ovl_"));
    let why = match (observation.target, observation.credentials) {
        (Target::Inner, _) => "in a user namespace made below the command's own",
        (Target::Outer, _) => "in a user namespace that encloses the process's own",
        (_, Credentials::Overridden) if overlay() => "overlayfs asks with the credentials of who mounted it",
        _ => return None,
    };
    Some((Class::Foreign, why.to_owned(), None))
}

fn known_site(observation: &Observation, run: &RunFacts, pairs: &Pairs) -> Option<Judgement> {
    let given = |given| match given {
        Given::Any => true,
        Given::UsersUnchanged => !run.ids_changed.users,
        Given::GroupsUnchanged => !run.ids_changed.groups,
        Given::NoNewPrivileges => run.no_new_privs,
    };
    let site = call_sites::site(observation, run.kernel, given)?;
    Some(match site.meaning {
        Meaning::Speculative => (Class::Speculative, site.why.to_owned(), None),
        Meaning::Foreign => (Class::Foreign, site.why.to_owned(), None),
        Meaning::Narrower(_) if not_from_the_grant(observation, run).is_some() => return None,
        // After a refusal the kernel asks for the narrow capability.
        Meaning::Narrower(narrow) if observation.verdict == Verdict::Denied && pairs.asked(observation, narrow) => {
            covered_by(narrow)
        }
        Meaning::Narrower(narrow) => {
            let (class, _, _) = plain(observation);
            (class, format!("{}: {narrow} would do", site.why), Some(narrow))
        }
    })
}

/// Whether the check passed by capabilities that the process did not get from what started it, but from a file.
pub fn is_brought(observation: &Observation, held: CapabilitySet) -> bool {
    observation.verdict == Verdict::Granted && !held.contains(observation.capability) && foreign(observation).is_none()
}

/// Decides whether the check passed without a grant, or was refused although the capability was granted.
fn not_from_the_grant(observation: &Observation, run: &RunFacts) -> Option<Judgement> {
    let held = run.held.contains(observation.capability);
    match observation.verdict {
        Verdict::Granted if !held => {
            let why = "gained from a setuid program or a file's own capabilities";
            Some((Class::Foreign, why.to_owned(), None))
        }
        Verdict::Denied if held => {
            let why = "was passed to the tool, and given up before it was asked for";
            Some((Class::Speculative, why.to_owned(), None))
        }
        _ => None,
    }
}

fn plain(observation: &Observation) -> Judgement {
    let class = if observation.verdict == Verdict::Granted { Class::Needed } else { Class::Denied };
    let why = match call_sites::asking_function(&observation.call_site) {
        Some(function) => format!("asked by {function}"),
        None => "the kernel does not name who asked".to_owned(),
    };
    (class, why, None)
}

fn covered_by(other: Capability) -> Judgement {
    (Class::Speculative, format!("covered: {other} is asked for in its place"), None)
}

/// A place from which the kernel asks for both halves of a pair: a process, a system call, and the call site beyond the
/// function that asked, which may differ between the halves.
type Place<'o> = (u32, Option<&'o str>, &'o [String]);

/// How often each capability was asked for at each place, by answer.
struct Pairs<'o>(BTreeMap<(Place<'o>, Capability, Verdict), u64>);

impl<'o> Pairs<'o> {
    fn of(observations: &'o [Observation]) -> Self {
        let mut times = BTreeMap::new();
        for observation in observations.iter().filter(|observation| foreign(observation).is_none()) {
            let key = (place(observation), observation.capability, observation.verdict);
            count(times.entry(key).or_default(), observation.times);
        }
        Self(times)
    }

    /// Judges an observation of one half of a pair if the other half was asked for too. The kernel asks for the narrow
    /// half first, and for the broad half only if the narrow one is refused. If the broad one is asked for more often
    /// than the narrow one was refused, something asks for the broad one alone (as writing to files does), and the
    /// broad one covers the narrow one.
    fn half(&self, observation: &Observation, run: &RunFacts) -> Option<Judgement> {
        let asked_for = observation.capability;
        EITHER_OR.iter().find_map(|pair| {
            // If a capability was passed to the tool and a check for it was refused, the tool gave it up and can work
            // with the other half.
            if run.held.contains(pair.narrow) {
                return None;
            }
            let refused = self.times(observation, pair.narrow, Verdict::Denied);
            let passed = self.times(observation, pair.broad, Verdict::Granted);
            let broad = passed.saturating_add(self.times(observation, pair.broad, Verdict::Denied));
            if refused == 0 || broad == 0 {
                return None;
            }
            // cap_bpf and cap_perfmon, if both were refused at one place, have both led to cap_sys_admin there.
            let rivals = EITHER_OR.iter().filter(|rival| rival.broad == pair.broad);
            let led_there =
                rivals.map(|rival| self.times(observation, rival.narrow, Verdict::Denied)).fold(0, u64::saturating_add);
            let narrow_would_do = broad <= led_there;
            let is_narrow = asked_for == pair.narrow && observation.verdict == Verdict::Denied;
            match (is_narrow, narrow_would_do) {
                (true, false) => Some(covered_by(pair.broad)),
                (true, true) if passed > 0 => {
                    let why = format!("passed by way of {}, and would do alone", pair.broad);
                    Some((Class::Needed, why, None))
                }
                (false, true) if asked_for == pair.broad => Some(covered_by(pair.narrow)),
                _ => None,
            }
        })
    }

    /// Whether this capability was asked for at the place of the observation.
    fn asked(&self, observation: &Observation, capability: Capability) -> bool {
        [Verdict::Granted, Verdict::Denied].iter().any(|verdict| self.times(observation, capability, *verdict) > 0)
    }

    fn times(&self, observation: &Observation, capability: Capability, verdict: Verdict) -> u64 {
        self.0.get(&(place(observation), capability, verdict)).copied().unwrap_or(0)
    }
}

fn place(observation: &Observation) -> Place<'_> {
    let site = call_sites::beyond_machinery(&observation.call_site);
    (observation.process, observation.system_call.as_deref(), site.get(1..).unwrap_or_default())
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use Class::{Denied, Foreign, Needed, Speculative};

    /// A check by process 100, `/usr/bin/tool`, of its own credentials in its own namespace.
    pub fn seen(capability: &str, verdict: Verdict, call: &str, site: &[&str]) -> Observation {
        Observation {
            process: 100,
            executable: "/usr/bin/tool".to_owned(),
            capability: Capability::parse(capability).unwrap(),
            verdict,
            options: None,
            target: Target::Own,
            credentials: Credentials::Own,
            system_call: (!call.is_empty()).then(|| call.to_owned()),
            argument: None,
            call_site: site.iter().map(|&function| function.to_owned()).collect(),
            times: 1,
        }
    }

    pub fn granted(capability: &str, call: &str, site: &[&str]) -> Observation {
        seen(capability, Verdict::Granted, call, site)
    }

    pub fn denied(capability: &str, call: &str, site: &[&str]) -> Observation {
        seen(capability, Verdict::Denied, call, site)
    }

    /// A run on Linux 6.18 that got all capabilities.
    pub fn with_everything() -> RunFacts {
        RunFacts {
            held: Capability::all().collect(),
            kernel: KernelVersion { major: 6, minor: 18, patch: 0 },
            ..RunFacts::default()
        }
    }

    /// A run that got no capability.
    pub fn with_nothing() -> RunFacts {
        RunFacts { held: CapabilitySet::EMPTY, ..with_everything() }
    }

    const OPEN: &[&str] =
        &["ns_capable", "capable_wrt_inode_uidgid", "generic_permission", "inode_permission", "may_open"];

    fn classes(observations: &[Observation], run: &RunFacts) -> Vec<Class> {
        class(observations, run).into_iter().map(|classed| classed.class).collect()
    }

    #[test]
    fn who_gave_the_narrow_half_up_needs_the_broad_one() {
        // ping -m keeps only cap_net_admin before it sets the mark.
        let seen = [
            denied("net_raw", "setsockopt", &["sk_setsockopt"]),
            granted("net_admin", "setsockopt", &["sk_setsockopt"]),
        ];
        assert_eq!(classes(&seen, &with_everything()), [Speculative, Needed]);
    }

    #[test]
    fn where_either_of_two_serves_the_one_that_is_needed_anyway_or_granted_counts() {
        let chosen = |seen: &[Observation], granted: &str| {
            let mut checks = class(seen, &with_everything());
            choose(&mut checks, CapabilitySet::parse(granted).unwrap());
            crate::analysis::needs::needed(
                checks.iter().map(|one| (one.class, one.observation.capability, one.instead)),
            )
        };
        let set = |list| CapabilitySet::parse(list).unwrap();
        let (read, write) = (granted("dac_read_search", "openat", OPEN), granted("dac_override", "openat", OPEN));
        assert_eq!(chosen(&[read.clone(), write.clone()], ""), set("dac_override"));
        assert_eq!(chosen(std::slice::from_ref(&read), ""), set("dac_read_search"));
        assert_eq!(chosen(std::slice::from_ref(&read), "dac_override"), set("dac_override"));
        assert_eq!(chosen(std::slice::from_ref(&read), "dac_override,dac_read_search"), set("dac_read_search"));
        let handle = granted("dac_read_search", "open_by_handle_at", &["do_handle_open"]);
        assert_eq!(chosen(&[handle, write], ""), set("dac_override,dac_read_search"), "it asks for nothing else");
        // eCapture: cap_net_admin beside cap_sys_admin.
        let load = granted("net_admin", "bpf", &["bpf_net_capable", "bpf_prog_load"]);
        let uprobe = granted("sys_admin", "perf_event_open", &["perf_uprobe_event_init"]);
        assert_eq!(chosen(&[load.clone(), uprobe.clone()], "sys_admin"), set("sys_admin"));
        assert_eq!(chosen(&[load.clone(), uprobe], ""), set("net_admin,sys_admin"), "it may be a mere try");
        assert_eq!(chosen(&[load], ""), set("net_admin"));
    }

    #[test]
    fn a_better_priority_that_the_command_names_is_needed() {
        let judged = |command: &[&str]| {
            let seen = granted("sys_nice", "setpriority", &["can_nice", "set_one_prio"]);
            let mut checks = class(&[seen], &with_everything());
            by_options(&mut checks, &command.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
            checks[0].class
        };
        assert_eq!(judged(&["tool"]), Speculative);
        assert_eq!(judged(&["tool", "--nice=-5"]), Needed);
    }

    #[test]
    fn a_script_is_known_by_its_own_name() {
        let judged = |script: &str, executable: &str| {
            let seen = granted("sys_ptrace", "readlink", &["__ptrace_may_access", "proc_pid_readlink"]);
            let run = with_everything();
            let mut checks = class(&[Observation { executable: executable.to_owned(), ..seen }], &run);
            by_script(&mut checks, script, run.kernel);
            checks[0].class
        };
        assert_eq!(judged("/usr/bin/inxi", "/usr/bin/perl"), Speculative);
        assert_eq!(judged("/usr/bin/glances", "/usr/bin/python3.11"), Speculative);
        assert_eq!(judged("/srv/tool", "/usr/bin/perl"), Needed, "nothing is known of it");
        assert_eq!(judged("/usr/bin/inxi", "/usr/bin/lsof"), Needed, "another program that it starts");
    }

    #[test]
    fn giving_up_the_groups_alone_is_not_becoming_another_user() {
        let judged = |program: &str, calls: &[(&str, &str)]| {
            let executable = format!("/usr/sbin/{program}");
            let call = |(name, capability): &(&str, &str)| {
                let seen = granted(capability, name, &["ns_capable_setid", "__do_sys_setgroups"]);
                Observation { executable: executable.clone(), ..seen }
            };
            let seen: Vec<Observation> = calls.iter().map(call).collect();
            let mut checks = class(&seen, &with_everything());
            over_all(&mut checks, CapabilitySet::EMPTY);
            checks.into_iter().find(|one| one.observation.system_call.as_deref() == Some("setgroups")).unwrap().class
        };
        let alone = [("setgroups", "setgid")];
        let with_a_user = [("setgroups", "setgid"), ("setgid", "setgid"), ("setuid", "setuid")];
        assert_eq!(judged("webfsd", &alone), Speculative);
        assert_eq!(judged("webfsd", &with_a_user), Needed, "it becomes another user, or the one that it is");
        assert_eq!(judged("setpriv", &alone), Needed, "it exists for that");
        assert_eq!(judged("python3.11", &alone), Needed, "a script ends with an error");
    }

    #[test]
    fn what_follows_from_a_change_of_owner_that_is_not_needed_is_not_needed_either() {
        let of = |program: &str| {
            let copy = granted("chown", "fchown", &["setattr_prepare", "notify_change", "__x64_sys_fchown"]);
            let list = granted("fowner", "fsetxattr", &["set_posix_acl", "vfs_set_acl"]);
            let executable = format!("/usr/bin/{program}");
            let seen = [copy, list].map(|one| Observation { executable: executable.clone(), ..one });
            let mut checks = class(&seen, &with_everything());
            follow_owners(&mut checks);
            checks.into_iter().map(|one| one.class).collect::<Vec<_>>()
        };
        assert_eq!(of("sed"), [Speculative, Speculative]);
        assert_eq!(of("install"), [Needed, Needed]);
    }

    #[test]
    fn what_the_command_asks_for_counts_and_what_it_does_not_ask_for_does_not() {
        let of = |program: &str, seen: Observation, command: &[&str]| {
            let executable = format!("/usr/bin/{program}");
            let mut checks = class(&[Observation { executable, ..seen }], &with_everything());
            by_options(&mut checks, &command.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
            checks[0].class
        };
        let kernel =
            granted("perfmon", "perf_event_open", &["capable", "perf_allow_kernel", "__do_sys_perf_event_open"]);
        assert_eq!(of("perf", kernel.clone(), &["perf", "stat", "true"]), Speculative);
        assert_eq!(of("perf", kernel.clone(), &["perf", "stat", "-p", "7"]), Needed);
        assert_eq!(of("perf", kernel.clone(), &["sh", "/srv/script"]), Needed, "its options are not known");
        assert_eq!(of("tool", kernel, &["tool"]), Needed);
        let environment = granted("sys_ptrace", "openat", &["ptrace_may_access", "mm_access", "proc_mem_open"]);
        assert_eq!(of("ps", environment.clone(), &["ps", "aux"]), Speculative);
        assert_eq!(of("ps", environment, &["ps", "axeww"]), Needed);
    }

    #[test]
    fn what_differs_in_the_process_alone_is_put_together() {
        let one = granted("net_raw", "socket", &["packet_create"]);
        let other = Observation { process: one.process + 1, times: 3, ..one.clone() };
        let elsewhere = Observation { executable: "/usr/bin/other".to_owned(), ..one.clone() };
        let all = class_all([vec![one, elsewhere], vec![other]].into_iter(), &with_everything());
        let counts: Vec<_> = all.iter().map(|one| (one.observation.times, one.processes)).collect();
        assert_eq!(counts, [(1, 1), (4, 2)]);
    }

    #[test]
    fn a_check_of_which_nothing_is_known_counts_in_full() {
        for (run, observation, expected) in [
            (with_everything(), granted("net_raw", "socket", &["ns_capable", "packet_create"]), Needed),
            (with_nothing(), denied("net_raw", "socket", &["ns_capable", "packet_create"]), Denied),
            (with_everything(), granted("syslog", "openat", &["kallsyms_show_value", "kallsyms_open"]), Needed),
            (with_everything(), granted("ipc_lock", "mlock", &["can_do_mlock", "do_mlock"]), Needed),
            (
                with_everything(),
                granted("perfmon", "perf_event_open", &["capable", "perf_allow_kernel", "__do_sys_perf_event_open"]),
                Needed,
            ),
            (with_everything(), granted("sys_admin", "", &[]), Needed),
        ] {
            assert_eq!(classes(std::slice::from_ref(&observation), &run), [expected], "{observation:?}");
        }
    }

    #[test]
    fn checks_whose_failure_changes_nothing_are_speculative_wherever_they_come_from() {
        let run = RunFacts { no_new_privs: true, ..with_everything() };
        for observation in [
            granted(
                "sys_admin",
                "clone",
                &["cap_vm_enough_memory", "security_vm_enough_memory_mm", "dup_mm.constprop.0"],
            ),
            granted("sys_admin", "", &["__vm_enough_memory.cold", "mmap_region"]),
            granted("setpcap", "capset", &["cap_capset", "security_capset"]),
            granted("ipc_lock", "io_uring_setup", &["capable", "io_uring_create"]),
            granted("ipc_lock", "mmap", &["capable", "do_mmap", "vm_mmap_pgoff"]),
            granted("perfmon", "perf_event_open", &["capable", "__do_sys_perf_event_open"]),
            granted("net_admin", "setsockopt", &["ns_capable", "do_tcp_setsockopt", "do_sock_setsockopt"]),
            granted("net_admin", "setsockopt", &["ns_capable", "tcp_setsockopt", "__sys_setsockopt"]),
            granted("dac_read_search", "execve", &["generic_permission", "would_dump", "begin_new_exec"]),
            denied("sys_resource", "pipe2", &["capable", "alloc_pipe_info", "create_pipe_files"]),
            granted("sys_admin", "pipe2", &["capable", "alloc_pipe_info", "create_pipe_files"]),
            granted("setuid", "setuid", &["ns_capable_setid", "__sys_setuid"]),
            granted("setgid", "setresgid", &["ns_capable_setid", "__sys_setresgid"]),
            granted("net_admin", "openat", &["ns_capable_noaudit", "net_ctl_permissions", "proc_sys_permission"]),
            granted(
                "sys_ptrace",
                "read",
                &["ns_capable_noaudit", "__ptrace_may_access", "ptrace_may_access", "do_task_stat"],
            ),
            granted(
                "sys_resource",
                "write",
                &["has_ns_capability_noaudit", "has_capability_noaudit", "__set_oom_adj.isra.0"],
            ),
            granted("sys_admin", "bpf", &["ns_capable_noaudit", "do_jit", "bpf_int_jit_compile"]),
            granted("sys_admin", "seccomp", &["ns_capable_noaudit", "do_seccomp"]),
            granted("sys_module", "ioctl", &["security_capable", "capable", "dev_ioctl", "sock_do_ioctl"]),
        ] {
            let classed = class(std::slice::from_ref(&observation), &run);
            assert_eq!(classed[0].class, Speculative, "{observation:?}");
            assert!(!classed[0].why.is_empty());
        }
    }

    #[test]
    fn what_most_programs_go_on_without_counts_for_those_that_insist() {
        for (call, capability, site, insists) in [
            ("fchown", "chown", &["chown_ok", "setattr_prepare", "__x64_sys_fchown"][..], "/bin/tar"),
            ("setpriority", "sys_nice", &["can_nice", "set_one_prio"], "/usr/bin/nice"),
            ("write", "sys_resource", &["capable", "__set_oom_adj"], "/usr/bin/choom"),
            ("prlimit64", "sys_resource", &["capable", "do_prlimit"], "/usr/bin/prlimit"),
        ] {
            let of =
                |executable: &str| Observation { executable: executable.to_owned(), ..granted(capability, call, site) };
            for (executable, expected) in
                [("/usr/sbin/daemon", Speculative), (insists, Needed), ("/usr/bin/python3.13", Needed)]
            {
                assert_eq!(classes(&[of(executable)], &with_everything()), [expected], "{call} {executable}");
            }
        }
    }

    #[test]
    fn the_same_functions_count_where_the_row_does_not_fit() {
        for observation in [
            granted("sys_ptrace", "ptrace", &["ns_capable", "__ptrace_may_access", "ptrace_attach"]),
            granted("net_admin", "write", &["ns_capable_noaudit", "net_ctl_permissions", "proc_sys_call_handler"]),
            granted("sys_admin", "seccomp", &["ns_capable_noaudit", "do_seccomp"]),
            granted("setpcap", "prctl", &["ns_capable", "cap_task_prctl"]),
            granted("net_admin", "ioctl", &["security_capable", "ns_capable", "dev_ioctl", "sock_do_ioctl"]),
        ] {
            assert_eq!(classes(std::slice::from_ref(&observation), &with_everything()), [Needed], "{observation:?}");
        }
    }

    #[test]
    fn a_change_of_ids_that_happened_needs_what_it_asked_for() {
        let asked = [granted("setuid", "setuid", &["__sys_setuid"]), granted("setgid", "setgid", &["__sys_setgid"])];
        for (users, groups, expected) in [
            (false, false, [Speculative, Speculative]),
            (true, false, [Needed, Speculative]),
            (true, true, [Needed, Needed]),
        ] {
            let run = RunFacts { ids_changed: IdsChanged { users, groups }, ..with_everything() };
            assert_eq!(classes(&asked, &run), expected, "users {users}, groups {groups}");
        }
        let refused = [denied("setuid", "setuid", &["__sys_setuid"])];
        assert_eq!(classes(&refused, &with_nothing()), [Speculative]);
        // setreuid compares first, so a refused check is a change that failed.
        assert_eq!(classes(&[denied("setuid", "setreuid", &["__sys_setreuid"])], &with_nothing()), [Denied]);
    }

    #[test]
    fn access_asks_in_vain_and_an_access_with_effective_ids_does_not() {
        let site = &["generic_permission", "inode_permission", "do_faccessat"];
        let overridden = Observation { credentials: Credentials::Overridden, ..denied("chown", "faccessat2", site) };
        for (observation, expected) in [
            (denied("chown", "access", site), Speculative),
            (denied("chown", "faccessat", site), Speculative),
            (overridden, Speculative),
            (denied("chown", "faccessat2", site), Denied),
        ] {
            assert_eq!(classes(std::slice::from_ref(&observation), &with_nothing()), [expected], "{observation:?}");
        }
    }

    #[test]
    fn what_nothing_passed_reaches_is_foreign() {
        let mount = granted("sys_admin", "mount", &["ns_capable", "may_mount"]);
        let inner = Observation { target: Target::Inner, ..mount.clone() };
        let outer = Observation { target: Target::Outer, verdict: Verdict::Denied, ..mount };
        let overlay = Observation {
            credentials: Credentials::Overridden,
            ..granted("dac_override", "openat", &["generic_permission", "inode_permission", "ovl_permission"])
        };
        let tracer = Observation {
            credentials: Credentials::Other,
            ..granted("sys_ptrace", "execve", &["ptracer_capable", "begin_new_exec"])
        };
        assert_eq!(classes(&[inner, outer, overlay, tracer], &with_everything()), [Foreign; 4]);
    }

    #[test]
    fn what_a_setuid_program_has_was_not_passed_to_it() {
        assert_eq!(classes(&[granted("chown", "fchown", &["chown_ok"])], &with_nothing()), [Foreign]);
    }

    #[test]
    fn a_capability_that_the_tool_gave_up_is_not_wanted_when_it_is_refused_later() {
        assert_eq!(
            classes(&[denied("net_admin", "setsockopt", &["sk_setsockopt"])], &with_everything()),
            [Speculative]
        );
    }

    #[test]
    fn without_capabilities_reading_a_file_wants_the_narrow_half_alone() {
        let both = [denied("dac_read_search", "openat", OPEN), denied("dac_override", "openat", OPEN)];
        assert_eq!(classes(&both, &with_nothing()), [Denied, Speculative]);
    }

    #[test]
    fn without_capabilities_writing_a_file_wants_the_broad_half() {
        let written = Observation { times: 2, ..denied("dac_override", "openat", OPEN) };
        assert_eq!(classes(std::slice::from_ref(&written), &with_nothing()), [Denied]);
        let both = [denied("dac_read_search", "openat", OPEN), written];
        assert_eq!(classes(&both, &with_nothing()), [Speculative, Denied]);
    }

    #[test]
    fn two_narrow_halves_of_one_broad_capability_are_both_wanted_without_it() {
        let asked = |capability| denied(capability, "bpf", &["bpf_ns_capable", "bpf_prog_load", "__sys_bpf"]);
        let broad = Observation { times: 2, ..asked("sys_admin") };
        let seen = [asked("bpf"), asked("perfmon"), broad];
        assert_eq!(classes(&seen, &with_nothing()), [Denied, Denied, Speculative]);
    }

    #[test]
    fn halves_of_a_pair_in_other_places_have_nothing_to_do_with_each_other() {
        let narrow = denied("bpf", "bpf", &["bpf_ns_capable", "bpf_prog_load", "__sys_bpf"]);
        for elsewhere in [
            Observation {
                process: 101,
                ..denied("sys_admin", "bpf", &["bpf_ns_capable", "bpf_prog_load", "__sys_bpf"])
            },
            denied("sys_admin", "bpf", &["capable", "bpf_prog_get_fd_by_id", "somewhere_else"]),
            denied("sys_admin", "mount", &["bpf_ns_capable", "bpf_prog_load", "__sys_bpf"]),
        ] {
            assert_eq!(classes(&[narrow.clone(), elsewhere], &with_nothing()), [Denied, Denied]);
        }
    }

    #[test]
    fn what_the_broad_half_was_passed_for_the_narrow_one_would_have_done() {
        let run = RunFacts { held: Capability::SYS_ADMIN.into(), ..with_everything() };
        let site = &["bpf_ns_capable", "bpf_prog_load", "__sys_bpf"];
        assert_eq!(
            classes(&[denied("bpf", "bpf", site), granted("sys_admin", "bpf", site)], &run),
            [Needed, Speculative]
        );
        let twice = Observation { times: 2, ..granted("sys_admin", "bpf", site) };
        let both = [denied("bpf", "bpf", site), denied("perfmon", "bpf", site), twice.clone()];
        assert_eq!(classes(&both, &run), [Needed, Needed, Speculative]);
        assert_eq!(classes(&[denied("bpf", "bpf", site), twice], &run), [Speculative, Needed]);
    }

    #[test]
    fn a_real_time_io_priority_is_for_the_narrower_capability_since_5_10() {
        let asked = [granted("sys_admin", "ioprio_set", &["capable", "ioprio_check_cap", "set_task_ioprio"])];
        let classed = class(&asked, &with_everything());
        assert_eq!((classed[0].class, classed[0].instead.map(Capability::name)), (Needed, Some("cap_sys_nice")));
        // Without either of them, or with the narrower one alone, the broad one is not what is missing.
        let site = &["capable", "ioprio_check_cap", "set_task_ioprio"];
        let refused = denied("sys_admin", "ioprio_set", site);
        let both = [refused.clone(), denied("sys_nice", "ioprio_set", site)];
        assert_eq!(classes(&both, &with_nothing()), [Speculative, Denied]);
        let enough = RunFacts { held: CapabilitySet::parse("sys_nice").unwrap(), ..with_everything() };
        assert_eq!(classes(&[refused, granted("sys_nice", "ioprio_set", site)], &enough), [Speculative, Needed]);
        let older = RunFacts { kernel: KernelVersion { major: 5, minor: 4, patch: 0 }, ..with_everything() };
        assert_eq!(class(&asked, &older)[0].instead, None);
    }

    #[test]
    fn what_the_c_library_opens_for_perl_unasked_is_not_needed() {
        let asked = |executable: &str, argument| Observation {
            executable: executable.to_owned(),
            argument,
            ..granted("dac_read_search", "openat", &[OPEN, &["path_openat", "do_filp_open"]].concat())
        };
        for (executable, argument, expected) in [
            ("/usr/bin/perl", Some(1), Speculative),
            ("/usr/bin/perl", None, Needed),
            ("/usr/bin/getent", Some(1), Needed),
        ] {
            assert_eq!(
                classes(&[asked(executable, argument)], &with_everything()),
                [expected],
                "{executable} {argument:?}"
            );
        }
    }

    #[test]
    fn a_script_insists_on_o_noatime_unless_it_is_known_to_go_on() {
        let python = |command: &str| {
            let site = &["ns_capable", "may_open", "path_openat"];
            let executable = "/usr/bin/python3.11".to_owned();
            let asked = [Observation { executable, ..granted("fowner", "openat", site) }];
            let mut checks = class(&asked, &with_everything());
            by_options(&mut checks, &command.split(' ').map(str::to_owned).collect::<Vec<_>>());
            checks[0].class
        };
        assert_eq!(python("python3 /srv/script"), Needed);
        assert_eq!(python("env X=1 borg create /srv/repo::1 /srv"), Speculative);
        assert_eq!(
            classes(&[granted("fowner", "openat", &["ns_capable", "may_open"])], &with_everything()),
            [Speculative]
        );
    }

    #[test]
    fn giving_way_to_others_asked_for_a_capability_before_linux_6() {
        let any = granted("sys_nice", "sched_setscheduler", &["capable", "__sched_setscheduler"]);
        let asked = [Observation { executable: "/usr/bin/chrt".to_owned(), ..any.clone() }];
        assert_eq!(classes(&asked, &with_everything()), [Needed]);
        assert_eq!(classes(&[any], &with_everything()), [Speculative], "most programs would only like to");
        let older = RunFacts { kernel: KernelVersion { major: 5, minor: 10, patch: 0 }, ..with_everything() };
        assert_eq!(classes(&asked, &older), [Speculative]);
    }
}
