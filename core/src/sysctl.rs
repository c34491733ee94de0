//! Finds the file of a kernel setting by its name.

use std::path::{Path, PathBuf};

/// The directory of all settings.
pub const FOLDER: &str = "/proc/sys";

/// Returns the file of a setting. It reads a name as sysctl(8) does: the first `.` or `/` in the
/// name separates its parts. If that is `.`, a `/` stands for a dot in a part, as in the name of an
/// interface: `net.ipv4.conf.eth0/7.rp_filter` and `net/ipv4/conf/eth0.7/rp_filter` are the same.
///
/// The name must be one that a policy can contain. Such a name has no empty part, so the path
/// cannot lead out of the directory.
pub fn path(name: &str) -> PathBuf {
    let swapped = name.chars().map(|c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    });
    let dots_separate = name.find(['.', '/']).is_none_or(|at| name.as_bytes()[at] == b'.');
    Path::new(FOLDER).join(if dots_separate { swapped.collect() } else { name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_separator_of_a_name_decides_as_in_sysctl() {
        for (name, file) in [
            ("kernel.perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid"),
            ("kernel/perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid"),
            ("net.ipv4.conf.eth0/7.rp_filter", "/proc/sys/net/ipv4/conf/eth0.7/rp_filter"),
            ("net/ipv4/conf/eth0.7/rp_filter", "/proc/sys/net/ipv4/conf/eth0.7/rp_filter"),
            ("net.ipv4.conf.a/b/c.rp_filter", "/proc/sys/net/ipv4/conf/a.b.c/rp_filter"),
            ("net.ipv4.conf.eth0.7.rp_filter", "/proc/sys/net/ipv4/conf/eth0/7/rp_filter"),
            ("alone", "/proc/sys/alone"),
        ] {
            assert_eq!(path(name), Path::new(file), "{name}");
        }
    }
}
