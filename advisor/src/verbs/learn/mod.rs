//! `capwrap --learn CMD`: finds out what a command needs, and refines its policy.
//!
//! ```text
//! tool, granted    which file is it, and what does its policy grant already?
//! run_plan         what is executed, with which capabilities?
//! observe          the command runs, and the probe counts its checks      (observe::session)
//! classify         what does each check mean?                             (analysis::classify)
//! minimize         with --minimize, --confirm: what does it do without?   (proof_runs, analysis::minimize)
//! decide           what does the command need?                            (analysis::needs)
//! propose          how does its policy change?                            (analysis::propose)
//! report, write    the table, the difference; the evidence and the policy (report, store)
//! ```
//!
//! The functions of this file stand in the same order. Only this module runs, reads and writes; what a check means is
//! decided in `analysis`, which is pure.

mod evidence;
pub mod granted;
mod profile_output;
mod proof_runs;
mod report;
mod run_plan;
mod running;
mod setuid_programs;
pub mod tool;

use crate::analysis::classify::{Classified, IdsChanged, RunFacts};
use crate::analysis::needs::Needs;
use crate::analysis::profile::{Profile, Proven, Run, UsedPlace, Watched};
use crate::analysis::propose::Proposed;
use crate::analysis::scopes::{self, Scopes};
use crate::analysis::{classify, code_warning, findings, needs, own_sets, profile, propose};
use crate::host::accounts::Names;
use crate::host::change_record::PolicyChange;
use crate::host::tool_faults::About;
use crate::host::{change_record, foreign_code, kernel, tool_faults, used_places};
use crate::observe::access;
use crate::observe::access::Access;
use crate::observe::command;
use crate::observe::command::{Ending, Limits, Output, User};
use crate::observe::probe::BackEnd;
use crate::observe::session::{RunData, Subject, observe};
use crate::output::diff;
use crate::output::error;
use crate::output::error::hinted;
use crate::output::terminal;
use crate::output::usage;
use crate::store::profiles;
use crate::store::shipped::{self, Shipped};
use crate::store::{atomic_write, enabled, policy_lookup};
use crate::verbs::learn::granted::Granted;
use crate::verbs::learn::proof_runs::{Aim, Meaning, Proving};
use crate::verbs::learn::run_plan::RunPlan;
use crate::verbs::learn::running::settings::{Minimize, Settings};
use anyhow::{Result, anyhow};
use capwrap_core::CapabilitySet;
use capwrap_core::policy::Policy;
use capwrap_core::record::write::Event;
use clap::Args;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tool::{Found, Place, Tool};

#[derive(Args)]
#[command(override_usage = "capwrap --learn [OPTIONS] CMD [ARGS…]
       capwrap learn [OPTIONS] --unit UNIT | --container CONTAINER
       capwrap learn [OPTIONS] --pod POD | --cgroup PATH | --pid PID | --from FILE")]
