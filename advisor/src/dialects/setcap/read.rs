//! Reads file capabilities in text: getcap's output and setcap's commands.

use crate::dialects::grant::{Side, all};
use crate::output::error::hinted;
use anyhow::{Result, bail};
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
    Ok(of_capabilities(&read, kind))
}

/// Returns what a file with these capabilities gives to its caller at exec.
pub fn of_capabilities(read: &FileCapabilities, kind: &'static str) -> Side {
    let mut side = Side::new(kind, read.permitted.union(read.inheritable), "what the file carries");
    if !read.inheritable.without(read.permitted).is_empty() {
        let inheritable = read.inheritable.without(read.permitted);
        side.notes.push(format!("{inheritable}: for those alone who have them in the inheritable set"));
    }
    if !read.effective && !side.grant.is_empty() {
        side.notes.push("permitted and not effective: the program must raise them itself".to_owned());
    }
    side
}

/// Whether every line is one of getcap's. setcap itself can be a file of the listing, which a script's reader would take
/// for a command.
pub fn is_listing(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    lines.peek().is_some() && lines.all(|line| line.starts_with('/') && file(line).is_some())
}

/// Reads the output of getcap, of `getcap -r` and of `setcap -v`. The list is empty if no line has this form.
///
/// # Errors
/// A line has invalid file capabilities, or is in no form that getcap prints.
pub fn listed(text: &str) -> Result<Vec<(String, Side)>> {
    let lines = || {
        let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    };
    if !lines().any(|(_, line)| file(line).is_some()) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (number, line) in lines() {
        if let Some((path, caps, root_id)) = file(line) {
            let mut side = side(&caps, "file capabilities")?;
            side.notes.extend(root_id.map(of_namespace));
            found.push((path, side));
        } else if !(line.starts_with('/') || line.starts_with("Failed to get capabilities")) {
            // `getcap -v` also lists files without capabilities.
            bail!("line {number} is no output of getcap: {}", printable::text(line));
        }
    }
    Ok(found)
}

/// The note on file capabilities with a root id.
pub fn of_namespace(root_id: &str) -> String {
    format!("rootid={}: they count only in user namespaces whose root is this user", printable::text(root_id))
}

/// Reads `FILE CAPS` as getcap prints it, or `CAPS FILE` as `setcap -v` prints it, and the number after `rootid=`.
/// Since 2.41 getcap prints no `=` in between.
fn file(line: &str) -> Option<(String, String, Option<&str>)> {
    let of_root = line.rsplit_once(" [rootid=").and_then(|(before, id)| Some((before, id.strip_suffix(']')?)));
    let (line, root_id) = of_root.map_or((line, None), |(before, id)| (before, Some(id)));
    let words: Vec<&str> = line.split_whitespace().collect();
    let are_capabilities = |words: &[&str]| !words.is_empty() && words.iter().all(|word| is_clause(word));
    let clauses = words.iter().take_while(|word| is_clause(word)).count();
    if clauses > 0 && clauses < words.len() {
        return Some((words[clauses..].join(" "), words[..clauses].join(" "), root_id));
    }
    let at = words.iter().position(|word| is_clause(word))?;
    let caps = &words[at..];
    let path = words[..at].strip_suffix(&["="]).unwrap_or(&words[..at]);
    (are_capabilities(caps) && path.first()?.contains('/')).then(|| (path.join(" "), caps.join(" "), root_id))
}

/// Recognises `cap_x,cap_y=ep`, `all+ep`, `=`, and `cap_x-ep` after another clause.
pub fn is_clause(word: &str) -> bool {
    let Some(at) = word.find(['=', '+', '-']) else { return false };
    let names = &word[..at];
    let flags = word[at + 1..].bytes().all(|byte| b"eip=+-".contains(&byte));
    let is_name = |name: &str| name.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("cap_"));
    flags && (names.eq_ignore_ascii_case("all") || names.is_empty() && word.len() > 1 || names.split(',').all(is_name))
}

/// Returns the files of filecap's output (libcap-ng), under a heading with `file` and `capabilities`. It returns `None`
/// for another text.
///
/// # Errors
/// A row is in no form that filecap prints, or no capability has one of the names.
pub fn filecap(text: &str) -> Result<Option<Vec<(String, Side)>>> {
    let mut lines = text.lines().enumerate().skip_while(|(_, line)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        !matches!(
            words[..],
            ["file", "capabilities"] | ["set", "file", "capabilities"] | ["set", "file", "capabilities", "rootid"]
        )
    });
    if lines.next().is_none() {
        return Ok(None);
    }
    let mut found = Vec::new();
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let row = filecap_row(line)
            .ok_or_else(|| anyhow::anyhow!("line {} is no row of filecap: {}", at + 1, printable::text(line.trim())))?;
        found.push(row?);
    }
    Ok(Some(found))
}

