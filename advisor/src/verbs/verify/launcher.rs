//! Lines about capwrap's own files.

use crate::host::accounts::{Names, Of};
use crate::host::installed_file::Installed;
use crate::host::launcher_kernels;
use crate::host::launcher_kernels::AnyBecause;
use crate::host::process;
use crate::output::error::reason;
use crate::output::finding::Line;
use crate::store::file_caps;
use crate::verbs::verify::file;
use crate::verbs::verify::file::shown;
use crate::verbs::verify::judged::{Fix, Judged, Kind, Subject};
use capwrap_core::CapabilitySet;
use capwrap_core::paths;
use capwrap_core::policy::Identity;
use capwrap_core::record::send::RECORD_GROUP;
use capwrap_core::text::shell;
use std::path::Path;

/// The launcher, with the capabilities that the enabled policies need in its file, and the advisor.
pub fn subject(path: &Path, needed: CapabilitySet, any_kernel: Option<AnyBecause>) -> Subject {
    let mut lines = Vec::new();
    match Installed::look(path) {
        Ok(found) => {
            lines.push(owner(&found, "launcher", record_group()));
            lines.extend(file::place(&found, 0, file::ROOTS_PLACE));
            lines.push(carries(&found, needed, any_kernel));
            if found.links > 1 {
                let line = Line::problem("links", found.links.to_string())
                    .means("another name keeps this version and its rights, whatever is installed over it");
                let path = shell::path(&found.real);
                lines.push(line.optional_hint(path.map(|path| format!("find / -xdev -samefile {path}"))).into());
            }
            lines.extend(file::copies(&found));
        }
        Err(error) => lines.push(Judged::unread("launcher", shown(path), &reason(&error))),
    }
    if process::UserNamespace::of(Path::new("/proc/self")).is_ok_and(|namespace| !namespace.is_initial()) {
        let means = "a user namespace of its own: file capabilities count in it alone, and on its mounts not outside";
        lines.push(Line::note("namespace", "not the initial one").means(means).into());
    }
    let advisor = Path::new(paths::PREFIX).join(paths::ADVISOR);
    match Installed::look(&advisor) {
        Ok(found) => {
            lines.push(owner(&found, "advisor", None));
            lines.extend(file::place(&found, 0, file::ROOTS_PLACE));
        }
        Err(error) => lines.push(Judged::unread("advisor", shown(&advisor), &reason(&error))),
    }
    Subject { kind: Kind::Launcher, name: "capwrap".to_owned(), path: Some(path.to_owned()), lines }
}

/// Whether its file carries what the enabled policies need, here too many and too few alike.
fn carries(found: &Installed, needed: CapabilitySet, any_kernel: Option<AnyBecause>) -> Judged {
    let wanted = file_caps::permitted(needed);
    let wanted = Some(&wanted).filter(|wanted| !wanted.permitted.is_empty());
    let kernel = launcher_kernels::on_which(any_kernel);
    let mut judged = file::carries(found, wanted, &format!("{kernel} the enabled policies together need"));
    let carried = match &found.carries {
        Ok(attribute) => attribute.as_ref().map_or(CapabilitySet::EMPTY, |one| one.capabilities.permitted),
        Err(_) => return judged,
    };
    let (few, many) = (needed.without(carried), carried.without(needed));
    if let Some(means) = launcher_kernels::misfit(few, many, any_kernel) {
        judged.line.means = means;
        // It is what setcap would do, and remembers what the administrator chose.
        judged.line.hint = judged.line.hint.map(|_| "capwrap enable".to_owned());
    }
    judged
}

/// The group by which the recorder knows the launcher, if this machine has it.
fn record_group() -> Option<u32> {
    Names::read().local(Of::Group, &Identity::parse(RECORD_GROUP)?)
}

/// The file must belong to root. Everybody may start it, nobody else may change it, and it is not setuid. It may be
/// set-group-ID for the group by which the recorder knows the launcher, and for no other.
fn owner(found: &Installed, name: &str, record_group: Option<u32>) -> Judged {
    let path = shown(&found.real);
    let is = format!("belongs to {}:{}, mode {:04o}", found.uid, found.gid, found.mode);
    if found.uid != 0 || found.mode & 0o022 != 0 {
        return Line::problem(name, &path)
            .means(format!("{is}: others could have written it"))
            .hint("install capwrap again")
            .into();
    }
    let is_known_to_recorder = record_group == Some(found.gid);
    if found.gid != 0 && !is_known_to_recorder {
        let line = Line::problem(name, &path).means(format!("{is}: it is to be root's"));
        let command = found.in_command().map(|path| format!("chown root:root {path}; capwrap enable"));
        return Judged::fixed_by(line.optional_hint(command), found, Fix::Group(0));
    }
    let mode = if is_known_to_recorder { 0o2755 } else { 0o755 };
    if found.mode != mode {
        let line = Line::problem(name, &path).means(format!("{is}: it is to be {mode:04o}"));
        let command = found.in_command().map(|path| format!("chmod {mode:04o} {path}"));
        return Judged::fixed_by(line.optional_hint(command), found, Fix::Mode(mode));
    }
    let group = if is_known_to_recorder { format!(", group {RECORD_GROUP}") } else { String::new() };
    Line::ok(name, path).means(format!("root's{group}, mode {mode:04o}")).into()
}
