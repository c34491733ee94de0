//! Lines about any installed file: which other users can change it, and which capabilities it has.

use crate::analysis::capability_risk;
use crate::host::installed_file::{Installed, Unread};
use crate::host::writable_path::Weakness;
use crate::output::error;
use crate::output::finding::Line;
use crate::verbs::verify::judged::{Fix, Judged};
use capwrap_core::CapabilitySet;
use capwrap_core::capability::xattr::Attribute;
use capwrap_core::policy::FileCapabilities;
use capwrap_core::text::{printable, shell};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The kernel does not show an attribute of version 1 (before Linux 2.6.25), but honours it at execve.
const MALFORMED: &str = "truncated, of another byte order or an unknown version, or of version 1";

/// The hint for a directory on the way to one of capwrap's own files that belongs to another user than root.
pub const ROOTS_PLACE: &str = "install it where root owns every directory";

/// Lines about the directories on the way, and about the mount. The file and the directories may belong to root and to
/// `owner`. `elsewhere` is the hint for a directory that belongs to another user.
pub fn place(found: &Installed, owner: u32, elsewhere: &str) -> Vec<Judged> {
    let weak = |weakness: &Weakness| {
        let line = Line::problem("place", weakness.to_string())
            .means("another file can be put in its place; capwrap refuses to launch it");
        // A home directory stays with its user, and sticky directories that everybody can write belong to the system.
        let is_kept = weakness.uid != 0 && weakness.uid != owner || weakness.mode & 0o1000 != 0;
        let command = shell::path(&weakness.directory).map(|directory| format!("chmod go-w {directory}"));
        let hint = match (command, weakness.safe_for) {
            (Some(command), Some(0)) if !is_kept => command,
            (Some(command), Some(uid)) if !is_kept => format!("as uid {uid}, run: {command}"),
            _ => elsewhere.to_owned(),
        };
        line.hint(hint).into()
    };
    let mut lines: Vec<Judged> = found.weaknesses(owner).iter().map(weak).collect();
    for (there, word) in [(found.nosuid, "nosuid"), (found.noexec, "noexec")] {
        if there {
            lines.push(
                Line::problem("mount", word)
                    .means("the file system is mounted so; capwrap refuses to launch it")
                    .into(),
            );
        }
    }
    lines
}

/// Whether the file has the wanted file capabilities. `why` begins the sentence that ends with them.
pub fn carries(found: &Installed, wanted: Option<&FileCapabilities>, why: &str) -> Judged {
    let name = "capabilities";
    let path = shown(&found.real);
    let words = wanted.map_or_else(|| "setcap -r".to_owned(), |wanted| format!("setcap '{wanted}'"));
    // Where other users can put another file in its place, no printed command is safe.
    let hint = found.in_command().map(|path| format!("{words} {path}"));
    let fix = Fix::Capabilities(wanted.copied());
    let wanted_text = wanted.map_or_else(|| "none".to_owned(), FileCapabilities::to_string);
    let attribute = match &found.carries {
        Err(Unread::Failed(error)) => return Judged::unread(name, path, error),
        Err(Unread::Malformed(error)) => {
            let means = format!("{MALFORMED}; {why} {wanted_text}");
            return Judged::fixed_by(Line::problem(name, error).means(means).optional_hint(hint), found, fix);
        }
        Ok(attribute) => attribute.as_ref(),
    };
    let carried = notation(attribute);
    match (attribute, wanted) {
        (None, None) => Line::ok(name, "none").into(),
        (Some(Attribute { capabilities, root_id: None }), Some(wanted)) if capabilities == wanted => {
            Line::ok(name, carried).into()
        }
        _ => {
            let line = Line::problem(name, carried).means(format!("{why} {wanted_text}"));
            Judged::fixed_by(line.optional_hint(hint), found, fix)
        }
    }
}

/// A line about a file that no policy names: the file capabilities as getcap prints them, and what they mean.
///
/// `ignored` says why exec does not heed them, if it does not. Then nobody has them, and this is no problem.
pub fn unaccounted(path: &Path, carries: &Result<Option<Attribute>, Unread>, ignored: Option<&str>) -> Judged {
    let name = "capabilities";
    match carries {
        Err(Unread::Failed(why)) => Judged::unread(name, shown(path), why),
        Err(Unread::Malformed(why)) => Line::problem(name, why).means(MALFORMED).into(),
        Ok(None) => Line::ok(name, "none").means("and no enabled policy names the file").into(),
        Ok(Some(attribute)) => {
            let carried = notation(Some(attribute));
            let (line, said) = match ignored {
                Some(why) => (Line::note(name, carried), why.to_owned()),
                None => (Line::problem(name, carried), judged(attribute)),
            };
            line.means(format!("{said}; no policy accounts for it")).into()
        }
    }
}

