//! The paths of capwrap's files. They are set when capwrap is built, never when it runs.

/// The prefix that capwrap is installed below: `CAPWRAP_PREFIX` at build time, else `/usr/local`.
pub const PREFIX: &str = match option_env!("CAPWRAP_PREFIX") {
    Some(prefix) => prefix,
    None => "/usr/local",
};

/// The directory of the enabled policies, each in a file `NAME.toml`.
pub const POLICIES: &str = "/etc/capwrap/policies";

/// The directory of policies that are not enabled: those that were disabled, and those that were learned.
pub const DISABLED: &str = "/etc/capwrap/disabled";

/// The directory of the shipped policies, which are templates, below [`PREFIX`].
pub const TEMPLATES: &str = "share/capwrap/policies";

/// The launcher, below [`PREFIX`].
pub const LAUNCHER: &str = "bin/capwrap";

/// The program behind the verbs, below [`PREFIX`].
pub const ADVISOR: &str = "libexec/capwrap/capwrap-advisor";

/// The variable in which the advisor passes on to the launcher the home of a command that `capwrap run` starts for
/// another user. Everybody can read a command line (proc(5)), and that user, who owns the home, would put files into it
/// before the command starts. Only who could trace a process reads its environment.
pub const HOME_VARIABLE: &str = "CAPWRAP_HOME";
