//! What a text in the words of another launcher gives, whichever launcher that is.

use crate::dialects::detect::Form;
use crate::dialects::engine::rules::Engine;
use crate::dialects::grant::Side;
use crate::dialects::{document, engine, nixos, setcap, systemd};
use anyhow::{Context, Result};
use capwrap_core::text::printable;

/// What was read.
pub enum Read {
    /// A text that is about one process.
    One(Box<Side>),
    /// A text that may be about several, by their names.
    Several(Vec<(String, Side)>),
}

/// Reads a text of this form. `name` is its file's, for errors. Nothing is read of a form that is no launcher's: a
/// policy, the status of a process.
///
/// # Errors
/// Text that the form's parser refuses, and capabilities that are none.
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
        // No command starts a pod's container.
        Engine::Kubernetes => "Kubernetes container",
    };
    let asked = engine::read::read(text).into_iter();
    asked.map(|(name, engine, asked)| Ok((name, asked.side(engine, kind(engine))?))).collect()
}

/// The error of a parser, which may quote what it read.
pub fn foreign(error: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!(printable::text(format!("{error:#}")))
}
