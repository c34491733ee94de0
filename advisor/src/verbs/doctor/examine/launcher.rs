//! The launcher, its policies, the accounts file that it reads, and the log.

use super::recorder::{self, is_known_to_recorder};
use crate::host::launcher_kernels;
use crate::host::reading::Reading;
use crate::output::finding::{Judgement, Line};
use crate::verbs::doctor::facts::{Enabled, Facts, LauncherFile, Log, Policy};
use crate::verbs::doctor::finding::unreadable;
use capwrap_core::record::send::RECORD_GROUP;
use capwrap_core::record::write::Event;
use std::path::PathBuf;

pub fn launcher(facts: &Facts) -> Vec<Line> {
    let launcher = &facts.launcher;
    let path = launcher.path.display().to_string();
    let mut lines = match &launcher.file {
        // In another user namespace the true owner of these files cannot be known.
        Reading::Is(file) if file.uid != 0 && facts.rights.initial_namespace == Reading::Is(false) => {
            let means = "belongs to a user who is not root in this user namespace, as what it reads does";
            return vec![Line::note("file", path).means(means)];
        }
        Reading::Is(file) => vec![owner(&path, file, launcher.record_group), carried(facts, file)],
        Reading::Absent => vec![Line::problem("file", path).means("is not there").hint("sudo ./install.sh")],
        Reading::Unreadable(why) => vec![unreadable("file", why)],
    };
    lines.extend(policies(facts));
    lines.push(match &launcher.accounts {
        Reading::Is(()) => Line::ok("accounts", "/etc/passwd").means("names of users are looked up there"),
        Reading::Absent => Line::problem("accounts", "/etc/passwd")
            .means("is not there: the launcher cannot find out who the caller is")
            .hint("an image needs /etc/passwd with a line for root"),
        Reading::Unreadable(why) => unreadable("accounts", why),
    });
    lines.extend(recorder::recorder(facts));
    lines.push(log(facts));
    lines.extend(storage(facts));
    lines
}

fn owner(path: &str, file: &LauncherFile, record_group: Option<u32>) -> Line {
    let mode = file.mode & 0o7777;
    let is_known_to_recorder = is_known_to_recorder(file, record_group);
    let set_ids = if is_known_to_recorder { 0o4000 } else { 0o6000 };
    if file.uid != 0 || mode & 0o022 != 0 || mode & set_ids != 0 {
        let line = Line::problem("file", path).means(format!(
            "belongs to {}:{} with mode {mode:04o}: others can change it, or it is setuid",
            file.uid, file.gid
        ));
        return match &file.in_command {
            Some(path) => line.hint(format!("chown root:root {path}; chmod 0755 {path}; sudo capwrap enable")),
            None => line.hint("install it where root owns every directory"),
        };
    }
    if mode & 0o111 != 0o111 {
        let line = Line::problem("file", path).means(format!("mode {mode:04o}: not everybody may start it"));
        return match &file.in_command {
            Some(path) => line.hint(format!("chmod 0755 {path}")),
            None => line,
        };
    }
    let group = if is_known_to_recorder { format!(", group {RECORD_GROUP}") } else { String::new() };
    Line::ok("file", path).means(format!("root's{group}, mode {mode:04o}"))
}

fn carried(facts: &Facts, file: &LauncherFile) -> Line {
    const HINT: &str = "sudo capwrap enable";
    let name = "carries";
    let needed = facts.needed();
    let permitted = match &file.permitted {
        Ok(permitted) => *permitted,
        Err(why) => return unreadable(name, why),
    };
    let shown = if permitted.is_empty() { "nothing".to_owned() } else { permitted.to_string() };
    let (few, many) = (needed.without(permitted), permitted.without(needed));
    let problem = |means: String| Line::problem(name, &shown).means(means).hint(HINT);
    if let Some(means) = launcher_kernels::misfit(few, many, facts.launcher.any_kernel) {
        return problem(means);
    }
    if file.marked_otherwise {
        return problem("and some of it effective or inheritable, which it must not be".to_owned());
    }
    match file.root_id {
        Some(root) => Line::note(name, &shown).means(format!("only in the user namespace whose root is uid {root}")),
        None => {
            let kernel = launcher_kernels::on_which(facts.launcher.any_kernel);
            Line::ok(name, &shown).means(format!("what the enabled policies need together {kernel}"))
        }
    }
}

