//! Words of a command that a person may paste into a shell.

use crate::text::printable;
use std::path::Path;

/// Writes the word so that a POSIX shell reads it back, with quotes if they are needed.
pub fn word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { quoted(word) }
}

/// The word between single quotes, which a POSIX shell reads back whatever its characters are.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Does the same for a path. The result is `None` if the path cannot be printed unchanged: no
/// command is better than a command for another file.
pub fn path(path: &Path) -> Option<String> {
    let shown = path.to_str()?;
    (printable::line(shown) == shown && !shown.starts_with('-')).then(|| word(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_read_something_else() {
        for plain in ["/usr/bin/t", "cap_net_raw=ep", "a-b_c.d+e"] {
            assert_eq!(word(plain), plain);
        }
        for (raw, quoted) in
            [("", "''"), ("a b", "'a b'"), ("#7", "'#7'"), ("$x`y`", "'$x`y`'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(word(raw), quoted);
        }
    }

    #[test]
    fn a_path_that_cannot_be_shown_makes_no_command() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(path(Path::new("/a b")).as_deref(), Some("'/a b'"));
        let bytes = std::ffi::OsStr::from_bytes(b"/a\xff");
        for hostile in [Path::new("/a\nb"), Path::new("/a\u{202e}b"), Path::new("-rf"), Path::new(bytes)] {
            assert_eq!(path(hostile), None, "{hostile:?}");
        }
    }
}
