//! Reads the commands of setcap(8) in a script, in a Dockerfile or in any other text with commands.

use crate::dialects::grant::Side;
use crate::dialects::setcap::read::{is_clause, is_listing, listed, of_namespace, side};
use crate::dialects::shell_words::{self, Word};
use anyhow::{Context, Result, bail};
use capwrap_core::text::printable;
use std::collections::BTreeSet;

/// Words that may stand before the name of a command.
const BEFORE: [&str; 19] = [
    "if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "exec", "sudo", "doas", "env", "nice", "-",
    "RUN", "run", "builtin",
];

/// Commands whose arguments are no commands. A script asks these for setcap, prints what to do, or installs it.
const NOT_CALLERS: [&str; 25] = [
    "which", "type", "hash", "whereis", "echo", "printf", "[", "[[", "test", "man", "apt", "apt-get", "dnf", "yum",
    "apk", "chmod", "chown", "rm", "cp", "mv", "ln", "grep", "export", "alias", "install",
];

/// Returns the files of setcap's commands in a text, or else of getcap's output. The list is empty if no line has either
/// form.
///
/// # Errors
/// As those of [`files`] and of [`listed`].
pub fn of_text(text: &str) -> Result<Vec<(String, Side)>> {
    if is_listing(text) {
        return listed(text);
    }
    let called = files(text)?;
    if called.is_empty() { listed(text) } else { Ok(called) }
}

/// Returns the files that setcap is called for. Where the file is an expression, the expression is its name, and a note
/// says so.
///
/// # Errors
/// A command has invalid file capabilities, or capabilities that are an expression. The error has the line.
pub fn files(text: &str) -> Result<Vec<(String, Side)>> {
    let mut found = Found::default();
    let exec_forms = text.lines().enumerate().filter_map(|(at, line)| exec_form(line, at + 1));
    for words in exec_forms.flatten().chain(shell_words::commands(text)) {
        command(&words, &mut found)?;
    }
    let is_comment = |line: &str| ["#", "//", ";", "--", "%"].iter().any(|start| line.trim_start().starts_with(start));
    let is_call = |line: &str| line.contains("setcap") && line.to_ascii_lowercase().contains("cap_");
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let unread: Vec<String> = numbered
        .filter(|(number, line)| is_call(line) && !is_comment(line) && !found.lines.contains(number))
        .map(|(number, line)| {
            format!("line {number} calls setcap in a form that is not read: {}", printable::text(line.trim()))
        })
        .collect();
    if let (true, Some(first)) = (found.sides.is_empty(), unread.first()) {
        bail!("{first}");
    }
    for (_, side) in &mut found.sides {
        side.notes.extend(unread.iter().cloned());
    }
    Ok(found.sides)
}

/// What was found in a text.
#[derive(Default)]
struct Found {
    sides: Vec<(String, Side)>,
    /// The lines whose words were understood.
    lines: BTreeSet<usize>,
}

/// The instructions of a Dockerfile with a command.
const INSTRUCTIONS: [&str; 4] = ["run", "cmd", "entrypoint", "healthcheck"];

/// Returns the commands of `RUN ["setcap", "cap_bpf=ep", "/x"]` in a Dockerfile.
fn exec_form(text: &str, line: usize) -> Option<Vec<Vec<Word>>> {
    let text = text.trim();
    let (instruction, rest) = text.split_at(text.find(|letter: char| !letter.is_ascii_alphabetic())?);
    INSTRUCTIONS.contains(&instruction.to_ascii_lowercase().as_str()).then_some(())?;
    let words: Vec<String> = serde_json::from_str(rest.get(rest.find('[')?..)?).ok()?;
    let words: Vec<Word> = words.into_iter().map(|word| Word { line, ..Word::literal(word) }).collect();
    let scripts = shell_words::scripts(&words).into_iter().map(|mut script| {
        // A text of JSON has one line of the file.
        script.iter_mut().for_each(|word| word.line = line);
        script
    });
    Some(std::iter::once(words.clone()).chain(scripts.collect::<Vec<_>>()).collect())
}

fn command(words: &[Word], found: &mut Found) -> Result<()> {
    let lines = || words.iter().map(|word| word.line);
    let is_assignment = |word: &Word| {
        let name = word.text.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    };
    let is_before = |word: &&Word| BEFORE.contains(&word.base()) || is_assignment(word) || word.text.starts_with("--");
    let first = words.iter().find(|word| !is_before(word)).map_or("", Word::base);
    let is_question = first == "command" && words.iter().any(|word| ["-v", "-V"].contains(&word.text.as_str()));
    if is_question || NOT_CALLERS.contains(&first.trim_start_matches(['@', '-'])) {
        // In YAML this is a list, and no test.
        if !(words[0].text == "-" && first == "[") {
            found.lines.extend(lines());
        }
        return Ok(());
    }
    let Some(at) = words.iter().position(is_setcap) else { return Ok(()) };
    found.lines.extend(lines());
    let arguments = &words[at + 1..];
    let by = words[..at].iter().map(Word::base).find(|word| ["xargs", "parallel", "find"].contains(word));
    called(&words[at], arguments, by, found)
}

