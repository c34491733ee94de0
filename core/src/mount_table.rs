//! The table of mounts (proc_pid_mountinfo(5)): which file system a path lies on, and whether capwrap asks anything of
//! it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The table of the process that reads it.
pub const FILE: &str = "/proc/self/mountinfo";

/// The file systems whose answers come from this kernel alone, without another machine and without a process, so that
/// none of them can be waited for. Whatever is not in this list is not asked: network file systems, everything of FUSE,
/// autofs, and file systems that capwrap does not know. It is one text, because a list of texts is a table of addresses
/// (`text::tape`).
const LOCAL: &str = "\
    bcachefs binfmt_misc bpf btrfs cgroup cgroup2 configfs cramfs debugfs devpts devtmpfs ecryptfs efivarfs \
    erofs exfat ext2 ext3 ext4 f2fs fusectl hugetlbfs iso9660 jffs2 jfs minix mqueue nilfs2 nsfs ntfs3 overlay \
    proc pstore ramfs reiserfs rootfs securityfs selinuxfs squashfs sysfs tmpfs tracefs ubifs udf vfat xfs zfs";

/// Returns whether file systems of this type answer by themselves.
pub fn is_local(kind: &str) -> bool {
    LOCAL.split_ascii_whitespace().any(|local| local == kind)
}

/// Returns the type of the file system that an absolute path lies on, as far as the table shows it. Links in the path
/// are taken as directories. The result is `None` if the root directory is no mount point, as in a chroot.
pub fn kind_of(table: &[u8], path: &Path) -> Option<String> {
    let mounts: Vec<Mount> = table.split(|byte| *byte == b'\n').filter_map(Mount::read).collect();
    // What is mounted on the root directory lies in a stack. The parent of its lowest mount is not in the table.
    let is_lowest = |mount: &&Mount| !mounts.iter().any(|other| other.id == mount.parent && other.id != mount.id);
    let mut here = mounts.iter().filter(is_lowest).find(|mount| mount.point == Path::new("/"))?;
    // From one mount, the way to the path enters its nearest child. What lies deeper on the same mount is hidden. A
    // table has no circle; the number of its lines ends the walk whatever it says.
    for _ in &mounts {
        let below =
            mounts.iter().filter(|one| one.parent == here.id && one.id != here.id && path.starts_with(&one.point));
        match below.min_by_key(|one| one.point.as_os_str().len()) {
            Some(next) => here = next,
            None => break,
        }
    }
    Some(String::from_utf8_lossy(here.kind).into_owned())
}

/// Returns whether the table has a mount of this number, which `mnt_id` of proc_pid_fdinfo(5) shows too.
pub fn has(table: &[u8], number: u64) -> bool {
    let number = number.to_string();
    let mut first = table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').next());
    first.any(|first| first == number.as_bytes())
}

/// Returns where file systems of this type are mounted.
pub fn points_of(table: &[u8], kind: &str) -> Vec<PathBuf> {
    let mounts = table.split(|byte| *byte == b'\n').filter_map(Mount::read);
    mounts.filter(|mount| mount.kind == kind.as_bytes()).map(|mount| mount.point).collect()
}

struct Mount<'t> {
    id: u64,
    parent: u64,
    point: PathBuf,
    kind: &'t [u8],
}

impl<'t> Mount<'t> {
    fn read(line: &'t [u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let number = |field: Option<&[u8]>| std::str::from_utf8(field?).ok()?.parse().ok();
        let (id, parent) = (number(fields.next())?, number(fields.next())?);
        let point = PathBuf::from(OsString::from_vec(unescaped(fields.nth(2)?)));
        // Any number of optional fields comes before a field with a hyphen alone.
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        Some(Self { id, parent, point, kind })
    }
}

