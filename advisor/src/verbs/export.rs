//! `capwrap export`: prints a policy's grant, or what a profile shows to be needed, in the format of another launcher.

use crate::analysis::profile::{MAX_BYTES, Profile};
use crate::dialects;
use crate::dialects::capabilities::{self, Sets};
use crate::dialects::export_request::Launch;
use crate::dialects::target::Target;
use crate::host::installed_file;
use crate::host::target_machine::TargetMachine;
use crate::output::error::{self, hinted};
use crate::store::{atomic_write, bounded_read, policy_lookup};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Export {
    /// The policy, by its name or by the path of its file; or the path of a profile
    #[arg(value_name = "NAME")]
    policy: String,
    /// The launcher to write it for
    #[arg(long, value_name = "LAUNCHER")]
    to: Target,
    /// Export what this mode grants, not what all modes grant together
    #[arg(long, value_name = "NAME")]
    mode: Option<String>,
    #[command(flatten)]
    target_machine: TargetMachine,
    /// Write the scopes as a seccomp profile into this file, and refer to it (docker, podman, compose, kubernetes)
    #[arg(long, value_name = "FILE")]
    seccomp: Option<PathBuf>,
    /// Write into this file, not to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub fn run(&self) -> Result<()> {
        if let Some(profile) = self.profile()? {
            return self.write(&self.of_profile(&profile)?);
        }
        let source = policy_lookup::load(&self.policy)?;
        let facts = self.target_machine.facts(&source.policy)?;
        let launch = Launch::of(&source, &facts, self.mode.as_deref())?;
        // This is the path that a launch would take, if one exists.
        let launch = match installed_file::first(&source.policy.tool.paths) {
            // setcap(8) refuses a link.
            Some(path) if self.to == Target::Setcap && path.is_symlink() => {
                let file = path.canonicalize().with_context(|| format!("cannot follow {}", printable::text(path)))?;
                launch.with_file_behind(path, &file)
            }
            Some(path) => launch.with_tool(path),
            None => launch,
        };
        let launch = self.with_seccomp(launch)?;
        self.write(&dialects::write::text(&launch, self.to)?)
    }

    /// Writes the seccomp profile, if one is asked for, and returns the launch that refers to it.
    fn with_seccomp<'p>(&self, launch: Launch<'p>) -> Result<Launch<'p>> {
        let Some(path) = &self.seccomp else { return Ok(launch) };
        if !self.to.takes_a_profile() {
            return Err(hinted(
                "--seccomp: this launcher takes no seccomp profile from a file",
                "leave --seccomp out: systemd and oci have the scopes in the export itself",
            ));
        }
        let Some(text) = dialects::seccomp::write::text(&launch)? else {
            return Err(hinted(
                format!(
                    "--seccomp: the policy {} has no scopes, and the engine's own profile is as strict",
                    launch.name
                ),
                "leave --seccomp out",
            ));
        };
        let path = std::path::absolute(path).with_context(|| format!("cannot write {}", path.display()))?;
        // A node of Kubernetes looks for it in a folder of its own.
        let name = if self.to == Target::Kubernetes { path.file_name().map(Path::new) } else { Some(path.as_path()) };
        let name = name.and_then(Path::to_str).map(str::to_owned);
        let name = name.with_context(|| format!("cannot write {}: its name is no text", path.display()))?;
        atomic_write::replace(&path, &text)?;
        Ok(launch.with_seccomp(name))
    }

    /// The profile that the operand names, if it names one.
    fn profile(&self) -> Result<Option<Profile>> {
        let path = Path::new(&self.policy);
        if !path.is_file() || path.extension().is_some_and(|end| end == "toml") {
            return Ok(None);
        }
        let text = bounded_read::text_of(path, MAX_BYTES)?;
        if !text.trim_start().starts_with('{') {
            return Ok(None);
        }
        Profile::read(&text).map(Some).with_context(|| printable::text(path))
    }

    /// What the runs of a profile needed together, for this launcher.
    fn of_profile(&self, profile: &Profile) -> Result<String> {
        let shown = printable::text(&self.policy);
        if self.mode.is_some() || self.seccomp.is_some() || self.target_machine.other()?.is_some() {
            return Err(hinted(
                format!("{shown} is a profile, and not a policy with modes and conditions"),
                "leave --mode, --seccomp, --kernel and --facts out",
            ));
        }
        let (_, name) = profile.subject().map_err(|error| {
            hinted(format!("cannot export {shown}: {error}"), "capwrap merge joins the profiles of one thing")
        })?;
        if let Some(run) = profile.runs().iter().find(|run| run.failed) {
            error::note(&format!("warning: the run of {} failed: what it did not come to is not learned", run.started));
        }
        let gained = profile.runs().iter().fold(CapabilitySet::EMPTY, |set, run| set.union(run.gained()));
        let is_user = profile.runs().iter().any(|run| run.user.uid != 0);
        capabilities::text(&Sets::of(profile.needed(), gained, is_user), self.to, &name).ok_or_else(|| {
            hinted(
                "--to: a profile says what something needs, and not how this launcher starts it",
                "--to systemd, docker, podman, compose, kubernetes or oci; or export the policy that learn --write makes",
            )
        })
    }

    fn write(&self, text: &str) -> Result<()> {
        match &self.output {
            Some(path) => {
                let path = std::path::absolute(path).with_context(|| format!("cannot write {}", path.display()))?;
                atomic_write::replace(&path, text)
            }
            None => {
                say!("{}", text.trim_end());
                Ok(())
            }
        }
    }
}
