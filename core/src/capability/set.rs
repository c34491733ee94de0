//! A set of capabilities, stored as the mask that the kernel keeps.

use crate::capability::{Capability, UnknownCapability};
use std::fmt;

/// A set of capabilities: bit N of the mask is capability number N.
///
/// The set can contain bits that no known capability has, because a newer kernel may report them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// The set without members.
    pub const EMPTY: Self = Self(0);

    /// Returns the set with this mask.
    pub const fn from_mask(mask: u64) -> Self {
        Self(mask)
    }

    /// Returns what a kernel knows whose last capability has this number (`kernel.cap_last_cap`).
    pub const fn known_up_to(last: u8) -> Self {
        Self(u64::MAX >> 63_u8.saturating_sub(last))
    }

    /// Returns the mask, as `/proc/PID/status` shows it.
    pub const fn mask(self) -> u64 {
        self.0
    }

    /// Reads a list such as `cap_bpf,perfmon`. An empty list is the empty set.
    pub fn parse(list: &str) -> Result<Self, UnknownCapability> {
        list.split(',').filter(|name| !name.trim().is_empty()).map(Capability::parse).collect()
    }

    /// Returns whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether this capability is in the set.
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << capability.number()) != 0
    }

    /// Returns whether every member is also a member of `other`.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Returns what is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns what is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns what is in this set and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Adds one capability to the set.
    pub const fn insert(&mut self, capability: Capability) {
        self.0 |= 1 << capability.number();
    }

    /// Returns the known members, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::all().filter(move |capability| self.contains(*capability))
    }
}

impl From<Capability> for CapabilitySet {
    fn from(capability: Capability) -> Self {
        Self(1 << capability.number())
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(members: I) -> Self {
        members.into_iter().fold(Self::EMPTY, |set, capability| set.union(capability.into()))
    }
}

/// Formats as the members' names separated by commas, or as `none`.
impl fmt::Display for CapabilitySet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return out.write_str("none");
        }
        let names: Vec<_> = self.iter().map(Capability::name).collect();
        out.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_and_its_mask_say_the_same() {
        let set = CapabilitySet::parse(
            "cap_dac_override,DAC_READ_SEARCH, setpcap,net_admin,sys_admin,sys_resource,perfmon,bpf",
        )
        .unwrap();
        // bpfd's guide decodes this mask to this list.
        assert_eq!(set.mask(), 0x0000_00c0_0120_1106);
        assert_eq!(
            set.to_string(),
            "cap_dac_override,cap_dac_read_search,cap_setpcap,cap_net_admin,cap_sys_admin,cap_sys_resource,cap_perfmon,cap_bpf"
        );
    }

    #[test]
    fn an_empty_list_is_the_empty_set() {
        assert_eq!(CapabilitySet::parse(""), Ok(CapabilitySet::EMPTY));
        assert_eq!(CapabilitySet::EMPTY.to_string(), "none");
    }

    #[test]
    fn a_bit_that_no_known_capability_has_is_kept() {
        let set = CapabilitySet::from_mask(1 << 63);
        assert!(!set.is_subset(Capability::all().collect()));
        assert_eq!(set.iter().count(), 0);
    }
}
