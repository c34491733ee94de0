//! What comes out of learning something that runs: the difference to what it may use, and the text for its manager.

use crate::analysis::profile::SubjectKind;
use crate::dialects::capabilities;
use crate::output::diff;
use crate::output::error::{self, hinted};
use crate::output::terminal::Style;
use crate::store::{atomic_write, enabled};
use crate::verbs::learn::report::{Look, inconclusive};
use crate::verbs::learn::running::settings::Settings;
use crate::verbs::learn::running::watching::{Learned, shown};
use anyhow::{Context, Result};
use capwrap_core::text::printable;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where an administrator puts settings of units (systemd.unit(5)).
const UNITS: &str = "/etc/systemd/system";
/// The drop-in of capwrap.
const DROP_IN: &str = "50-capwrap.conf";

/// The lines below the conclusions: what was watched, what it holds, and how that differs from what it needs.
pub fn lines(learned: &Learned, look: Look) -> String {
    let mut text = String::new();
    let mut line = |label: &str, words: &str| {
        text += &format!("{} {words}\n", Style::Bold.paint(&format!("{label:<10}"), look.styled));
    };
    let subject = &learned.subject;
    for (at, holds) in subject.holds.iter().enumerate() {
        line(if at == 0 { "holds" } else { "" }, holds);
    }
    if let Ok(needs) = &learned.needs {
        let (more, less) = (needs.set().without(subject.held), subject.held.without(needs.set()));
        match (more.is_empty(), less.is_empty()) {
            (true, true) => line("delta", "none: it holds what it needs, and no more"),
            (true, false) => line("delta", &format!("it holds and did not need: {}", shown(less))),
            (false, true) => line("delta", &format!("it needs and does not hold: {}", shown(more))),
            (false, false) => {
                line("delta", &format!("it needs and does not hold: {}", shown(more)));
                line("", &format!("it holds and did not need: {}", shown(less)));
            }
        }
    }
    let from = learned.run.subject.as_ref().is_some_and(|subject| subject.from_start);
    let took = humantime::format_duration(Duration::from_secs(learned.took.as_secs().max(1)));
    line(
        "observed",
        &format!("for {took}, {}", if from { "from its start" } else { "from now on: its start was not seen" }),
    );
    match &subject.user {
        None => line("", "root ran it: root owns the files, so this holds for uid 0 alone"),
        Some(user) if !user.is_empty() => line("", &format!("as {}", printable::text(user))),
        Some(_) => {}
    }
    if let Some(failure) = &learned.failure {
        line("failed", &format!("{}: what it did not come to is not learned", printable::text(failure)));
    }
    text
}

/// Shows the text for the subject's manager, and writes it if the caller asked for that.
pub fn change(settings: &Settings<'_>, learned: &Learned) -> Result<()> {
    if let Err(refusal) = &learned.needs {
        if !settings.write {
            return Ok(());
        }
        refuse_failed(settings, learned)?;
        return Err(inconclusive(refusal));
    }
    let Some(target) = learned.subject.target else { return Ok(()) };
    let Some(after) = capabilities::text(&learned.sets, target, &learned.subject.name) else { return Ok(()) };
    if learned.subject.kind != SubjectKind::Unit {
        if !settings.json {
            say!("\n{}", after.trim_end());
        }
        return Ok(());
    }
    let file = drop_in(&learned.subject.name);
    let before = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    if !settings.json {
        let change = diff::unified(&file.display().to_string(), &before, &after, settings.styled);
        if change.is_empty() {
            say!("\nThe drop-in needs no change.");
        } else {
            say!("\n{}", change.trim_end());
        }
    }
    if !settings.write {
        if before != after && !settings.json {
            error::note("nothing is written; --restart --write writes the drop-in");
        }
        return Ok(());
    }
    refuse_failed(settings, learned)?;
    if before != after {
        file.parent().map_or(Ok(()), enabled::make_directory)?;
        atomic_write::replace_for_all(&file, &after)?;
    }
    error::note(&format!("{} is written", file.display()));
    error::note(&format!(
        "note: it holds from the next start on: systemctl daemon-reload && systemctl restart {}",
        learned.subject.name
    ));
    Ok(())
}

/// Refuses to write what was learned of a start that failed, unless that was accepted.
fn refuse_failed(settings: &Settings<'_>, learned: &Learned) -> Result<()> {
    let Some(failure) = learned.failure.as_ref().filter(|_| !settings.accept_failure) else { return Ok(()) };
    Err(hinted(
        format!("the unit failed ({failure}), and what it did not come to is not learned: nothing is written"),
        "learn from a start that works; if it works so, add --accept-failure",
    ))
}

fn drop_in(unit: &str) -> PathBuf {
    Path::new(UNITS).join(format!("{unit}.d")).join(DROP_IN)
}
