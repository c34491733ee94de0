//! A unit of systemd: what systemd says of it, and how it is started again.

use crate::dialects::grant::Side;
use crate::dialects::systemd::{show, unit_name};
use crate::observe::subject::{manager, processes};
use crate::output::error::{self, hinted};
use anyhow::{Context, Result};
use capwrap_core::text::printable;
use std::path::{Path, PathBuf};

/// The program by which systemd is asked.
pub const SYSTEMCTL: &str = "systemctl";

/// What systemd says of a unit.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    /// Its whole name, as `nginx.service`.
    pub name: String,
    properties: Vec<(String, String)>,
    /// What its processes may use.
    pub side: Side,
}

/// The properties with the names of the units that stop when this one stops.
const STOPPED_WITH_IT: [&str; 3] = ["RequiredBy", "BoundBy", "ConsistsOf"];

impl Unit {
    /// Asks systemd for a unit.
    ///
    /// # Errors
    /// No systemd runs here, there is no such unit, or it is one that runs no processes.
    pub fn find(given: &str) -> Result<Self> {
        let name = if unit_name::is_file_of_unit(given) { given.to_owned() } else { format!("{given}.service") };
        if !unit_name::is_name(&name) && !unit_name::is_file_of_unit(&name) || name.contains('/') {
            return Err(hinted(format!("\"{}\" is no unit's name", printable::text(given)), "systemctl list-units"));
        }
        let no_systemd = |why: &str| {
            hinted(
                format!("cannot learn the unit {name}: {why}"),
                "on a machine without systemd, learn its processes: --pid PID, or --cgroup PATH",
            )
        };
        let output = manager::output(SYSTEMCTL, &["show", "--all", "--no-pager", "--", &name])?;
        let output = output.ok_or_else(|| no_systemd("there is no systemctl here"))?;
        if !output.status.success() {
            return Err(no_systemd(&format!("systemd does not answer ({})", manager::said(&output))));
        }
        Self::of(&name, &String::from_utf8_lossy(&output.stdout))
    }

    /// Reads what `systemctl show` prints of one unit.
    fn of(name: &str, text: &str) -> Result<Self> {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let properties: Vec<_> = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let unit = Self { name: name.to_owned(), properties, side: Side::default() };
        match unit.get("LoadState") {
            "loaded" => {}
            "not-found" => {
                return Err(hinted(format!("there is no unit {name}"), "systemctl list-units --type=service --all"));
            }
            "masked" => {
                let hint = format!("systemctl unmask {name}");
                return Err(hinted(format!("the unit {name} is masked: it cannot be started"), hint));
            }
            other => {
                let hint = format!("systemctl status {name}");
                return Err(hinted(
                    format!("systemd could not load the unit {name} ({})", printable::text(other)),
                    hint,
                ));
            }
        }
        let Some((_, side)) = show::read(text)?.into_iter().next() else {
            return Err(hinted(
                format!("the unit {name} runs no processes of its own"),
                "name a unit that has some, such as a service",
            ));
        };
        // An alias has the name of the unit that it stands for.
        let id = Some(unit.get("Id")).filter(|id| !id.is_empty()).unwrap_or(name).to_owned();
        Ok(Self { name: id, side, ..unit })
    }

    fn get(&self, key: &str) -> &str {
        self.properties.iter().find(|(own, _)| own == key).map_or("", |(_, value)| value)
    }

    /// Whether its processes run as another user than root, and which one.
    pub fn user(&self) -> Option<&str> {
        let is_dynamic = self.get("DynamicUser") == "yes";
        let user = Some(self.get("User")).filter(|user| !user.is_empty());
        let user = if is_dynamic { user.or(Some("a dynamic user")) } else { user };
        user.filter(|user| !["root", "0"].contains(user))
    }

    /// Whether it has processes.
    pub fn is_active(&self) -> bool {
        ["active", "activating", "reloading", "deactivating"].contains(&self.get("ActiveState"))
    }

    /// The id of its main process.
    pub fn main_process(&self) -> Option<u32> {
        self.get("MainPID").parse().ok().filter(|id| *id != 0)
    }

