//! Lines about the tool of a policy: faults that would make a launch fail, and differences from what the policy states.

use crate::host::accounts::{Names, Of};
use crate::host::installed_file::{self, Installed};
use crate::host::tool_faults;
use crate::output::error::reason;
use crate::output::finding::Line;
use crate::store::file_caps;
use crate::verbs::verify::file;
use crate::verbs::verify::file::shown;
use crate::verbs::verify::identity::unknown;
use crate::verbs::verify::judged::{Fix, Judged};
use capwrap_core::capability::xattr::Attribute;
use capwrap_core::policy::{Delivery, Policy};
use capwrap_core::text::{hex, shell};
use capwrap_core::tool_rules::{self, ToolFault};
use std::path::{Path, PathBuf};

/// Whether the tool's content is judged too: whether it is a script, and its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// It is.
    Judged,
    /// It is not, because no fix depends on it and reading a user's file may take long.
    LeftOut,
}

/// The tool that would run, and the lines about it.
pub fn tool(name: &str, policy: &Policy, names: &Names, content: Content) -> (Option<PathBuf>, Vec<Judged>) {
    let paths = &policy.tool.paths;
    let (path, found) = match installed_file::look_first(paths) {
        Some((path, Ok(found))) => (path, found),
        Some((path, Err(error))) => {
            return (Some(path.clone()), vec![Judged::unread("tool", shown(path), &reason(&error))]);
        }
        None => {
            let tried: Vec<String> = paths.iter().map(|path| shown(path)).collect();
            let line = Line::note("tool", tried.join(", "))
                .means("is not installed")
                .hint(format!("install it, or capwrap disable {name}"));
            return (None, vec![line.into()]);
        }
    };
    let owner = names.local(Of::User, &policy.tool.owner).unwrap_or(0);
    let mut lines = vec![kind(&found)];
    lines.extend(file::place(&found, owner, tool_rules::INSTALL_ELSEWHERE));
    if found.is_regular {
        lines.extend(self::owner(&found, policy, names));
        lines.extend(group_not_known(policy, names));
        lines.extend(of_file(&found, name, policy, names, content));
    }
    let others = paths.iter().skip_while(|other| *other != path).skip(1);
    lines.extend(others.filter_map(|path| other(path, &found)));
    (Some(found.path), lines)
}

/// The lines about a tool that is a regular file, as only such a file has content and can be launched.
fn of_file(found: &Installed, name: &str, policy: &Policy, names: &Names, content: Content) -> Vec<Judged> {
    let mut lines = Vec::new();
    let is_script = match content {
        Content::Judged => found.is_script(),
        Content::LeftOut => Ok(false),
    };
    let process = tool_faults::process(policy);
    let file = found.as_tool(matches!(is_script, Ok(true)));
    let faults = tool_rules::faults(&file, policy, group(policy, names), &process);
    lines.extend(faults.iter().filter_map(|fault| judged(fault, found, policy, names)));
    lines.extend(mode(found, policy, &faults));
    lines.push(capabilities(found, policy, &faults));
    lines.extend(open_to_everybody(&faults));
    lines.extend(given_without_capwrap(found, &faults));
    if policy.tool.script && matches!(is_script, Ok(true)) {
        match tool_faults::interpreter(found, policy) {
            Ok(fault) => lines.extend(fault.and_then(|fault| judged(&fault, found, policy, names))),
            Err(error) => lines.push(Judged::unread("script", shown(&found.real), &reason(&error))),
        }
    }
    lines.extend(is_script.err().map(|error| Judged::unread("script", shown(&found.real), &reason(&error))));
    if content == Content::Judged {
        lines.extend(digest(found, name, policy));
    }
    lines.extend(file::copies(found));
    lines
}

fn group(policy: &Policy, names: &Names) -> Option<u32> {
    policy.tool.group.as_ref().and_then(|group| names.local(Of::Group, group))
}

