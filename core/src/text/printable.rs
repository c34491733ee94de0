//! Makes text of unknown origin safe to print on a terminal or to write into a log.

use crate::text::hidden::is_hidden;
use std::ffi::OsStr;
use std::fmt::Write;

/// Writes control characters, bytes that are not UTF-8 and backslashes as escapes. The result is
/// always one line: in CVE-2023-28486 a newline forged a line of a log.
pub fn text(raw: impl AsRef<OsStr>) -> String {
    let mut shown = String::new();
    for chunk in raw.as_ref().as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => shown.push_str("\\\\"),
                c => show(c, &mut shown),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// Returns the beginning of an escaped text, of at most so many bytes. It never ends inside an escape.
pub fn cut(shown: &str, most: usize) -> &str {
    let mut end = 0;
    while let Some(first) = shown[end..].chars().next() {
        let rest = &shown[end..];
        let length = match first {
            '\\' if rest.starts_with("\\u{") => rest.find('}').map_or(rest.len(), |at| at + 1),
            '\\' if rest.starts_with("\\x") => rest.char_indices().nth(4).map_or(rest.len(), |(at, _)| at),
            '\\' => rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at),
            first => first.len_utf8(),
        };
        if end + length > most {
            break;
        }
        end += length;
    }
    &shown[..end]
}

/// Makes a message safe if parts of it may have been made safe already. The result is always one
/// line.
pub fn line(message: &str) -> String {
    let mut shown = String::new();
    message.chars().for_each(|c| show(c, &mut shown));
    shown
}

/// Makes a page safe that capwrap composed: it keeps newlines, tabs and the codes for colours, and escapes what
/// remains. It is the last check of everything that is printed. A name on the page must have been made safe before,
/// because a newline or a colour in it would stay.
pub fn page(page: &str) -> String {
    let mut shown = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(c) = rest.chars().next() {
        let kept = match c {
            '\n' | '\t' => 1,
            '\u{1b}' => colour(rest),
            _ => 0,
        };
        if kept > 0 {
            shown.push_str(&rest[..kept]);
            rest = &rest[kept..];
        } else {
            show(c, &mut shown);
            rest = &rest[c.len_utf8()..];
        }
    }
    shown
}

/// Returns the length of the code at the beginning of a text if it is Select Graphic Rendition of ECMA-48, and 0
/// otherwise.
fn colour(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 0 };
    let length = parameters.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    if parameters[length..].starts_with('m') { "\u{1b}[".len() + length + 1 } else { 0 }
}

/// A hidden character reorders a line before the reader's eyes, acts on the terminal or looks like nothing, so it is
/// escaped.
fn show(c: char, shown: &mut String) {
    if is_hidden(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn nothing_that_moves_a_cursor_or_ends_a_line_is_left() {
        assert_eq!(text("plain ü"), "plain ü");
        assert_eq!(text("a\nb\x1b[2Jc\\"), "a\\u{a}b\\u{1b}[2Jc\\\\");
        assert_eq!(text("\u{202e}x"), "\\u{202e}x");
        assert_eq!(text(OsStr::from_bytes(b"a\xff")), "a\\xff");
        for c in "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{9b}\u{7f}\u{e0041}".chars() {
            assert_eq!(text(c.to_string()), c.escape_unicode().to_string());
        }
        assert_eq!(line(&text("a\nb\\")), text("a\nb\\"));
        assert_eq!(line("a\nb\x1b[2J\\"), "a\\u{a}b\\u{1b}[2J\\");
    }

    #[test]
    fn a_text_is_not_cut_inside_an_escape() {
        let shown = text(OsStr::from_bytes(b"a\xff\\\n\xc3\xbcb"));
        assert_eq!(shown, "a\\xff\\\\\\u{a}üb");
        let kept: Vec<&str> = (0..=shown.len()).map(|most| cut(&shown, most)).collect();
        let borders = ["", "a", "a\\xff", "a\\xff\\\\", "a\\xff\\\\\\u{a}", "a\\xff\\\\\\u{a}ü", shown.as_str()];
        assert!(kept.iter().all(|kept| borders.contains(kept)), "{kept:?}");
        assert!(borders.iter().all(|border| kept.contains(border)), "{kept:?}");
        for odd in ["\\", "\\u{1", "\\x1", "\\xü"] {
            assert!((0..=odd.len()).all(|most| [odd, ""].contains(&cut(odd, most))));
        }
    }

    #[test]
    fn a_page_keeps_its_lines_and_colours_and_nothing_else_that_moves_a_cursor() {
        let page_of = "\u{1b}[1mname\u{1b}[0m\n\tü\u{1b}[38;5;1mx\u{1b}[m\n";
        assert_eq!(page(page_of), page_of);
        assert_eq!(
            page("\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}1m\u{202e}\r"),
            r"\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}1m\u{202e}\u{d}"
        );
        for cut in ["\u{1b}", "\u{1b}[", "\u{1b}[1", "\u{1b}[1;"] {
            assert_eq!(page(cut), line(cut));
        }
    }
}
