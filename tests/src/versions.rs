//! Policies that each have a version, which is visible in everything that they grant. A tool that got parts of two
//! versions can show it.

use crate::{POLICIES, WITNESS};
use std::path::{Path, PathBuf};

/// Each capability stands for one bit of the version.
const CAPABILITIES: [(u8, &str); 10] = [
    (0, "cap_chown"),
    (1, "cap_dac_override"),
    (3, "cap_fowner"),
    (10, "cap_net_bind_service"),
    (12, "cap_net_admin"),
    (13, "cap_net_raw"),
    (19, "cap_sys_ptrace"),
    (23, "cap_sys_nice"),
    (34, "cap_syslog"),
    (39, "cap_bpf"),
];

/// Versions go from 1 to this number.
pub const LAST: u64 = (1 << CAPABILITIES.len()) - 1;
/// The variable that passes the version to the tool.
pub const VARIABLE: &str = "VERSION";
/// The exit code of a tool that got parts of two versions.
pub const MIXED: u8 = 3;

/// A capability that the policy of this name grants in each version in addition. The launcher has it only while that
/// policy is enabled.
pub const fn besides(name: &str) -> Option<(u8, &'static str)> {
    match name.as_bytes() {
        [b'o', b'n', ..] => Some((25, "cap_sys_time")),
        _ => None,
    }
}

fn capabilities(name: &str, version: u64) -> impl Iterator<Item = (u8, &'static str)> {
    let of_version = CAPABILITIES.into_iter().enumerate().filter(move |(bit, _)| version >> bit & 1 == 1);
    of_version.map(|(_, one)| one).chain(besides(name))
}

/// The path of the policy of this name.
pub fn path(name: &str) -> PathBuf {
    Path::new(POLICIES).join(format!("{name}.toml"))
}

/// The text of this policy for this user in one version. A limit, a variable and the capabilities show the version. If
/// the text is cut short, it shows less of the version, or far more.
pub fn text(name: &str, user: &str, version: u64) -> String {
    let why = "so that the text is longer than what an editor writes at once ".repeat(12);
    let grants: String = capabilities(name, version)
        .map(|(_, capability)| format!("\n[[grant]]\ncaps = [\"{capability}\"]\nwhy = \"{why}\"\n"))
        .collect();
    format!(
        "schema = 1\ntool = {{ path = \"{WITNESS}\" }}\nallow = {{ users = [\"{user}\"] }}\n\n\
         [exec]\nlimits = {{ nofile = {} }}\nenv = {{ set = {{ {VARIABLE} = \"{version}\" }} }}\n{grants}\n\
         [[grant]]\ncaps = [{}]\nwhen = {{ kernel = \"<2.0\" }}\n",
        nofile(version),
        CAPABILITIES.map(|(_, capability)| format!("\"{capability}\"")).join(", "),
    )
}

const fn nofile(version: u64) -> u64 {
    300 + version
}

/// Whether the four sets and the limit of open files of this policy's tool belong to this version.
pub fn is_one(name: &str, version: u64, sets: [u64; 4], files: u64) -> bool {
    let mask = capabilities(name, version).fold(0, |mask, (number, _)| mask | 1 << number);
    (1..=LAST).contains(&version) && sets == [mask; 4] && files == nofile(version)
}