pub struct Learn {
    #[command(flatten)]
    running: running::Options,
    /// The user to run CMD as [default: who called sudo, else who
    /// logged in, else nobody]
    #[arg(long, value_name = "USER", verbatim_doc_comment, conflicts_with = "subject")]
    user: Option<String>,
    /// The policy's name [default: CMD's]
    #[arg(long, value_name = "NAME", conflicts_with = "subject")]
    policy: Option<String>,
    /// Write the change into the policy, and the evidence beside it;
    /// for a unit, write the drop-in
    #[arg(long, verbatim_doc_comment)]
    write: bool,
    /// Write also after a run that failed
    #[arg(long, requires = "write")]
    accept_failure: bool,
    /// Write the evidence, a JSON profile, to FILE
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// End CMD after this time, or the watch of what runs: as in
    /// 30s or 5m
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration, verbatim_doc_comment)]
    limit: Option<Duration>,
    /// Run CMD again with one capability less at a time, and keep
    /// only what it needs; so too the unit, or a copy of the container
    #[arg(long, group = "proof", verbatim_doc_comment, conflicts_with_all = ["pod", "cgroup", "pids", "from"])]
    minimize: bool,
    /// Run CMD once more with only what it seems to need. If it then
    /// fails, add what it possibly needs until it works. With
    /// --check, also take away what it works without
    #[arg(long, group = "proof", verbatim_doc_comment, conflicts_with = "subject")]
    confirm: bool,
    /// Decide by CHECK's status whether a run worked. CHECK reads the
    /// run's output, and the run's status in CAPWRAP_STATUS [default:
    /// the same output and status as with everything]; of what runs,
    /// whether it works after a start: until then CHECK is asked again
    #[arg(long, value_name = "CHECK", requires = "proof", verbatim_doc_comment)]
    check: Option<String>,
    /// After each run, let root's shell run RESET, which undoes what
    /// CMD leaves behind
    #[arg(long, value_name = "RESET", requires = "proof", verbatim_doc_comment)]
    reset: Option<String>,
    /// Run CMD so often with each set; all runs must work
    #[arg(long, value_name = "N", requires = "proof", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100))]
    repeat: u64,
    /// Grant a capability only for what CMD used it for: `calls`, by
    /// its system calls; `all`, by its paths and ports too; or
    /// `off`, for everything
    #[arg(long, value_name = "WHAT", value_enum, hide_possible_values = true, verbatim_doc_comment)]
    #[arg(default_value = "off", conflicts_with = "subject")]
    scope: Scoping,
    /// Print only the profile; what CMD prints goes to standard
    /// error
    #[arg(long, verbatim_doc_comment)]
    json: bool,
    /// Show the checks too that have no effect on the result
    #[arg(short, long)]
    verbose: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: terminal::Color,
    #[arg(long, value_name = "NAME", hide = true)]
    back_end: Option<BackEnd>,
    /// The learner passes this option when it starts itself again by its policy.
    #[arg(long, hide = true)]
    by_policy: bool,
    /// The command and its arguments
    #[arg(
        trailing_var_arg = true,
        required_unless_present = "subject",
        conflicts_with = "subject",
        value_name = "CMD"
    )]
    command: Vec<OsString>,
}

/// Which scopes are proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Scoping {
    /// None.
    Off,
    /// The doors of system calls.
    Calls,
    /// These, and the paths and ports, which a Landlock domain confines.
    All,
}

impl Learn {
    pub fn run(self) -> ExitCode {
        command::exit_code(self.learn())
    }

    /// Runs all steps in order.
    fn learn(&self) -> Result<Ending> {
        if let Some(path) = &self.running.from {
            self.refuse_write()?;
            running::recorded::learn(&self.settings(), path)?;
            return Ok(Ending::Exited(0));
        }
        let standing = access::own()?;
        if standing == Access::Nobody {
            return Err(access::start_learner("learn", self.by_policy, std::env::args_os().skip(2)));
        }
        if let Some(named) = self.running.named() {
            return running::Learning { named, standing, settings: self.settings() }.run();
        }
        self.check_rights(standing)?;
        let tool = Tool::find(&self.command[0], self.policy.as_deref(), std::env::var_os("PATH"))?;
        if self.write {
            tool.refuse_other()?;
            setuid_programs::refuse_setuid(&tool.path)?;
            tool.refuse_place()?;
        }
        // The profile is read before the run, so that a damaged file does not waste a run that may take long.
        let earlier = if tool.other.is_none() { profiles::read(&profiles::of(&tool.name))? } else { None };
        let user = if matches!(standing, Access::Root(_)) { Some(self.meant_for()?) } else { None };
        let granted = Granted::by(&tool, &self.command[1..], user.as_ref().is_some_and(|user| user.uid == 0))?;
        let plan = RunPlan::of(standing, &tool, &self.command, &granted, user.as_ref());
        let aim = [(self.minimize, Aim::Minimize), (self.confirm, Aim::Confirm)].into_iter().find(|(asked, _)| *asked);
        let subject = Subject {
            file: plan.file.as_deref(),
            command: &plan.command,
            user: user.as_ref(),
            policy: tool.policy.as_ref().map(|_| tool.name.as_str()),
            hold: plan.passes,
            scopes: None,
            watch: self.scope != Scoping::Off && user.is_some(),
            places: self.scope == Scoping::All,
            execs: plan.execs,
            back_end: self.back_end,
            limits: Limits { after: self.limit, ends_rest: self.limit.is_none() && aim.is_some() },
        };

        let (classed, run, ending) = if let Some((_, aim)) = aim {
            self.prove(aim, &subject, &tool, &granted, plan.held, earlier.as_ref())?
        } else {
            let seen = observe(&subject, if self.json { Output::StandardError } else { Output::Own })?;
            let (classed, run) = self.judge(&seen, &tool, &granted, user.as_ref(), plan.held)?;
            (classed, run, seen.ending)
        };
        setuid_programs::note(&classed, &tool, user.as_ref());

        let learned = Learned::of(run, &classed, &granted, standing.attainable()?, earlier);
        let needed = learned.needs.as_ref().map_or(CapabilitySet::EMPTY, Needs::set);
        let scopes = self.scopes_of(needed, learned.all.runs().iter());
        self.export(&learned.this)?;
        self.report(&learned, &scopes);
        self.change(&tool, &granted, user.as_ref(), learned, &scopes)?;
        Ok(ending)
    }

