//! `capwrap verify --scan`, compared with getcap, setcap and filecap on the same files.

use capwrap_tests::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Numbers that look random but are the same in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// An attribute of one of the versions, in the layout of `struct vfs_cap_data`.
fn attribute(chance: &mut Chance) -> Vec<u8> {
    let version = 1 + chance.below(3) as u32;
    let known = (1_u64 << 41) - 1;
    let mut mask = || match chance.below(8) {
        0 => known,
        1 => known & !(1 << chance.below(41)),
        2 => chance.next(),
        3 => 0,
        _ => 1 << chance.below(41) | 1 << chance.below(41),
    };
    let (permitted, inheritable) = (mask(), mask());
    let effective = chance.below(2) as u32;
    let mut words = vec![version << 24 | effective, permitted as u32, inheritable as u32];
    if version > 1 {
        words.extend([(permitted >> 32) as u32, (inheritable >> 32) as u32]);
    }
    if version == 3 {
        words.push(1 + chance.below(100_000) as u32);
    }
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

const ODD: [&[u8]; 6] = [b"plain", b"with blank", b"new\nline", b"\xff\xfe", b".hidden", b"quote'\"\\"];

/// Creates some thousands of files, a third of them with capabilities, and returns how many there are.
fn generated(root: &Path) -> usize {
    let mut chance = Chance(0x5EED_CA9B_1234_5678);
    let (mut made, mut carrying) = (0, 0);
    for directory in 0..60 {
        let mut folder = root.to_owned();
        for _ in 0..chance.below(6) {
            folder.push(format!("d{}", chance.below(5)));
        }
        folder.push(format!("leaf{directory}"));
        fs::create_dir_all(&folder).unwrap();
        for number in 0..60 {
            let mut name = ODD[chance.below(6) as usize].to_vec();
            name.extend(format!("-{number}").bytes());
            let file = folder.join(OsString::from_vec(name));
            fs::write(&file, "").unwrap();
            made += 1;
            if chance.below(3) == 0 {
                // An attribute that the kernel refuses to store is not counted.
                carrying += usize::from(xattr::set(&file, "security.capability", &attribute(&mut chance)).is_ok());
            }
        }
        symlink(root, folder.join("loop")).unwrap();
        symlink("/usr/bin/ping", folder.join("link")).unwrap();
    }
    assert!(carrying > 700, "{carrying} of {made} carry something");
    made
}

/// The result of a scan: the notation by path, and the number of files.
fn scanned(root_path: &str) -> (BTreeMap<String, String>, u64) {
    let run = root(&[CAPWRAP, "verify", "--scan", root_path, "--json"]).run();
    assert_eq!(run.code, 1, "{}", run.stderr);
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    let subject = |subject: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&subject["name"]), text(&subject["lines"][0]["value"]))
    };
    let found = object["subjects"].as_array().unwrap().iter().map(subject).collect();
    (found, object["files_scanned"].as_u64().unwrap())
}

/// The notation that getcap prints for one file, with the root id.
fn getcap(path: &Path) -> Option<String> {
    let output = std::process::Command::new("getcap").arg("-n").arg(path).output().unwrap();
    let line = output.stdout.strip_prefix(path.as_os_str().as_bytes())?.strip_prefix(b" ")?;
    Some(String::from_utf8_lossy(line).trim_end().to_owned())
}

fn every_file(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => every_file(&entry.path(), into),
            kind if kind.is_file() => into.push(entry.path()),
            _ => {}
        }
    }
}

#[test]
fn a_scan_finds_what_getcap_finds_and_prints_it_as_getcap_does() {
    let folder = Folder::new();
    let made = generated(&folder.0);
    let (found, files) = scanned(folder.0.to_str().unwrap());
    assert_eq!(files as usize, made);
    let mut all = Vec::new();
    every_file(&folder.0, &mut all);
    let theirs: BTreeMap<String, String> =
        all.iter().filter_map(|path| Some((capwrap_core::text::printable::text(path), getcap(path)?))).collect();
    assert!(theirs.len() > 700);
    let differing: Vec<_> = theirs.iter().filter(|(path, text)| found.get(*path) != Some(*text)).take(5).collect();
    let of_them: Vec<_> = differing.iter().map(|(path, _)| found.get(*path)).collect();
    assert!(differing.is_empty(), "getcap: {differing:?}, capwrap: {of_them:?}");
    assert_eq!(found.len(), theirs.len(), "capwrap finds more than getcap");
    // setcap reads the printed notation and confirms that the file has it.
    let plain = |text: &&String| !text.contains("rootid");
    for path in all.iter().step_by(7) {
        let Some(text) = found.get(&capwrap_core::text::printable::text(path)).filter(plain) else { continue };
        let run = root(&["setcap", "-v", text]).arg(path).run();
        // To the kernel, version 1 and an attribute with the effective bit alone (for which setcap's notation has no
        // word) are the same as `=`; setcap compares flags.
        assert!(run.ok() || text == "=", "{text}: {run:?}");
    }
}

