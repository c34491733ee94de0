//! Decodes and encodes the extended attribute `security.capability`.
//!
//! The layout is that of `struct vfs_cap_data` and `vfs_ns_cap_data` in
//! `include/uapi/linux/capability.h`. All words are little-endian on every machine.

use crate::CapabilitySet;
use crate::policy::FileCapabilities;
use std::fmt;

/// The attribute's name.
pub const ATTRIBUTE: &str = "security.capability";

const EFFECTIVE: u32 = 0x00_0001;
const REVISION: u32 = 0xff00_0000;

/// The content of the attribute.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The capabilities.
    pub capabilities: FileCapabilities,
    /// The user id, as seen from the initial namespace, of the root user of the user namespace in
    /// which the attribute counts. Only version 3 (Linux 4.14) has it; without it the attribute
    /// counts in the initial namespace.
    pub root_id: Option<u32>,
}

/// Why bytes are not such an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The length is not that of its version.
    Length(usize),
    /// The version is none of 1, 2 and 3.
    Version(u8),
    /// The words are in big-endian order, which no kernel reads. A backup from another machine may
    /// contain them.
    BigEndian,
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(out, "{ATTRIBUTE} of {length} bytes"),
            Self::Version(version) => write!(out, "{ATTRIBUTE} of the unknown version {version}"),
            Self::BigEndian => write!(out, "{ATTRIBUTE} in big-endian order, which no kernel reads"),
        }
    }
}

impl std::error::Error for Malformed {}

/// In setcap's notation, with the root id as `getcap -n` prints it.
impl fmt::Display for Attribute {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.root_id {
            None => write!(out, "{}", self.capabilities),
            Some(root) => write!(out, "{} [rootid={root}]", self.capabilities),
        }
    }
}

impl Attribute {
    /// Returns what the kernel may honour of the attribute when a process executes the file: the
    /// capabilities, nothing (`None`), or either, where only the kernel knows. fgetxattr(2) answers for
    /// the user namespace of the process that asks (`cap_inode_getsecurity`): it shows an attribute of
    /// the process's own root without a root id. One with a root id counts for no process of the initial
    /// namespace (`rootid_owns_currentns`). In another namespace the root id may be the root of one of
    /// its parents.
    pub fn honoured(&self, in_initial_namespace: bool) -> Vec<Option<&FileCapabilities>> {
        match (self.root_id, in_initial_namespace) {
            (None, _) => vec![Some(&self.capabilities)],
            (Some(_), true) => vec![None],
            (Some(_), false) => vec![Some(&self.capabilities), None],
        }
    }

    /// Reads the bytes of the attribute.
    ///
    /// # Errors
    /// The bytes are such that the kernel would also refuse them (`get_vfs_caps_from_disk`,
    /// EINVAL).
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let word = |at: usize| -> Option<u32> {
            bytes.get(at * 4..at * 4 + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes)
        };
        if is_big_endian(bytes) {
            return Err(Malformed::BigEndian);
        }
        let length = Malformed::Length(bytes.len());
        let magic = word(0).ok_or(length)?;
        let (words, has_root) = match (magic & REVISION) >> 24 {
            1 => (1, false),
            2 => (2, false),
            3 => (2, true),
            other => return Err(Malformed::Version(other as u8)),
        };
        if bytes.len() != 4 + words * 8 + if has_root { 4 } else { 0 } {
            return Err(length);
        }
        let mask = |first: usize| -> Option<u64> {
            let low = u64::from(word(first)?);
            let high = if words == 2 { u64::from(word(first + 2)?) } else { 0 };
            Some(low | high << 32)
        };
        Ok(Self {
            capabilities: FileCapabilities {
                effective: magic & EFFECTIVE != 0,
                permitted: CapabilitySet::from_mask(mask(1).ok_or(length)?),
                inheritable: CapabilitySet::from_mask(mask(2).ok_or(length)?),
            },
            root_id: if has_root { Some(word(5).ok_or(length)?) } else { None },
        })
    }

    /// Returns the bytes of the attribute: version 3 if there is a root id, else version 2.
    pub fn encode(&self) -> Vec<u8> {
        let revision: u32 = if self.root_id.is_some() { 3 } else { 2 };
        let magic = revision << 24 | if self.capabilities.effective { EFFECTIVE } else { 0 };
        let (permitted, inheritable) = (self.capabilities.permitted.mask(), self.capabilities.inheritable.mask());
        let words = [magic, permitted as u32, inheritable as u32, (permitted >> 32) as u32, (inheritable >> 32) as u32];
        words.into_iter().chain(self.root_id).flat_map(u32::to_le_bytes).collect()
    }
}

