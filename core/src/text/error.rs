//! The form of every error: one line says what failed, and a second one gives a hint if there is
//! one.

use crate::text::printable;

/// Returns the lines of an error, whichever program prints it. Whatever `message` and `hint`
/// contain, none of their characters moves the cursor, ends a line or reorders it.
pub fn lines(message: &str, hint: Option<&str>) -> String {
    let hint = hint.map_or(String::new(), |hint| format!("hint: {}\n", printable::line(hint)));
    format!("capwrap: {}\n{hint}", printable::line(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_and_its_hint_another_whatever_is_in_them() {
        let hostile = "a\nb\u{1b}[2J\u{9b}c\u{202e}d\u{61c}";
        let shown = "a\\u{a}b\\u{1b}[2J\\u{9b}c\\u{202e}d\\u{61c}";
        assert_eq!(lines(hostile, Some(hostile)), format!("capwrap: {shown}\nhint: {shown}\n"));
        // Text that was made safe already is unchanged.
        assert_eq!(lines(&printable::text(hostile), None), format!("capwrap: {shown}\n"));
    }
}