#[test]
fn a_scan_finds_every_file_that_filecap_finds() {
    let folder = Folder::new();
    generated(&folder.0);
    let (found, _) = scanned(folder.0.to_str().unwrap());
    let theirs = root(&["filecap", folder.0.to_str().unwrap()]).run();
    // filecap shows only permitted capabilities, and breaks lines at odd names.
    let named: BTreeSet<&str> = theirs
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .filter(|path| path.contains("plain-"))
        .collect();
    assert!(named.len() > 50, "{theirs:?}");
    let missed: Vec<_> = named.iter().filter(|path| !found.contains_key(**path)).collect();
    assert!(missed.is_empty(), "filecap finds {missed:?} too");
}

#[test]
fn what_a_policy_accounts_for_is_not_reported() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "tool");
    assert!(root(&["setcap", "cap_net_raw=ei", &tool]).run().ok());
    let scan = || root(&[CAPWRAP, "verify", "--scan", folder.0.to_str().unwrap()]).run();
    let run = scan();
    assert_eq!(run.code, 1);
    // A long path leaves less room for the words, which then stand on two lines.
    let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("no policy accounts for it"), "{run:?}");
    let policy = Policy::tool(&tool, "net_raw", "[exec]\ndeliver = \"inheritable\"\n");
    assert_eq!(scan().code, 0, "{:?}", scan());
    assert!(root(&["setcap", "cap_net_raw,cap_setuid=ei", &tool]).run().ok());
    assert!(scan().stdout.contains("its policy says cap_net_raw=ei"), "{:?}", scan());
    drop(policy);
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_is_scanned() {
    let folder = Folder::new();
    for name in ["closed", "open"] {
        fs::create_dir(folder.path(name)).unwrap();
        let tool = folder.copy(WITNESS, &format!("{name}/tool"));
        assert!(root(&["setcap", "cap_net_raw=ep", &tool]).run().ok());
    }
    fs::set_permissions(folder.path("closed"), PermissionsExt::from_mode(0o700)).unwrap();
    let run = user(STRANGER, &[CAPWRAP, "verify", "--scan", folder.0.to_str().unwrap()]).run();
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stdout.contains("open/tool") && run.stdout.contains("cannot be checked: permission denied"), "{run:?}");
    let run = root(&[CAPWRAP, "verify", "--scan", "/no/such/folder"]).run();
    assert_eq!(run.code, 2, "{run:?}");
}

#[test]
fn a_fix_walks_a_tree_no_more_often_than_a_scan_does() {
    in_own_mounts(|| {
        let folder = Folder::new();
        for number in 0..100 {
            fs::create_dir(folder.path(&number.to_string())).unwrap();
        }
        let tool = folder.copy(WITNESS, "50/tool");
        let policy = Policy::tool(&tool, "net_raw", "[exec]\ndeliver = \"inheritable\"\n");
        assert!(root(&["setcap", "cap_net_raw,cap_setuid=ei", &tool]).run().ok());
        let log = folder.path("strace");
        let directories_read = |options: &[&str]| {
            let strace = ["strace", "--follow-forks", "--trace=getdents64", "--output", &log, CAPWRAP, "verify"];
            let run = root(&[&strace, options, &["--scan", folder.0.to_str().unwrap()]].concat()).run();
            (fs::read_to_string(&log).unwrap().matches("getdents64(").count(), run)
        };
        let (scanned, run) = directories_read(&[]);
        assert!(run.code == 1 && scanned >= 100, "{scanned}: {run:?}");
        let (fixed, run) = directories_read(&["--fix"]);
        assert!(run.stdout.contains(&format!("fixed: {tool}: cap_net_raw=ei")), "{run:?}");
        // A file that was fixed is checked again by its path, and the policies are listed again.
        assert!(fixed < scanned + 50, "{fixed} directories were read, and {scanned} by a scan alone");
        assert_eq!(run.code, 0, "{run:?}");
        drop(policy);
    });
}

#[test]
fn another_file_system_is_scanned_unless_it_is_to_be_left_out() {
    in_own_mounts(|| {
        let folder = Folder::new();
        let mounted = folder.path("mounted");
        fs::create_dir(&mounted).unwrap();
        cover(&mounted);
        let tool = folder.copy(WITNESS, "mounted/tool");
        assert!(root(&["setcap", "cap_net_raw=ep", &tool]).run().ok());
        let scan = |more: &[&str]| {
            root(&[&[CAPWRAP, "verify", "--scan", folder.0.to_str().unwrap()], more].concat()).run().code
        };
        assert_eq!(scan(&[]), 1);
        assert_eq!(scan(&["--one-file-system"]), 0);
        assert!(root(&["umount", &mounted]).run().ok());
    });
}

