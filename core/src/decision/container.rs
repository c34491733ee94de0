//! Decides from what the kernel shows whether a process is in a container.
//!
//! The variables that stand for options count only in a container, where an image fixes the command line. On any other
//! machine, such a variable is left over in somebody's shell. Neither a variable nor a file such as `/.dockerenv`
//! answers the question: the caller sets the first, and the second stays in a virtual machine that was made from an
//! image.

use std::path::Path;

/// The links below `/proc` that show a namespace, and the inode number of the initial namespace of that kind, which no
/// kernel has changed since 3.8: `PROC_USER_INIT_INO`, `PROC_PID_INIT_INO` and `PROC_CGROUP_INIT_INO` in
/// `include/linux/proc_ns.h`. Engines make at least one of the three anew, even with the host's process ids: on cgroup
/// version 2 that of the cgroup.
pub const NAMESPACES: [(&str, u64); 3] =
    [USER, ("/proc/self/ns/pid", 0xEFFF_FFFC), ("/proc/self/ns/cgroup", 0xEFFF_FFFB)];

/// The one of user namespaces.
pub const USER: (&str, u64) = ("/proc/self/ns/user", 0xEFFF_FFFD);

/// Whether one of the namespaces is not the initial one. `inode` answers with the inode number of what a link leads to;
/// `None`, as where `/proc` is not mounted or a kernel lacks that kind, speaks for no container.
pub fn is_container(inode: impl Fn(&Path) -> Option<u64>) -> bool {
    NAMESPACES.iter().any(|(link, initial)| inode(Path::new(link)).is_some_and(|shown| shown != *initial))
}

/// The words for a variable that stands for `option` and is set outside a container, and a hint.
pub fn out_of_place(variable: &str, option: &str) -> (String, String) {
    (
        format!("{variable} is set, and this is no container: it stands for {option} only in one"),
        format!("unset {variable}, or use {option} instead"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_namespace_of_its_own_makes_a_container_and_what_is_not_shown_does_not() {
        let initial = |link: &Path| NAMESPACES.iter().find(|(known, _)| Path::new(known) == link).map(|(_, ino)| *ino);
        assert!(!is_container(initial));
        assert!(!is_container(|_| None));
        for (own, _) in NAMESPACES {
            assert!(is_container(|link| if link == Path::new(own) { Some(4_026_532_999) } else { initial(link) }));
        }
    }
}
