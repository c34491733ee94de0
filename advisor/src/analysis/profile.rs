//! The evidence of learning as JSON: what was observed in which runs. A profile is kept beside its policy.
//!
//! ```json
//! {"schema": 1, "needed": ["cap_net_raw"], "runs": [{"id": "…", "command": ["ping", "::1"], …}]}
//! ```
//!
//! A profile is a set of runs, and each run is identified by the digest of its content. The union of profiles is
//! therefore a profile again, in whatever order and however often they are joined. `needed` is for readers. It follows
//! from the runs and is computed again when a file is read, whatever the file says.

use crate::analysis::classify::{self, Class, Classified, IdsChanged};
use crate::analysis::minimize::Proof;
use crate::analysis::needs;
use crate::analysis::observation::count;
use crate::analysis::observation::{Credentials, Observation, Options, Target, Verdict};
use crate::output::json;
use anyhow::{Context, Result, bail, ensure};
use capwrap_core::digest;
use capwrap_core::scope::table::Row;
use capwrap_core::scope::watch::Seen;
use capwrap_core::text::{hex, printable};
use capwrap_core::{Capability, CapabilitySet};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The largest profile that is read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
const MAX_RUNS: usize = 10_000;
const MAX_CHECKS: usize = 100_000;

/// A set of runs and what they need together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    schema: u32,
    #[serde(with = "names")]
    needed: CapabilitySet,
    runs: Vec<Run>,
}

/// One run of a command, as it was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The SHA-256 of all other fields, in hexadecimal. It is set when the run becomes part of a profile.
    #[serde(default)]
    pub id: String,
    /// What was observed, if it was not a command that capwrap started itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// The command and its arguments. Bytes that are not UTF-8 are escaped.
    pub command: Vec<String>,
    /// The start time in RFC 3339, UTC.
    pub started: String,
    /// The file that the command executes.
    pub tool: Tool,
    /// The user that the command ran as.
    pub user: User,
    /// The kernel on which the run happened.
    pub kernel: Kernel,
    /// How the probe was attached: `fexit`, `tp_btf`, `kprobe`.
    pub back_end: String,
    /// The capabilities that were passed to the command.
    #[serde(with = "names")]
    pub held: CapabilitySet,
    /// The number of processes.
    pub processes: u64,
    /// The number of execs that the processes made, without the one by which the command began; `None` in profiles of
    /// versions that did not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execs: Option<u64>,
    /// The files that the processes executed.
    pub executables: BTreeSet<String>,
    /// Whether any process changed its ids.
    pub ids_changed: IdsChanged,
    /// How the command ended; `None` if that was not observed.
    pub exit: Option<Exit>,
    /// Whether the run failed: it ended by itself with another status than 0 or by a signal, and no check command said
    /// that it worked. The field is absent if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// How often records were lost, by the counter's name.
    pub lost: BTreeMap<String, u64>,
    /// The result of a proof that removed capabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimized: Option<Proven>,
    /// The result of another run with no more than what seemed to be needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Proven>,
    /// The result of another run under the scopes that seemed to fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<ProvenScopes>,
    /// What the processes did with their own capability sets; empty in profiles of versions that did not watch this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_sets: Vec<OwnSets>,
    /// The system calls that a scope could refuse, whether they needed a capability or not; `None` if they were not
    /// watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<Vec<Watched>>,
    /// The files that the processes used, without those that a scope leaves open anyway; `None` if they were not watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<Vec<UsedPlace>>,
    /// The checks of all processes together.
    pub checks: Vec<Check>,
}

/// A system call that a scope could refuse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// Its name.
    pub system_call: String,
    /// The low words of the arguments that distinguish doors; 0 for the others.
    pub arguments: [u32; 6],
    /// What bind(2) bound, if it was a port of an internet protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Port>,
}

/// A port of an internet protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The protocol's number, as in /etc/protocols.
    pub protocol: u32,
    /// The port.
    pub port: u16,
}

/// A file or directory that the processes used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsedPlace {
    /// How they used it.
    pub access: PlaceAccess,
    /// Its path, or the deepest directory on the way to it that only root can make lead elsewhere.
    pub path: String,
    /// Whether the user may not use it so without a capability.
    pub needs_capability: bool,
}