/// Decodes the octal escapes that the table uses for blanks and similar characters.
pub fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let digits =
            after.get(..3).filter(|digits| *first == b'\\' && digits.iter().all(|c| (b'0'..=b'7').contains(c)));
        let number =
            digits.map(|digits| digits.iter().fold(0_u32, |number, digit| number * 8 + u32::from(digit - b'0')));
        match number.and_then(|number| u8::try_from(number).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
        22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
        23 22 0:5 / /proc rw - proc proc rw\n\
        24 22 0:6 / /sys rw shared:2 master:1 - sysfs sysfs rw\n\
        25 24 0:7 / /sys/kernel/tracing rw - tracefs tracefs rw\n\
        30 22 0:30 / /home rw - nfs4 server:/home rw\n\
        31 30 0:31 / /home/alice/my\\040files rw - fuse.sshfs b: rw\n\
        40 22 0:40 / /srv/data rw - ext4 /dev/vdb rw\n\
        41 22 0:41 / /srv rw - autofs systemd-1 rw\n\
        50 22 0:50 / /mnt rw - ext4 /dev/vdc rw\n\
        51 50 0:51 / /mnt rw - tmpfs tmpfs rw\n";

    #[test]
    fn the_table_has_its_mounts_and_not_what_else_is_a_number_in_it() {
        let has: Vec<u64> = (0..300).filter(|number| has(TABLE.as_bytes(), *number)).collect();
        assert_eq!(has, [22, 23, 24, 25, 30, 31, 40, 41, 50, 51]);
        assert!(!super::has(b"", 0) && !super::has(b"\n", 0));
    }

    #[test]
    fn a_path_lies_on_the_last_mount_of_the_way_to_it() {
        for (path, kind) in [
            ("/", "ext4"),
            ("/etc/passwd", "ext4"),
            ("/sysx", "ext4"),
            ("/sys", "sysfs"),
            ("/sys/kernel/tracing", "tracefs"),
            ("/sys/kernel/tracing/events/x", "tracefs"),
            ("/home/bob", "nfs4"),
            ("/home/alice/my files/x", "fuse.sshfs"),
            // Mounted over, so hidden.
            ("/srv/data/x", "autofs"),
            // The second mount at one place covers the first.
            ("/mnt/x", "tmpfs"),
        ] {
            assert_eq!(kind_of(TABLE.as_bytes(), Path::new(path)).as_deref(), Some(kind), "{path}");
        }
    }

    #[test]
    fn mounts_on_the_root_directory_cover_each_other() {
        let table =
            b"1 1 0:1 / / rw - rootfs rootfs rw\n20 1 254:0 / / rw - overlay overlay rw\n21 20 0:2 / /x rw - 9p h rw\n";
        assert_eq!(kind_of(table, Path::new("/y")).as_deref(), Some("overlay"));
        assert_eq!(kind_of(table, Path::new("/x/y")).as_deref(), Some("9p"));
    }

    #[test]
    fn a_table_without_the_root_directory_or_of_another_form_shows_nothing() {
        for table in [
            "",
            "\n\n",
            "1 2 3",
            "x y 0:1 / / rw - ext4 d rw",
            "5 4 0:1 / /sys rw - sysfs s rw\n",
            "1 2 0:1 / / rw ext4",
        ] {
            assert_eq!(kind_of(table.as_bytes(), Path::new("/sys")), None, "{table:?}");
        }
        // Two mounts that are each other's parent end the walk all the same.
        let circle = b"1 9 0:1 / / rw - ext4 d rw\n2 1 0:1 / / rw - ext4 d rw\n1 2 0:1 / / rw - xfs d rw\n";
        assert!(kind_of(circle, Path::new("/x")).is_some());
    }

    #[test]
    fn nothing_is_asked_of_file_systems_that_another_machine_or_a_process_answers_for() {
        assert!(LOCAL.split_ascii_whitespace().is_sorted());
        for local in ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "tracefs", "debugfs", "bpf", "sysfs", "proc"] {
            assert!(is_local(local), "{local}");
        }
        for other in [
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "9p",
            "virtiofs",
            "ceph",
            "afs",
            "lustre",
            "gfs2",
            "ocfs2",
            "fuse",
            "fuseblk",
            "fuse.sshfs",
            "fuse.glusterfs",
            "autofs",
            "vboxsf",
            "",
            "unheard-of",
        ] {
            assert!(!is_local(other), "{other}");
        }
    }

    #[test]
    fn escapes_are_octal_and_anything_else_stands_for_itself() {
        for (field, plain) in
            [("a\\040b\\134c", "a b\\c"), ("\\04", "\\04"), ("\\999", "\\999"), ("\\", "\\"), ("\\777", "\\777")]
        {
            assert_eq!(unescaped(field.as_bytes()), plain.as_bytes(), "{field}");
        }
    }
}
