//! The characters that a reader does not see, or that change how a reader sees others.

/// Returns whether a character is a control character, has no width of its own, ends a line, or changes the direction
/// of a line.
pub fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let at = HIDDEN.partition_point(|(_, last)| *last < c);
    HIDDEN.get(at).is_some_and(|(first, _)| *first <= c)
}

/// Returns a character as JSON may write each one in a string: as `\uXXXX`, and with two of them (a surrogate pair) beyond
/// U+FFFF (RFC 8259, section 7).
pub fn json_escape(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// The first and the last character of each range of the characters with one of these properties: general category Cc
/// (controls, and so ANSI and C1 escapes), Cf (formats), Zl or Zp (separators of lines and paragraphs),
/// Default_Ignorable_Code_Point (no glyph: zero-width characters, variation selectors, tags) or Bidi_Control.
///
/// The source is Unicode 16.0, UnicodeData.txt, DerivedCoreProperties.txt and PropList.txt. A test compares the table
/// with the one of the crate regex-syntax.
const HIDDEN: &[(char, char)] = &[
    ('\u{0}', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_unicode() {
        let properties = r"[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cc}\p{Cf}\p{Zl}\p{Zp}]";
        let parsed = regex_syntax::parse(properties).unwrap();
        let regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class)) = parsed.kind() else {
            panic!("{parsed:?} is no class of characters")
        };
        let ranges: Vec<(char, char)> = class.ranges().iter().map(|range| (range.start(), range.end())).collect();
        assert_eq!(HIDDEN, ranges);
    }

    #[test]
    fn what_a_name_can_be_forged_with_is_hidden_and_what_people_write_is_not() {
        for hidden in "\n\t\r\u{1b}\u{7f}\u{85}\u{9b}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{200f}\u{202a}\u{202e}\u{2028}\u{2060}\u{2066}\u{2069}\u{feff}\u{fe0f}\u{3164}\u{e0001}\u{e01ef}".chars() {
            assert!(is_hidden(hidden), "{hidden:?}");
        }
        for seen in " ~\\\"'üßéÅЖ漢字かなाुا…—✗\u{301}\u{10ffff}".chars() {
            assert!(!is_hidden(seen), "{seen:?}");
        }
    }
}