/// Returns whether the first word, read from its other end, is that of a version with this length.
/// (The same bytes in the right order would be version 0 or 1 with another length.)
fn is_big_endian(bytes: &[u8]) -> bool {
    matches!((bytes, bytes.len()), ([1, 0, 0, 0 | 1, ..], 12) | ([2, 0, 0, 0 | 1, ..], 20) | ([3, 0, 0, 0 | 1, ..], 24))
        && !matches!((bytes, bytes.len()), ([_, _, _, 1, ..], 12))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(effective: bool, permitted: u64, inheritable: u64, root_id: Option<u32>) -> Attribute {
        let (permitted, inheritable) = (CapabilitySet::from_mask(permitted), CapabilitySet::from_mask(inheritable));
        Attribute { capabilities: FileCapabilities { effective, permitted, inheritable }, root_id }
    }

    #[test]
    fn what_setcap_writes_is_read() {
        // These commands printed the bytes: setcap cap_net_raw,cap_checkpoint_restore=ep FILE;
        // getfattr -e hex -n security.capability FILE
        let bytes = crate::hex_bytes("0100000200200000000000000001000000000000");
        assert_eq!(Attribute::decode(&bytes), Ok(attribute(true, 1 << 13 | 1 << 40, 0, None)));
    }

    #[test]
    fn every_version_is_read_and_decoding_undoes_encoding() {
        for original in [attribute(true, 1 << 40, 1 << 3, None), attribute(false, u64::MAX, 0, Some(100_000))] {
            assert_eq!(Attribute::decode(&original.encode()), Ok(original));
        }
        let version_1 = crate::hex_bytes("010000010020000000000000");
        assert_eq!(Attribute::decode(&version_1), Ok(attribute(true, 1 << 13, 0, None)));
    }

    #[test]
    fn an_attribute_of_another_root_counts_for_nobody_in_the_initial_namespace() {
        let (own, anothers) = (attribute(true, 1, 0, None), attribute(true, 1, 0, Some(1000)));
        assert_eq!(own.honoured(true), [Some(&own.capabilities)]);
        assert_eq!(own.honoured(false), [Some(&own.capabilities)]);
        assert_eq!(anothers.honoured(true), [None]);
        assert_eq!(anothers.honoured(false), [Some(&anothers.capabilities), None]);
        assert_eq!(
            (own.to_string(), anothers.to_string()),
            ("cap_chown=ep".into(), "cap_chown=ep [rootid=1000]".into())
        );
    }

    #[test]
    fn no_bytes_make_it_panic_and_wrong_lengths_are_refused() {
        let bytes = attribute(true, 1, 1, Some(7)).encode();
        for length in 0..bytes.len() {
            assert!(Attribute::decode(&bytes[..length]).is_err(), "{length}");
        }
        assert_eq!(
            Attribute::decode(&crate::hex_bytes("0200000100002000000000000000000000000000")),
            Err(Malformed::BigEndian)
        );
        assert_eq!(Attribute::decode(&[0, 0, 0, 9]), Err(Malformed::Version(9)));
        assert_eq!(Attribute::decode(&[0; 64]), Err(Malformed::Version(0)));
    }
}
