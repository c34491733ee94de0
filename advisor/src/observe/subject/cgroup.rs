//! Finds the cgroup that the user means, by its path or by the container that it holds.

use crate::output::error::hinted;
use anyhow::{Result, bail};
use capwrap_core::text::shell;
use std::path::{Component, Path, PathBuf};

/// The least number of digits that identifies a container.
const SHORTEST: usize = 4;
/// The prefixes that container engines put before a container's id in the name of its cgroup: Docker, Podman,
/// containerd and CRI-O, under systemd. Under other managers the id is the whole name.
const PREFIXES: [&str; 5] = ["docker-", "libpod-", "cri-containerd-", "crio-", "nerdctl-"];

/// Returns a cgroup's path below the mount point. The user may give its directory, its path as in /proc/PID/cgroup, or
/// that path without the first slash.
pub fn below_mount(given: &Path, mount_point: &Path) -> Result<PathBuf> {
    let below = given.strip_prefix(mount_point).or_else(|_| given.strip_prefix("/")).unwrap_or(given);
    let mut path = PathBuf::new();
    for component in below.components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            _ => bail!("{} leads out of {}", given.display(), mount_point.display()),
        }
    }
    Ok(path)
}

/// Returns how far below the root a cgroup is.
pub fn level(below_mount: &Path) -> u32 {
    u32::try_from(below_mount.components().count()).unwrap_or(u32::MAX)
}

/// Finds the cgroup of the only container whose id begins with `id`, among all cgroups below the mount point.
pub fn of_container<'p>(id: &str, cgroups: &'p [PathBuf]) -> Result<&'p Path> {
    let wanted = id.to_ascii_lowercase();
    if wanted.len() < SHORTEST || !is_hexadecimal(&wanted) {
        return Err(hinted(
            format!("{id:?} is no container's id: {SHORTEST} to 64 hexadecimal digits"),
            format!(
                "docker inspect --format '{{{{.Id}}}}' {}",
                shell::argument(id).unwrap_or_else(|| "NAME".to_owned())
            ),
        ));
    }
    let mut found: Vec<(&str, &Path)> =
        cgroups.iter().filter_map(|path| Some((container(path)?, path.as_path()))).collect();
    found.retain(|(full, _)| full.starts_with(&wanted));
    // The container's own cgroup comes before the ones that it created, which are below it.
    found.sort_by_key(|(_, path)| path.components().count());
    let Some((first, path)) = found.first().copied() else {
        return Err(hinted(
            format!("no running container's id begins with {wanted}"),
            "docker ps, podman ps or crictl ps show those that run; --cgroup PATH takes any cgroup",
        ));
    };
    let others = || found.iter().filter(|(full, other)| *full != first || !other.starts_with(path));
    if others().next().is_some() {
        let all: Vec<_> = found.iter().map(|(_, path)| format!("/{}", path.display())).collect();
        return Err(hinted(
            format!("{wanted} means more than one container: {}", all.join(", ")),
            "more digits of the id, or --cgroup with one of these",
        ));
    }
    Ok(path)
}

/// Returns the id of the container whose cgroup this is, or `None` if it is no container's.
fn container(cgroup: &Path) -> Option<&str> {
    let name = cgroup.file_name()?.to_str()?;
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let id = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    // Shorter names are not ids but words, such as `cafe`.
    (id.len() >= 12 && is_hexadecimal(id)).then_some(id)
}

fn is_hexadecimal(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "4f1d3c2b1a09876543210fedcba98765432100112233445566778899aabbccdd";
    const B: &str = "4f1dffffffffffff43210fedcba98765432100112233445566778899aabbccdd";

    fn paths(paths: &[String]) -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_cgroup_is_named_by_its_directory_or_by_its_path_below_the_root() {
        let mount = Path::new("/sys/fs/cgroup");
        for given in [
            "/sys/fs/cgroup/system.slice/ssh.service",
            "/sys/fs/cgroup/system.slice//ssh.service/",
            "/system.slice/ssh.service",
            "system.slice/./ssh.service",
        ] {
            let path = below_mount(Path::new(given), mount).unwrap();
            assert_eq!(path, Path::new("system.slice/ssh.service"), "{given}");
            assert_eq!(level(&path), 2);
        }
    }

    #[test]
    fn the_root_is_a_cgroup_at_level_0() {
        for given in ["/sys/fs/cgroup", "/"] {
            assert_eq!(level(&below_mount(Path::new(given), Path::new("/sys/fs/cgroup")).unwrap()), 0);
        }
    }

    #[test]
    fn no_path_leads_out_of_the_mount_point() {
        for given in ["../etc", "/sys/fs/cgroup/../../etc", "a/../.."] {
            assert!(below_mount(Path::new(given), Path::new("/sys/fs/cgroup")).is_err(), "{given}");
        }
    }

    #[test]
    fn a_container_of_every_engine_is_found_by_the_beginning_of_its_id() {
        for cgroup in [
            format!("system.slice/docker-{A}.scope"),
            format!("docker/{A}"),
            format!("machine.slice/libpod-{A}.scope"),
            format!("user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope"),
            format!("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{A}.scope"),
            format!("kubepods.slice/kubepods-pod1.slice/crio-{A}.scope"),
            format!("kubepods/burstable/pod7d8c/{A}"),
            format!("default/{A}"),
        ] {
            let all = paths(&["init.scope".to_owned(), "cafe".to_owned(), cgroup.clone()]);
            for id in [&A[..4], &A[..12], A, &A[..12].to_uppercase()] {
                assert_eq!(of_container(id, &all).unwrap(), Path::new(&cgroup), "{id}");
            }
        }
    }

    #[test]
    fn cgroups_that_a_container_made_below_its_own_are_part_of_it() {
        let own = format!("system.slice/docker-{A}.scope");
        let all = paths(&[format!("{own}/docker/{A}"), format!("{own}/init.scope"), own.clone()]);
        assert_eq!(of_container("4f1d", &all).unwrap(), Path::new(&own));
    }

    #[test]
    fn the_monitor_of_a_container_is_not_the_container() {
        let own = format!("machine.slice/libpod-{A}.scope");
        let all = paths(&[format!("machine.slice/libpod-conmon-{A}.scope"), own.clone()]);
        assert_eq!(of_container("4f1d", &all).unwrap(), Path::new(&own));
    }

    #[test]
    fn an_id_that_begins_two_containers_is_refused_and_both_are_named() {
        let all = paths(&[format!("docker/{A}"), format!("docker/{B}")]);
        let error = of_container("4f1d", &all).unwrap_err().to_string();
        assert!(error.contains(A) && error.contains(B), "{error}");
        assert!(of_container("4f1df", &all).unwrap().ends_with(B));
    }

    #[test]
    fn an_unknown_id_and_what_is_no_id_are_refused() {
        let all = paths(&["system.slice/ssh.service".to_owned(), format!("docker/{A}")]);
        for id in ["dead", "4f1", "", "webserver", "../x", &"a".repeat(65)] {
            assert!(of_container(id, &all).is_err(), "{id}");
        }
    }
}
