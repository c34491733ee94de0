//! Lines about the tool of a policy: what a launch would refuse, and what has drifted from what the
//! policy says.

use crate::host::accounts::{Names, Of};
use crate::host::installed_file::Installed;
use crate::output::error::reason;
use crate::output::finding::Line;
use crate::store::file_caps;
use crate::verbs::verify::file;
use crate::verbs::verify::file::shown;
use crate::verbs::verify::identity::unknown;
use crate::verbs::verify::judged::{Fix, Judged};
use capwrap_core::capability::xattr::Attribute;
use capwrap_core::policy::{Delivery, Policy};
use capwrap_core::text::hex;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The tool that would run, and what is to be said of it.
pub fn tool(name: &str, policy: &Policy, names: &Names) -> (Option<PathBuf>, Vec<Judged>) {
    let mut others = policy.tool.paths.iter();
    let found = loop {
        let Some(path) = others.next() else {
            let tried: Vec<String> = policy.tool.paths.iter().map(|path| shown(path)).collect();
            let line = Line::note("tool", tried.join(", "))
                .means("is not installed")
                .hint(format!("install it, or capwrap disable {name}"));
            return (None, vec![line.into()]);
        };
        match Installed::look(path) {
            Ok(found) => break found,
            // As the launcher does: the next one.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => {
                return (Some(path.clone()), vec![Judged::unread("tool", shown(path), &reason(&error))]);
            }
        }
    };
    let mut lines = vec![kind(&found)];
    lines.extend(file::place(&found));
    lines.extend(owner(&found, policy, names));
    lines.extend(mode(&found, policy));
    lines.push(capabilities(&found, policy));
    lines.extend(content(&found, name, policy));
    lines.extend(file::copies(&found));
    lines.extend(others.filter_map(|path| other(path, &found)));
    (Some(found.path), lines)
}

fn kind(found: &Installed) -> Judged {
    let path = shown(&found.path);
    if !found.is_regular {
        return Line::problem("tool", path).means("is no regular file: a launch is refused").into();
    }
    let line = Line::ok("tool", path);
    (if found.real == found.path { line } else { line.means(format!("leads to {}", shown(&found.real))) }).into()
}

/// The launcher takes root for an owner always, and whom the policy names. Another than the named is drift.
fn owner(found: &Installed, policy: &Policy, names: &Names) -> Vec<Judged> {
    let rules = &policy.tool;
    let path = shown(&found.real);
    let mut lines = Vec::new();
    if let Some(line) = unknown("owner", Of::User, &rules.owner, names) {
        lines.push(line);
    } else if let Some(wanted) = names.local(Of::User, &rules.owner) {
        if found.uid != wanted {
            let (actual, owner) = (found.uid, &rules.owner);
            let line = if actual == 0 {
                Line::note("owner", "root").means(format!("the policy says {owner}"))
            } else {
                Line::problem("owner", format!("uid {actual}")).means(format!(
                    "the policy says {}: a launch is refused",
                    if wanted == 0 { "root".to_owned() } else { owner.to_string() }
                ))
            };
            // Whose it was may have written it, and who is given it can.
            lines.push(line.hint(format!("look what it is, then: chown {wanted} {path}")).into());
        }
    }
    let Some(group) = &rules.group else { return lines };
    if let Some(line) = unknown("group", Of::Group, group, names) {
        lines.push(line);
    } else if let Some(wanted) = names.local(Of::Group, group).filter(|wanted| *wanted != found.gid) {
        let line = Line::problem("group", format!("gid {}", found.gid))
            .means(format!("the policy says {group}: a launch is refused"))
            .hint(format!("chgrp {group} {path}"));
        lines.push(Judged::fixed_by(line, found, Fix::Group(wanted)));
    }
    lines
}

fn mode(found: &Installed, policy: &Policy) -> Vec<Judged> {
    let path = shown(&found.real);
    let most = policy.tool.mode.unwrap_or(0o7777);
    let set_id = found.mode & 0o6000;
    let by_others = found.mode & 0o022;
    let looser = found.mode & !most;
    let shown_mode = format!("{:04o}", found.mode);
    if set_id | by_others | looser == 0 {
        return match policy.tool.mode {
            Some(most) if most != found.mode => {
                let line = Line::note("mode", shown_mode).means(format!("stricter than the policy's {most:04o}"));
                vec![line.hint(format!("chmod {most:04o} {path}")).into()]
            }
            _ => Vec::new(),
        };
    }
    let why = if set_id != 0 {
        "it is setuid or setgid, and so would not get what is handed over".to_owned()
    } else if by_others != 0 {
        "others than its owner can write it".to_owned()
    } else {
        format!("looser than the policy's {most:04o}")
    };
    let right = found.mode & !0o6022 & most;
    let line = Line::problem("mode", shown_mode).means(format!("{why}: a launch is refused"));
    vec![if found.is_others_too() {
        line.hint(format!("look what it is, then: chmod {right:04o} {path}")).into()
    } else {
        Judged::fixed_by(line.hint(format!("chmod {right:04o} {path}")), found, Fix::Mode(right))
    }]
}

fn capabilities(found: &Installed, policy: &Policy) -> Judged {
    let wanted = file_caps::wanted_of_tool(policy);
    if policy.file.is_some() && policy.exec.deliver == Delivery::Ambient {
        // The policy serves both: those who launch the tool, and those who use setcap alone.
        match &found.carries {
            Ok(None) => return Line::ok("capabilities", "none").into(),
            Ok(Some(Attribute { capabilities, root_id: None })) if Some(*capabilities) == wanted => {
                return Line::note("capabilities", capabilities.to_string())
                    .means("as the policy's [file] says; capwrap launches it only without")
                    .into();
            }
            _ => {}
        }
    }
    let of = match (policy.file.is_some(), policy.exec.deliver) {
        (true, _) => ", as the policy's [file] says",
        (false, Delivery::Ambient) => " for ambient delivery: a launch is refused",
        (false, Delivery::Inheritable) => " for inheritable delivery",
    };
    file::carries(found, wanted.as_ref(), of)
}

fn content(found: &Installed, name: &str, policy: &Policy) -> Vec<Judged> {
    let path = shown(&found.real);
    let mut lines = Vec::new();
    if !policy.tool.script {
        match found.is_script() {
            Ok(false) => {}
            Ok(true) => lines.push(
                Line::problem("script", &path)
                    .means("begins with #!, and the policy allows no script: a launch is refused")
                    .hint("script = true in [tool], if that is meant")
                    .into(),
            ),
            Err(error) => lines.push(Judged::unread("script", &path, &reason(&error))),
        }
    }
    if let Some(pinned) = policy.tool.sha256 {
        lines.push(match found.sha256() {
            Ok(actual) if actual == pinned => Line::ok("sha256", "as pinned").into(),
            Ok(actual) => Line::problem("sha256", hex::encode(&actual))
                .means(format!("the policy pins {}: a launch is refused", hex::encode(&pinned)))
                .hint(format!("if the new file is meant: capwrap enable {name} --pin"))
                .into(),
            Err(error) => Judged::unread("sha256", &path, &reason(&error)),
        });
    }
    lines
}

/// Another path of the policy, which is not what runs as long as the first one is there.
fn other(path: &Path, runs: &Installed) -> Option<Judged> {
    let found = Installed::look(path).ok().filter(|found| found.identity != runs.identity)?;
    Some(
        file::copy(path).unwrap_or_else(|| {
            Line::note("copy", shown(&found.path)).means("is there too, and is not what runs").into()
        }),
    )
}
