//! Reads the output of pscap (libcap-ng).

use crate::dialects::engine::rules::capability;
use crate::dialects::grant::{Side, all};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;

/// Returns the processes by their ids, or `None` if the text has no heading of pscap.
///
/// # Errors
/// A row is in no form that pscap prints, or no capability has one of the names.
pub fn read(text: &str) -> Result<Option<Vec<(String, Side)>>> {
    let mut lines = text.lines().enumerate().skip_while(|(_, line)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        !(words.first() == Some(&"ppid") && words.last() == Some(&"capabilities"))
    });
    if lines.next().is_none() {
        return Ok(None);
    }
    let rows = lines.filter(|(_, line)| !line.trim().is_empty()).map(|(at, line)| {
        let bad = || format!("line {} is no row of pscap: {}", at + 1, printable::text(line.trim()));
        let (id, set) = row(line).with_context(bad)?;
        let set = set.with_context(bad)?;
        Ok((id, Side::new("pscap", set, "what pscap shows of the process")))
    });
    rows.collect::<Result<_>>().map(Some)
}

/// Reads `PPID PID USER COMMAND CAP, CAP, CAP +`. The marks at the end are about the bounding set, the ambient set and
/// the user namespace. The command may contain spaces, so the row is read from its end.
fn row(line: &str) -> Option<(String, Result<CapabilitySet>)> {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    while words.last().is_some_and(|word| word.bytes().all(|mark| b"+@*%".contains(&mark))) {
        words.pop();
    }
    let last = words.len().checked_sub(1)?;
    let before = words[..last].iter().rev().take_while(|word| word.ends_with(',')).count();
    let caps = &words[last - before..];
    let is_id = |word: &&str| word.bytes().all(|digit| digit.is_ascii_digit());
    (words.len() - caps.len() >= 4 && words[..2].iter().all(is_id)).then_some(())?;
    let names = caps.iter().map(|name| name.trim_end_matches(','));
    let set = if caps == ["full"] { Ok(all()) } else { names.map(capability).collect() };
    Some((words[1].to_owned(), set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_a_process_whatever_its_command_is_called() {
        let text = "ppid  pid   name        command             capabilities\n\
                    0     1     root        init                full +\n\
                    1     42    alice       tmux: server        net_admin, net_raw @ +\n";
        let rows = read(text).unwrap().unwrap();
        let sets: Vec<_> =
            rows.iter().map(|(id, side)| (id.as_str(), crate::dialects::grant::shown(side.grant))).collect();
        assert_eq!(sets, [("1", "all".to_owned()), ("42", "cap_net_admin,cap_net_raw".to_owned())]);
        for bad in ["what is this\n", "1 2 root x net_what\n"] {
            assert!(read(&format!("{}{bad}", &text[..58])).is_err(), "{bad}");
        }
        assert!(read("x").unwrap().is_none());
    }
}
