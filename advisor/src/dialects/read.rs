//! Reads what a text in the format of any other launcher grants.

use crate::dialects::compose::files::{self, Files};
use crate::dialects::detect::Form;
use crate::dialects::engine::rules::Engine;
use crate::dialects::grant::Side;
use crate::dialects::listing::{asked, capsh, events, getpcaps, others, pscap};
use crate::dialects::{apparmor, document, engine, lxc, nixos, nspawn, quadlet, seccomp, setcap, systemd, yaml};
use crate::output::error::{HintedError, hinted};
use anyhow::{Context, Result};
use capwrap_core::text::printable;
use serde_json::Value;
use std::path::Path;

/// The result of reading a text.
pub enum Read {
    /// A text about one process.
    One(Box<Side>),
    /// A text about any number of processes, by their names.
    Several(Vec<(String, Side)>),
}

/// Reads a text of this form. `name` is the name of its file, for errors. A form that is no launcher's, such as a
/// policy or the status of a process, yields nothing.
///
/// # Errors
/// The form's parser refuses the text, or a capability is unknown.
pub fn text(form: Form, text: &str, name: &str) -> Result<Read> {
    let mut read = without_profiles(form, text, name)?;
    let files = Files::beside(Path::new(name));
    match &mut read {
        Read::One(side) => seccomp::read::add(side, &files),
        Read::Several(sides) => sides.iter_mut().for_each(|(_, side)| seccomp::read::add(side, &files)),
    }
    Ok(read)
}

fn without_profiles(form: Form, text: &str, name: &str) -> Result<Read> {
    let shown = printable::text(name);
    Ok(match form {
        Form::Unit => {
            let read = systemd::syntax::of_unit(text, name)?;
            let settings = if name.ends_with(".conf") { systemd::refusal::of_drop_in(read) } else { read };
            systemd::read::side(&settings, "systemd unit")?.map_or_else(none, one)
        }
        Form::Quadlet => one(quadlet::read::side(text, name)?),
        Form::Lxc => one(lxc::read::side(text).with_context(|| shown.clone())?),
        Form::Nspawn => one(nspawn::read::side(text, name)?),
        Form::Json => {
            let values = serde_json::Deserializer::from_str(text).into_iter().collect::<Result<Vec<_>, _>>();
            let values = values.map_err(|error| foreign(&error.into())).with_context(|| format!("{shown}: no JSON"))?;
            documents(&values, name).with_context(|| shown.clone())?
        }
        Form::Yaml => {
            let values = yaml::documents(text).map_err(|error| foreign(&error)).with_context(|| shown.clone())?;
            match documents(&values, name).with_context(|| shown.clone())? {
                // Playbooks and workflows hold commands.
                Read::Several(none) if none.is_empty() => Read::Several(commands(text).with_context(|| shown.clone())?),
                read => read,
            }
        }
        Form::Nixos => Read::Several(nixos::read::read(text)?),
        Form::Command => Read::Several(commands(text).with_context(|| shown.clone())?),
        Form::Other => listing(text).with_context(|| shown.clone())?,
        Form::Policy | Form::Status => none(),
    })
}

/// Reads JSON or YAML.
fn documents(values: &[Value], name: &str) -> Result<Read> {
    if let Some(side) = asked::records(values)? {
        return Ok(one(side));
    }
    if let Some(processes) = events::read(values)? {
        return Ok(Read::Several(processes));
    }
    let path = Path::new(name);
    let mut found = document::containers(values, &Files::beside(path))?;
    if let Some(other) = files::override_of(path).filter(|_| values.iter().any(|one| one.get("services").is_some())) {
        let note = format!("Compose adds {} by itself, which was not read", printable::text(other));
        found.iter_mut().for_each(|(_, side)| side.notes.push(note.clone()));
    }
    Ok(Read::Several(found))
}

/// Reads what another tool printed. Each of these readers knows its own text from the others.
fn listing(text: &str) -> Result<Read> {
    if let Some(side) = capsh::read(text)? {
        return Ok(one(side));
    }
    if systemd::show::is_one(text) {
        return Ok(Read::Several(systemd::show::read(text)?));
    }
    if let Some(processes) = pscap::read(text)? {
        return Ok(Read::Several(processes));
    }
    if let Some(files) = setcap::read::filecap(text)? {
        return Ok(Read::Several(files));
    }
    if let Some(side) = asked::columns(text)? {
        return Ok(one(side));
    }
    if let Some(profiles) = apparmor::read::read(text)? {
        return Ok(Read::Several(profiles));
    }
    others::text(text)?;
    let processes = getpcaps::read(text)?;
    Ok(Read::Several(if processes.is_empty() { setcap::commands::of_text(text)? } else { processes }))
}

fn none() -> Read {
    Read::Several(Vec::new())
}

fn one(side: Side) -> Read {
    Read::One(Box::new(side))
}

fn commands(text: &str) -> Result<Vec<(String, Side)>> {
    let kind = |engine| match engine {
        Engine::Docker => "docker command",
        Engine::Podman => "podman command",
        Engine::Nerdctl => "nerdctl command",
        // No command starts a container of a pod.
        Engine::Kubernetes => "Kubernetes container",
    };
    let asked = engine::read::read(text)?.into_iter();
    let mut sides =
        asked.map(|(name, engine, asked)| Ok((name, asked.side(engine, kind(engine))?))).collect::<Result<Vec<_>>>()?;
    // A script can do both.
    sides.extend(setcap::commands::files(text)?);
    Ok(sides)
}

/// Makes an error of a parser safe to print, because the error may quote what the parser read.
pub fn foreign(error: &anyhow::Error) -> anyhow::Error {
    let what = printable::text(format!("{error:#}"));
    match error.downcast_ref::<HintedError>() {
        Some(error) => hinted(what, error.hint.clone()),
        None => anyhow::anyhow!(what),
    }
}
