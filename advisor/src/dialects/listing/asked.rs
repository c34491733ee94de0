//! Reads which capabilities were asked for: the output of bcc's and bpftrace's `capable`, and of Inspektor Gadget's
//! trace_capabilities, in columns or as JSON.

use crate::dialects::engine::rules::capability;
use crate::dialects::grant::Side;
use anyhow::{Context, Result, bail};
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use serde_json::Value;

/// The names of the column with a capability's name or number.
const COLUMNS: [&str; 4] = ["CAP", "CAPABILITY", "NAME", "CAPNAME"];
/// The keys with a capability's name or number in a record of Inspektor Gadget.
const KEYS: [&str; 3] = ["capName", "cap", "cap_raw"];

/// Returns the set of what was asked for, under a heading with COMM and the column of a capability. It returns `None`
/// if there is no heading.
///
/// # Errors
/// A row names no capability, stands above the heading, or there is no row. The error has its line.
pub fn columns(text: &str) -> Result<Option<Side>> {
    let Some(at) = text.lines().position(|line| Heading::read(line).is_some()) else { return Ok(None) };
    let (mut heading, mut notes) = (None, Vec::new());
    let mut set = CapabilitySet::EMPTY;
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        // The terminal shows the key that ended the tool at the start of a line.
        let line = line.trim_end().trim_start_matches("^C");
        let is_empty = !line.contains(|letter: char| letter.is_alphanumeric());
        // The tools print their heading again after a while.
        if let Some(next) = Heading::read(line) {
            heading = Some(next);
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if is_empty || is_banner(line) {
            continue;
        }
        if is_loss(line) {
            notes.push(format!("line {number}: checks were lost: {}", printable::text(line.trim())));
            continue;
        }
        let Some(heading) = &heading else {
            if words.iter().any(|word| word.starts_with("CAP_") && of_word(word).is_some()) {
                bail!("line {number} stands above the heading in line {}: {}", at + 1, printable::text(line.trim()));
            }
            continue;
        };
        match heading.capability(&words) {
            // A command can have the name of a capability.
            _ if heading.is_below(line) && is_frame(words[0]) => {}
            Some(named) => set.insert(named),
            None if heading.is_below(line) && words.len() <= 5 => {}
            None => bail!("line {number} names no capability: {}", printable::text(line.trim())),
        }
    }
    if set.is_empty() {
        bail!("no row stands below the heading in line {}, so that nothing was observed", at + 1);
    }
    let mut side = side(set);
    side.notes = notes;
    Ok(Some(side))
}

/// Whether a line is what a tool or bpftrace(8) says of itself.
fn is_banner(line: &str) -> bool {
    ["Attaching ", "Attached ", "Tracing ", "Detaching", "Exiting"].iter().any(|start| line.starts_with(start))
}

/// Whether a line says that some events are missing.
fn is_loss(line: &str) -> bool {
    let line = line.trim_start().to_ascii_lowercase();
    line.starts_with("possibly lost ") || line.starts_with("lost ") && line.contains("event")
}

/// Where the columns of a heading are.
struct Heading {
    words: Vec<String>,
    indent: usize,
    /// The column of the name or, where there is none, of the number.
    named: usize,
    command: usize,
}

impl Heading {
    fn read(line: &str) -> Option<Self> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let command = words.iter().position(|word| word == "COMM")?;
        // The column CAP has the number, or the name if no other column has it.
        let named = COLUMNS.iter().rev().find_map(|column| words.iter().position(|word| word == column))?;
        Some(Self { indent: indent(line), named, command, words })
    }

    /// Returns the capability in a row. A command may contain blanks, and the first columns may be empty, so a column
    /// behind the command is counted from the end of the row.
    fn capability(&self, words: &[&str]) -> Option<Capability> {
        let from_end = self.words.len() - self.named;
        let cell = if self.named > self.command {
            words.len().checked_sub(from_end).and_then(|at| words.get(at))
        } else {
            words.get(self.named).filter(|_| words.len() >= self.words.len())
        };
        let cell = cell.and_then(|word| of_word(word).or_else(|| of_number(word)));
        let is_row = words.len() > 3;
        cell.filter(|_| words.len() >= 3)
            .or_else(|| words.iter().rev().find_map(|word| of_word(word)).filter(|_| is_row))
    }

    /// Whether a line is indented, as those of a row's stack are. They have at most an address, a symbol and a module
    /// (bcc, tools/capable.py, `print_stack`).
    fn is_below(&self, line: &str) -> bool {
        indent(line) > self.indent
    }
}

/// Whether the line that begins with this word is of a stack: its last line, one that is missing, or a numbered one.
fn is_frame(first: &str) -> bool {
    first == "-" || first.starts_with(['[', '#'])
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn of_number(word: &str) -> Option<Capability> {
    word.parse().ok().and_then(Capability::from_number)
}

/// Recognises `CAP_SYS_NICE` and `SYS_NICE`. Commands and system calls have names in lower case.
fn of_word(word: &str) -> Option<Capability> {
    let is_name = word.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'_');
    (is_name && word.contains(|letter: char| letter.is_ascii_alphabetic())).then(|| Capability::parse(word).ok())?
}

