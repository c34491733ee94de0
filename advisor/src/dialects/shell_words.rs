//! Splits a script into commands and their words. Nothing is evaluated: a word that a shell would replace is marked.

use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::text::printable;

/// A word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The text without its quotes. An expression keeps the letters that the script has.
    pub text: String,
    /// The line on which the word begins, from 1.
    pub line: usize,
    /// Whether a shell replaces a part of the word: a variable, the output of a command, or a pattern of file names.
    pub is_expression: bool,
    /// Whether the shell can make several words of it.
    pub is_several: bool,
}

impl Word {
    /// A word that stands for itself.
    pub fn literal(text: impl Into<String>) -> Self {
        Self { text: text.into(), line: 1, ..Self::default() }
    }

    /// Returns the last component of the word as a path. Wherever a program is, its name is the same.
    pub fn base(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the text of a word whose value a reader must know. `what` names what it says.
    ///
    /// # Errors
    /// The word is an expression.
    pub fn known(&self, what: &str) -> Result<&str> {
        if !self.is_expression {
            return Ok(&self.text);
        }
        Err(hinted(self.unknown(what), "write the value in its place, and compare again"))
    }

    /// Says that the word is an expression. `what` names what it says.
    pub fn unknown(&self, what: &str) -> String {
        let text = printable::text(&self.text);
        format!("line {}: {what} is an expression, which is not evaluated here: {text}", self.line)
    }
}

/// Returns the words of each command that has any. Quotes, backslashes, redirections and comments have the meaning of
/// sh(1). The commands whose output a word takes, as in `$(…)`, follow the command that has the word, and so do those of
/// a script that another shell runs, as in `sh -c '…'`. The lines of a here-document count as commands too, because they
/// are often such a script.
pub fn commands(text: &str) -> Vec<Vec<Word>> {
    of_lines(text, 1, 0)
}

/// Commands that run a script that one of their arguments holds. Others have it behind `-c`.
const SHELLS: [&str; 3] = ["eval", "ssh", "su"];

/// Returns the commands of the scripts in the words of a command.
pub fn scripts(words: &[Word]) -> Vec<Vec<Word>> {
    of_words(words, 0)
}

fn of_words(words: &[Word], depth: usize) -> Vec<Vec<Word>> {
    let is_script = |at: usize| {
        let is_option = at.checked_sub(1).is_some_and(|before| {
            let before = words[before].text.as_str();
            before.starts_with('-') && !before.starts_with("--") && before.ends_with('c')
        });
        let is_shell = words[..at].iter().any(|word| SHELLS.contains(&word.base()));
        words[at].text.contains(char::is_whitespace) && (is_option || is_shell)
    };
    let scripts = (0..words.len()).filter(|at| depth < MAX_DEPTH && is_script(*at));
    scripts.flat_map(|at| of_lines(&words[at].text, words[at].line, depth + 1)).collect()
}

/// How many letters of `{a,b}` are read.
const LONGEST_PATTERN: usize = 256;

/// How deep commands in the words of other commands are read.
const MAX_DEPTH: usize = 8;

fn of_lines(text: &str, line: usize, depth: usize) -> Vec<Vec<Word>> {
    let mut reader = Reader { letters: text.chars().collect(), at: 0, line, depth, ..Reader::default() };
    reader.read();
    reader.all
}

#[derive(Default)]
struct Reader {
    letters: Vec<char>,
    at: usize,
    line: usize,
    depth: usize,
    word: Option<Word>,
    /// Whether the next word is the file of a redirection.
    is_target: bool,
    /// Whether the next word ends a here-document.
    is_delimiter: bool,
    /// The lines that end the here-documents which begin on the next line.
    delimiters: Vec<String>,
    command: Vec<Word>,
    /// What stands in the words of the command as `$(…)`.
    inner: Vec<Vec<Word>>,
    /// Brackets that nothing closes. They are letters, and are not searched again.
    never_closed: Vec<char>,
    all: Vec<Vec<Word>>,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        if letter == '\n' {
            self.line += 1;
        }
        Some(letter)
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        self.peek().filter(|letter| wanted(*letter))?;
        self.next()
    }

    /// Whether this letter stands somewhere after the current place. A quote without an end is a letter.
    fn has_later(&self, wanted: char) -> bool {
        self.letters[self.at..].contains(&wanted)
    }

    fn word(&mut self) -> &mut Word {
        let line = self.line;
        self.word.get_or_insert_with(|| Word { line, ..Word::default() })
    }

