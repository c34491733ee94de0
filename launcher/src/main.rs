//! capwrap: run a tool with exactly the capabilities that its policy grants.
//!
//! This file shows the launch from top to bottom. Each step is a module of `launch`, named for what
//! it does. Each step fails closed: capwrap prints one line that names the cause, exits with 125,
//! and runs nothing. `system` is the boundary to the kernel and holds every `unsafe`.
//!
//! No Rust runtime runs before `main`; `system::entry` says why.
#![no_main]

mod launch;
mod refusal;
mod system;

use capwrap_core::decision::authorise::AllowedBy;
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::questions::Questions;
use capwrap_core::decision::{Decision, decide};
use capwrap_core::explain::{Explanation, MISSING_HERE};
use capwrap_core::policy::Policy;
use capwrap_core::record::write::Event;
use capwrap_core::text::printable;
use launch::caller::{self, Identified};
use launch::command_line::{self, Command, Launch};
use launch::policy_file::{self, PolicyFile};
use launch::raise::Planned;
use launch::record::Subject;
use launch::record_group::RecordGroup;
use launch::run_request::RunRequest;
use launch::{
    attainable, demands, domain, execute, filter, hardening, machine, other_user, raise, record, sanitise, tool, verb,
    watch,
};
use refusal::{Refusal, print_error};
use std::convert::Infallible;
use std::ffi::OsString;
use std::io::Write;
use system::watcher::Watcher;

/// Returns the exit code of the process, unless the process becomes another program.
fn start() -> u8 {
    run().unwrap_or_else(|refusal| {
        // The advisor knows more about a tool without a policy. It says so in place of the refusal, with the same exit
        // code, and has no more rights than the caller.
        if let Some(name) = refusal.tool_without_policy() {
            let words = [verb::WITHOUT_POLICY, name].map(OsString::from);
            let _ = RecordGroup::given_up().and_then(|group| verb::become_advisor(&words, group));
        }
        refusal.report()
    })
}

fn run() -> Result<u8, Refusal> {
    let group = RecordGroup::set_aside()?;
    hardening::secure()?;
    match command_line::read()? {
        Command::Print(text) => Ok(print(&text)),
        Command::Verb(words) => match verb::become_advisor(&words, group)? {},
        Command::Tool(launch) => {
            let who = caller::identify(&group)?;
            if launch.explain {
                return explain(&launch, &who, group);
            }
            match become_tool(&launch, &who, group) {
                Err(refusal) => Err(recorded(&who, &launch, refusal)),
                Ok(never) => match never {},
            }
        }
        Command::Run(words) => {
            let root = caller::identify(&group)?;
            let request = RunRequest::read(&words)?;
            match start_command(&request, &root, group) {
                Err(refusal) => Err(recorded(&root, &request.launch, refusal)),
                Ok(never) => match never {},
            }
        }
    }
}

fn recorded(who: &Identified, launch: &Launch, refusal: Refusal) -> Refusal {
    record::refusal(who, launch, &refusal);
    refusal
}

/// The trusted path, from the policy on. capwrap(1) numbers the steps as the modules do.
fn become_tool(launch: &Launch, who: &Identified, group: RecordGroup) -> Result<Infallible, Refusal> {
    let file = policy_file::read(&launch.name)?;
    let ground = caller::authorised(who, &file, launch)?;
    if launch.bypass {
        return bypass(launch, who, &file, &ground, group);
    }
    finish(launch, &ground, who, who, &file.policy, Origin::File(&file), group)
}

/// Root's own command, by the same steps: the policy is made from what root asks for, and the command can run as
/// another user.
fn start_command(request: &RunRequest, root: &Identified, group: RecordGroup) -> Result<Infallible, Refusal> {
    if !root.is_root() {
        return Err(
            Refusal::new("run is for root alone").with_hint("have an administrator enable a policy for the tool")
        );
    }
    let user = request.user.as_ref().map(|user| Identified { caller: user.clone(), local: root.local.clone() });
    let policy = request.policy()?;
    let watcher = match request.watch.as_deref() {
        Some(report) => watch::start(report, request.places)?,
        None => None,
    };
    let user = user.as_ref().unwrap_or(root);
    finish(&request.launch, &AllowedBy::Root, root, user, &policy, Origin::Root(watcher), group)
}

/// Where the policy of a launch is from.
enum Origin<'f> {
    /// It was read from this file.
    File(&'f PolicyFile),
    /// It was made from what root asked for, who may also want the command's calls watched.
    Root(Option<Watcher>),
}

/// The rest of the trusted path: `who` launches the tool, and it runs as `user`, who is the same except for
/// `capwrap run`. The record takes `group`, which ends there.
fn finish(
    launch: &Launch,
    ground: &AllowedBy,
    who: &Identified,
    user: &Identified,
    policy: &Policy,
    origin: Origin<'_>,
    group: RecordGroup,
) -> Result<Infallible, Refusal> {
    let facts = machine::facts(policy, user, Some(ground))?;
    let decision = decision(launch, policy, &facts)?;
    attainable::refuse(&launch.name, &attainable::shortfalls(&launch.name, policy, &decision, &facts)?)?;
    let planned = Planned::of(policy, &decision, &facts)?;
    let tool = tool::check(launch, policy, who, &planned)?;
    let (event, file, watcher) = match origin {
        Origin::File(file) => (Event::Launch, Some(file), None),
        Origin::Root(watcher) => (Event::Run, None, watcher),
    };
    record::launch(event, &Subject { who, user, launch, policy, file, decision: &decision, tool: &tool }, group)?;
    other_user::become_user(who, user)?;
    let prepared = sanitise::surroundings(launch, policy, user, &facts, &tool)?;
    sanitise::rights(policy, &decision, &facts)?;
    demands::report(&launch.name, &decision, &facts)?;
    domain::join(&launch.name, policy, &decision, &tool)?;
    raise::exactly(&planned)?;
    filter::install(&launch.name, policy, &decision, &prepared)?;
    watch::begin(watcher, facts.kernel, policy.exec.no_new_privs)?;
    execute::become_tool(launch, policy, &tool, &prepared, facts.kernel)
}

