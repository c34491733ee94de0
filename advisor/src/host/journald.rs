//! What systemd-journald drops, by its configuration. A record that capwrap sent to the journal is not stored for sure.
//!
//! The files, their order and the values are those of journald.conf(5). Two things are out of reach here: the limits
//! that a unit sets for itself (LogRateLimitIntervalSec= and LogRateLimitBurst= of systemd.exec(5)), and a credential
//! (`journal.storage`), which counts less than the files.

use crate::host::reading::Reading;
use crate::host::systemd_numbers::{span, unsigned};
use crate::store::bounded_read;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The directories of configuration, the most important first.
const DIRECTORIES: [&str; 4] = ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];

/// The most bytes of a file.
const MAX_BYTES: usize = 1 << 20;

/// A value, and the file (or the kernel's command line) that sets it; `None` for journald's own default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    pub value: T,
    pub set_by: Option<PathBuf>,
}

/// The settings that decide whether a message is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journald {
    /// Whether Storage= is `none`.
    pub stores_nothing: Setting<bool>,
    /// MaxLevelStore=: a message of a higher level than this is dropped. The levels are those of syslog(3), 7 is debug.
    pub max_level: Setting<u8>,
    /// RateLimitIntervalSec=.
    pub interval: Setting<Duration>,
    /// RateLimitBurst=: the messages of one unit in this time, before the factor for free space on the disk.
    pub burst: Setting<u64>,
}

impl Default for Journald {
    /// The defaults of systemd since 239 (journald-config.c).
    fn default() -> Self {
        Self {
            stores_nothing: Setting { value: false, set_by: None },
            max_level: Setting { value: 7, set_by: None },
            interval: Setting { value: Duration::from_secs(30), set_by: None },
            burst: Setting { value: 10_000, set_by: None },
        }
    }
}

impl Journald {
    /// Reads the settings of this machine.
    pub fn here() -> Reading<Self> {
        let command_line = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
        match Self::read(Path::new("/"), &command_line) {
            Ok(settings) => Reading::Is(settings),
            Err(error) => Reading::Unreadable(format!("{error:#}")),
        }
    }

    /// Reads the settings below a root directory. The kernel's command line counts more than the files.
    ///
    /// # Errors
    /// A file or directory is there and cannot be read.
    pub fn read(root: &Path, command_line: &str) -> anyhow::Result<Self> {
        let mut settings = Self::default();
        for file in files(root)? {
            let text = bounded_read::text_of(&file, MAX_BYTES)?;
            let shown = Path::new("/").join(file.strip_prefix(root).unwrap_or(&file));
            assignments(&text).for_each(|(key, value)| settings.set(key, value, &shown));
        }
        let words = command_line.split_whitespace().map(|word| word.strip_prefix("rd.").unwrap_or(word));
        for level in words.filter_map(|word| word.strip_prefix("systemd.journald.max_level_store=")) {
            settings.set("MaxLevelStore", level, Path::new("/proc/cmdline"));
        }
        Ok(settings)
    }

    /// journald ignores a value that it cannot read, and so an empty one: the earlier value stays (systemd,
    /// conf-parser.h, DEFINE_CONFIG_PARSE_PTR).
    fn set(&mut self, key: &str, value: &str, file: &Path) {
        match key {
            "Storage" => {
                let known = ["auto", "volatile", "persistent", "none"].contains(&value);
                set(&mut self.stores_nothing, known.then_some(value == "none"), file);
            }
            "MaxLevelStore" => set(&mut self.max_level, level(value), file),
            "RateLimitIntervalSec" | "RateLimitInterval" => set(&mut self.interval, span(value), file),
            "RateLimitBurst" => {
                let burst = unsigned(value).filter(|burst| u32::try_from(*burst).is_ok());
                set(&mut self.burst, burst, file);
            }
            _ => {}
        }
    }

    /// Whether the number of messages is limited. Either value turns the limit off if it is 0.
    pub const fn is_limited(&self) -> bool {
        !self.interval.value.is_zero() && self.burst.value > 0
    }
}

fn set<T>(setting: &mut Setting<T>, value: Option<T>, file: &Path) {
    if let Some(value) = value {
        *setting = Setting { value, set_by: Some(file.to_owned()) };
    }
}

/// The files in the order in which journald reads them: the first main file that exists, then every drop-in in the
/// order of the names, each from the most important directory that has one of that name.
fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let directories = DIRECTORIES.map(|directory| root.join(directory));
    let main = directories.iter().map(|directory| directory.join("journald.conf")).find(|file| file.exists());
    let mut drop_ins: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for directory in &directories {
        let directory = directory.join("journald.conf.d");
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                continue;
            }
            Err(error) => {
                anyhow::bail!("cannot read {}: {}", directory.display(), crate::output::error::reason(&error))
            }
        };
        for entry in entries.flatten() {
            let path = entry.path();
            // A link to /dev/null hides the file of that name in a less important directory.
            if path.extension().is_some_and(|ending| ending == "conf") && !path.is_dir() {
                drop_ins.entry(entry.file_name()).or_insert(path);
            }
        }
    }
    Ok(main.into_iter().chain(drop_ins.into_values()).collect())
}