    /// A trace changes nothing by itself.
    fn refuse_write(&self) -> Result<()> {
        if !self.write {
            return Ok(());
        }
        Err(hinted(
            "--write: a trace does not say what is to be changed",
            "keep the profile: --output FILE; capwrap export FILE --to LAUNCHER writes it for a launcher",
        ))
    }

    /// What the options ask of a watch of what runs already.
    fn settings(&self) -> Settings<'_> {
        Settings {
            limit: self.limit,
            restart: self.running.restart,
            write: self.write,
            accept_failure: self.accept_failure,
            every: self.running.every,
            output: self.output.as_deref(),
            json: self.json,
            verbose: self.verbose,
            styled: self.color.styled(),
            to: self.running.to,
            back_end: self.back_end,
            minimize: self.minimize.then_some(Minimize {
                check: self.check.as_deref(),
                reset: self.reset.as_deref(),
                repeat: self.repeat,
                yes: self.running.yes,
            }),
        }
    }

    /// Checks the options that only root can use.
    fn check_rights(&self, standing: Access) -> Result<()> {
        let asked = [
            (self.user.is_some(), "--user: the command runs as who learns"),
            (self.minimize, "--minimize: it grants capabilities and takes them away"),
            (self.confirm, "--confirm: it grants capabilities and takes them away"),
            (self.write, "--write: it changes what others may do"),
        ];
        match asked.into_iter().find(|(asked, _)| *asked) {
            Some((_, what)) if standing == Access::Watcher => {
                Err(hinted(format!("only root can use {what}"), usage::as_root("learn")))
            }
            _ => Ok(()),
        }
    }

    fn meant_for(&self) -> Result<User> {
        let user = command::meant_for(self.user.as_deref())?;
        if user.assumed {
            error::note(&format!("{} runs as nobody; choose a user with --user NAME", self.shown()));
        }
        if user.uid == 0 {
            error::note("root owns the files: as root the kernel asks for less than as a user");
        }
        Ok(user)
    }

    fn shown(&self) -> String {
        self.command[0].to_string_lossy().into_owned()
    }

    /// Finds out what the observed checks mean, and records it.
    fn judge(
        &self,
        seen: &RunData,
        tool: &Tool,
        granted: &Granted,
        user: Option<&User>,
        held: CapabilitySet,
    ) -> Result<(Vec<Classified>, Run)> {
        let kernel = evidence::kernel()?;
        let facts = RunFacts {
            held,
            ids_changed: IdsChanged { users: seen.stats.user_changed, groups: seen.stats.group_changed },
            no_new_privs: tool.sets_no_new_privs(),
            kernel: kernel::version(&kernel.release)?,
        };
        let mut classed = classify::class_all(seen.counted.processes(), &facts);
        setuid_programs::set_apart(&mut classed, tool, user);
        let command: Vec<String> = self.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        if tool.is_script {
            classify::by_script(&mut classed, &tool.found.to_string_lossy(), facts.kernel);
        }
        classify::by_options(&mut classed, &command);
        classify::over_all(&mut classed, granted.set);
        own_sets::keep(&mut classed, &seen.own_sets, &command);
        let run = Run {
            id: String::new(),
            subject: None,
            command,
            started: seen.started.clone(),
            tool: profile::Tool { path: tool.path.display().to_string(), sha256: tool.sha256.clone() },
            user: evidence::user(user),
            kernel,
            back_end: seen.back_end.to_string(),
            held,
            processes: seen.stats.processes,
            execs: Some(seen.stats.execs),
            executables: seen.executables.clone(),
            ids_changed: facts.ids_changed,
            exit: Some(seen.ending.into()),
            failed: self.check.is_none() && !seen.was_asked && seen.ending != Ending::Exited(0),
            lost: seen.losses.iter().map(|(name, times)| ((*name).to_owned(), *times)).collect(),
            minimized: None,
            confirmed: None,
            scopes: None,
            own_sets: seen.own_sets.clone(),
            watched: seen.watched.as_ref().map(|calls| calls.iter().map(Watched::of).collect()),
            places: places(seen, user, &tool.path),
            checks: profile::checks(&classed),
        };
        Ok((classed, run))
    }

    /// Runs the command with everything, and then with fewer capabilities.
    fn prove(
        &self,
        aim: Aim,
        subject: &Subject<'_>,
        tool: &Tool,
        granted: &Granted,
        held: CapabilitySet,
        earlier: Option<&Profile>,
    ) -> Result<(Vec<Classified>, Run, Ending)> {
        let (check, reset) = (self.check.as_deref(), self.reset.as_deref());
        let proving = Proving { aim, subject, check, reset, repeat: self.repeat, granted: granted.set };
        let judge = |seen: &RunData| self.judge(seen, tool, granted, subject.user, held);
        let named = |seen: &RunData| own_sets::looks(&seen.own_sets, subject.hold).named;
        let (seen, proof) = proving.prove(|seen| {
            let (classed, _) = judge(seen)?;
            let asked: CapabilitySet = classed.iter().map(|one| one.observation.capability).collect();
            let (asked, possible) = (asked.union(named(seen)), needs::possible(&classed).union(named(seen)));
            Ok(Meaning { needed: needed(&classed), asked, possible })
        })?;
        let (classed, mut run) = judge(&seen)?;
        let scopes = if self.scope == Scoping::Off {
            None
        } else {
            // What earlier runs used stays open, as in the policy that is proposed.
            let scopes_of =
                |run: &Run| self.scopes_of(proof.kept, earlier.into_iter().flat_map(Profile::runs).chain([run]));
            let scopes = scopes_of(&run);
            let widen = |seen: &RunData| Ok(run.also_used(&judge(seen)?.1).then(|| scopes_of(&run)));
            Some(proving.prove_scopes(&seen, &proof, scopes, widen)?.1)
        };
        // Nothing is proven about a capability that was not there to be removed. If it was refused, it stays needed,
        // unless the user's own check says that the command worked without it.
        let absent = needed(&classed).without(subject.hold);
        let mut proven = Proven::of(proof, check, reset);
        if check.is_none() {
            proven.kept = proven.kept.union(absent);
        }
        let run = match aim {
            Aim::Minimize => Run { minimized: Some(proven), scopes, ..run },
            Aim::Confirm => Run { confirmed: Some(proven), scopes, ..run },
        };
        Ok((classed, run, seen.ending))
    }

    /// What these capabilities are for, as the runs together show it, without the scopes under which a run did not work.
    fn scopes_of<'r>(&self, needed: CapabilitySet, runs: impl Iterator<Item = &'r Run> + Clone) -> Scopes {
        let fails = runs.clone().filter_map(|run| run.scopes.as_ref()).map(|proof| proof.fails);
        let fails = fails.fold(CapabilitySet::EMPTY, CapabilitySet::union);
        let why = scopes::failed(runs.clone().filter_map(|run| run.places.as_ref()).flatten());
        let evidence = runs.map(|run| scopes::Evidence {
            checks: &run.checks,
            watched: run.watched.as_deref(),
            places: run.places.as_deref(),
        });
        scopes::propose(needed, evidence, self.scope == Scoping::All).without(fails, why)
    }

    /// Writes the profile of this run to `--output` and, for `--json`, to standard output.
    fn export(&self, this: &Profile) -> Result<()> {
        profile_output::write(self.output.as_deref(), this)?;
        if self.json {
            say!("{}", this.to_json()?.trim_end());
        }
        Ok(())
    }

    /// Prints the result for people: the table of checks, and what is needed.
    fn report(&self, learned: &Learned, scopes: &Scopes) {
        if !self.json {
            let look = report::Look { width: terminal::width(), styled: self.color.styled(), verbose: self.verbose };
            let report = report::Report {
                checks: &learned.run().checks,
                needs: learned.needs.as_ref(),
                runs: learned.all.runs().len(),
                proof: learned.run().proven(),
                confirmed: learned.run().confirmed.is_some(),
                failed: learned.run().exit.filter(|_| learned.run().failed),
                can_confirm: true,
                scopes: (self.scope != Scoping::Off).then_some(scopes),
                possible_scopes: Some(scopes),
                scope_runs: learned.run().scopes.as_ref().map(|proof| proof.runs),
            };
            say!("{}", report::report(&report, look).trim_end());
        }
    }

    /// The policy's new text. A new policy is for the user whom `--user` names.
    fn propose(
        &self,
        tool: &Tool,
        granted: &Granted,
        user: Option<&User>,
        learned: &Learned,
        needs: &Needs,
        scopes: &Scopes,
    ) -> Result<Proposed> {
        let run = learned.run();
        let named =
            user.filter(|_| self.user.is_some()).map(|user| Names::read().in_policy(user.name.as_deref(), user.uid));
        // The command works with the capabilities that are kept, so every other granted one can be removed.
        let proven = |proof: &Proven| granted.set.without(proof.kept);
        let none = Scopes::default();
        propose::propose(&propose::Proposal {
            policy: tool.policy.as_ref().map(|found| propose::Enabled {
                text: &found.text,
                granted: granted.set,
                holding: &granted.holding,
                circumstances: &granted.circumstances,
            }),
            tool: propose::Tool {
                name: &tool.name,
                path: &tool.found.display().to_string(),
                sha256: tool.sha256.as_deref(),
                is_script: tool.is_script,
            },
            needs,
            proven: run.minimized.as_ref().map_or(CapabilitySet::EMPTY, proven),
            starts_others: learned.all.runs().iter().any(Run::starts_others),
            user: named.as_deref(),
            scopes: if self.scope == Scoping::Off { &none } else { scopes },
        })
    }

    /// Proposes the change of the policy, shows it, and writes it if the caller asked for that.
    fn change(
        &self,
        tool: &Tool,
        granted: &Granted,
        user: Option<&User>,
        learned: Learned,
        scopes: &Scopes,
    ) -> Result<()> {
        let needs = match &learned.needs {
            Ok(needs) => needs,
            Err(_) if !self.write => return Ok(()),
            Err(refusal) => return Err(report::inconclusive(refusal)),
        };
        if let Some(described) = tool.described_other() {
            error::note(&format!("{described}: no change is proposed; {}", tool::OTHER_NAME));
            return Ok(());
        }
        let before = tool.policy.as_ref().map_or("", |found| found.text.as_str());
        let Proposed { text: after, left, no_scopes, widened } =
            self.propose(tool, granted, user, &learned, needs, scopes)?;
        if let Some(why) = no_scopes {
            error::note(&format!("the policy gets no scope: {why}"));
        }
        for (capability, scope) in widened {
            error::note(&format!("the policy's scope of {capability} gets wider: {scope}"));
        }
        let file = place(tool);
        if !self.json {
            self.show_change(&file, tool, before, &after);
        }
        if !left.is_empty() {
            error::note(&format!(
                "{left}: not needed here, and left: what grants it holds on other kernels or in other modes too"
            ));
        }
        let obstacles = obstacles(&after, granted.set.union(needs.set()), learned.run())?;
        if !self.write {
            for (obstacle, hint) in obstacles {
                let hint = hint.map(|hint| format!("; hint: {hint}")).unwrap_or_default();
                error::note(&format!("capwrap would refuse to launch it: {obstacle}{hint}"));
            }
            return Ok(());
        }
        self.refuse_failed(learned.run())?;
        if let Some((obstacle, hint)) = obstacles.into_iter().next() {
            let what = format!("capwrap would refuse to launch it: {obstacle}: nothing is written");
            return Err(hint.map_or_else(|| anyhow!("{what}"), |hint| hinted(what.clone(), hint)));
        }
        write(&file, tool, &after, &learned.all)
    }

    /// # Errors
    /// The run failed, and the caller did not say that this is how it works.
    fn refuse_failed(&self, run: &Run) -> Result<()> {
        match run.exit.filter(|_| run.failed && !self.accept_failure) {
            None => Ok(()),
            Some(exit) => Err(hinted(
                format!("the run failed ({exit}), and what it did not come to is not learned: nothing is written"),
                "learn from a run that works; if it works so, add --accept-failure",
            )),
        }
    }

    fn show_change(&self, file: &Path, tool: &Tool, before: &str, after: &str) {
        let change = diff::unified(&file.display().to_string(), before, after, self.color.styled());
        match &tool.policy {
            Some(found) if change.is_empty() && found.is_enabled() => say!("\nThe enabled policy needs no change."),
            Some(found) if change.is_empty() => {
                let which = if found.place == Place::Shipped { "shipped" } else { "disabled" };
                say!("\nThe {which} policy needs no change: capwrap enable {}", tool.name);
            }
            _ => {
                say!("\n{}", change.trim_end());
                if !self.write {
                    error::note("nothing is written; --write puts the change in place");
                }
            }
        }
    }
}

