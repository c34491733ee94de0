//! A container: what its engine says of it, and how it is started again.

use crate::dialects::engine::copy::Copy;
use crate::dialects::grant::Side;
use crate::dialects::read::{self, Read};
use crate::dialects::{detect, json};
use crate::host::mounts::Mount;
use crate::observe::subject::manager;
use crate::observe::subject::unit::{Stopped, slice};
use crate::output::error::hinted;
use anyhow::{Context, Result};
use capwrap_core::text::printable;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A container engine with a command line like Docker's.
pub struct Engine {
    program: &'static str,
    /// What prints the capabilities of a container.
    capabilities: &'static [&'static str],
    /// Where the engine puts a container that names no parent cgroup, and the prefix of the container's id there: with
    /// cgroups of its own making, and with those that systemd makes.
    own: (&'static str, &'static str),
    systemd: (&'static str, &'static str),
}

const ENGINES: [Engine; 3] = [
    Engine {
        program: "podman",
        capabilities: &["container", "inspect"],
        own: ("/libpod_parent", "libpod-"),
        systemd: ("machine.slice", "libpod-"),
    },
    Engine {
        program: "docker",
        capabilities: &["container", "inspect"],
        own: ("/docker", ""),
        systemd: ("system.slice", "docker-"),
    },
    Engine {
        program: "nerdctl",
        capabilities: &["container", "inspect", "--mode=native"],
        own: ("/default", ""),
        systemd: ("system.slice", "nerdctl-"),
    },
];

/// What an engine says of a container.
pub struct Container {
    engine: &'static Engine,
    /// Its whole id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What its processes may use.
    pub side: Side,
    said: Value,
}

impl Container {
    /// Asks the engines of this machine for a container, by its name or id.
    ///
    /// # Errors
    /// No engine is here, none knows the container, or what one says of it cannot be read.
    pub fn find(given: &str) -> Result<Self> {
        let shown = printable::text(given);
        if given.is_empty() || given.starts_with('-') {
            return Err(hinted(
                format!("\"{shown}\" is no container's name"),
                "podman ps, docker ps and nerdctl ps show those that run",
            ));
        }
        let mut answers = Vec::new();
        for engine in &ENGINES {
            let Some(output) = manager::output(engine.program, &["container", "inspect", given])? else { continue };
            if output.status.success() {
                return Self::of(engine, given, &String::from_utf8_lossy(&output.stdout));
            }
            let said = manager::said(&output);
            let is_unknown = said.to_lowercase().contains("no such");
            let answer = if is_unknown { "knows none of this name".to_owned() } else { format!("says: {said}") };
            answers.push(format!("{} {answer}", engine.program));
        }
        if answers.is_empty() {
            return Err(hinted(
                format!("cannot learn the container {shown}: no podman, docker or nerdctl is here"),
                "name its cgroup, --cgroup PATH (systemd-cgls), or its process, --pid PID",
            ));
        }
        Err(hinted(
            format!("there is no container {shown}: {}", answers.join("; ")),
            "podman ps --all, docker ps --all; learn a container of another user by its cgroup: --cgroup PATH",
        ))
    }