    /// How it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        Some(self.get("Result")).filter(|result| !["success", ""].contains(result))
    }

    /// Whether systemd executes this file for the unit.
    pub fn executes(&self, file: &str) -> bool {
        let mut commands = self.properties.iter().filter(|(key, _)| key.starts_with("Exec"));
        commands.any(|(_, value)| value.contains(&format!("path={file} ")))
    }

    /// Returns its cgroup below the mount point. systemd has none yet for a unit that was not started.
    pub fn cgroup(&self) -> PathBuf {
        let own = self.get("ControlGroup");
        if !own.is_empty() {
            return own.trim_start_matches('/').into();
        }
        slice(self.get("Slice")).join(escaped(&self.name))
    }

    /// Stops it, and returns what starts it again.
    ///
    /// # Errors
    /// systemd refuses to stop it.
    pub fn stop(&self) -> Result<Stopped> {
        let names = std::iter::once(self.name.clone()).chain(self.dependents()).collect();
        Stopped::by(SYSTEMCTL, names, self.is_active())
    }

    /// How often systemd has started it again by itself since somebody started it.
    pub fn restarts(&self) -> u64 {
        self.get("NRestarts").parse().unwrap_or_default()
    }

    /// The units that systemd starts when this one fails.
    pub fn on_failure(&self) -> &str {
        self.get("OnFailure")
    }

    /// The units that stop with this one and are active now.
    pub fn dependents(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut rest = vec![self.clone()];
        while let Some(unit) = rest.pop() {
            for name in STOPPED_WITH_IT.iter().flat_map(|key| unit.get(key).split_whitespace()) {
                if name == self.name || found.iter().any(|one| one == name) {
                    continue;
                }
                // A target has no processes, and what it groups is none of its own to stop.
                let show = manager::ask(SYSTEMCTL, &["show", "--no-pager", "--", name]).ok().flatten();
                let pairs = show.iter().flat_map(|text| text.lines()).filter_map(|line| line.split_once('='));
                let properties = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
                let dependent = Self { name: name.to_owned(), properties, side: Side::default() };
                if dependent.is_active() {
                    found.push(name.to_owned());
                    rest.push(dependent);
                }
            }
        }
        found
    }
}

/// Something that is stopped for a moment. If it ran before and was not started again, it is when this is dropped.
#[must_use]
pub struct Stopped {
    program: &'static str,
    /// The first is stopped, and all are started.
    names: Vec<String>,
    ran: bool,
    is_started: bool,
    /// The cgroup that was made for it.
    made: Option<PathBuf>,
}

impl Stopped {
    /// These do not run, and the caller decides what becomes of them if they are not started.
    pub const fn to_start(program: &'static str, names: Vec<String>) -> Self {
        Self { program, names, ran: false, is_started: false, made: None }
    }

    /// Lets this program stop the first of these, if it runs.
    ///
    /// # Errors
    /// The program refuses to stop it.
    pub fn by(program: &'static str, names: Vec<String>, runs: bool) -> Result<Self> {
        let mut stopped = Self::to_start(program, names);
        stopped.ran = runs;
        if let (true, Some(first)) = (runs, stopped.names.first()) {
            manager::order(program, &["stop", "--", first])?;
        }
        Ok(stopped)
    }

    /// Makes the cgroup before its manager does, so that the probe can be given it. Managers take one that is there.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn make_cgroup(&mut self, directory: &Path) -> Result<()> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the cgroup {}", directory.display()))?;
        self.made = Some(directory.to_owned());
        Ok(())
    }

    /// Starts it. Nothing may run in its cgroup yet. If its manager reports that it did not start, the result is what the
    /// manager said: why it failed may be what is to be learned.
    ///
    /// # Errors
    /// Something started it before, which nobody has seen.
    pub fn start(mut self) -> Result<Option<String>> {
        let early = self.made.as_deref().map(processes::of_cgroup).unwrap_or_default();
        if let Some(process) = early.first() {
            self.is_started = true;
            return Err(hinted(
                format!(
                    "{} was stopped, and process {process} runs in its cgroup: its start was not seen",
                    self.names[0]
                ),
                "end that process, or stop what starts it meanwhile, such as a socket, and learn it again",
            ));
        }
        self.is_started = true;
        let failure = self.order_start().err().map(|error| format!("{error:#}"));
        if let (Some(_), Some(made)) = (&failure, &self.made) {
            // It goes only if nothing is in it.
            let _ = std::fs::remove_dir(made);
        }
        Ok(failure)
    }

    fn order_start(&self) -> Result<()> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        manager::order(self.program, &[&["start", "--"], &names[..]].concat())
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if self.is_started {
            return;
        }
        if self.ran {
            if let Err(error) = self.order_start() {
                let hint = format!("{} start {}", self.program, self.names.join(" "));
                error::print_error(&format!("it is stopped, and did not start again: {error:#}"), Some(&hint));
            }
        } else if let Some(made) = &self.made {
            // It goes only if nothing is in it.
            let _ = std::fs::remove_dir(made);
        }
    }
}