/// What a Landlock domain wants to know of the use of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceAccess {
    /// It was opened for reading, listed, or executed.
    Read,
    /// It was opened for writing, or what lies in it was made, removed or renamed.
    Write,
    /// A device was made in it.
    Device,
}

impl Watched {
    /// Returns what is kept of a call.
    pub fn of(seen: &Seen) -> Self {
        let bound = seen.bound.map(|bound| Port { protocol: bound.protocol, port: bound.port });
        Self { system_call: seen.call.to_owned(), arguments: seen.arguments, bound }
    }

    /// Returns whether it is a use of the row.
    pub fn is_of(&self, row: &Row) -> bool {
        row.call == self.system_call && row.when.iter().all(|test| test.holds(&self.arguments))
    }
}

/// A use that a program made of its own capability sets. The kernel makes no check for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnSets {
    /// The file that the process executed.
    pub executable: String,
    /// What it did.
    pub what: UseOfSets,
    /// The capabilities that it named; empty if it named none.
    #[serde(with = "names")]
    pub named: CapabilitySet,
}

/// The uses that a program can make of its own capability sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UseOfSets {
    /// It read them as a whole (capget(2)).
    Read,
    /// It set them, and these are its permitted and effective ones from then on (capset(2)).
    Set,
    /// It asked whether one capability is in its bounding set or its ambient set (prctl(2)).
    Asked,
    /// It asked the same for a number that no capability has.
    AskedBeyond,
    /// It added one capability to its ambient set (prctl(2)).
    Raised,
}

/// What was observed while its own manager ran it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// What kind of thing it is.
    pub kind: SubjectKind,
    /// Its name, as its manager has it.
    pub name: String,
    /// Whether it was observed from its very start.
    pub from_start: bool,
}

/// The kinds of what can be observed while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A unit of systemd.
    Unit,
    /// A container of docker, podman or containerd.
    Container,
    /// A container of a pod on a node of Kubernetes.
    Pod,
    /// A cgroup and what is below it.
    Cgroup,
    /// Processes and what they start.
    Processes,
    /// What `capwrap trace` recorded, whatever that was.
    Trace,
}

/// The file that a command executes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its path.
    pub path: String,
    /// Its SHA-256 in hexadecimal; `None` if the file could not be read.
    pub sha256: Option<String>,
}

/// The user that a command ran as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name, if the user has one.
    pub name: Option<String>,
    /// The user id.
    pub uid: u32,
}

/// The kernel, and those of its settings that affect which capabilities it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// The release as `uname -r` prints it.
    pub release: String,
    /// The number of the last capability that the kernel knows.
    pub last_capability: u8,
    /// Settings by their dotted names; null for one that the kernel does not have.
    pub sysctls: BTreeMap<String, Option<String>>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// The command exited with this status.
    Code(i32),
    /// This signal killed the command.
    Signal(i32),
}

/// What further runs proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    /// The command works with these capabilities. If it was minimized, it fails if any one of them is missing.
    #[serde(with = "names")]
    pub kept: CapabilitySet,
    /// The command works without these capabilities.
    #[serde(with = "names")]
    pub removed: CapabilitySet,
    /// The other sets with which it works and of which it needs each capability, the least powerful first.
    #[serde(default, with = "lists", skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<CapabilitySet>,
    /// The command fails when it holds everything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fails_with_everything: bool,
    /// The number of runs that the proof took.
    pub runs: u64,
    /// The check command that decided whether the command worked. It is `None` if the output and the status had to stay
    /// the same.
    pub check: Option<String>,
    /// The command that undid what a run left behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<String>,
}

/// What runs under scopes proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenScopes {
    /// The scopes under which the command works, all of them together.
    pub works: Vec<ProvenScope>,
    /// The capabilities with whose scopes it does not work.
    #[serde(with = "names")]
    pub fails: CapabilitySet,
    /// The number of runs that the proof took.
    pub runs: u64,
}

/// A scope under which a command works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenScope {
    /// The capability.
    #[serde(with = "name")]
    pub capability: Capability,
    /// The doors that stay open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<String>,
    /// The paths to which it opens the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beneath: Vec<String>,
    /// The ports that may be bound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
}