/// Returns the file of the policy: an enabled policy is changed where it is, and another one is not enabled by learning.
fn place(tool: &Tool) -> PathBuf {
    match tool.policy.as_ref().is_some_and(Found::is_enabled) {
        true => enabled::path(&tool.name),
        false => policy_lookup::disabled(&tool.name),
    }
}

/// Returns why a launch by this policy would be refused, or would fail where this run did not, each with what to do.
fn obstacles(text: &str, passed: CapabilitySet, run: &Run) -> Result<Vec<(String, Option<String>)>> {
    let policy = Policy::read(text)?;
    let refusals = tool_faults::all(&policy, &Names::read()).into_iter().filter(|one| one.about != About::Unread);
    let mut found: Vec<_> = refusals.map(|one| (one.why, one.hint)).collect();
    if let (true, Some(execs)) = (policy.exec.forbids_children(passed), run.execs.filter(|execs| *execs > 0)) {
        let times = if execs == 1 { "another program".to_owned() } else { format!("other programs, {execs} times") };
        found.push((
            format!("the policy forbids it to start other programs, and it executed {times}, or itself again"),
            Some("if it must, set children = \"any\" in [exec] of the policy, and learn again".to_owned()),
        ));
    }
    Ok(found)
}

/// What was learned from this run and from all runs so far.
struct Learned {
    /// The profile of this run alone.
    this: Profile,
    /// The profile of this run and of all runs before it.
    all: Profile,
    /// The capabilities that the command needs, or why nothing can be concluded.
    needs: Result<Needs, needs::Inconclusive>,
}