    fn of(engine: &'static Engine, given: &str, text: &str) -> Result<Self> {
        let odd = || format!("cannot read what {} says of {}", engine.program, printable::text(given));
        let all: Value = serde_json::from_str(text).with_context(odd)?;
        let said = all.get(0).with_context(odd)?.clone();
        let (id, name) = (json::text(&said["Id"]), json::text(&said["Name"]));
        let id = id.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit())).with_context(odd)?;
        let name = name.map_or_else(|| id.clone(), |name| name.trim_start_matches('/').to_owned());
        let words = [engine.capabilities, &[given]].concat();
        let native = if engine.capabilities.len() > 2 { manager::ask(engine.program, &words)? } else { None };
        let text = native.as_deref().unwrap_or(text);
        let side = match read::text(detect::form(text, "inspect"), text, "inspect")? {
            Read::One(side) => *side,
            Read::Several(sides) => sides.into_iter().next().with_context(odd)?.1,
        };
        Ok(Self { engine, id, name, side, said })
    }

    pub const fn engine(&self) -> &'static Engine {
        self.engine
    }

    /// The program of its engine.
    pub const fn program(&self) -> &'static str {
        self.engine.program
    }

    /// Asks its engine what it says of it now.
    ///
    /// # Errors
    /// As for [`Engine::container`].
    pub fn now(&self) -> Result<Self> {
        self.engine.container(&self.id)
    }

    /// The id of its first process on the host, if it runs.
    pub fn main_process(&self) -> Option<u32> {
        let state = &self.said["State"];
        let id = state["Pid"].as_u64().and_then(|id| u32::try_from(id).ok()).filter(|id| *id != 0);
        id.filter(|_| state["Running"].as_bool() != Some(false))
    }

    /// The user other than root as whom its first process runs.
    pub fn user(&self) -> Option<&str> {
        let user = self.said["Config"]["User"].as_str()?;
        Some(user).filter(|user| !["", "0", "root"].contains(&user.split(':').next().unwrap_or_default()))
    }

    /// The status with which it ended by itself, if that says that it failed.
    pub fn failure(&self) -> Option<String> {
        let status = self.said["State"]["ExitCode"].as_i64().filter(|status| *status != 0)?;
        self.main_process().is_none().then(|| format!("the container ended with status {status}"))
    }

    /// How its engine makes a copy of it.
    ///
    /// # Errors
    /// The engine does not say enough.
    pub fn copy(&self) -> Result<Copy> {
        Copy::of(&self.said)
    }

    /// Returns the directory of its cgroup: the one that it has, or else the one that the engine will make.
    ///
    /// # Errors
    /// The engine does not say how it makes cgroups.
    pub fn cgroup(&self, mount: &Mount) -> Result<PathBuf> {
        if let Some(id) = self.main_process() {
            return of_process(id, mount);
        }
        let host = &self.said["HostConfig"];
        let by_systemd = match host["CgroupManager"].as_str() {
            Some(manager) => manager == "systemd",
            None => {
                let words = ["info", "--format", "{{.CgroupDriver}}"];
                manager::ask(self.program(), &words)?.unwrap_or_default().trim() == "systemd"
            }
        };
        let parent = host["CgroupParent"].as_str().filter(|parent| !parent.is_empty());
        Ok(mount.place.join(self.engine.cgroup(by_systemd, parent, &self.id)))
    }

    /// Stops it, and returns what starts it again.
    ///
    /// # Errors
    /// The engine refuses to stop it, or would remove it then.
    pub fn stop(&self) -> Result<Stopped> {
        if self.said["HostConfig"]["AutoRemove"].as_bool() == Some(true) {
            return Err(hinted(
                format!("the container {} is removed when it stops (--rm), so it cannot be started again", self.name),
                "create it without --rm, or learn it from now on: without --restart",
            ));
        }
        Stopped::by(self.program(), vec![self.id.clone()], self.main_process().is_some())
    }
}

impl Engine {
    /// Asks this engine for a container, by its name or id. The others are not asked: that takes time, and they may have
    /// another one of this name.
    ///
    /// # Errors
    /// The engine does not know it, or what it says cannot be read.
    pub fn container(&'static self, given: &str) -> Result<Container> {
        let said = manager::ask(self.program, &["container", "inspect", given])?;
        Container::of(self, given, &said.with_context(|| format!("{} is gone", self.program))?)
    }

    /// Returns the cgroup that the engine makes for a container, below the mount point.
    fn cgroup(&self, by_systemd: bool, parent: Option<&str>, id: &str) -> PathBuf {
        if by_systemd {
            let (usual, prefix) = self.systemd;
            return slice(parent.unwrap_or(usual)).join(format!("{prefix}{id}.scope"));
        }
        let (usual, prefix) = self.own;
        Path::new(parent.unwrap_or(usual).trim_matches('/')).join(format!("{prefix}{id}"))
    }
}