/// The kernel stores no such attribute, so the test writes them into the image of a file system.
#[test]
fn attributes_that_the_kernel_does_not_show_are_reported_in_a_line_each() {
    in_own_mounts(|| {
        let folder = Folder::new();
        let image = folder.path("image");
        fs::File::create(&image).unwrap().set_len(4 << 20).unwrap();
        assert!(root(&["mkfs.ext4", "-q", &image]).run().ok());
        let malformed: [&[u8]; 4] = [
            b"\x01\0\0\x02\0\x20",
            b"\0\0\0\x09\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            b"\x01\0\0\x01\0\x20\0\0\0\0\0\0",
            b"\x02\0\0\0\0\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ];
        for (number, bytes) in malformed.iter().enumerate() {
            let (file, attribute) = (folder.path("file"), folder.path("attribute"));
            fs::write(&file, "").unwrap();
            fs::write(&attribute, bytes).unwrap();
            for command in
                [format!("write {file} f{number}"), format!("ea_set -f {attribute} f{number} security.capability")]
            {
                assert!(root(&["debugfs", "-w", "-R", &command, &image]).run().ok());
            }
        }
        let mounted = folder.path("mounted");
        fs::create_dir(&mounted).unwrap();
        assert!(root(&["mount", "-o", "loop", &image, &mounted]).run().ok());
        let run = root(&[CAPWRAP, "verify", "--scan", &mounted]).run();
        assert!(root(&["umount", &mounted]).run().ok());
        assert_eq!(run.code, 1, "{run:?}");
        let found = run.stdout.matches("✗ capabilities  security.capability that the kernel does not show").count();
        assert_eq!(found, malformed.len(), "{run:?}");
    });
}

#[test]
fn a_relative_tree_and_one_that_is_a_link_are_scanned_wherever_threads_stand() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("tree/deep/deeper")).unwrap();
    let tool = folder.copy(WITNESS, "tree/deep/deeper/tool");
    assert!(root(&["setcap", "cap_net_raw=ep", &tool]).run().ok());
    symlink("tree", folder.path("link")).unwrap();
    for name in ["tree", "link", "./tree/deep", "tree/../tree"] {
        let run = root(&[CAPWRAP, "verify", "--scan", name, "--scan", name]).dir(&folder.0).run();
        assert_eq!((run.code, run.stdout.matches(&tool).count()), (1, 1), "{name}: {run:?}");
    }
}

/// The names that a scan from this directory reports, and its exit code.
fn found_from(directory: &Path, roots: &[&str]) -> (BTreeSet<String>, i32) {
    let roots = roots.iter().flat_map(|root| ["--scan", root]);
    let words: Vec<&str> = [CAPWRAP, "verify", "--json"].into_iter().chain(roots).collect();
    let output = std::process::Command::new(words[0]).args(&words[1..]).current_dir(directory).output().unwrap();
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    let subjects = object["subjects"].as_array().unwrap();
    let names: BTreeSet<String> = subjects.iter().map(|subject| subject["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), subjects.len(), "something is reported twice: {object}");
    (names, output.status.code().unwrap())
}

#[test]
fn a_file_beyond_the_longest_path_is_found_and_reported() {
    use nix::fcntl::{OFlag, openat};
    use nix::sys::stat::{Mode, mkdirat};
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "tool");
    assert!(root(&["setcap", "cap_net_raw=ep", &tool]).run().ok());
    let name = "d".repeat(250);
    let mut directory = fs::File::open(&folder.0).unwrap();
    for _ in 0..20 {
        mkdirat(&directory, name.as_str(), Mode::from_bits_truncate(0o755)).unwrap();
        directory = openat(&directory, name.as_str(), OFlag::O_DIRECTORY, Mode::empty()).unwrap().into();
    }
    nix::unistd::linkat(nix::fcntl::AT_FDCWD, tool.as_str(), &directory, "deep", nix::fcntl::AtFlags::empty()).unwrap();
    let (found, code) = found_from(Path::new("/"), &[folder.0.to_str().unwrap()]);
    assert_eq!(code, 1, "{found:?}");
    assert!(found.iter().any(|path| path.ends_with("/deep") && path.len() > 5000), "{found:?}");
    assert!(found.len() == 2 && found.contains(&tool), "{found:?}");
}

#[test]
fn files_that_come_and_go_are_no_fault_of_the_scan() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let folder = Folder::new();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let coming = folder.0.join("comes/and/goes");
                fs::create_dir_all(&coming).unwrap();
                (0..20).for_each(|number| fs::write(coming.join(number.to_string()), "").unwrap());
                fs::remove_dir_all(folder.0.join("comes")).unwrap();
            }
        });
        let codes: Vec<i32> = (0..100).map(|_| found_from(Path::new("/"), &[folder.0.to_str().unwrap()]).1).collect();
        over.store(true, Ordering::Relaxed);
        assert_eq!(codes, vec![0; 100]);
    });
}

#[test]
fn a_file_whose_capabilities_give_exactly_what_its_policy_grants_is_accounted_for() {
    on_a_machine_of_its_own(|| {
        let folder = Folder::new();
        let tool = folder.copy(WITNESS, "tool");
        let _policy = Policy::tool(&tool, "net_raw", "[exec]\nchildren = \"none\"\n");
        for (carries, code) in [("cap_net_raw=ep", 0), ("cap_net_admin=ep", 1)] {
            assert!(root(&["setcap", carries, &tool]).run().ok());
            let run = root(&[CAPWRAP, "verify", "--scan", folder.0.to_str().unwrap()]).run();
            assert_eq!(run.code, code, "{carries}: {run:?}");
        }
    });
}
