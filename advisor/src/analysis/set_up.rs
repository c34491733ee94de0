//! Separates the set-up of a service by its manager from what the service itself does. A manager puts a process of its own
//! into the service's cgroup, prepares it there with all its privileges, and executes the service last.

/// What starts a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// systemd starts a unit.
    Systemd,
    /// A container engine and its OCI runtime start a container.
    Engine,
}

/// A program of a manager.
struct Program {
    manager: Manager,
    /// The name of its file; with a `*` at its end, the beginning of the name.
    file: &'static str,
    why: &'static str,
}

const SERVICE: &str = "systemd prepares the service, before it executes it";
const CONTAINER: &str = "the container's runtime prepares it, before it executes what the image says";
const BESIDE: &str = "the engine supervises the container";

const fn row(manager: Manager, file: &'static str, why: &'static str) -> Program {
    Program { manager, file, why }
}

/// The programs that were seen to prepare a service in its cgroup.
const PROGRAMS: [Program; 15] = [
    // Until 253, process 1 forks and prepares the service in the child. Later it executes systemd-executor for that
    // (src/core/exec-invoke.c), after a first exec in the service's cgroup.
    row(Manager::Systemd, "systemd", SERVICE),
    row(Manager::Systemd, "systemd-executor", SERVICE),
    row(Manager::Engine, "runc", CONTAINER),
    // runc runs from a copy in memory, so that a container cannot write to its file (CVE-2019-5736). crun does the same.
    row(Manager::Engine, "memfd:runc_cloned:*", CONTAINER),
    // Or from a mount of its file that is detached before it enters the container: then the path is that mount's root.
    row(Manager::Engine, "", CONTAINER),
    row(Manager::Engine, "crun", CONTAINER),
    row(Manager::Engine, "memfd:crun_cloned:*", CONTAINER),
    row(Manager::Engine, "youki", CONTAINER),
    row(Manager::Engine, "conmon", BESIDE),
    row(Manager::Engine, "conmonrs", BESIDE),
    row(Manager::Engine, "containerd-shim*", BESIDE),
    row(Manager::Engine, "containerd", BESIDE),
    row(Manager::Engine, "dockerd", BESIDE),
    row(Manager::Engine, "podman", BESIDE),
    row(Manager::Engine, "crio", BESIDE),
];

/// Returns why a check is none of the service's own, if the process that made it prepares the service: by the file that
/// it executes, and by the name of its thread. `is_own` says whether the service has a program in this file itself.
pub fn reason(
    manager: Manager,
    executable: &str,
    thread: &str,
    is_own: impl FnOnce(&str) -> bool,
) -> Option<&'static str> {
    // The kernel names a file in memory as if it were in the root directory, and its name may have slashes.
    let name = match executable.strip_prefix('/') {
        Some(name) if name.starts_with("memfd:") => name,
        _ => executable.rsplit('/').next().unwrap_or(executable),
    };
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    let matches = |file: &str| file.strip_suffix('*').map_or(file == name, |beginning| name.starts_with(beginning));
    let program = PROGRAMS.iter().find(|program| program.manager == manager && matches(program.file))?;
    // A child that systemd forks has the name of what it will execute, in parentheses, as `(nginx)` or `(sd-pam)`.
    let is_fork = manager == Manager::Systemd && thread.starts_with('(');
    (is_fork || !is_own(executable)).then_some(program.why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO: fn(&str) -> bool = |_| false;
    const YES: fn(&str) -> bool = |_| true;

    #[test]
    fn systemd_prepares_a_service_in_a_forked_child_and_in_its_executor() {
        for (executable, thread) in [
            ("/usr/lib/systemd/systemd", "(nginx)"),
            ("/lib/systemd/systemd", "(sd-pam)"),
            // Between the fork and the exec of the executor the child has process 1's own name.
            ("/usr/lib/systemd/systemd", "systemd"),
            ("/usr/lib/systemd/systemd-executor", "(xecutor)"),
            ("/usr/lib/systemd/systemd-executor", "16"),
        ] {
            assert_eq!(reason(Manager::Systemd, executable, thread, NO), Some(SERVICE), "{executable} {thread}");
        }
    }

    #[test]
    fn what_the_service_executes_is_its_own() {
        for executable in ["/usr/sbin/nginx", "/usr/bin/systemd-notify", "/usr/bin/runc", "/usr/bin/podman", "/"] {
            assert_eq!(reason(Manager::Systemd, executable, "nginx", NO), None, "{executable}");
        }
    }

    #[test]
    fn a_service_that_is_a_systemd_itself_is_told_from_the_child_that_prepares_it() {
        let systemd = "/usr/lib/systemd/systemd";
        assert_eq!(reason(Manager::Systemd, systemd, "(systemd)", YES), Some(SERVICE));
        assert_eq!(reason(Manager::Systemd, systemd, "systemd", YES), None);
    }

    #[test]
    fn a_runtime_prepares_a_container_from_its_file_and_from_its_copy_in_memory() {
        for executable in [
            "/usr/bin/runc",
            "/usr/sbin/runc",
            "/usr/bin/crun",
            "/memfd:runc_cloned:/proc/self/exe (deleted)",
            "/memfd:runc_cloned:/proc/self/exe",
            "/memfd:crun_cloned:/proc/self/exe (deleted)",
            "/",
        ] {
            assert_eq!(reason(Manager::Engine, executable, "runc:[2:INIT]", NO), Some(CONTAINER), "{executable}");
        }
        for executable in ["/usr/bin/conmon", "/usr/bin/containerd-shim-runc-v2", "/usr/bin/dockerd"] {
            assert_eq!(reason(Manager::Engine, executable, "x", NO), Some(BESIDE), "{executable}");
        }
    }

    #[test]
    fn a_runtime_within_the_container_is_the_containers_own() {
        assert_eq!(reason(Manager::Engine, "/usr/bin/runc", "runc", YES), None);
        for executable in ["/usr/bin/systemd", "/bin/sh", "/memfd:other", "/sbin/docker-init", "/usr/bin/runc-like"] {
            assert_eq!(reason(Manager::Engine, executable, "x", NO), None, "{executable}");
        }
    }
}
