//! Reads file capabilities in text: getcap's output, setcap's commands, and the output of bcc's `capable`.

use crate::dialects::engine::rules::capability;
use crate::dialects::grant::Side;
use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::CapabilitySet;
use capwrap_core::policy::FileCapabilities;
use capwrap_core::text::printable;

/// Returns what a file with these capabilities gives to its caller at exec.
///
/// # Errors
/// The text is not file capabilities.
pub fn side(text: &str, kind: &'static str) -> Result<Side> {
    let read = FileCapabilities::parse(text).map_err(|error| {
        hinted(
            format!("cannot read the file capabilities \"{}\": {error}", printable::text(text)),
            "as in cap_net_raw,cap_bpf=ep",
        )
    })?;
    let mut side = Side::new(kind, read.permitted.union(read.inheritable), "what the file carries");
    if !read.inheritable.without(read.permitted).is_empty() {
        let inheritable = read.inheritable.without(read.permitted);
        side.notes.push(format!("{inheritable}: for those alone who have them in the inheritable set"));
    }
    if !read.effective && !side.grant.is_empty() {
        side.notes.push("permitted and not effective: the program must raise them itself".to_owned());
    }
    Ok(side)
}

/// Returns the files of getcap's output or of setcap's commands. The list is empty if no line has either form.
///
/// # Errors
/// A line has invalid file capabilities.
pub fn files(text: &str) -> Result<Vec<(String, Side)>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(file).map(|(path, text)| Ok((path, side(&text, "file capabilities")?))).collect()
}

/// Reads `setcap CAPS FILE`, `CAPS FILE` as `setcap -v` prints it, or `FILE CAPS` as getcap prints it. Since 2.41
/// getcap prints no `=` in between.
fn file(line: &str) -> Option<(String, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let command = words.iter().position(|word| word.rsplit('/').next() == Some("setcap"));
    let words = command.map_or(&words[..], |at| &words[at + 1..]);
    let words: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with('-')).collect();
    let are_capabilities = |words: &[&str]| !words.is_empty() && words.iter().all(|word| is_clause(word));
    let unquoted = |words: &[&str]| words.join(" ").replace(['\'', '"'], "");
    let clauses = words.iter().take_while(|word| is_clause(word)).count();
    if clauses > 0 {
        return Some((unquoted(&words[clauses..]), unquoted(&words[..clauses])));
    }
    let at = words.iter().position(|word| is_clause(word))?;
    let caps = &words[at..];
    let path = words[..at].strip_suffix(&["="]).unwrap_or(&words[..at]);
    (command.is_none() && are_capabilities(caps) && path.first()?.contains('/'))
        .then(|| (unquoted(path), unquoted(caps)))
}

/// Recognises `cap_x,cap_y=ep`, `all+ep`, `=`, and `cap_x-ep` after another clause.
fn is_clause(word: &str) -> bool {
    let word = word.trim_matches(['\'', '"']);
    let Some(at) = word.find(['=', '+', '-']) else { return false };
    let names = &word[..at];
    let flags = word[at + 1..].bytes().all(|byte| b"eip=+-".contains(&byte));
    let is_name = |name: &str| name.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("cap_"));
    flags && (names.eq_ignore_ascii_case("all") || names.is_empty() && word.len() > 1 || names.split(',').all(is_name))
}

/// Returns the capabilities in the output of bcc's `capable` and similar tools, under a heading with COMM and CAP.
///
/// # Errors
/// No capability has one of the names.
pub fn capable(text: &str) -> Result<Option<CapabilitySet>> {
    let is_heading = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.contains(&"COMM") && words.contains(&"CAP")
    };
    let mut lines = text.lines().skip_while(|line| !is_heading(line));
    if lines.next().is_none() {
        return Ok(None);
    }
    let names = lines.flat_map(str::split_whitespace).filter(|word| word.starts_with("CAP_"));
    names.map(capability).collect::<Result<CapabilitySet>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setcap_and_getcap_say_the_same() {
        for text in [
            "#!/bin/sh\n# x\nset -e\nsetcap cap_net_raw,cap_bpf=ep '/usr/bin/t'\n",
            "/usr/bin/t cap_net_raw,cap_bpf=ep\n",
            "/usr/bin/t = cap_net_raw,cap_bpf+ep\n",
            "sudo setcap -q CAP_NET_RAW,cap_bpf+ep /usr/bin/t",
            "cap_net_raw,cap_bpf=ep /usr/bin/t",
        ] {
            let files = files(text).unwrap();
            assert_eq!(files.len(), 1, "{text}");
            assert_eq!(
                (files[0].0.as_str(), files[0].1.grant.to_string().as_str()),
                ("/usr/bin/t", "cap_net_raw,cap_bpf")
            );
        }
        assert!(files("hello world\na=b\n").unwrap().is_empty());
    }

    #[test]
    fn all_but_a_few_is_read_as_getcap_says_it() {
        for text in ["setcap '=ep cap_chown-ep' /usr/bin/t\n", "/usr/bin/t =ep cap_chown-ep\n"] {
            let files = files(text).unwrap();
            assert_eq!(files[0].0, "/usr/bin/t");
            let chown = CapabilitySet::parse("cap_chown").unwrap();
            assert_eq!(files[0].1.grant, CapabilitySet::from_mask((1 << 41) - 1).without(chown), "{text}");
        }
    }

    #[test]
    fn the_output_of_capable_is_a_set() {
        let text = "TIME      UID    PID    COMM   CAP  NAME       AUDIT\n:\n16:36:00  979  7  t  8    CAP_SETPCAP          1\n";
        assert_eq!(capable(text).unwrap().unwrap().to_string(), "cap_setpcap");
        assert!(capable("CAP_BPF").unwrap().is_none());
    }
}
