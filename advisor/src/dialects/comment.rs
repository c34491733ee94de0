//! Formats remarks as comment lines.

use crate::dialects::remarks::Remarks;

/// The number of columns of a line, including the comment sign.
const WIDTH: usize = 80;

/// Returns the remarks as comment lines that begin with `#`.
pub fn lines(remarks: &Remarks) -> String {
    let mut lines: Vec<String> = remarks.heading.iter().flat_map(|text| wrap(text, "", "")).collect();
    let longest = remarks.capabilities.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines.push(String::new());
    for (name, why) in &remarks.capabilities {
        lines.extend(wrap(why, &format!("  {name:<longest$}  "), &" ".repeat(longest + 4)));
    }
    let sections = [
        ("What the tool needs besides capabilities:", &remarks.needs),
        ("What it cannot say here:", &remarks.unsaid),
        ("Mind:", &remarks.mind),
    ];
    for (title, items) in sections {
        if !items.is_empty() {
            lines.push(String::new());
            lines.push(title.to_owned());
            lines.extend(items.iter().flat_map(|item| wrap(item, "- ", "  ")));
        }
    }
    lines.iter().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}

/// Breaks a text between words. A word that is longer than the line stays whole.
fn wrap(text: &str, first: &str, rest: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut fresh = true;
    for word in text.split(' ') {
        if !fresh && 2 + line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, rest.to_owned()));
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_within_eighty_columns() {
        let lines = wrap(&"word ".repeat(40), "- ", "  ");
        assert!(lines.len() > 2);
        assert!(lines.iter().all(|line| line.len() + 2 <= WIDTH), "{lines:#?}");
        assert!(lines[0].starts_with("- word") && lines[1].starts_with("  word"));
        assert_eq!(wrap(&"x".repeat(100), "", ""), ["x".repeat(100)]);
    }
}