    fn push(&mut self, letter: char) {
        self.word().text.push(letter);
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if std::mem::take(&mut self.is_delimiter) {
            self.delimiters.push(word.text);
            self.is_target = false;
        } else if !std::mem::take(&mut self.is_target) {
            self.command.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        (self.is_target, self.is_delimiter) = (false, false);
        let command = std::mem::take(&mut self.command);
        let scripts = of_words(&command, self.depth);
        if !command.is_empty() {
            self.all.push(command);
        }
        self.all.append(&mut self.inner);
        self.all.extend(scripts);
    }

    fn read(&mut self) {
        while let Some(letter) = self.next() {
            match letter {
                '\\' => self.escaped(),
                '\'' if self.has_later('\'') => {
                    self.word();
                    while let Some(letter) = self.next().filter(|letter| *letter != '\'') {
                        self.push(letter);
                    }
                }
                '"' if self.has_later('"') => self.quoted(),
                '#' if self.word.is_none() => while self.next_if(|letter| letter != '\n').is_some() {},
                '$' | '`' => self.expression(letter, false),
                '*' | '?' | '{' if self.is_pattern(letter) => {
                    self.push(letter);
                    let word = self.word();
                    (word.is_expression, word.is_several) = (true, true);
                }
                '<' | '>' => self.redirection(),
                ' ' | '\t' | '\r' => self.end_word(),
                '\n' => {
                    self.end_command();
                    for delimiter in std::mem::take(&mut self.delimiters) {
                        self.document(&delimiter);
                    }
                }
                ';' | '|' | '(' | ')' => self.end_command(),
                '&' if self.next_if(|letter| letter == '>').is_some() => self.redirection(),
                '&' => self.end_command(),
                other => self.push(other),
            }
        }
        self.end_command();
    }

    /// Reads what stands after a backslash. Before the end of a line it continues the line.
    fn escaped(&mut self) {
        match self.next() {
            Some('\n') | None => {}
            Some('\r') if self.next_if(|letter| letter == '\n').is_some() => {}
            Some(letter) => self.push(letter),
        }
    }

    /// Reads what stands between double quotes.
    fn quoted(&mut self) {
        self.word();
        while let Some(letter) = self.next().filter(|letter| *letter != '"') {
            match letter {
                '\\' => match self.next_if(|letter| "\"\\$`\n".contains(letter)) {
                    Some('\n') => {}
                    Some(escaped) => self.push(escaped),
                    None => self.push('\\'),
                },
                '$' | '`' => self.expression(letter, true),
                other => self.push(other),
            }
        }
    }

    /// Reads a variable or the output of a command, after its first letter.
    fn expression(&mut self, first: char, is_quoted: bool) {
        let (start, line) = (self.at, self.line);
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_@*#?$!-".contains(letter);
        let is_one = match (first, self.peek()) {
            ('`', _) => self.has_later('`'),
            (_, Some('(' | '{')) => true,
            (_, Some(letter)) => is_name(letter),
            (_, None) => false,
        };
        self.push(first);
        if !is_one {
            return;
        }
        let mut is_list = false;
        match self.peek() {
            _ if first == '`' => {
                while self.next().is_some_and(|letter| letter != '`') {}
                self.inner(start, self.at - 1, line);
            }
            Some(open @ ('(' | '{')) if !self.never_closed.contains(&open) => {
                if !self.nested(open) {
                    (self.at, self.line) = (start, line);
                    self.never_closed.push(open);
                } else if open == '(' {
                    self.inner(start + 1, self.at - 1, line);
                } else {
                    is_list = self.letters[start..self.at].contains(&'@');
                }
            }
            Some('(' | '{') => {}
            Some(name) => {
                self.next();
                is_list = name == '@';
                if name.is_ascii_alphabetic() || name == '_' {
                    while self.next_if(|letter| letter.is_ascii_alphanumeric() || letter == '_').is_some() {}
                }
            }
            None => {}
        }
        let text: String = self.letters[start..self.at].iter().collect();
        let word = self.word();
        word.text.push_str(&text);
        word.is_expression = true;
        word.is_several |= !is_quoted || is_list;
    }

    /// Goes behind the bracket that closes the one here, if there is one. Brackets in quotes do not count.
    fn nested(&mut self, open: char) -> bool {
        let close = if open == '(' { ')' } else { '}' };
        let (mut depth, mut quote) = (0_usize, None);
        while let Some(letter) = self.next() {
            match (letter, quote) {
                ('\\', None | Some('"')) => drop(self.next()),
                (letter, Some(end)) if letter == end => quote = None,
                (_, Some(_)) => {}
                ('"' | '\'', None) if self.has_later(letter) => quote = Some(letter),
                (letter, None) if letter == open => depth += 1,
                (letter, None) if letter == close => {
                    depth -= 1;
                    if depth == 0 {
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }

    fn inner(&mut self, start: usize, end: usize, line: usize) {
        if self.depth < MAX_DEPTH {
            let text: String = self.letters.get(start..end).unwrap_or_default().iter().collect();
            self.inner.extend(of_lines(&text, line, self.depth + 1));
        }
    }

    /// Whether this letter, which stands outside of quotes, is a part of a pattern: `*`, `?`, or `{` of `{a,b}`. The
    /// `{}` of find(1) and the `{` before commands are words.
    fn is_pattern(&self, letter: char) -> bool {
        if letter != '{' {
            return true;
        }
        let rest = self.letters[self.at..].iter().take(LONGEST_PATTERN);
        let rest = rest.take_while(|letter| !" \t\r\n;{}".contains(**letter));
        let length = rest.clone().count();
        rest.clone().any(|letter| *letter == ',' || *letter == '.') && self.letters.get(self.at + length) == Some(&'}')
    }

    /// Reads the lines of a here-document. Its quotes are its own. Without its end it is no document.
    fn document(&mut self, delimiter: &str) {
        let (start, line) = (self.at, self.line);
        let mut text = String::new();
        while self.at < self.letters.len() {
            let mut one = String::new();
            while let Some(letter) = self.next().filter(|letter| *letter != '\n') {
                one.push(letter);
            }
            if one.trim() == delimiter {
                if self.depth < MAX_DEPTH {
                    self.all.extend(of_lines(&text, line, self.depth + 1));
                }
                return;
            }
            text.push_str(&one);
            text.push('\n');
        }
        (self.at, self.line) = (start, line);
    }

    /// Reads `>`, `2>&1`, `<<EOF` and their like, after their first letter. The next word is no word of the command.
    fn redirection(&mut self) {
        let is_number = self.word.as_ref().is_some_and(|word| word.text.bytes().all(|digit| digit.is_ascii_digit()));
        if is_number {
            self.word = None;
        }
        self.end_word();
        let start = self.at - 1;
        while self.next_if(|letter| "<>&|-".contains(letter)).is_some() {}
        let operator: String = self.letters[start..self.at].iter().collect();
        // `<(…)` is the output of a command.
        self.is_target = self.peek() != Some('(');
        self.is_delimiter = ["<<", "<<-"].contains(&operator.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<Vec<String>> {
        commands(text).into_iter().map(|words| words.into_iter().map(|word| word.text).collect()).collect()
    }

    #[test]
    fn commands_end_where_a_shell_ends_them() {
        let commands = texts("a 'b c' && d \\\n e; f | g # h\n(i) & j \\\r\n k\r\n");
        assert_eq!(commands, [vec!["a", "b c"], vec!["d", "e"], vec!["f"], vec!["g"], vec!["i"], vec!["j", "k"]]);
    }

    #[test]
    fn what_a_shell_replaces_is_one_word_and_an_expression() {
        for (text, word) in [
            ("a $x b", "$x"),
            ("a \"${x:-y z}\" b", "${x:-y z}"),
            ("a $(which \")\" c) b", "$(which \")\" c)"),
            ("a \"$(command -v x)\" b", "$(command -v x)"),
            ("a `which x` b", "`which x`"),
            ("a /usr/bin/p* b", "/usr/bin/p*"),
            ("a /x{1,2} b", "/x{1,2}"),
            ("a $1 b", "$1"),
        ] {
            let words = &commands(text)[0];
            assert_eq!((words.len(), words[1].text.as_str(), words[1].is_expression), (3, word, true), "{text}");
        }
        for text in ["a '$x' b", "a \\$x b", "a {} b", "a $ b", "a it's b", "a 5$ b", "a \"x b", "a '`' b"] {
            assert!(commands(text)[0].iter().all(|word| !word.is_expression), "{text}");
        }
        let several = |text: &str| commands(text)[0][0].is_several;
        assert!(several("$x") && several("\"$@\"") && several("\"${x[@]}\"") && several("*"));
        assert!(!several("\"$x\"") && !several("x"));
    }

    #[test]
    fn a_command_within_a_word_is_a_command_with_its_line() {
        let commands = commands("x\ny=$(a b)\n");
        let words: Vec<_> = commands.iter().map(|words| (words[0].text.as_str(), words[0].line)).collect();
        assert_eq!(words, [("x", 1), ("y=$(a b)", 2), ("a", 2)]);
    }

    #[test]
    fn what_nothing_closes_hides_nothing_and_takes_no_time() {
        assert_eq!(texts("a ${x\nb $(c\nd"), [vec!["a", "${x"], vec!["b", "$"], vec!["c"], vec!["d"]]);
        for open in ["${", "$(", "'\"", "{", "`", "\\", "<("] {
            let text = open.repeat(100_000);
            let start = std::time::Instant::now();
            let _ = commands(&text);
            assert!(start.elapsed().as_secs() < 5, "{open}");
        }
    }

    #[test]
    fn a_redirection_is_no_word() {
        assert_eq!(texts("a >/dev/null 2>&1 b"), [["a", "b"]]);
        assert_eq!(texts("a 2> x &> y b < z"), [["a", "b"]]);
        assert_eq!(texts("a 7 >x <<EOF\nb\nEOF\nc\n"), [vec!["a", "7"], vec!["b"], vec!["c"]]);
        assert_eq!(texts("a <<-'E' | b\nit's\n\tE\nc 'd'\n"), [vec!["a"], vec!["b"], vec!["it's"], vec!["c", "d"]]);
        assert_eq!(texts("a <<E\nb\n"), [["a"], ["b"]]);
    }

    #[test]
    fn a_script_in_a_word_is_read_with_its_lines() {
        let commands = commands("sudo sh -ec 'a b\nc $x' && ssh host \"d e\"\n");
        let words: Vec<_> = commands.iter().map(|words| (words[0].text.as_str(), words[0].line)).collect();
        assert_eq!(words, [("sudo", 1), ("a", 1), ("c", 2), ("ssh", 2), ("d", 2)]);
        assert_eq!(texts("echo -n 'a b'"), [["echo", "-n", "a b"]]);
    }
}
