//! Policies of which each has a version, visible in everything that it grants: a tool that was given
//! parts of two of them can show it.

use crate::{POLICIES, WITNESS};
use std::path::{Path, PathBuf};

/// One bit of the version each.
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

/// The versions are from 1 to this.
pub const LAST: u64 = (1 << CAPABILITIES.len()) - 1;
/// The variable that carries the version to the tool.
pub const VARIABLE: &str = "VERSION";
/// The exit code of a tool that was given parts of two versions.
pub const MIXED: u8 = 3;

/// What a policy of this name holds besides, in each version: the launcher carries it while that one
/// is enabled.
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

/// Where a policy of this name lies.
pub fn path(name: &str) -> PathBuf {
    Path::new(POLICIES).join(format!("{name}.toml"))
}

/// The text of this policy for this user in one version: a limit, a variable and the capabilities show
/// it. Cut short it is less of the version, or far more.
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

/// Whether the four sets and the limit of open files of this policy's tool are those of this version.
pub fn is_one(name: &str, version: u64, sets: [u64; 4], files: u64) -> bool {
    let mask = capabilities(name, version).fold(0, |mask, (number, _)| mask | 1 << number);
    (1..=LAST).contains(&version) && sets == [mask; 4] && files == nofile(version)
}