/// Whether a word is setcap, or an expression for it such as `$SETCAP` or `"$(command -v setcap)"`.
fn is_setcap(word: &Word) -> bool {
    // make(1) takes these letters for its own.
    let text = word.text.trim_start_matches(['@', '-', '+']);
    text.rsplit('/').next() == Some("setcap")
        || word.is_expression
            && text.starts_with(['$', '`'])
            && word.text.to_ascii_lowercase().contains("setcap")
            && !is_clause(&word.text)
}

/// Reads `[-q] [-v] [-n ROOT] CAPS FILE [CAPS FILE]…` after setcap (setcap(8)). `by` is the command that adds further
/// files, such as xargs.
fn called(setcap: &Word, words: &[Word], by: Option<&str>, found: &mut Found) -> Result<()> {
    let mut words = words.iter().peekable();
    let mut root_id = None;
    let mut is_empty = true;
    while let Some(word) = words.next() {
        let line = word.line;
        match word.text.as_str() {
            "-q" | "-v" | "-f" => {}
            "-h" => return Ok(()),
            "-n" => root_id = words.next(),
            // This removes what the file carries.
            "-r" => {
                words.next();
                is_empty = false;
            }
            // Here find(1) ends the command.
            "+" | ";" if by == Some("find") => break,
            "-" => bail!("line {line}: setcap reads capabilities from standard input, which is not known here"),
            caps => {
                // An expression before the capabilities holds options.
                let is_next = words.peek().is_some_and(|next| !next.is_expression && is_clause(&next.text));
                let mut notes = Vec::new();
                let mut caps_word = word;
                if word.is_expression && is_next {
                    notes.push(word.unknown("an option of setcap"));
                    caps_word = words.next().unwrap_or(word);
                } else if word.is_expression {
                    word.known("the set of capabilities for setcap")?;
                }
                let file = words.next();
                let name = match (file, by) {
                    (Some(file), _) => file.text.clone(),
                    (None, Some(by)) => format!("the files of {by}"),
                    (None, None) => bail!("line {line}: setcap {} names no file", printable::text(caps)),
                };
                let more = match (file, by) {
                    (Some(file), _) if file.is_expression => Some(file.unknown("the path for setcap")),
                    (_, by) => by.map(|by| format!("line {line}: the files that {by} passes are not known here")),
                };
                let mut side = side(&caps_word.text, "file capabilities").with_context(|| format!("line {line}"))?;
                side.notes.extend(root_id.map(|id| of_namespace(&id.text)));
                side.notes.extend(notes.into_iter().chain(more));
                found.sides.push((name, side));
                is_empty = false;
            }
        }
    }
    match by {
        Some(by) if is_empty => {
            bail!("line {}: {by} passes the capabilities to setcap, and they are not known here", setcap.line)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> (String, Side) {
        let mut found = files(text).unwrap();
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found.remove(0)
    }

    #[test]
    fn a_path_that_was_not_evaluated_is_named_with_its_line() {
        for (text, path) in [
            ("x\nfor f in a b; do setcap cap_net_raw+ep $f; done", "$f"),
            ("x\nsetcap cap_net_raw+ep $(which ping)", "$(which ping)"),
            ("x\nsetcap cap_net_raw+ep \"$(command -v ping)\"", "$(command -v ping)"),
            ("x\nRUN setcap cap_net_raw+ep `which ping`", "`which ping`"),
            ("x\nif ! setcap cap_net_raw+ep \"${DESTDIR}/usr/bin/ping\" 2>/dev/null; then", "${DESTDIR}/usr/bin/ping"),
            ("x\n(sudo setcap -q cap_net_raw+ep /usr/lib/python3*/x)", "/usr/lib/python3*/x"),
            ("x\nsh -c 'setcap cap_net_raw+ep $0' /y", "$0"),
            ("x\nRUN [\"sh\", \"-ec\", \"setcap cap_net_raw+ep $X\"]", "$X"),
            ("x\nRUN a \\\r\n && setcap cap_net_raw+ep $X\r\n", "$X"),
        ] {
            let (file, side) = only(text);
            assert_eq!((file.as_str(), side.grant.to_string().as_str()), (path, "cap_net_raw"), "{text}");
            let line = if text.contains("\r\n") { 3 } else { 2 };
            let note =
                format!("line {line}: the path for setcap is an expression, which is not evaluated here: {path}");
            assert_eq!(side.notes, [note], "{text}");
        }
    }

    #[test]
    fn files_that_another_command_passes_are_said_not_to_be_known() {
        for text in [
            "find /x -name test -exec setcap cap_net_raw+ep {} +",
            "find /x -exec setcap cap_net_raw+ep {} \\;",
            "find /x -exec sudo setcap cap_net_raw+ep '{}' ';' -print",
            "cat list | xargs -r setcap cap_net_raw+ep",
            "ls | xargs -I% setcap cap_net_raw+ep %",
        ] {
            let (_, side) = only(text);
            assert_eq!(side.grant.to_string(), "cap_net_raw", "{text}");
            assert!(side.notes[0].starts_with("line 1: the files that "), "{text}: {:?}", side.notes);
        }
        let error = files("cat list | xargs setcap").unwrap_err().to_string();
        assert_eq!(error, "line 1: xargs passes the capabilities to setcap, and they are not known here");
    }

    #[test]
    fn a_set_that_is_an_expression_is_an_error_with_its_line() {
        for (text, set) in [
            ("x\nsetcap \"$CAPS\" /x", "$CAPS"),
            ("x\nsetcap cap_${c}+ep /x", "cap_${c}+ep"),
            ("x\nadd() { setcap \"$1\" \"$2\"; }", "$1"),
            ("x\n$SETCAP $(caps) /x", "$(caps)"),
            ("x\nsetcap `cat caps` /x", "`cat caps`"),
        ] {
            let error = files(text).unwrap_err().to_string();
            let expected = "line 2: the set of capabilities for setcap is an expression, which is not evaluated here: ";
            assert_eq!(error, format!("{expected}{set}"), "{text}");
        }
    }

    #[test]
    fn setcap_is_called_by_many_names_and_named_where_it_is_not_called() {
        for text in [
            "\"$SETCAP\" cap_net_raw+ep /x",
            "$(command -v setcap) cap_net_raw+ep /x",
            "/usr/sbin/setcap cap_net_raw+ep /x",
            "\t@setcap cap_net_raw+ep /x\n",
            "\t-$(SETCAP) cap_net_raw+ep /x\n",
            "ENTRYPOINT [\"sh\", \"-c\", \"setcap cap_net_raw+ep /x && exec /x\"]\r\n",
            "RUN[\"setcap\",\"cap_net_raw+ep\",\"/x\"]",
            "echo 'setcap cap_kill+ep /y'\nsetcap cap_net_raw+ep /x",
            "command -v setcap >/dev/null && setcap cap_net_raw+ep /x",
            "if [ -x /sbin/setcap ]; then\n  setcap cap_net_raw+ep /x\nfi",
            "SETCAP=$(which setcap)\necho setcap it\n$SETCAP cap_net_raw+ep /x",
            "su -c 'setcap cap_net_raw+ep /x'",
            "RUN <<EOF\nset -e\nsetcap cap_net_raw+ep /x\nEOF\n",
            "RUN --mount=type=cache,target=/y setcap CAP_NET_RAW+ep /x",
            "RUN apk add --no-cache libcap && setcap cap_net_raw=+ep /x && apk del libcap",
            "x=$(setcap cap_net_raw+ep /x)",
            "# it's\nsetcap cap_net_raw+ep /x # setcap all+ep /x",
        ] {
            let (file, side) = only(text);
            assert_eq!((file.as_str(), side.grant.to_string().as_str()), ("/x", "cap_net_raw"), "{text}");
            assert!(side.notes.is_empty(), "{text}: {:?}", side.notes);
        }
        let mixed = "runcmd:\n - [ setcap, cap_kill+ep, /x ]\n - setcap cap_net_raw+ep /y\n";
        let note = "line 2 calls setcap in a form that is not read: - [ setcap, cap_kill+ep, /x ]";
        assert_eq!(only(mixed).1.notes, [note]);
        let error = files("run(['setcap', 'cap_kill+ep', path])\n").unwrap_err().to_string();
        assert!(error.starts_with("line 1 calls setcap in a form that is not read"), "{error}");
        let (_, side) = only("setcap $QUIET cap_net_raw+ep /x");
        assert!(side.notes[0].contains("an option of setcap is an expression"), "{:?}", side.notes);
        assert!(files("command -v setcap\n[ -n \"$SETCAP\" ]\nsetcap -r /x\n").unwrap().is_empty());
    }
}