fn filecap_row(line: &str) -> Option<Result<(String, Side)>> {
    let (before, caps) = line.trim_end().rsplit_once("    ")?;
    let before = before.trim();
    let (set, path) = match before.split_once(' ') {
        Some((set @ ("effective" | "permitted" | "inheritable"), path)) => (set, path.trim()),
        // Versions before 0.8 have no column for the set.
        _ => ("effective", before),
    };
    path.starts_with('/').then_some(())?;
    // A number at the end is the root id.
    let caps = caps.trim().trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end();
    let read = |caps: &str| -> Result<(String, Side)> {
        let set_of = if caps == "full" { Ok(all()) } else { CapabilitySet::parse(caps) };
        let caps = set_of.map_err(|unknown| anyhow::anyhow!("{unknown}"))?;
        let (permitted, inheritable) =
            if set == "inheritable" { (CapabilitySet::EMPTY, caps) } else { (caps, CapabilitySet::EMPTY) };
        let read = FileCapabilities { effective: set != "permitted", permitted, inheritable };
        Ok((path.to_owned(), of_capabilities(&read, "file capabilities")))
    };
    Some(read(caps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::setcap::commands::of_text as files;

    #[test]
    fn setcap_and_getcap_say_the_same() {
        for text in [
            "#!/bin/sh\n# x\nset -e\nsetcap cap_net_raw,cap_bpf=ep '/usr/bin/t'\n",
            "/usr/bin/t cap_net_raw,cap_bpf=ep\n",
            "/usr/bin/t = cap_net_raw,cap_bpf+ep\n",
            "sudo setcap -q CAP_NET_RAW,cap_bpf+ep /usr/bin/t",
            "cap_net_raw,cap_bpf=ep /usr/bin/t",
            "RUN [\"setcap\", \"cap_net_raw,cap_bpf=ep\", \"/usr/bin/t\"]\n",
            "set       file                 capabilities  rootid\neffective /usr/bin/t    net_raw, bpf\n",
        ] {
            let files = filecap(text).unwrap().unwrap_or_else(|| files(text).unwrap());
            assert_eq!(files.len(), 1, "{text}");
            assert_eq!(
                (files[0].0.as_str(), files[0].1.grant.to_string().as_str()),
                ("/usr/bin/t", "cap_net_raw,cap_bpf")
            );
        }
        assert!(files("hello world\na=b\n").unwrap().is_empty());
    }

    #[test]
    fn several_commands_on_a_line_and_several_pairs_in_a_command_are_all_read() {
        for text in [
            "RUN apt-get install -y x && setcap cap_net_raw=+ep /usr/bin/a && setcap cap_bpf+ep /usr/bin/b\n",
            "setcap cap_net_raw=ep /usr/bin/a cap_bpf=ep /usr/bin/b",
            "setcap cap_net_raw=ep /usr/bin/a; setcap \\\n cap_bpf=ep /usr/bin/b",
        ] {
            let files = files(text).unwrap();
            let read: Vec<_> = files.iter().map(|(path, side)| (path.as_str(), side.grant.to_string())).collect();
            assert_eq!(
                read,
                [("/usr/bin/a", "cap_net_raw".to_owned()), ("/usr/bin/b", "cap_bpf".to_owned())],
                "{text}"
            );
        }
        assert!(files("setcap cap_bpf=ep").is_err());
        assert!(files("setcap \"$CAPS\" /x").is_err());
    }

    #[test]
    fn a_root_id_is_reported_and_a_line_that_was_not_read_is_an_error() {
        let listing = files("/a b cap_bpf=ep [rootid=1000]\n/c cap_kill=ep\n/without\n").unwrap();
        assert_eq!((listing.len(), listing[0].0.as_str()), (2, "/a b"));
        assert!(listing[0].1.notes[0].contains("rootid=1000"));
        let itself = files("/usr/sbin/setcap cap_setfcap=ep\n/usr/bin/x = cap_kill+ep\n").unwrap();
        assert_eq!((itself.len(), itself[0].1.grant.to_string().as_str()), (2, "cap_setfcap"));
        let error = files("/c cap_kill=ep\nwhat is this\n").unwrap_err().to_string();
        assert_eq!(error, "line 2 is no output of getcap: what is this");
        let error = filecap("file                 capabilities\nwhat\n").unwrap_err().to_string();
        assert_eq!(error, "line 2 is no row of filecap: what");
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
}