impl Learned {
    fn of(
        run: Run,
        classed: &[Classified],
        granted: &Granted,
        attainable: CapabilitySet,
        earlier: Option<Profile>,
    ) -> Self {
        let looks = own_sets::looks(&run.own_sets, run.held);
        // What further runs proved does not rest on what was counted.
        let nothing = BTreeMap::new();
        let lost = if run.proven().is_some() { &nothing } else { &run.lost };
        let needs = needs::decide(classed, granted.set, run.processes, lost)
            .map(|needs| needs.looking(looks.named, looks.readers))
            .map(|needs| match run.proven() {
                Some(proof) => needs.proven(proof.kept, proof.removed),
                None => needs,
            });
        let needs = needs.map(|needs| needs.within(attainable));
        let this = Profile::of([run]);
        let all = earlier.map_or_else(|| this.clone(), |earlier| earlier.union(this.clone()));
        // A capability that was not granted, or that an earlier run needed, is not removable.
        let removable = |needs: &Needs| needs.removable.intersection(granted.set).without(all.needed());
        let needs = needs.map(|needs| Needs { removable: removable(&needs), ..needs });
        Self { this, all, needs }
    }

    fn run(&self) -> &Run {
        &self.this.runs()[0]
    }
}

/// Returns what a scope has to say of the files that the run used, if they were watched.
fn places(seen: &RunData, user: Option<&User>, tool: &Path) -> Option<Vec<UsedPlace>> {
    let (places, user) = (seen.places.as_ref()?, user?);
    let groups: Vec<u32> = std::iter::once(user.gid).chain(user.groups.iter().copied()).collect();
    Some(used_places::judge(places, used_places::Of { uid: user.uid, groups: &groups, tool }))
}