/// A launch fault as a line. Faults of the mode, of the file capabilities and of the mount have lines of their own.
fn judged(fault: &ToolFault, found: &Installed, policy: &Policy, names: &Names) -> Option<Judged> {
    let line = |name, value: String| {
        let line = Line::problem(name, value).means(format!("{fault}; capwrap refuses to launch it"));
        line.optional_hint(fault.hint(&found.real, found.safe_for()))
    };
    match fault {
        ToolFault::Group { actual, .. } => {
            // A group that nobody knows cannot be set.
            let wanted = group(policy, names)?;
            Some(Judged::fixed_by(line("group", format!("gid {actual}")), found, Fix::Group(wanted)))
        }
        ToolFault::Script | ToolFault::RelativeInterpreter(_) | ToolFault::Interpreter { .. } => {
            Some(line("script", shown(&found.real)).into())
        }
        _ => None,
    }
}

fn kind(found: &Installed) -> Judged {
    let path = shown(&found.path);
    if !found.is_regular {
        return Line::problem("tool", path).means("is no regular file; capwrap refuses to launch it").into();
    }
    let line = Line::ok("tool", path);
    (if found.real == found.path { line } else { line.means(format!("leads to {}", shown(&found.real))) }).into()
}

/// A line about the owner. The launcher accepts root and the owner that the policy names. If the policy names another
/// owner, root is a drift.
fn owner(found: &Installed, policy: &Policy, names: &Names) -> Vec<Judged> {
    let rules = &policy.tool;
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
                    "the policy says {}; capwrap refuses to launch it",
                    if wanted == 0 { "root".to_owned() } else { owner.to_string() }
                ))
            };
            // The old owner may have written the file, and the new owner can.
            let hint = found.in_command().map(|path| format!("check what it is, then run: chown {wanted} {path}"));
            lines.push(line.optional_hint(hint).into());
        }
    }
    lines
}

fn group_not_known(policy: &Policy, names: &Names) -> Option<Judged> {
    unknown("group", Of::Group, policy.tool.group.as_ref()?, names)
}

/// A line about the mode: faults for which the launcher refuses, write access of other users, or a difference from the
/// policy.
fn mode(found: &Installed, policy: &Policy, faults: &[ToolFault]) -> Option<Judged> {
    let command = |mode: u32| {
        let command = format!("chmod {mode:04o} {}", shell::path(&found.real)?);
        match found.safe_for()? {
            0 => Some(command),
            uid => Some(format!("as uid {uid}, run: {command}")),
        }
    };
    let shown_mode = format!("{:04o}", found.mode);
    let is_of_mode = |fault: &&ToolFault| {
        matches!(fault, ToolFault::SetId { .. } | ToolFault::Looser { .. } | ToolFault::NotExecutable { .. })
    };
    let is_executable = !faults.iter().any(|fault| matches!(fault, ToolFault::NotExecutable { .. }));
    let mut why: Vec<String> = faults.iter().filter(is_of_mode).map(|fault| format!("{fault:#}")).collect();
    why.extend((found.mode & 0o022 != 0).then(|| "others than its owner can write it".to_owned()));
    let most = policy.tool.mode;
    if why.is_empty() {
        let most = most.filter(|most| *most != found.mode)?;
        let line = Line::note("mode", shown_mode).means(format!("stricter than the policy's {most:04o}"));
        return Some(line.optional_hint(command(most)).into());
    }
    let executable = if is_executable { 0 } else { 0o111 };
    let right = (found.mode | executable) & !0o6022 & most.unwrap_or(0o7777);
    let line = Line::problem("mode", shown_mode).means(format!("{}; capwrap refuses to launch it", why.join("; ")));
    Some(match command(right) {
        Some(command) if !command.starts_with("chmod") => line.hint(command).into(),
        Some(command) if found.is_others_too() => line.hint(format!("check what it is, then run: {command}")).into(),
        // No automatic fix gives more users the right to execute the file than had it before.
        hint if !is_executable => line.optional_hint(hint).into(),
        Some(command) => Judged::fixed_by(line.hint(command), found, Fix::Mode(right)),
        None => line.into(),
    })
}