fn decision<'p>(launch: &Launch, policy: &'p Policy, facts: &Facts) -> Result<Decision<'p>, Refusal> {
    decide(policy, facts, &launch.arguments, &launch.request)
        .map_err(|error| Refusal::new(format!("{}: {error}", launch.name)).with_hint(error.hint()))
}

/// Root can use this where capwrap cannot drop capabilities: it runs the checked tool with
/// everything that root has.
fn bypass(
    launch: &Launch,
    who: &Identified,
    file: &PolicyFile,
    ground: &AllowedBy,
    group: RecordGroup,
) -> Result<Infallible, Refusal> {
    if !who.is_root() {
        return Err(Refusal::new("--bypass is for root alone").with_hint("leave it (or CAPWRAP_BYPASS) out"));
    }
    let facts = machine::facts(&file.policy, who, Some(ground))?;
    let decision = decision(launch, &file.policy, &facts)?;
    let tool = tool::check(launch, &file.policy, who, &Planned::of(&file.policy, &decision, &facts)?)?;
    let subject =
        Subject { who, user: who, launch, policy: &file.policy, file: Some(file), decision: &decision, tool: &tool };
    record::launch(Event::Bypass, &subject, group)?;
    let warning = format!("WARNING: --bypass: {} runs with everything root has, not with its policy", launch.name);
    print_error(&warning, None);
    let prepared = sanitise::surroundings(launch, &file.policy, who, &facts, &tool)?;
    execute::become_tool(launch, &file.policy, &tool, &prepared, facts.kernel)
}

/// Explains the decision that a launch would make. The text first says whether capwrap would refuse
/// the launch, and why.
fn explain(launch: &Launch, who: &Identified, group: RecordGroup) -> Result<u8, Refusal> {
    let file = policy_file::read(&launch.name)?;
    let ground = caller::authorised(who, &file, launch);
    // The group of the recorder ends here.
    let stored = record::explained(&file.policy, ground.is_ok(), group)?;
    let facts = machine::facts(&file.policy, who, ground.as_ref().ok())?;
    let decision = decision(launch, &file.policy, &facts)?;
    let shortfalls = attainable::shortfalls(&launch.name, &file.policy, &decision, &facts)?;
    let planned = Planned::of(&file.policy, &decision, &facts)?;
    let tool = tool::check(launch, &file.policy, who, &planned);
    let said =
        |outcome: Result<String, &Refusal>| outcome.unwrap_or_else(|refusal| format!("refused: {}", refusal.message()));
    let mut context = vec![
        ("caller", said(ground.as_ref().map(|ground| format!("{}, as {ground}", who.name())))),
        ("tool", said(tool.as_ref().map(|tool| tool.path.display().to_string()))),
        ("kernel", facts.kernel.to_string()),
    ];
    let has_record = !matches!(stored, Some(Err(_)));
    context.extend(stored.map(|stored| ("record", stored.unwrap_or_else(|why| format!("refused: {why}")))));
    for probe in Questions::of(&file.policy).probes.iter().filter(|probe| !facts.probes.contains_key(probe)) {
        let borrowed = probe.borrows();
        let why = format!("{probe} was not asked: it takes {borrowed}, and you are not authorised");
        context.push(("probe", why));
    }
    if launch.bypass {
        context.push(("bypass", "root would keep all it has; what follows is the policy's decision".to_owned()));
    }
    if attainable::in_own_user_namespace() == Some(true) {
        context.push(("namespace", "a user namespace of its own: capabilities count in it alone".to_owned()));
    }
    let (gaps, is_beyond_kernel) = domain::explained(&file.policy, &decision)?;
    context.extend(gaps.into_iter().map(|gap| ("scopes", gap)));
    let demands = demands::explained(&decision, &facts, ground.is_ok())?;
    let explanation = Explanation {
        name: &launch.name,
        file: &file.path,
        policy: &file.policy,
        facts: &facts,
        arguments: &launch.arguments,
        decision: &decision,
        shortfalls: &shortfalls,
        demands: &demands,
        missing: MISSING_HERE,
        dropped: launch.request.drop,
        context: &context,
    };
    let would_run = ground.is_ok() && tool.is_ok() && shortfalls.is_empty() && !is_beyond_kernel && has_record;
    let printed = print(&explanation.render());
    Ok(if would_run { printed } else { refusal::REFUSED })
}

fn print(text: &str) -> u8 {
    match std::io::stdout().write_all(printable::page(text).as_bytes()) {
        Ok(()) => 0,
        // A reader that takes only the beginning, as head(1) does, has what it wants.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
        Err(_) => refusal::REFUSED,
    }
}
