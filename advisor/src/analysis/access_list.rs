//! Access control lists: who may execute a file by the attribute `system.posix_acl_access`.
//!
//! The layout is that of `struct posix_acl_xattr_header` and `posix_acl_xattr_entry` in
//! `include/uapi/linux/posix_acl_xattr.h`, the tags are those of `include/uapi/linux/posix_acl.h`, and the rule is that of
//! acl(5), "Access check algorithm". All words are little-endian.

/// The attribute's name.
pub const ATTRIBUTE: &str = "system.posix_acl_access";

const VERSION: u32 = 2;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;
const EXECUTE: u16 = 1;

/// Who may execute a file, besides its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executors {
    /// Whether everybody may, as far as nothing denies it to a single user or group.
    pub others: bool,
    /// Whether the members of the file's group may.
    pub group: bool,
    /// The ids of further users who may.
    pub users: Vec<u32>,
    /// The ids of further groups whose members may.
    pub groups: Vec<u32>,
    /// The ids of users who may not, whatever groups they are in.
    pub denied: Vec<u32>,
}

impl Executors {
    /// Those whom the permission bits name.
    pub const fn of_mode(mode: u32) -> Self {
        Self {
            others: mode & 0o001 != 0,
            group: mode & 0o010 != 0,
            users: Vec::new(),
            groups: Vec::new(),
            denied: Vec::new(),
        }
    }

    /// Those whom an access control list names; `None` if the bytes are none that this function knows.
    pub fn of_list(bytes: &[u8]) -> Option<Self> {
        let (version, entries) = bytes.split_first_chunk::<4>()?;
        if u32::from_le_bytes(*version) != VERSION || entries.len() % 8 != 0 {
            return None;
        }
        let entries: Vec<(u16, bool, u32)> = entries
            .chunks_exact(8)
            .map(|entry| {
                let half = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
                (half(0), half(2) & EXECUTE != 0, u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]))
            })
            .collect();
        // The mask limits all but the owner and the others.
        let masked = entries.iter().all(|(tag, executes, _)| *tag != MASK || *executes);
        let mut found = Self::default();
        for (tag, executes, id) in entries {
            match tag {
                OTHER => found.others = executes,
                GROUP_OBJ => found.group = executes && masked,
                USER if executes && masked => found.users.push(id),
                USER => found.denied.push(id),
                GROUP if executes && masked => found.groups.push(id),
                _ => {}
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The attribute with these entries of tag, permissions and id.
    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let entry = |(tag, bits, id): &(u16, u16, u32)| {
            [tag.to_le_bytes().to_vec(), bits.to_le_bytes().to_vec(), id.to_le_bytes().to_vec()].concat()
        };
        [VERSION.to_le_bytes().to_vec(), entries.iter().flat_map(entry).collect()].concat()
    }

    #[test]
    fn who_may_execute_is_read_from_the_list_and_its_mask() {
        let none = u32::MAX;
        let all =
            [(1, 7, none), (USER, 5, 1000), (USER, 4, 1001), (GROUP_OBJ, 5, none), (GROUP, 1, 33), (OTHER, 0, none)];
        let executors =
            Executors { others: false, group: true, users: vec![1000], groups: vec![33], denied: vec![1001] };
        assert_eq!(Executors::of_list(&list(&[&all[..], &[(MASK, 5, none)]].concat())), Some(executors));
        let nobody = Executors::of_list(&list(&[&all[..], &[(MASK, 4, none)]].concat()));
        assert_eq!(nobody, Some(Executors { denied: vec![1000, 1001], ..Executors::default() }));
        assert!(Executors::of_list(&list(&[(OTHER, 5, none)])).is_some_and(|found| found.others));
        for bad in [&[][..], &[2, 0, 0, 0, 1], &[1, 0, 0, 0]] {
            assert_eq!(Executors::of_list(bad), None);
        }
        assert_eq!(Executors::of_mode(0o750), Executors { group: true, ..Executors::default() });
        assert!(Executors::of_mode(0o711).others);
    }
}
