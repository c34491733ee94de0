//! Corrects what is wrong, through the file descriptors that were checked.
//!
//! If users other than root could have written a file, `--fix` only removes the file's capabilities. Correcting its
//! owner or mode would make the file trusted, with whatever those users wrote or can still write through a descriptor
//! that they hold open.

use crate::host::change_record;
use crate::host::installed_file::{Installed, carried};
use crate::output::error;
use crate::output::outcome::Outcome;
use crate::store::file_caps;
use crate::verbs::verify::judged::{Fix, Subject};
use anyhow::{Context, Result, bail};
use capwrap_core::capability::xattr::Attribute;
use capwrap_core::policy::FileCapabilities;
use capwrap_core::record::write::Event;
use capwrap_core::tool_rules;
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, fchown};
use std::path::Path;
use std::path::PathBuf;

/// Corrects what can be corrected and prints each change. A failure is reported, and the other fixes are still applied.
///
/// File capabilities that others may use today are taken from a file only if `takes` says so.
pub fn all<'s>(subjects: impl Iterator<Item = &'s Subject>, takes: bool) -> Outcome {
    let mut of_files: BTreeMap<&PathBuf, Vec<&Fix>> = BTreeMap::new();
    for (path, fix) in subjects.flat_map(|subject| &subject.lines).filter_map(|judged| judged.fix.as_ref()) {
        of_files.entry(path).or_default().push(fix);
    }
    let outcomes = of_files.iter().map(|(path, fixes)| match apply(path, fixes, takes) {
        Ok(()) => Outcome::Clean,
        Err(error) => {
            error::report(&error);
            Outcome::NotAll
        }
    });
    outcomes.fold(Outcome::Clean, Outcome::and)
}

/// Applies the fixes of one file.
///
/// # Errors
/// Fails if other users can put another file in its place, or if the system refuses a change.
fn apply(path: &Path, fixes: &[&Fix], takes: bool) -> Result<()> {
    let found = Installed::look(path).with_context(|| format!("cannot check {}", path.display()))?;
    let shown = capwrap_core::text::printable::text(&found.real);
    if !found.weaknesses(0).is_empty() || !found.is_regular {
        bail!("{}: left as it is: others can put another file in its place", capwrap_core::text::printable::text(path));
    }
    let is_removal = |fix: &Fix| *fix == Fix::Capabilities(None);
    let loss = if takes { None } else { loss(&found) };
    if let Some(loss) = loss.as_ref().filter(|_| fixes.iter().any(|fix| is_removal(fix))) {
        say!("left as it is: {shown}: {loss}");
        let copy = found.in_command().and_then(|_| tool_rules::a_copy(&found.real));
        say!("hint: --yes takes them{}", copy.map_or_else(String::new, |copy| format!("; to leave them: {copy}")));
    }
    let allowed = |fix: &&&Fix| if is_removal(fix) { loss.is_none() } else { !found.is_others_too() };
    let fixes: Vec<&Fix> = fixes.iter().filter(allowed).copied().collect();
    let file = found.read().with_context(|| format!("cannot open {shown}"))?;
    // chown(2) removes file capabilities and setuid bits, and chmod(2) removes none, so this order matters.
    let before = found.carries.as_ref().ok().and_then(Option::as_ref);
    let mut capabilities: Option<Option<&FileCapabilities>> = None;
    let mut changes_group = false;
    for fix in &fixes {
        if let Fix::Group(gid) = fix {
            fchown(&file, None, Some(*gid)).with_context(|| format!("cannot change the group of {shown}"))?;
            report(&found.real, &format!("group {gid} (was {})", found.gid));
            changes_group = true;
        }
    }
    for fix in &fixes {
        match fix {
            Fix::Mode(mode) => {
                let mode_now = std::fs::Permissions::from_mode(*mode);
                file.set_permissions(mode_now).with_context(|| format!("cannot change the mode of {shown}"))?;
                report(&found.real, &format!("mode {mode:04o} (was {:04o})", found.mode));
            }
            Fix::Capabilities(wanted) => capabilities = Some(wanted.as_ref()),
            Fix::Group(_) => {}
        }
    }
    match (capabilities, before) {
        (Some(wanted), _) => {
            set(&file, wanted)?;
            let was = crate::verbs::verify::file::notation(before);
            let is = crate::verbs::verify::file::notation(carried(&file).ok().flatten().as_ref());
            report(&found.real, &format!("{is} (was {was})"));
        }
        // The change of the group removed capabilities that were right.
        (None, Some(Attribute { capabilities, root_id: None })) if changes_group => set(&file, Some(capabilities))?,
        _ => {}
    }
    Ok(())
}

/// Returns who loses what with the file's capabilities. It returns `None` if nobody does.
fn loss(found: &Installed) -> Option<String> {
    let attribute = found.carries.as_ref().ok()?.as_ref()?;
    let permitted = attribute.capabilities.permitted;
    let who = if found.mode & 0o001 == 0 { "whoever may execute it" } else { "everybody" };
    (!permitted.is_empty()).then(|| format!("{who} would lose {permitted}, until its package is upgraded"))
}

/// Prints a correction, and records it.
fn report(file: &Path, change: &str) {
    say!("fixed: {}: {change}", capwrap_core::text::printable::text(file));
    change_record::file(Event::Fix, file, &[("change", change)]);
}

fn set(file: &std::fs::File, wanted: Option<&FileCapabilities>) -> Result<()> {
    let nothing = file_caps::permitted(capwrap_core::CapabilitySet::EMPTY);
    let wanted = wanted.copied().unwrap_or(nothing);
    file_caps::write(file, wanted)
}