fn policies(facts: &Facts) -> Vec<Line> {
    let name = "policies";
    let none = "none is enabled: nothing can be launched";
    let hint = "sudo capwrap enable NAME";
    let all = match &facts.launcher.policies {
        Reading::Is(all) if !all.is_empty() => all,
        Reading::Is(_) | Reading::Absent => return vec![Line::note(name, "0").means(none).hint(hint)],
        Reading::Unreadable(why) => return vec![unreadable(name, why)],
    };
    let names: Vec<&str> = all.iter().map(|policy| policy.name.as_str()).collect();
    let mut lines = vec![Line::ok(name, format!("{} enabled", all.len())).means(names.join(", "))];
    lines.extend(all.iter().filter_map(faulty));
    lines.extend(facts.policies().flat_map(|(_, policy)| policy.demands.iter().cloned()));
    lines
}

/// A policy that has something wrong with it.
fn faulty(policy: &Enabled) -> Option<Line> {
    let name = format!("policy {}", policy.name);
    match &policy.read {
        Err(why) => Some(
            Line::problem(name, "cannot be used")
                .means(why)
                .hint(format!("correct the file, or sudo capwrap disable {}", policy.name)),
        ),
        Ok(Policy { unreadable: Some(why), .. }) => {
            Some(Line::problem(name, "capwrap refuses to launch its tool").means(why))
        }
        Ok(Policy { tool: None, paths, .. }) => {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            Some(
                Line::note(name, "its tool is not there")
                    .means(paths.join(", "))
                    .hint(format!("install it, or sudo capwrap disable {}", policy.name)),
            )
        }
        Ok(_) => None,
    }
}

fn log(facts: &Facts) -> Line {
    let name = "log";
    match &facts.launcher.log {
        Reading::Is(Log::Journal) => Line::ok(name, "the journal").means("a record of every launch is sent to it"),
        Reading::Is(Log::Syslog) => Line::ok(name, "syslog").means(
            "a record of every launch is sent to it; what it drops by its own rules and limits is not known here",
        ),
        Reading::Absent => Line::absent(name, Judgement::Note)
            .means("no log listens: no record of a launch is sent to one")
            .hint("start journald or syslog"),
        Reading::Unreadable(why) => {
            Line::problem(name, why).means("the log is there and takes no record: no launch goes on")
        }
    }
}

/// What the journal does with a record that was sent to it. A record that a policy demands is the recorder's.
fn storage(facts: &Facts) -> Vec<Line> {
    if facts.launcher.log != Reading::Is(Log::Journal) {
        return Vec::new();
    }
    let name = "journald";
    let settings = match &facts.launcher.journald {
        Reading::Is(settings) => settings,
        Reading::Absent => return Vec::new(),
        Reading::Unreadable(why) => return vec![unreadable(name, why)],
    };
    let judged = |drops: bool, value: String| if drops { Line::note(name, value) } else { Line::ok(name, value) };
    let mut lines = Vec::new();
    if settings.stores_nothing.value {
        let value = format!("Storage=none ({})", set_by(&settings.stores_nothing.set_by));
        lines.push(judged(true, value).means("the journal drops every record").hint(format!(
            "write [Journal] and Storage=auto into {DROP_IN}, then systemctl restart systemd-journald; \
             the journal then stores the messages of everything else, too"
        )));
    }
    let level = settings.max_level.value;
    if level < REFUSAL_LEVEL.max(LAUNCH_LEVEL) {
        let value = format!("MaxLevelStore={level} ({})", set_by(&settings.max_level.set_by));
        let what = if level < REFUSAL_LEVEL { "every record" } else { "the records of launches" };
        lines.push(judged(true, value).means(format!("the journal drops {what}")).hint(format!(
            "write [Journal] and MaxLevelStore=notice (or more) into {DROP_IN}, then systemctl restart systemd-journald; \
             the journal then stores messages up to that level of everything else, too"
        )));
    }
    if settings.is_limited() && lines.is_empty() {
        let by = [&settings.burst.set_by, &settings.interval.set_by].into_iter().flatten().next().cloned();
        let (burst, interval) = (settings.burst.value, humantime::format_duration(settings.interval.value));
        let value = format!("at most {burst} messages in {interval} ({})", set_by(&by));
        let means = "a caller who sends more from one unit (times 1 to 6, by the free space on the disk) has later \
             records dropped until that time is over";
        lines.push(judged(false, value).means(means));
    }
    lines
}

/// The drop-in that the hints name.
const DROP_IN: &str = "/etc/systemd/journald.conf.d/99-capwrap.conf";

/// The levels of syslog(3) that capwrap_core::record::write gives to launches, and to bypasses and refusals.
const LAUNCH_LEVEL: u8 = Event::Launch.priority();
const REFUSAL_LEVEL: u8 = Event::Refusal.priority();

fn set_by(file: &Option<PathBuf>) -> String {
    file.as_ref().map_or_else(|| "the default".to_owned(), |file| file.display().to_string())
}
