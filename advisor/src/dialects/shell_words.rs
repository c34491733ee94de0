//! Splits a script into commands and their words.

/// Returns the words of each command. Quotes, backslashes and comments have the meaning of sh(1). Nothing is expanded.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('\n') | None => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            '\'' => word.get_or_insert_default().extend(letters.by_ref().take_while(|letter| *letter != '\'')),
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                    match (letter, letters.peek()) {
                        ('\\', Some('"' | '\\' | '$' | '`')) => word.extend(letters.next()),
                        ('\\', Some('\n')) => drop(letters.next()),
                        _ => word.push(letter),
                    }
                }
            }
            '#' if word.is_none() => while letters.next_if(|letter| *letter != '\n').is_some() {},
            ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' => {
                if let (Some(word), Some(command)) = (word.take(), all.last_mut()) {
                    command.push(word);
                }
                if !matches!(letter, ' ' | '\t' | '\r') {
                    all.push(Vec::new());
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    if let (Some(word), Some(command)) = (word, all.last_mut()) {
        command.push(word);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_end_where_a_shell_ends_them() {
        let commands = commands("a 'b c' && d \\\n e; f | g # h\n");
        assert_eq!(commands, [vec!["a", "b c"], vec![], vec!["d", "e"], vec!["f"], vec!["g"], vec![]]);
    }
}