fn needed(classed: &[Classified]) -> CapabilitySet {
    needs::needed(classed.iter().map(|one| (one.class, one.observation.capability, one.instead)))
}

/// The shipped policy, if the policy that is written was made from it, and not from one of this machine.
fn shipped_of(tool: &Tool) -> Option<Shipped> {
    let from = tool.policy.as_ref().filter(|found| found.place == Place::Shipped)?;
    shipped::of(&tool.name).ok().flatten().filter(|shipped| shipped.now == from.text)
}

/// Writes the policy and the evidence beside it.
fn write(file: &Path, tool: &Tool, text: &str, all: &Profile) -> Result<()> {
    let beside = &profiles::of(&tool.name);
    let read = tool.policy.as_ref().filter(|found| found.place != Place::Shipped);
    // While this lock is held, nobody else can enable or disable a policy. A run takes its time, so what others changed
    // meanwhile is kept.
    let alone = enabled::lock()?;
    // The evidence is written first, so that a policy never says more than its evidence.
    let all = profiles::read(beside)?.map_or_else(|| all.clone(), |now| now.union(all.clone()));
    atomic_write::replace(beside, &all.to_json()?)?;
    let now = Found::of(&tool.name)?.filter(|found| found.place != Place::Shipped);
    let of = |found: Option<&Found>| found.map(|found| (found.place, found.text.clone()));
    if of(now.as_ref()) != of(read) {
        return Err(hinted(
            format!(
                "{} was changed while {} ran: the evidence is written, and nothing else",
                file.display(),
                tool.name
            ),
            "run it again",
        ));
    }
    let enable = format!("capwrap enable {}", tool.name);
    if tool.policy.as_ref().is_some_and(|found| found.text == text) {
        error::note(&format!("the evidence is in {}", beside.display()));
        return Ok(());
    }
    file.parent().map_or(Ok(()), enabled::make_directory)?;
    atomic_write::replace_for_all(file, text)?;
    let shipped = shipped_of(tool);
    let from = shipped.as_ref().map(|shipped| (shipped.path.as_path(), shipped.now.as_str()));
    change_record::policy(&PolicyChange {
        event: Event::Learn,
        name: &tool.name,
        path: file,
        before: read.map(|found| found.text.as_str()),
        after: Some(text),
        shipped: from,
        reason: None,
    });
    if let Some(error) = shipped.and_then(|shipped| shipped::keep(&tool.name, &shipped.now).err()) {
        error::print_error(&format!("{error:#}"), None);
    }
    // The tool may be the file of a user, and reading it may take long.
    drop(alone);
    let is_enabled = read.is_some_and(Found::is_enabled);
    let done = if is_enabled { "changed" } else { "written, and not enabled" };
    error::note(&format!("{} is {done}; the evidence is in {}", file.display(), beside.display()));
    error::note(&if is_enabled {
        format!("note: it is enabled: `{enable}` gives the launcher the capabilities that it now needs")
    } else {
        format!("note: run `{enable}` to enable it")
    });
    if let Ok(policy) = Policy::read(text) {
        let of_code: Vec<&str> = code_warning::CODES.iter().map(|(code, _)| *code).collect();
        let notes = foreign_code::notes(&policy, text, &Names::read());
        for note in notes.into_iter().chain(findings::warnings(&policy, text, &of_code)) {
            error::note(&format!("note: {note}"));
        }
    }
    Ok(())
}