/// Returns the cgroup of a slice: each of its name's parts is a slice below the one before (systemd.slice(5)).
pub fn slice(name: &str) -> PathBuf {
    let Some(stem) = name.strip_suffix(".slice").filter(|stem| *stem != "-") else { return PathBuf::new() };
    let ends = stem.match_indices('-').map(|(at, _)| at).chain([stem.len()]);
    ends.map(|end| format!("{}.slice", &stem[..end])).collect()
}

/// Returns the name of a unit's directory: systemd puts `_` before a name that the kernel could take for a file of its
/// own (cg_escape).
fn escaped(name: &str) -> String {
    let controllers =
        ["cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids", "hugetlb", "rdma", "misc"];
    let stem = name.split('.').next().unwrap_or_default();
    let is_like_a_file = name.starts_with(['_', '.']) || name.starts_with("cgroup.") || controllers.contains(&stem);
    if is_like_a_file { format!("_{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::CapabilitySet;

    const SHOWN: &str = "Type=forking\nMainPID=812\nResult=success\nUser=\nDynamicUser=no\n\
        CapabilityBoundingSet=cap_chown cap_net_bind_service\nAmbientCapabilities=\nNoNewPrivileges=no\n\
        ExecStartPre={ path=/usr/sbin/nginx ; argv[]=/usr/sbin/nginx -t ; ignore_errors=no }\n\
        ExecStart={ path=/usr/sbin/nginx ; argv[]=/usr/sbin/nginx -g daemon on; ; ignore_errors=no }\n\
        Slice=system.slice\nControlGroup=/system.slice/nginx.service\nId=nginx.service\nLoadState=loaded\n\
        ActiveState=active\n";

    fn unit(changed: &[(&str, &str)]) -> Unit {
        let text = changed.iter().fold(SHOWN.to_owned(), |text, (from, to)| text.replace(from, to));
        Unit::of("nginx.service", &text).unwrap()
    }

    #[test]
    fn a_units_properties_are_read_from_what_systemctl_shows() {
        let unit = unit(&[]);
        assert_eq!((unit.main_process(), unit.is_active(), unit.user(), unit.failure()), (Some(812), true, None, None));
        assert_eq!(unit.cgroup(), Path::new("system.slice/nginx.service"));
        assert_eq!(unit.side.grant, CapabilitySet::parse("chown,net_bind_service").unwrap());
        assert!(unit.executes("/usr/sbin/nginx") && !unit.executes("/usr/sbin/ngin"));
    }

    #[test]
    fn a_unit_with_a_user_is_learned_as_that_user() {
        assert_eq!(unit(&[("\nUser=\n", "\nUser=www-data\n")]).user(), Some("www-data"));
        assert_eq!(unit(&[("\nUser=\n", "\nUser=root\n")]).user(), None);
        assert_eq!(unit(&[("DynamicUser=no", "DynamicUser=yes")]).user(), Some("a dynamic user"));
    }

    #[test]
    fn a_unit_that_was_not_started_has_the_cgroup_that_systemd_will_make() {
        let of = |slice: &str| {
            let slice = format!("Slice={slice}\n");
            unit(&[("ControlGroup=/system.slice/nginx.service", "ControlGroup="), ("Slice=system.slice\n", &slice)])
                .cgroup()
        };
        assert_eq!(of("system.slice"), Path::new("system.slice/nginx.service"));
        assert_eq!(
            of("system-web-front.slice"),
            Path::new("system.slice/system-web.slice/system-web-front.slice/nginx.service")
        );
        assert_eq!(of("-.slice"), Path::new("nginx.service"));
        assert_eq!(escaped("cpu.service"), "_cpu.service");
        assert_eq!(escaped("cpupower.service"), "cpupower.service");
        assert_eq!(escaped("_x.service"), "__x.service");
    }

    #[test]
    fn a_unit_that_is_not_there_or_runs_nothing_is_refused_with_a_hint() {
        for (from, to, expected) in [
            ("LoadState=loaded", "LoadState=not-found", "there is no unit nginx.service"),
            ("LoadState=loaded", "LoadState=masked", "is masked"),
            ("LoadState=loaded", "LoadState=bad-setting", "could not load"),
        ] {
            let error = Unit::of("nginx.service", &SHOWN.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.downcast_ref::<error::HintedError>().is_some(), "{error}");
        }
        let error = Unit::of("x.timer", "Id=x.timer\nLoadState=loaded\n").unwrap_err();
        assert!(error.to_string().contains("runs no processes"), "{error}");
    }

    #[test]
    fn a_failed_unit_says_how_it_failed() {
        assert_eq!(unit(&[("Result=success", "Result=exit-code")]).failure(), Some("exit-code"));
    }
}