impl Proven {
    /// Returns what a proof showed whose runs these commands judged and undid.
    pub fn of(proof: Proof, check: Option<&str>, reset: Option<&str>) -> Self {
        Self {
            kept: proof.kept,
            removed: proof.removed,
            alternatives: proof.alternatives,
            fails_with_everything: proof.fails_with_everything,
            runs: proof.runs,
            check: check.map(str::to_owned),
            reset: reset.map(str::to_owned),
        }
    }
}

/// One kind of check, of all processes that made it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The capability that was asked for.
    #[serde(with = "name")]
    pub capability: Capability,
    /// What the check means.
    pub class: Class,
    /// The kernel's answer.
    #[serde(with = "VerdictWord")]
    pub verdict: Verdict,
    /// The reason for its class.
    pub why: String,
    /// A narrower capability that would suffice.
    #[serde(default, with = "optional_name", skip_serializing_if = "Option::is_none")]
    pub instead: Option<Capability>,
    /// How often the check happened.
    pub times: u64,
    /// The number of processes in which it happened.
    pub processes: u64,
    /// The file that the processes executed.
    pub executable: String,
    /// The system call; null outside a system call.
    pub system_call: Option<String>,
    /// The bits of its argument that distinguish such checks, as the signal of kill; absent where none do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<u32>,
    /// The kernel's functions, from the one that asked outwards.
    pub call_site: Vec<String>,
    /// Whether the answer is audited; null if the back end cannot see it.
    pub audited: Option<bool>,
    /// Whether the check is for setuid or setgid; null if the back end cannot see it.
    pub inset_id: Option<bool>,
    /// The user namespace of the check.
    #[serde(with = "TargetWord")]
    pub target: Target,
    /// The credentials that were checked.
    #[serde(with = "CredentialsWord")]
    pub credentials: Credentials,
}

impl Check {
    /// The check as it was observed, of whatever process.
    fn observation(&self) -> Observation {
        let options = self.audited.zip(self.inset_id).map(|(audited, inset_id)| Options { audited, inset_id });
        Observation {
            process: 0,
            executable: self.executable.clone(),
            capability: self.capability,
            verdict: self.verdict,
            options,
            target: self.target,
            credentials: self.credentials,
            system_call: self.system_call.clone(),
            argument: self.argument,
            call_site: self.call_site.clone(),
            times: self.times,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(status) => write!(out, "it ended with status {status}"),
            Self::Signal(number) => write!(out, "signal {number} killed it"),
        }
    }
}

impl Profile {
    /// Makes a profile of these runs. A run that occurs twice counts once.
    pub fn of(runs: impl IntoIterator<Item = Run>) -> Self {
        let runs: BTreeMap<String, Run> = runs.into_iter().map(Run::sealed).map(|run| (run.id.clone(), run)).collect();
        let mut runs: Vec<Run> = runs.into_values().collect();
        // The sort is stable, so runs of the same instant stay sorted by id, as in the map.
        runs.sort_by(|one, other| one.started.cmp(&other.started));
        let needed = runs.iter().fold(CapabilitySet::EMPTY, |set, run| set.union(run.needed()));
        Self { schema: json::SCHEMA, needed, runs }
    }

    /// Reads the text of a profile.
    ///
    /// # Errors
    /// The JSON does not parse or is no profile (the error has the line and column), or a run does not match its id.
    pub fn read(text: &str) -> Result<Self> {
        ensure!(text.len() <= MAX_BYTES, "larger than {} MiB", MAX_BYTES / 1024 / 1024);
        // The schema is read first and alone. A later schema has other keys, and the error would otherwise be about
        // those.
        let schema: SchemaAlone = serde_json::from_str(text).context("no profile")?;
        json::check_schema(schema.schema.as_ref())?;
        let read: Self = serde_json::from_str(text).context("no profile")?;
        ensure!(read.runs.len() <= MAX_RUNS, "{} runs, of which {MAX_RUNS} are allowed", read.runs.len());
        for (at, run) in read.runs.iter().enumerate() {
            run.check().with_context(|| format!("runs[{at}]"))?;
        }
        Ok(Self::of(read.runs))
    }