/// The assignments of the section [Journal] (systemd.syntax(7)).
fn assignments(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut in_section = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            return None;
        }
        if let Some(section) = line.strip_prefix('[') {
            in_section = section == "Journal]";
            return None;
        }
        let (key, value) = line.split_once('=')?;
        in_section.then(|| (key.trim(), value.trim()))
    })
}

/// A level of syslog(3) by its name or number.
fn level(value: &str) -> Option<u8> {
    let names = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
    match names.iter().position(|name| *name == value) {
        Some(at) => u8::try_from(at).ok(),
        None => value.parse().ok().filter(|level| *level < 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A root directory with these files.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match text.strip_prefix("-> ") {
                Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
                None => fs::write(path, text).unwrap(),
            }
        }
        root
    }

    fn read(files: &[(&str, &str)]) -> Journald {
        Journald::read(tree(files).path(), "").unwrap()
    }

    fn by<T>(value: T, file: &str) -> Setting<T> {
        Setting { value, set_by: Some(file.into()) }
    }

    #[test]
    fn without_a_file_the_defaults_count() {
        let read = read(&[]);
        assert_eq!(read, Journald::default());
        assert!(read.is_limited());
    }

    #[test]
    fn only_the_first_main_file_counts_and_every_drop_in_more() {
        let main = |burst: u32| format!("[Journal]\nRateLimitBurst={burst}\nStorage=none\n");
        let read = read(&[
            ("usr/lib/systemd/journald.conf", &main(1)),
            ("run/systemd/journald.conf", &main(2)),
            ("etc/systemd/journald.conf", "[Journal]\n#Storage=none\nRateLimitBurst=3\n"),
            ("usr/lib/systemd/journald.conf.d/10-a.conf", "[Journal]\nMaxLevelStore=notice\n"),
        ]);
        assert_eq!(read.burst, by(3, "/etc/systemd/journald.conf"));
        assert_eq!(read.stores_nothing, Setting { value: false, set_by: None });
        assert_eq!(read.max_level, by(5, "/usr/lib/systemd/journald.conf.d/10-a.conf"));
    }

    #[test]
    fn drop_ins_are_read_by_name_and_each_name_from_the_first_directory() {
        let burst = |burst: u32| format!("[Journal]\nRateLimitBurst={burst}\n");
        let read = read(&[
            ("etc/systemd/journald.conf.d/10-a.conf", &burst(1)),
            ("run/systemd/journald.conf.d/90-z.conf", &burst(2)),
            ("usr/local/lib/systemd/journald.conf.d/90-z.conf", &burst(3)),
            ("usr/lib/systemd/journald.conf.d/50-m.conf", "[Journal]\nRateLimitBurst=4\nMaxLevelStore=3\n"),
            ("usr/lib/systemd/journald.conf.d/99-hidden.conf", "[Journal]\nStorage=none\nRateLimitBurst=5\n"),
            ("etc/systemd/journald.conf.d/99-hidden.conf", "-> /dev/null"),
            ("etc/systemd/journald.conf.d/99.conf.bak", &burst(6)),
            ("etc/systemd/journald.conf.d/99.conf/x", &burst(7)),
        ]);
        assert_eq!(read.burst, by(2, "/run/systemd/journald.conf.d/90-z.conf"));
        assert_eq!(read.max_level, by(3, "/usr/lib/systemd/journald.conf.d/50-m.conf"));
        assert!(!read.stores_nothing.value);
    }

    #[test]
    fn what_journald_ignores_changes_nothing() {
        let text = "RateLimitBurst=1\n[Other]\nRateLimitBurst=2\n[Journal]\n; RateLimitBurst=3\nRateLimitBurst = 7 \n\
                    RateLimitBurst=\nRateLimitBurst=many\nRateLimitBurst=-1\nStorage=nowhere\nMaxLevelStore=8\n\
                    RateLimitIntervalSec=soon\nNonsense\n";
        let read = read(&[("etc/systemd/journald.conf", text)]);
        assert_eq!(read.burst, by(7, "/etc/systemd/journald.conf"));
        assert_eq!(Journald { burst: Journald::default().burst, ..read }, Journald::default());
    }

    #[test]
    fn either_value_turns_the_limit_off() {
        for text in ["RateLimitBurst=0", "RateLimitIntervalSec=0", "RateLimitInterval=0s", "RateLimitBurst=0x0"] {
            let read = read(&[("etc/systemd/journald.conf", &format!("[Journal]\n{text}\n"))]);
            assert!(!read.is_limited(), "{text}");
        }
    }

    #[test]
    fn the_kernels_command_line_counts_more_than_the_files() {
        let root = tree(&[("etc/systemd/journald.conf", "[Journal]\nMaxLevelStore=debug\n")]);
        for (command_line, level) in
            [("quiet systemd.journald.max_level_store=err", 3), ("rd.systemd.journald.max_level_store=2", 2), ("x", 7)]
        {
            assert_eq!(Journald::read(root.path(), command_line).unwrap().max_level.value, level, "{command_line}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_no_default() {
        let root = tree(&[("etc/systemd/journald.conf", "\0")]);
        fs::write(root.path().join("etc/systemd/journald.conf"), [0xff]).unwrap();
        let error = format!("{:#}", Journald::read(root.path(), "").unwrap_err());
        assert!(error.starts_with("cannot read ") && error.contains("journald.conf"), "{error}");
    }
}
