//! A decision for this machine, by the only one that can say what a launch would do here: the
//! launcher, which has its file capabilities and tries the probes.

use crate::output::error::{hinted, reason};
use crate::output::outcome;
use crate::store::file_caps;
use crate::verbs::explain::asked::Asked;
use crate::verbs::explain::paint::paint;
use anyhow::Result;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// Becomes `capwrap --explain`, or paints what it says.
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
    // Whoever stopped reading has what they want.
    let _ = std::io::stdout().write_all(paint(&String::from_utf8_lossy(&output.stdout), true).as_bytes());
    Ok(ExitCode::from(output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(outcome::REFUSED)))
}

/// The same request as the launcher takes it. Behind `--` a word is a tool, whatever else it is.
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
