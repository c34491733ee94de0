//! Reads which capabilities were asked for: the output of bcc's and bpftrace's `capable`, and of Inspektor Gadget's
//! trace_capabilities, in columns or as JSON.

use crate::dialects::engine::rules::capability;
use crate::dialects::grant::Side;
use anyhow::{Context, Result, bail};
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use serde_json::Value;

/// The names of the column with a capability's name or number.
const COLUMNS: [&str; 4] = ["CAP", "CAPNAME", "NAME", "CAPABILITY"];
/// The keys with a capability's name or number in a record of Inspektor Gadget.
const KEYS: [&str; 3] = ["capName", "cap", "cap_raw"];

/// Returns the set of what was asked for, under a heading with COMM and the column of a capability. It returns `None`
/// if there is no heading.
///
/// # Errors
/// A row names no capability. The error has its line.
pub fn columns(text: &str) -> Result<Option<Side>> {
    let is_heading = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.contains(&"COMM") && COLUMNS.iter().any(|column| words.contains(column))
    };
    let mut lines = text.lines().enumerate().skip_while(|(_, line)| !is_heading(line));
    if lines.next().is_none() {
        return Ok(None);
    }
    let mut set = CapabilitySet::EMPTY;
    for (at, line) in lines {
        let is_empty = !line.contains(|letter: char| letter.is_alphanumeric());
        // The tools print their heading again after a while.
        if is_empty || is_heading(line) {
            continue;
        }
        let named = line.split_whitespace().rev().find_map(of_word);
        let Some(named) = named else {
            bail!("line {} names no capability: {}", at + 1, printable::text(line.trim()));
        };
        set.insert(named);
    }
    Ok(Some(side(set)))
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
