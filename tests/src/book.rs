//! The book's pages as tests: each command of a page in turn, and the output that it should have.
//!
//! A block of ```` ```console ```` has commands after `$ ` (as the user alice) or `# ` (as root), each followed by its
//! output. `…` in a line stands for any text, and a line of `…` alone for any lines. Every command must succeed. Any
//! other block that begins with a comment which is a path, `# /etc/x.toml`, is a file. It is written when its turn
//! comes.

use std::fmt::Write;

/// A page of the book.
pub struct Page {
    /// The page's path below docs/src.
    pub name: String,
    text: String,
}

/// The next step of a page.
#[derive(Debug)]
pub enum Step {
    File { path: String, text: String },
    Command { line: usize, by_root: bool, words: String, said: Vec<String> },
}

impl Page {
    /// Reads the page of this name.
    pub fn read(name: &str) -> Self {
        let path = format!("{}/../docs/src/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { name: name.to_owned(), text }
    }

    /// The page's steps, in order.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut lines = self.text.lines().enumerate();
        while let Some((_, line)) = lines.next() {
            let Some(language) = line.strip_prefix("```") else { continue };
            let block: Vec<_> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
            if language == "console" {
                commands(&block, &mut steps);
            } else if let Some(path) = block.first().and_then(|(_, first)| path(first)) {
                let text = block.iter().map(|(_, line)| format!("{line}\n")).collect();
                steps.push(Step::File { path, text });
            }
        }
        steps
    }

    /// A bash script that takes every step and prints the output of each command. Root's working directory is `home`.
    pub fn script(&self, home: &str) -> String {
        let mut script = format!("cd {home}\n");
        for step in self.steps() {
            let _ = match step {
                Step::File { path, text } => {
                    writeln!(script, "mkdir -p \"$(dirname {path})\"; cat > {path} <<'END_OF_FILE'\n{text}END_OF_FILE")
                }
                Step::Command { line, by_root, words, .. } => {
                    let words = words.replace('\'', "'\\''");
                    let user = if by_root { "" } else { "runuser -u alice -- env -C /home/alice HOME=/home/alice " };
                    writeln!(
                        script,
                        "printf '\\036%s\\n' {line}; {user}bash -c '{words}' 2>&1 < /dev/null; printf '\\036%s\\n' $?"
                    )
                }
            };
        }
        script
    }

    /// Compares the commands' output with the output that the page shows.
    #[track_caller]
    pub fn compare(&self, output: &str) {
        let parts: Vec<&str> = output.split('\u{1e}').skip(1).collect();
        let commands = self.steps().into_iter().filter_map(|step| match step {
            Step::Command { line, words, said, .. } => Some((line, words, said)),
            Step::File { .. } => None,
        });
        let (mut count, mut wrong) = (0, Vec::new());
        for (at, (line, words, expected)) in commands.enumerate() {
            let place = format!("docs/src/{}:{line}: {words}", self.name);
            let (Some(begin), Some(end)) = (parts.get(2 * at), parts.get(2 * at + 1)) else {
                panic!("{place}: was not reached:\n{output}")
            };
            let (number, said) = begin.split_once('\n').unwrap();
            assert_eq!(number, line.to_string(), "{output}");
            let status = end.split('\n').next().unwrap();
            let said: Vec<&str> = said.lines().map(str::trim_end).collect();
            let expected: Vec<&str> = expected.iter().map(|line| line.trim_end()).collect();
            if status != "0" || !are_like(&expected, &said) {
                let (expected, said) = (expected.join("\n"), said.join("\n"));
                wrong.push(format!(
                    "{place}\n--- the page has\n{expected}\n--- it ended with {status} and said\n{said}\n"
                ));
            }
            count += 1;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        println!("docs/src/{}: {count} commands", self.name);
    }
}

fn commands(block: &[(usize, &str)], steps: &mut Vec<Step>) {
    let mut continues = false;
    for (at, text) in block {
        let prompt = text.strip_prefix("$ ").map(|words| (words, false));
        match (prompt.or_else(|| text.strip_prefix("# ").map(|words| (words, true))), steps.last_mut()) {
            (_, Some(Step::Command { words, .. })) if continues => {
                words.push('\n');
                words.push_str(text);
            }
            (Some((words, by_root)), _) => {
                steps.push(Step::Command { line: at + 1, by_root, words: words.to_owned(), said: Vec::new() });
            }
            (None, Some(Step::Command { said, .. })) => {
                said.push((*text).to_owned());
                continue;
            }
            (None, _) => panic!("line {}: a console block begins with a command", at + 1),
        }
        continues = text.ends_with('\\');
    }
}

/// The path in a comment that begins with a path: `# /etc/x.toml, root's`.
fn path(line: &str) -> Option<String> {
    let word = line.strip_prefix("# ")?.split([' ', ',']).next()?;
    (word.starts_with('/') || word.ends_with(".yml") || word.ends_with(".ini")).then(|| word.to_owned())
}

/// Whether the lines are as expected, where `…` stands for any text.
fn are_like(expected: &[&str], said: &[&str]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((&"…", rest)) => (0..=said.len()).any(|skipped| are_like(rest, &said[skipped..])),
        Some((first, rest)) => {
            said.split_first().is_some_and(|(line, others)| is_like(first, line) && are_like(rest, others))
        }
    }
}

fn is_like(expected: &str, line: &str) -> bool {
    let parts: Vec<&str> = expected.split('…').collect();
    let [first, .., last] = &parts[..] else { return expected == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in &parts[1..parts.len() - 1] {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_what_differs_and_for_nothing_else() {
        assert!(are_like(&["a …c", "…", "e"], &["a bc", "x", "y", "e"]));
        assert!(are_like(&["…"], &[]));
        for said in [&["a bd", "e"][..], &["a bc"], &["a bc", "e", "f"]] {
            assert!(!are_like(&["a …c", "…", "e"], said), "{said:?}");
        }
        assert!(!is_like("a", "ab") && !is_like("a…b…c", "acb"));
    }

    #[test]
    fn a_page_is_its_files_and_commands_in_order() {
        let text = "x\n```toml\n# /etc/a.toml, root's\nb = 1\n```\n```console\n# one \\\n  two\nsaid\n$ three\n```\n```toml\nc = 1\n```\n";
        let page = Page { name: "p".to_owned(), text: text.to_owned() };
        let steps = page.steps();
        assert_eq!(steps.len(), 3);
        assert!(matches!(&steps[0], Step::File { path, .. } if path == "/etc/a.toml"));
        assert!(
            matches!(&steps[1], Step::Command { by_root: true, words, said, .. } if words == "one \\\n  two" && said == &["said"])
        );
        page.compare("\u{1e}7\nsaid\n\u{1e}0\n\u{1e}10\n\u{1e}0\n");
    }
}