    /// Writes the profile as JSON with a final newline.
    ///
    /// # Errors
    /// No profile can cause an error.
    pub fn to_json(&self) -> Result<String> {
        Ok(json::pretty(self)? + "\n")
    }

    /// Returns all runs of both profiles.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self::of(self.runs.into_iter().chain(other.runs))
    }

    /// Returns what the runs need together.
    pub const fn needed(&self) -> CapabilitySet {
        self.needed
    }

    /// Returns what the runs are about, with its name, if that is the same for all of them; the name of a command is that of
    /// its file. Hosts may have the same unit with other files.
    ///
    /// # Errors
    /// They are about several things, or there is no run. The error names them.
    pub fn subject(&self) -> Result<(Option<SubjectKind>, String)> {
        let names: BTreeSet<(Option<SubjectKind>, String)> = self.runs.iter().map(Run::about).collect();
        let mut all = names.iter();
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(one.clone()),
            (None, _) => bail!("the profile has no run"),
            _ => {
                let names: Vec<String> = names.iter().map(|(_, name)| printable::text(name)).collect();
                bail!("the profile is about several things: {}", names.join(", "))
            }
        }
    }

    /// Returns the runs, the earliest first.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }
}

impl Run {
    /// Returns what the run needs: the result of a proof if there is one, and otherwise of the counts.
    pub fn needed(&self) -> CapabilitySet {
        match self.proven() {
            Some(proven) => proven.kept,
            None => needs::needed(self.checks.iter().map(|check| (check.class, check.capability, check.instead))),
        }
    }

    /// Returns what further runs proved, if there were any.
    pub fn proven(&self) -> Option<&Proven> {
        self.minimized.as_ref().or(self.confirmed.as_ref())
    }

    /// Returns whether any process executed a program after the command's own exec: another one, or itself again.
    pub fn starts_others(&self) -> bool {
        self.execs.map_or(self.executables.len() > 1, |execs| execs > 0)
    }

    /// Returns what setuid programs of the run, or programs with file capabilities, brought with them. They have it only as
    /// far as the bounding set allows.
    pub fn gained(&self) -> CapabilitySet {
        let foreign = self.checks.iter().filter(|check| check.class == Class::Foreign);
        let brought = foreign.filter(|check| classify::is_brought(&check.observation(), self.held));
        brought.map(|check| check.capability).collect()
    }

    /// Adds what another run of the same command used, if both were watched. Returns whether anything is new.
    pub fn also_used(&mut self, other: &Self) -> bool {
        fn add<T: Clone + PartialEq>(to: &mut Option<Vec<T>>, from: Option<&Vec<T>>) -> bool {
            let (Some(to), Some(from)) = (to, from) else { return false };
            let before = to.len();
            for one in from {
                if !to.contains(one) {
                    to.push(one.clone());
                }
            }
            to.len() > before
        }
        let calls = add(&mut self.watched, other.watched.as_ref());
        add(&mut self.places, other.places.as_ref()) || calls
    }

    fn about(&self) -> (Option<SubjectKind>, String) {
        let file = self.tool.path.rsplit('/').next().unwrap_or_default();
        match &self.subject {
            // The numbers of processes and the file of a trace are others each time.
            Some(subject) if matches!(subject.kind, SubjectKind::Processes | SubjectKind::Trace) => {
                (Some(subject.kind), file.to_owned())
            }
            Some(subject) => (Some(subject.kind), subject.name.clone()),
            None => (None, file.to_owned()),
        }
    }

    /// Returns the run with its checks sorted and with the id of its content.
    fn sealed(mut self) -> Self {
        self.checks.sort();
        if let Some(watched) = &mut self.watched {
            watched.sort();
        }
        if let Some(places) = &mut self.places {
            places.sort();
        }
        self.own_sets.sort_by_cached_key(|one| (one.executable.clone(), one.what, one.named.mask()));
        self.id = self.digest();
        self
    }

    fn digest(&self) -> String {
        let unnamed = Self { id: String::new(), ..self.clone() };
        // The canonical form has the keys in the order of the fields above, sorted map keys, and no blanks.
        let canonical = serde_json::to_vec(&unnamed).unwrap_or_default();
        hex::encode(&digest::of_bytes(&canonical))
    }