/// Returns the set of what these records of Inspektor Gadget say, or `None` if they are other documents.
///
/// # Errors
/// A record names no capability, or one that does not exist.
pub fn records(documents: &[Value]) -> Result<Option<Side>> {
    let records: Vec<&Value> = documents
        .iter()
        .flat_map(|document| document.as_array().map_or(std::slice::from_ref(document), Vec::as_slice))
        .collect();
    let key = |record: &Value| KEYS.iter().find(|key| record.get(**key).is_some()).copied();
    let is_one = |record: &&Value| record.get("comm").or_else(|| record.get("proc")).is_some() && key(record).is_some();
    if !records.first().is_some_and(is_one) {
        return Ok(None);
    }
    let named = records.iter().enumerate().map(|(at, record)| {
        let number = at + 1;
        let value =
            key(record).map(|key| &record[key]).with_context(|| format!("record {number} names no capability"))?;
        match value {
            Value::Number(bit) => {
                let known = bit.as_u64().and_then(|bit| Capability::from_number(u8::try_from(bit).ok()?));
                known.with_context(|| format!("record {number}: there is no capability {bit}"))
            }
            name => capability(name.as_str().unwrap_or_default()).with_context(|| format!("record {number}")),
        }
    });
    Ok(Some(side(named.collect::<Result<_>>()?)))
}

fn side(set: CapabilitySet) -> Side {
    Side::new("observed checks", set, "what was asked for")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_every_tool_are_one_set() {
        for text in [
            "TIME      UID    PID    COMM   CAP  NAME       AUDIT\n:\n16:36:00  979  7  t  8    CAP_SETPCAP          1\n",
            "Tracing...\nK8S.NODE K8S.POD PID COMM SYSCALL UID CAP CAPNAME AUDIT VERDICT\nn p 3136 nice capset 0 8 SETPCAP 1 Deny\n",
        ] {
            assert_eq!(columns(text).unwrap().unwrap().grant.to_string(), "cap_setpcap", "{text}");
        }
        assert!(columns("CAP_BPF").unwrap().is_none());
        let error = columns("PID COMM CAP\n1 x CAP_BPF\n1 x ?\n").err().unwrap().to_string();
        assert_eq!(error, "line 3 names no capability: 1 x ?");
    }

    #[test]
    fn stacks_ends_and_other_orders_of_columns_are_read() {
        let heading = "TIME      UID    PID    COMM             CAP  NAME                 AUDIT\n";
        for text in [
            format!(
                "{heading}12:00:53  0  3131  sshd  21  CAP_SYS_ADMIN  0\n        cap_capable+0x1 [kernel]\n        \
                 b'ns_capable+0x7b [kernel]'\n    -                KILL (3131)\n    [Missed User Stack]\n"
            ),
            format!(
                "Attaching 3 probes...\n{heading}12:00:53  0  1  tmux: server  21  CAP_SYS_ADMIN  0\n^C\n\nDetaching\n"
            ),
            format!(
                "{heading}12:00:53  0  1  x  21  CAP_SYS_ADMIN  0\r\n^C12:00:54  0  1  KILL  21  CAP_SYS_ADMIN  0\r\n"
            ),
            "TIME UID PID TID COMM CAP NAME AUDIT INSETID\n12:00:53 0 1 1 x 21 CAP_SYS_ADMIN 1 0\n".to_owned(),
            "CAPNAME SYSCALL PID COMM\nSYS_ADMIN mount 1 KILL\n".to_owned(),
            "K8S.NODE  K8S.POD  PID  COMM  CAP  CAPNAME  AUDIT\n                    1  x  21  SYS_ADMIN  1\n"
                .to_owned(),
            "PID COMM CAP\n1 KILL 21\n".to_owned(),
        ] {
            assert_eq!(columns(&text).unwrap().unwrap().grant.to_string(), "cap_sys_admin", "{text}");
        }
        let row = "12:00:53  0  1  x  21  CAP_SYS_ADMIN  0\n";
        let lost = columns(&format!("{heading}{row}Possibly lost 5 samples\n")).unwrap().unwrap();
        assert_eq!(lost.notes, ["line 3: checks were lost: Possibly lost 5 samples"]);
        for (text, said) in [
            (format!("{row}{heading}{row}"), "line 1 stands above the heading in line 2"),
            (heading.to_owned(), "no row stands below the heading in line 1"),
            (format!("{heading}12:00:53  0  1  x  99  ?  0\n"), "line 2 names no capability"),
        ] {
            let error = columns(&text).err().unwrap().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }

    #[test]
    fn records_name_a_capability_or_are_an_error() {
        let read = |text: &str| records(&[serde_json::from_str(text).unwrap()]);
        for text in [
            "[{\"comm\": \"nice\", \"cap\": 23, \"capName\": \"SYS_NICE\"}]",
            "{\"proc\": {\"comm\": \"nice\"}, \"cap\": \"CAP_SYS_NICE\", \"cap_raw\": 23}",
            "{\"comm\": \"nice\", \"cap_raw\": 23}",
        ] {
            assert_eq!(read(text).unwrap().unwrap().grant.to_string(), "cap_sys_nice", "{text}");
        }
        assert!(read("{\"comm\": \"nice\"}").unwrap().is_none());
        assert!(read("[{\"comm\": \"nice\", \"cap\": 23}, {\"comm\": \"x\"}]").is_err());
        assert!(read("{\"comm\": \"nice\", \"cap\": 99}").is_err());
    }
}