/// A line about the file capabilities. The launcher runs a tool whose file gives it exactly what the policy grants.
fn capabilities(found: &Installed, policy: &Policy, faults: &[ToolFault]) -> Judged {
    let wanted = file_caps::wanted_of_tool(policy);
    let carried = found.carries.as_ref().ok().and_then(Option::as_ref);
    let is_meant = |fault: &&ToolFault| {
        fault.is_of_file_capabilities() && !matches!(fault, ToolFault::Malformed(_) | ToolFault::OpenToEverybody { .. })
    };
    let fault = faults.iter().find(is_meant);
    match (policy.exec.deliver, carried) {
        // The policy serves both those who launch the tool and those who use setcap alone.
        (Delivery::Ambient, None) if policy.file.is_some() && found.carries.is_ok() => {
            Line::ok("capabilities", "none").into()
        }
        (Delivery::Ambient, Some(Attribute { capabilities, root_id: None })) if Some(*capabilities) == wanted => {
            let line = Line::note("capabilities", capabilities.to_string());
            match fault {
                Some(_) => line.means("as the policy's [file] says; capwrap can launch it only without them").into(),
                None => Line::ok("capabilities", capabilities.to_string()).means("as the policy's [file] says").into(),
            }
        }
        (Delivery::Ambient, Some(attribute)) if policy.file.is_none() => match fault {
            Some(fault) => {
                let line = Line::problem("capabilities", attribute.to_string())
                    .means(format!("{fault}; capwrap refuses to launch it"))
                    .optional_hint(fault.hint(&found.real, found.safe_for()));
                Judged::fixed_by(line, found, Fix::Capabilities(None))
            }
            None => Line::ok("capabilities", attribute.to_string()).into(),
        },
        (deliver, _) => {
            let why = match (policy.file.is_some(), deliver) {
                (true, _) => "the policy's [file] says",
                (false, Delivery::Ambient) => "the policy needs",
                (false, Delivery::Inheritable) => "inheritable delivery needs",
            };
            file::carries(found, wanted.as_ref(), why)
        }
    }
}

fn open_to_everybody(faults: &[ToolFault]) -> Option<Judged> {
    let fault = faults.iter().find(|fault| matches!(fault, ToolFault::OpenToEverybody { .. }))?;
    Some(Line::problem("allowed", "everybody").means(format!("{fault}; capwrap refuses to launch it")).into())
}

/// A note about a tool that others can use without capwrap, if capwrap launches it.
fn given_without_capwrap(found: &Installed, faults: &[ToolFault]) -> Option<Judged> {
    let note = tool_faults::given_besides(found, faults)?;
    Some(Line::note("allowed", "without capwrap").means(note).into())
}

fn digest(found: &Installed, name: &str, policy: &Policy) -> Option<Judged> {
    let pinned = policy.tool.sha256?;
    Some(match found.sha256() {
        Ok(actual) if actual == pinned => Line::ok("sha256", "as pinned").into(),
        Ok(actual) => Line::problem("sha256", hex::encode(&actual))
            .means(format!("the policy pins {}; capwrap refuses to launch it", hex::encode(&pinned)))
            .hint(format!("if the new file is meant: capwrap enable {name} --pin"))
            .into(),
        Err(error) => Judged::unread("sha256", shown(&found.real), &reason(&error)),
    })
}

/// A line about another path of the policy. The launcher does not use it as long as the first one exists.
fn other(path: &Path, runs: &Installed) -> Option<Judged> {
    let found = Installed::look(path).ok().filter(|found| found.identity != runs.identity)?;
    Some(
        file::copy(path).unwrap_or_else(|| {
            Line::note("copy", shown(&found.path)).means("is there too, and is not what runs").into()
        }),
    )
}