    fn check(&self) -> Result<()> {
        ensure!(self.checks.len() <= MAX_CHECKS, "{} checks, of which {MAX_CHECKS} are allowed", self.checks.len());
        ensure!(is_utc(&self.started), "started: {:?} is no instant such as 2026-01-31T12:00:00Z", self.started);
        if let Some(digest) = &self.tool.sha256 {
            ensure!(hex::decode(digest).is_some(), "tool: {digest:?} is no SHA-256");
        }
        for (key, proven) in [("minimized", &self.minimized), ("confirmed", &self.confirmed)] {
            let both = proven.as_ref().map(|proven| proven.kept.intersection(proven.removed));
            if let Some(both) = both.filter(|both| !both.is_empty()) {
                bail!("{key}: {both} both kept and removed");
            }
        }
        if self.clone().sealed().id != self.id {
            bail!("id: the run is not the one that its id was made from");
        }
        Ok(())
    }
}

/// Accepts `2026-01-31T12:00:00Z`, with or without fractions of a second. Such texts sort in the order of time, to the
/// second.
fn is_utc(text: &str) -> bool {
    let digit_or = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        19 if byte == b'.' => true,
        _ => byte.is_ascii_digit(),
    };
    text.strip_suffix('Z')
        .is_some_and(|text| text.len() >= 19 && text.len() <= 29 && text.bytes().enumerate().all(digit_or))
}

/// Returns the checks of a run, and merges those that differ only in the process.
pub fn checks(classed: &[Classified]) -> Vec<Check> {
    let mut together: BTreeMap<Check, (u64, u64)> = BTreeMap::new();
    for Classified { observation, class, why, instead, processes } in classed {
        let check = Check {
            capability: observation.capability,
            class: *class,
            verdict: observation.verdict,
            why: why.clone(),
            instead: *instead,
            times: 0,
            processes: 0,
            executable: observation.executable.clone(),
            system_call: observation.system_call.clone(),
            argument: observation.argument,
            call_site: observation.call_site.clone(),
            audited: observation.options.map(|options| options.audited),
            inset_id: observation.options.map(|options| options.inset_id),
            target: observation.target,
            credentials: observation.credentials,
        };
        let (all_times, all_processes) = together.entry(check).or_default();
        count(all_times, observation.times);
        count(all_processes, *processes);
    }
    let counted = |(check, (times, processes)): (Check, (u64, u64))| Check { times, processes, ..check };
    together.into_iter().map(counted).collect()
}

