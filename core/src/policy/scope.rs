//! `through`, `beneath` and `ports` of a grant, and `[scope]`: what a capability is for.

use crate::CapabilitySet;
use crate::capability::Capability;
use crate::scope::door::Door;
use crate::text::printable;
use std::fmt;
use std::path::PathBuf;

/// What the capabilities of one grant are for. A grant without any of the three keys has no scope: its capabilities
/// count everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantScope {
    /// `through`: the doors that stay open.
    pub through: Vec<Door>,
    /// `beneath`: the files and directories to which the capabilities open the way.
    pub beneath: Vec<PathBuf>,
    /// `ports`: the ports that may be bound.
    pub ports: Vec<Port>,
}

impl GrantScope {
    /// The keys of a grant that give it a scope.
    pub const KEYS: [&'static str; 3] = ["through", "beneath", "ports"];

    /// The capabilities that `beneath` can confine, because Landlock judges what they open by its path.
    pub fn confined_by_paths() -> CapabilitySet {
        [Capability::DAC_OVERRIDE, Capability::DAC_READ_SEARCH, Capability::MKNOD].into_iter().collect()
    }

    /// The capabilities that `ports` can confine.
    pub fn confined_by_ports() -> CapabilitySet {
        Capability::NET_BIND_SERVICE.into()
    }

    /// Returns whether the grant has no scope.
    pub fn is_empty(&self) -> bool {
        self.through.is_empty() && !self.has_domain()
    }

    /// Returns whether a Landlock domain judges a part of it.
    pub fn has_domain(&self) -> bool {
        !self.beneath.is_empty() || !self.ports.is_empty()
    }
}

/// Formats as `through A, B; beneath /x; ports tcp/1`, safe to print; a grant without a scope as nothing.
impl fmt::Display for GrantScope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let through: Vec<String> = self.through.iter().map(ToString::to_string).collect();
        let beneath: Vec<String> = self.beneath.iter().map(printable::text).collect();
        let ports: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
        let parts = [("through", through), ("beneath", beneath), ("ports", ports)];
        let parts = parts.into_iter().filter(|(_, list)| !list.is_empty());
        let parts: Vec<String> = parts.map(|(key, list)| format!("{key} {}", list.join(", "))).collect();
        out.write_str(&parts.join("; "))
    }
}

/// A port that a scope lets a tool bind. Landlock knows TCP alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port(pub u16);

impl fmt::Display for Port {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "tcp/{}", self.0)
    }
}

/// `[scope]`: how the scopes of all grants are enforced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeRules {
    /// What happens where a scope cannot be enforced in full.
    pub enforce: Enforce,
    /// Which set of files stays open to a tool that has a `beneath`, as far as the user may open them.
    pub preset: Preset,
    /// What stays readable besides.
    pub readable: Vec<PathBuf>,
    /// What stays writable besides.
    pub writable: Vec<PathBuf>,
}

/// What happens where a scope cannot be enforced in full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enforce {
    /// capwrap refuses the launch.
    #[default]
    Required,
    /// The tool runs, and explanations and the record name what is missing.
    IfPossible,
}

/// Which set of files stays open to a tool that has a `beneath`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// What programs need to start and to work: /usr, libraries, harmless devices, and what everybody may read in /etc.
    #[default]
    System,
    /// Nothing.
    None,
}
