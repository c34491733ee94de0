//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

pub const HELP: &str = "\
capwrap-recorder keeps the records of capwrap below /var/log/capwrap.

Usage: capwrap-recorder [--answer] [--listen PATH]

  --answer       show each user their own records, instead of keeping records
  --listen PATH  make the socket, instead of taking it from systemd; as root, which it gives up then.
                 The launcher connects to /run/capwrap/record.sock, capwrap history to /run/capwrap/history.sock";

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub answer: bool,
    pub listen: Option<PathBuf>,
}

impl Options {
    /// Reads the words; `None` if they ask for help.
    ///
    /// # Errors
    /// A word is no option, or lacks its value.
    pub fn read(words: impl Iterator<Item = OsString>) -> Result<Option<Self>, String> {
        let (mut options, mut words) = (Self::default(), words);
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("--answer") => options.answer = true,
                Some("--listen") => {
                    let path: PathBuf = words.next().ok_or("--listen takes a path")?.into();
                    if !path.is_absolute() {
                        return Err(format!("--listen takes an absolute path, and this is {path:?}"));
                    }
                    options.listen = Some(path);
                }
                Some("--help" | "-h") => return Ok(None),
                _ => return Err(format!("unknown option {word:?}: see --help")),
            }
        }
        Ok(Some(options))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn options_are_read_and_others_refused() {
        let read = |words: &[&str]| Options::read(words.iter().map(OsString::from));
        assert_eq!(read(&[]).unwrap(), Some(Options::default()));
        let both = Options { answer: true, listen: Some("/a".into()) };
        assert_eq!(read(&["--listen", "/a", "--answer"]).unwrap(), Some(both));
        assert_eq!(read(&["--help"]).unwrap(), None);
        for odd in [&["--listen"][..], &["--listen", "a"], &["x"]] {
            assert!(read(odd).is_err(), "{odd:?}");
        }
    }
}