#[derive(Deserialize)]
struct SchemaAlone {
    schema: Option<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Verdict", rename_all = "snake_case")]
enum VerdictWord {
    Granted,
    Denied,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Target", rename_all = "snake_case")]
enum TargetWord {
    Own,
    Outer,
    Inner,
    Unknown,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Credentials", rename_all = "snake_case")]
enum CredentialsWord {
    Own,
    Overridden,
    Other,
    Unknown,
}

/// Serializes a capability as its name.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Named(#[serde(with = "name")] Capability);

mod name {
    use super::{Capability, Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(capability: &Capability, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(capability.name())
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Capability, D::Error> {
        Capability::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// Serializes a capability as its name, or as null.
mod optional_name {
    use super::{Capability, Deserialize, Deserializer, Named, Serialize, Serializer};

    #[allow(clippy::ref_option, reason = "what serde calls")]
    pub fn serialize<S: Serializer>(capability: &Option<Capability>, to: S) -> Result<S::Ok, S::Error> {
        capability.map(Named).serialize(to)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Capability>, D::Error> {
        Ok(Option::<Named>::deserialize(from)?.map(|Named(capability)| capability))
    }
}

/// Serializes a set of capabilities as the list of their names.
mod names {
    use super::{CapabilitySet, Deserialize, Deserializer, Named, Serializer};

    pub fn serialize<S: Serializer>(set: &CapabilitySet, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(set.iter().map(Named))
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<CapabilitySet, D::Error> {
        Ok(Vec::<Named>::deserialize(from)?.into_iter().map(|Named(capability)| capability).collect())
    }
}

mod lists {
    use super::{CapabilitySet, Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct List(#[serde(with = "super::names")] CapabilitySet);

    pub fn serialize<S: Serializer>(sets: &[CapabilitySet], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(sets.iter().copied().map(List))
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<CapabilitySet>, D::Error> {
        Ok(Vec::<List>::deserialize(from)?.into_iter().map(|List(set)| set).collect())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::analysis::classify::tests::{granted, with_everything};
    use crate::analysis::classify::{RunFacts, class};
    use crate::analysis::observation::Observation;
    use proptest::prelude::*;

    /// A run of /usr/bin/tool that made these observations.
    pub fn run(observations: &[Observation], facts: &RunFacts) -> Run {
        Run {
            id: String::new(),
            subject: None,
            command: vec!["tool".to_owned(), "-v".to_owned()],
            started: "2026-11-23T04:25:01Z".to_owned(),
            tool: Tool { path: "/usr/bin/tool".to_owned(), sha256: Some("ab".repeat(32)) },
            user: User { name: Some("alice".to_owned()), uid: 1000 },
            kernel: Kernel {
                release: "6.18.44".to_owned(),
                last_capability: 40,
                sysctls: BTreeMap::from([("kernel.perf_event_paranoid".to_owned(), Some("2".to_owned()))]),
            },
            back_end: "tp_btf".to_owned(),
            held: facts.held,
            processes: 1,
            execs: Some(0),
            executables: BTreeSet::from(["/usr/bin/tool".to_owned()]),
            ids_changed: facts.ids_changed,
            exit: Some(Exit::Code(0)),
            failed: false,
            lost: BTreeMap::new(),
            minimized: None,
            confirmed: None,
            scopes: None,
            watched: None,
            places: None,
            own_sets: Vec::new(),
            checks: checks(&class(observations, facts)),
        }
    }

    fn socket() -> Observation {
        granted("net_raw", "socket", &["ns_capable", "packet_create"])
    }

    fn example() -> Profile {
        Profile::of([run(&[socket()], &with_everything())])
    }

    fn set(list: &str) -> CapabilitySet {
        CapabilitySet::parse(list).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let json = example().to_json().unwrap();
        assert_eq!(Profile::read(&json).unwrap(), example());
        assert!(
            json.starts_with("{\n  \"schema\": 1,\n  \"needed\": [\n    \"cap_net_raw\"\n  ],\n  \"runs\": ["),
            "{json}"
        );
        for line in
            ["\"exit\": {\n        \"code\": 0", "\"audited\": null", "\"verdict\": \"granted\"", "\"target\": \"own\""]
        {
            assert!(json.contains(line), "{line} in {json}");
        }
    }

    #[test]
    fn a_profile_knows_its_subject() {
        assert_eq!(example().subject().unwrap(), (None, "tool".to_owned()));
        let of_unit = |name: &str| Run {
            subject: Some(Subject { kind: SubjectKind::Unit, name: name.to_owned(), from_start: true }),
            ..run(&[socket()], &with_everything())
        };
        let both = Profile::of([of_unit("a.service"), Run { processes: 2, ..of_unit("a.service") }]);
        assert_eq!(both.subject().unwrap(), (Some(SubjectKind::Unit), "a.service".to_owned()));
        let error = both.union(Profile::of([of_unit("b.service")])).subject().unwrap_err().to_string();
        assert!(error.ends_with("a.service, b.service"), "{error}");
        assert!(Profile::of([]).subject().is_err());
    }

    #[test]
    fn what_the_file_says_of_needed_does_not_count() {
        let json = example().to_json().unwrap().replacen("\"cap_net_raw\"", "\"cap_sys_admin\"", 1);
        assert_eq!(Profile::read(&json).unwrap().needed(), set("net_raw"));
    }

    #[test]
    fn what_is_no_profile_is_refused_with_its_place() {
        let good = example().to_json().unwrap();
        for (from, to, expected) in [
            ("\"schema\": 1", "\"schema\": 2", "this schema is of a later capwrap: this one reads schema 1"),
            ("\"schema\": 1,", "", "no `schema`"),
            ("\"back_end\"", "\"backend\"", "unknown field `backend`, expected"),
            ("\"cap_net_raw\"", "\"cap_net_rwa\"", "unknown capability \"cap_net_rwa\" at line"),
            ("\"times\": 1", "\"times\": -1", "invalid value: integer `-1`"),
            ("\"times\": 1", "\"times\": 2", "runs[0]: id: the run is not the one that its id was made from"),
            ("2026-11-23T04:25:01Z", "yesterday", "runs[0]: started: \"yesterday\" is no instant"),
            ("abababababab", "", "runs[0]: tool: "),
            ("{", "", "expected"),
        ] {
            let error = Profile::read(&good.replacen(from, to, 1)).unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{to}: {error:#}");
        }
        assert!(Profile::read(&" ".repeat(MAX_BYTES + 1)).is_err());
    }

    #[test]
    fn processes_that_made_the_same_check_are_counted_together() {
        let seen = [socket(), Observation { process: 101, times: 4, ..socket() }];
        let checks = checks(&class(&seen, &with_everything()));
        assert_eq!(checks.len(), 1);
        assert_eq!((checks[0].times, checks[0].processes), (5, 2));
    }

    #[test]
    fn no_count_is_so_large_that_it_starts_again_from_nothing() {
        let seen = [Observation { times: u64::MAX, ..socket() }, Observation { process: 101, ..socket() }];
        assert_eq!(checks(&class(&seen, &with_everything()))[0].times, u64::MAX);
    }

    #[test]
    fn what_was_proven_goes_before_what_was_counted() {
        let mut proven = run(&[socket(), granted("chown", "fchown", &["chown_ok"])], &with_everything());
        assert_eq!(proven.needed(), set("net_raw,chown"));
        let (kept, removed) = (set("net_raw"), set("chown"));
        proven.minimized = Some(Proven {
            kept,
            removed,
            alternatives: vec![kept],
            fails_with_everything: false,
            runs: 5,
            check: None,
            reset: None,
        });
        assert_eq!(proven.needed(), kept);
        let other = run(&[granted("kill", "kill", &["kill_ok_by_cred"])], &with_everything());
        assert_eq!(Profile::of([proven, other]).needed(), set("net_raw,kill"));
    }

    #[test]
    fn only_an_instant_in_utc_sorts_as_text_as_it_does_in_time() {
        for (text, good) in [
            ("2026-11-23T04:25:01Z", true),
            ("2026-11-23T04:25:01.123456Z", true),
            ("2026-11-23T04:25:01+01:00", false),
            ("2026-11-23 04:25:01Z", false),
            ("2026-11-23Z", false),
            ("", false),
        ] {
            assert_eq!(is_utc(text), good, "{text}");
        }
    }

    prop_compose! {
        fn any_run()(number in 0_u8..41, second in 0_u8..60, times in 1_u64..3, code in 0..2) -> Run {
            let capability = Capability::from_number(number).unwrap();
            let observation = Observation { times, ..granted(capability.name(), "openat", &["somewhere"]) };
            Run {
                started: format!("2026-11-23T04:25:{second:02}Z"),
                exit: Some(Exit::Code(code)),
                ..run(&[observation], &with_everything())
            }
        }
    }

    prop_compose! {
        fn any_profile()(runs in prop::collection::vec(any_run(), 0..6)) -> Profile {
            Profile::of(runs)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn it_does_not_matter_which_profiles_are_joined_first(a in any_profile(), b in any_profile(), c in any_profile()) {
            let left = a.clone().union(b.clone()).union(c.clone());
            prop_assert_eq!(&left, &a.union(b.union(c)));
            prop_assert_eq!(&left, &Profile::read(&left.to_json().unwrap()).unwrap());
        }

        #[test]
        fn it_does_not_matter_in_which_order_profiles_are_joined(a in any_profile(), b in any_profile()) {
            let joined = a.clone().union(b.clone());
            prop_assert!(a.needed().is_subset(joined.needed()));
            prop_assert_eq!(joined, b.union(a));
        }

        #[test]
        fn a_profile_joined_with_itself_is_itself(a in any_profile()) {
            prop_assert_eq!(&a, &a.clone().union(a.clone()));
        }
    }
}
