//! Reads what a text in the format of any other launcher grants.

use crate::dialects::detect::Form;
use crate::dialects::engine::rules::Engine;
use crate::dialects::grant::Side;
use crate::dialects::{document, engine, nixos, setcap, systemd};
use anyhow::{Context, Result};
use capwrap_core::text::printable;

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
    let shown = printable::text(name);
    Ok(match form {
        Form::Unit => one(systemd::read::side(&systemd::read::assignments(text, name)?, "systemd unit")),
        Form::Json => {
            let value: serde_json::Value = serde_json::from_str(text)
                .map_err(|error| foreign(&error.into()))
                .with_context(|| format!("{shown}: no JSON"))?;
            Read::Several(document::containers(&[value]).with_context(|| shown.clone())?)
        }
        Form::Yaml => {
            let documents = document::yaml(text).map_err(|error| foreign(&error)).with_context(|| shown.clone())?;
            Read::Several(document::containers(&documents)?)
        }
        Form::Nixos => Read::Several(nixos::read::read(text)?),
        Form::Command => Read::Several(commands(text)?),
        Form::Other => match setcap::read::capable(text)? {
            Some(set) => one(Side::new("output of capable", set, "what was asked for")),
            None => Read::Several(setcap::read::files(text)?),
        },
        Form::Policy | Form::Status => Read::Several(Vec::new()),
    })
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
    let asked = engine::read::read(text).into_iter();
    asked.map(|(name, engine, asked)| Ok((name, asked.side(engine, kind(engine))?))).collect()
}

/// Makes an error of a parser safe to print, because the error may quote what the parser read.
pub fn foreign(error: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!(printable::text(format!("{error:#}")))
}
