//! Where things are. Set when capwrap is built, never when it runs.

/// Where capwrap was installed: `CAPWRAP_PREFIX` of the build, else `/usr/local`.
pub const PREFIX: &str = match option_env!("CAPWRAP_PREFIX") {
    Some(prefix) => prefix,
    None => "/usr/local",
};

/// The enabled policies, one `NAME.toml` each.
pub const POLICIES: &str = "/etc/capwrap/policies";

/// Shipped policies, as templates, below [`PREFIX`].
pub const TEMPLATES: &str = "share/capwrap/policies";

/// The launcher, below [`PREFIX`].
pub const LAUNCHER: &str = "bin/capwrap";

/// The program behind the verbs, below [`PREFIX`].
pub const ADVISOR: &str = "libexec/capwrap/capwrap-advisor";
