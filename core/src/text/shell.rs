//! Words of a command that a person may paste into a shell.

use crate::text::hidden::is_hidden;
use std::os::unix::ffi::OsStrExt;
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

/// Writes a path as one word of a command. A path with hidden characters or with bytes that are not UTF-8 stands
/// between `$'` and `'`, with those as octal numbers (POSIX.1-2024, 2.2.4): what a person sees, copies and runs is the
/// same path. A shell that does not know this form, such as an older dash, reads a path that begins with a dollar sign.
///
/// The result is `None` for a path that a command would read as an option.
pub fn path(path: &Path) -> Option<String> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.starts_with(b"-") {
        return None;
    }
    match path.to_str() {
        Some(shown) if !shown.contains(is_hidden) => Some(word(shown)),
        _ => Some(dollar_quoted(bytes)),
    }
}

fn dollar_quoted(bytes: &[u8]) -> String {
    let mut quoted = String::from("$'");
    let octal = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:03o}")).collect::<String>();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' | '\'' => quoted.extend(['\\', c]),
                c if is_hidden(c) => quoted += &octal(c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => quoted.push(c),
            }
        }
        quoted += &octal(chunk.invalid());
    }
    quoted + "'"
}

/// Does the same for an argument of a command.
pub fn argument(argument: &str) -> Option<String> {
    path(Path::new(argument))
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
    fn a_path_with_hidden_characters_is_written_with_their_numbers() {
        assert_eq!(path(Path::new("/a b")).as_deref(), Some("'/a b'"));
        assert_eq!(path(Path::new("-rf")), None);
        for (raw, quoted) in [
            (b"/a\nb".as_slice(), r"$'/a\012b'"),
            (b"/a\xff7", r"$'/a\3777'"),
            (b"/it's \\\x1b[2J", r"$'/it\'s \\\033[2J'"),
            ("/\u{202e}ü\u{9b}".as_bytes(), r"$'/\342\200\256ü\302\233'"),
        ] {
            let raw = Path::new(std::ffi::OsStr::from_bytes(raw));
            assert_eq!(path(raw).as_deref(), Some(quoted), "{raw:?}");
        }
    }
}