/// Returns the directory of a process's cgroup.
///
/// # Errors
/// The process has ended, or its cgroup lies outside of what is mounted here.
pub fn of_process(id: u32, mount: &Mount) -> Result<PathBuf> {
    let file = format!("/proc/{id}/cgroup");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::")).context("no cgroup v2 is in use here")?;
    let below = Path::new(path).strip_prefix(&mount.root);
    let below = below.ok().filter(|below| !below.starts_with(".."));
    let below = below.with_context(|| format!("the cgroup {path} is not below {}", mount.place.display()))?;
    Ok(mount.place.join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "2f6e3a56745549a0964ce575a17280caf53be5a42c5324f64b16c3307c6e5827";

    fn container(state: &str, more: &str) -> Container {
        let text = format!(
            r#"[{{"Id": "{ID}", "Name": "web", "State": {state}, "EffectiveCaps": ["CAP_CHOWN"], "BoundingCaps":
            ["CAP_CHOWN"], "Config": {{"User": "33:33"}}, "HostConfig": {{"CapAdd": [], "CapDrop": [],
            "CgroupManager": "cgroupfs", "CgroupParent": ""{more}}}}}]"#
        );
        Container::of(&ENGINES[0], "web", &text).unwrap()
    }

    #[test]
    fn an_engines_answer_is_read() {
        let web = container(r#"{"Running": true, "Pid": 812, "ExitCode": 0}"#, "");
        assert_eq!((web.id.as_str(), web.name.as_str(), web.main_process()), (ID, "web", Some(812)));
        assert_eq!((web.user(), web.failure()), (Some("33:33"), None));
        assert_eq!(web.side.grant.to_string(), "cap_chown");
    }

    #[test]
    fn a_container_that_ended_badly_says_so() {
        let web = container(r#"{"Running": false, "Pid": 0, "ExitCode": 137}"#, "");
        assert_eq!(web.main_process(), None);
        assert_eq!(web.failure().as_deref(), Some("the container ended with status 137"));
    }

    #[test]
    fn a_container_that_would_be_removed_is_not_stopped() {
        let web = container(r#"{"Running": true, "Pid": 812}"#, r#", "AutoRemove": true"#);
        assert!(web.stop().err().unwrap().to_string().contains("--rm"));
    }

    #[test]
    fn a_container_that_does_not_run_has_the_cgroup_that_its_engine_will_make() {
        let of = |engine: usize, by_systemd, parent| ENGINES[engine].cgroup(by_systemd, parent, "4f1d");
        assert_eq!(of(0, false, None), Path::new("libpod_parent/libpod-4f1d"));
        assert_eq!(of(0, true, None), Path::new("machine.slice/libpod-4f1d.scope"));
        assert_eq!(of(0, true, Some("user-1.slice")), Path::new("user.slice/user-1.slice/libpod-4f1d.scope"));
        assert_eq!(of(1, false, None), Path::new("docker/4f1d"));
        assert_eq!(of(1, true, None), Path::new("system.slice/docker-4f1d.scope"));
        assert_eq!(of(1, false, Some("/web")), Path::new("web/4f1d"));
        assert_eq!(of(2, true, None), Path::new("system.slice/nerdctl-4f1d.scope"));
    }

    #[test]
    fn a_processs_cgroup_is_found_below_the_mount_point() {
        let mount = Mount { place: "/m".into(), root: "/".into(), kind: "cgroup2".to_owned(), options: Vec::new() };
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::/")) else { return };
        assert_eq!(of_process(std::process::id(), &mount).unwrap(), Path::new("/m").join(path));
        let elsewhere = Mount { root: "/none/of/them".into(), ..mount };
        assert!(of_process(std::process::id(), &elsewhere).is_err());
    }
}
