//! A copy of a container that is made again and again with other capabilities. The container itself is never touched.

use crate::dialects::engine::copy::Copy;
use crate::observe::command::locate::locate;
use crate::observe::subject::container::{Container, Engine};
use crate::observe::subject::manager;
use crate::observe::subject::unit::Stopped;
use crate::output::error::{self, hinted};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Copies of a container, of which there is one at a time.
pub struct ContainerTrials {
    engine: &'static Engine,
    program: &'static str,
    /// The name of the copy.
    pub name: String,
    copy: Copy,
    /// It waits for the end of its standard input. If capwrap is killed, it removes the copy.
    guard: Child,
}

impl ContainerTrials {
    /// Prepares the copies.
    ///
    /// # Errors
    /// The engine does not say enough to make one, or two of the container at once would write in the same places.
    pub fn begin(of: &Container) -> Result<Self> {
        let (program, copy) = (of.program(), of.copy()?);
        if of.main_process().is_some() && !copy.shared.is_empty() {
            return Err(hinted(
                format!("a copy of {} would write where {} writes: {}", of.name, of.name, copy.shared.join(", ")),
                format!("{program} stop {}, and start it again afterwards", of.name),
            ));
        }
        for lacks in &copy.lacks {
            error::note(&format!("note: the copy lacks {lacks}"));
        }
        if copy.is_in_hosts_network && of.main_process().is_some() {
            error::note(&format!(
                "note: the copy is in the host's network, where {} already listens; if it needs the same ports: {program} \
                 stop {}",
                of.name, of.name
            ));
        }
        let name = format!("capwrap-copy-{}", std::process::id());
        let guard = guard(program, &name)?;
        Ok(Self { engine: of.engine(), program, name, copy, guard })
    }

    /// Makes a copy with these capabilities. The second result starts it.
    ///
    /// # Errors
    /// The engine refuses.
    pub fn prepare(&self, capabilities: CapabilitySet) -> Result<(Container, Stopped)> {
        self.remove()?;
        let words = self.copy.create(&self.name, capabilities);
        manager::order(self.program, &words.iter().map(String::as_str).collect::<Vec<_>>())?;
        let made = self.now()?;
        let stopped = Stopped::to_start(self.program, vec![made.id.clone()]);
        Ok((made, stopped))
    }

    /// What the engine says of the copy now.
    ///
    /// # Errors
    /// There is none.
    pub fn now(&self) -> Result<Container> {
        self.engine.container(&self.name)
    }

    fn remove(&self) -> Result<()> {
        if manager::ask(self.program, &["container", "inspect", &self.name]).is_err() {
            return Ok(());
        }
        // An engine gives a process ten seconds to end. A copy has nothing to save. One that has ended is not killed.
        let _ = manager::order(self.program, &["kill", &self.name]);
        manager::order(self.program, &["rm", "--force", "--volumes", &self.name])
    }
}

impl Drop for ContainerTrials {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            let hint = format!("{} rm --force {}", self.program, self.name);
            error::print_error(&format!("the copy is still there: {error:#}"), Some(&hint));
            return;
        }
        if let Some(mut input) = self.guard.stdin.take() {
            // A guard that has ended needs no word.
            let _ = input.write_all(b"done\n");
        }
        let _ = self.guard.wait();
    }
}

/// Starts a process that outlives this one if this one is killed, and then removes the copy.
fn guard(program: &str, name: &str) -> Result<Child> {
    let file = locate(OsStr::new(program), std::env::var_os("PATH"))?;
    let mut command = Command::new("/proc/self/exe");
    command.args(["become", "--at-once", "--file", "/bin/sh", "--", "sh", "-c"]);
    command.args(["read -r line || \"$1\" rm --force --volumes \"$2\"", "sh"]).arg(file).arg(name);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().context("nothing would remove the copy if capwrap were killed")
}
