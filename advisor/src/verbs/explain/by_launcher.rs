//! Explains a decision for this machine by asking the launcher. Only the launcher can say what a launch would do here,
//! because it has its file capabilities and tries the probes.

use crate::output::error::{hinted, reason};
use crate::output::outcome;
use crate::output::standard_output;
use crate::store::file_caps;
use crate::verbs::explain::asked::Asked;
use crate::verbs::explain::paint::paint;
use anyhow::Result;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// Executes `capwrap --explain`, or runs it and colours its output.
pub fn explain(asked: &Asked, styled: bool) -> Result<ExitCode> {
    let path = file_caps::installed();
    let mut launcher = Command::new(&path);
    launcher.args(words(asked));
    let failed = |error: std::io::Error| {
        hinted(
            format!("cannot ask {}: {}", path.display(), reason(&error)),
            "install capwrap whole: install.sh puts the launcher there",
        )
    };
    if !styled {
        return Err(failed(launcher.exec()));
    }
    let output = launcher.stderr(Stdio::inherit()).output().map_err(failed)?;
    standard_output::write(&paint(&String::from_utf8_lossy(&output.stdout), true));
    Ok(ExitCode::from(output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(outcome::REFUSED)))
}

/// The same request as arguments of the launcher. After `--` every word is a tool, even if it is the name of a verb.
fn words(asked: &Asked) -> Vec<OsString> {
    let option = |name: &str, value: &str| OsString::from(format!("--{name}={value}"));
    let mut words = vec![OsString::from("--explain")];
    words.extend(asked.request.mode.iter().map(|mode| option("mode", mode)));
    words.extend(asked.reason.iter().map(|reason| option("reason", reason)));
    for (name, set) in [("drop", asked.request.drop), ("add", asked.request.add)] {
        if !set.is_empty() {
            words.push(option(name, &set.to_string()));
        }
    }
    words.push(OsString::from("--"));
    words.push(OsString::from(&asked.tool));
    words.extend(asked.arguments.iter().cloned());
    words
}
