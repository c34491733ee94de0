//! The recorder: what keeps the records that policies demand, who can speak to it, and who can change what it kept.

use crate::host::reading::Reading;
use crate::output::finding::{Judgement, Line};
use crate::verbs::doctor::facts::{Facts, LauncherFile, Records};
use crate::verbs::doctor::finding::unreadable;
use capwrap_core::record::line::{FOLDER, HISTORY};
use capwrap_core::record::send::{RECORD_GROUP, RECORDER, START_RECORDER};
use capwrap_core::text::shell;

/// The command that has the recorder answer users where systemd runs.
const START_HISTORY: &str = "systemctl enable --now capwrap-history.socket";

/// The lines about the recorder. Where no policy demands a record and no recorder runs, only what is wrong is said.
pub fn recorder(facts: &Facts) -> Vec<Line> {
    let lines = [listening(facts), group(facts), history(facts), records(facts)];
    lines.into_iter().flatten().collect()
}

/// Whether the launcher's file gives it the group by which the recorder knows it.
pub fn is_known_to_recorder(file: &LauncherFile, record_group: Option<u32>) -> bool {
    file.mode & 0o2010 == 0o2010 && record_group == Some(file.gid)
}

/// Whether the recorder takes the records that policies demand.
fn listening(facts: &Facts) -> Option<Line> {
    let name = "recorder";
    let demanding = demanding(facts);
    match &facts.launcher.recorder {
        Reading::Absent if demanding.is_empty() => None,
        Reading::Absent => Some(
            Line::absent(name, Judgement::Problem)
                .means(format!("no recorder listens, and {demanding} cannot be launched without a record on the disk"))
                .hint(START_RECORDER),
        ),
        Reading::Unreadable(why) => Some(unreadable(name, why)),
        Reading::Is(()) if is_known(facts) => Some(
            Line::ok(name, RECORDER).means("where a policy demands a record, it is on the disk before its tool starts"),
        ),
        Reading::Is(()) => {
            let what = "the launcher is not set-group-ID capwrap-record, and may not connect";
            let line = if demanding.is_empty() {
                Line::note(name, RECORDER).means(what)
            } else {
                Line::problem(name, RECORDER).means(format!("{what}: {demanding} cannot be launched"))
            };
            Some(line.optional_hint(join_group(facts)))
        }
    }
}

/// Who can speak to the recorder: the launcher should, and nobody else.
fn group(facts: &Facts) -> Option<Line> {
    let name = "recorder's group";
    let members = &facts.launcher.record_members;
    if !members.is_empty() {
        let leave: Option<Vec<String>> = members
            .iter()
            .map(|user| Some(format!("gpasswd --delete {} {RECORD_GROUP}", shell::argument(user)?)))
            .collect();
        let means = "these users can speak to the recorder as the launcher does, and so make records of launches that never were";
        return Some(
            Line::problem(name, members.join(", ")).means(means).optional_hint(leave.map(|leave| leave.join("; "))),
        );
    }
    let demanding = demanding(facts);
    let is_needed = facts.launcher.recorder == Reading::Absent && !demanding.is_empty() && !is_known(facts);
    is_needed.then(|| {
        Line::problem(name, RECORD_GROUP)
            .means(format!("the launcher is not set-group-ID {RECORD_GROUP}: {demanding} cannot be launched"))
            .optional_hint(join_group(facts))
    })
}

/// Whether users can ask for their own records.
fn history(facts: &Facts) -> Option<Line> {
    let is_missing = facts.launcher.recorder == Reading::Is(()) && facts.launcher.history == Reading::Absent;
    is_missing.then(|| {
        Line::note("history", HISTORY)
            .means("nobody answers: users other than root and adm cannot ask for their own records")
            .hint(START_HISTORY)
    })
}

/// Who can change and read what was kept.
fn records(facts: &Facts) -> Option<Line> {
    let name = "records";
    let Records { uid, gid, mode, recorder, readers } = match &facts.launcher.records {
        Reading::Is(records) => records,
        Reading::Absent => return None,
        Reading::Unreadable(why) => return Some(unreadable(name, why)),
    };
    let hint = format!("chown capwrap-recorder:adm {FOLDER} && chmod 2750 {FOLDER}");
    let shown = format!("{FOLDER} ({uid}:{gid}, mode {:04o})", mode & 0o7777);
    let problem = |means: &str| Some(Line::problem(name, &shown).means(means).hint(&hint));
    let note = |means: &str| Some(Line::note(name, &shown).means(means).hint(&hint));
    if mode & 0o170_000 != 0o040_000 {
        return Some(Line::problem(name, &shown).means("is no directory: the recorder keeps nothing there"));
    }
    if *recorder != Some(*uid) {
        return problem(
            "does not belong to capwrap-recorder: the recorder cannot write there, and its owner can change records",
        );
    }
    if mode & 0o022 != 0 {
        return problem("other users can write there: they can change records and take them away");
    }
    if mode & 0o005 != 0 {
        return problem("everybody can read who ran which tool, when and why");
    }
    if *readers != Some(*gid) {
        return note("does not belong to the group adm, whose members read all records");
    }
    if mode & 0o2050 != 0o2050 {
        return note("without set-group-ID and the group's rights, members of adm cannot read new files there");
    }
    None
}

fn is_known(facts: &Facts) -> bool {
    let launcher = &facts.launcher;
    launcher.file.is().is_none_or(|file| is_known_to_recorder(file, launcher.record_group))
}

/// The command that makes the launcher known to the recorder.
fn join_group(facts: &Facts) -> Option<String> {
    let path = facts.launcher.file.is()?.in_command.as_ref()?;
    Some(format!("chgrp {RECORD_GROUP} {path} && chmod 2755 {path} && capwrap enable"))
}

/// The policies that demand a record of every launch.
fn demanding(facts: &Facts) -> String {
    let all = facts.policies().filter(|(_, policy)| policy.audit_required).map(|(name, _)| name);
    all.collect::<Vec<_>>().join(", ")
}