/// The meaning of file capabilities, in words.
pub fn judged(attribute: &Attribute) -> String {
    let FileCapabilities { permitted, inheritable, .. } = &attribute.capabilities;
    let whose = match attribute.root_id {
        Some(root) => format!("in user namespaces whose root is uid {root}, "),
        None => String::new(),
    };
    let root = capability_risk::root_alone(*permitted);
    let beyond = permitted.mask() >> capwrap_core::TABLE.len() != 0;
    let said = if permitted.is_empty() && inheritable.is_empty() {
        "its file capabilities are empty, so whoever executes it loses the ambient set".to_owned()
    } else if permitted.is_empty() {
        "only a process that has the capabilities in its inheritable set gets them".to_owned()
    } else if root.is_empty() {
        "whoever may execute it has them".to_owned()
    } else {
        let how = root.iter().next().map_or("", |first| capability_risk::of(first).escalation);
        format!(
            "whoever may execute it can become root: {}{}",
            brief(root),
            if how.is_empty() { String::new() } else { format!(" ({how})") }
        )
    };
    let beyond = if beyond { "; with numbers that no capability has yet" } else { "" };
    format!("{whose}{said}{beyond}")
}

fn brief(set: CapabilitySet) -> String {
    if set.iter().count() > 4 { format!("{} capabilities of that kind", set.iter().count()) } else { set.to_string() }
}

/// The attribute in getcap's notation, with the root id as `getcap -n` writes it; `none` where there is none.
pub fn notation(attribute: Option<&Attribute>) -> String {
    attribute.map_or_else(|| "none".to_owned(), Attribute::to_string)
}

/// Lines about other files in the same directory that look like older copies of this one and would give rights to
/// whoever executes them.
pub fn copies(found: &Installed) -> Vec<Judged> {
    let (Some(directory), Some(name)) = (found.real.parent(), found.real.file_name()) else { return Vec::new() };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => return vec![Judged::unread("copies", shown(directory), &error::reason(&error))],
    };
    let mut paths: Vec<_> =
        entries.flatten().filter(|entry| is_copy(&entry.file_name(), name)).map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| copy(path)).collect()
}

/// Whether the name is that of a copy, such as `tool.old`, `tool.dpkg-new`, `tool~`, `tool-1.2` or `.tool.swp`;
/// `toolbox` is none.
fn is_copy(candidate: &OsStr, name: &OsStr) -> bool {
    let candidate = candidate.as_bytes();
    let bare = candidate.strip_prefix(b".").unwrap_or(candidate);
    bare.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first().is_some_and(|next| b".~-_".contains(next)))
}

/// A line about a copy, if it gives rights to whoever executes it.
pub fn copy(path: &Path) -> Option<Judged> {
    let found = Installed::look(path).ok().filter(|found| found.is_regular)?;
    let gives = match &found.carries {
        Ok(Some(attribute)) => notation(Some(attribute)),
        _ if found.mode & 0o6000 != 0 => format!("mode {:04o}", found.mode),
        _ => return None,
    };
    let hint = found.in_command().and_then(|_| Some(format!("rm {}", shell::path(path)?)));
    let line =
        Line::problem("copy", shown(path)).means(format!("{gives}: another version of the file keeps its rights"));
    Some(line.optional_hint(hint).into())
}

/// The path, safe to print.
pub fn shown(path: &Path) -> String {
    printable::text(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(text: &str) -> Attribute {
        let set = CapabilitySet::parse(text).unwrap();
        Attribute {
            capabilities: FileCapabilities { effective: true, permitted: set, inheritable: CapabilitySet::EMPTY },
            root_id: None,
        }
    }

    #[test]
    fn a_copy_has_the_files_name_and_something_behind_it() {
        for copy in ["tool.old", "tool~", "tool.dpkg-new", "tool-1.2", ".tool.swp", "tool_1"] {
            assert!(is_copy(OsStr::new(copy), OsStr::new("tool")), "{copy}");
        }
        for other in ["tool", "toolbox", "tools", "xtool.old", ".", "too"] {
            assert!(!is_copy(OsStr::new(other), OsStr::new("tool")), "{other}");
        }
    }

    #[test]
    fn what_amounts_to_root_is_said_with_how() {
        assert!(judged(&attribute("setuid")).contains("can become root: cap_setuid (setuid(0))"));
        assert_eq!(judged(&attribute("net_bind_service")), "whoever may execute it has them");
        let of_a_namespace = Attribute { root_id: Some(1000), ..attribute("setuid") };
        assert!(judged(&of_a_namespace).starts_with("in user namespaces whose root is uid 1000, "));
        assert_eq!(notation(Some(&of_a_namespace)), "cap_setuid=ep [rootid=1000]");
    }
}
