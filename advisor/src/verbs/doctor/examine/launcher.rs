//! The launcher, its policies, the accounts file that it reads, and the log.

use crate::host::launcher_kernels;
use crate::host::reading::Reading;
use crate::output::finding::{Judgement, Line};
use crate::verbs::doctor::facts::{Enabled, Facts, LauncherFile, Policy};
use crate::verbs::doctor::finding::unreadable;

pub fn launcher(facts: &Facts) -> Vec<Line> {
    let launcher = &facts.launcher;
    let path = launcher.path.display().to_string();
    let mut lines = match &launcher.file {
        // In another user namespace the true owner of these files cannot be known.
        Reading::Is(file) if file.uid != 0 && facts.rights.initial_namespace == Reading::Is(false) => {
            let means = "belongs to a user who is not root in this user namespace, as what it reads does";
            return vec![Line::note("file", path).means(means)];
        }
        Reading::Is(file) => vec![owner(&path, file), carried(facts, file)],
        Reading::Absent => vec![Line::problem("file", path).means("is not there").hint("sudo ./install.sh")],
        Reading::Unreadable(why) => vec![unreadable("file", why)],
    };
    lines.extend(policies(facts));
    lines.push(match &launcher.accounts {
        Reading::Is(()) => Line::ok("accounts", "/etc/passwd").means("names of users are looked up there"),
        Reading::Absent => Line::problem("accounts", "/etc/passwd")
            .means("is not there: the launcher cannot find out who the caller is")
            .hint("an image needs /etc/passwd with a line for root"),
        Reading::Unreadable(why) => unreadable("accounts", why),
    });
    lines.push(log(facts));
    lines
}

fn owner(path: &str, file: &LauncherFile) -> Line {
    let mode = file.mode & 0o7777;
    if file.uid != 0 || mode & 0o022 != 0 || mode & 0o6000 != 0 {
        return Line::problem("file", path)
            .means(format!(
                "belongs to {}:{} with mode {mode:04o}: others can change it, or it is setuid",
                file.uid, file.gid
            ))
            .hint(format!("chown root:root {path}; chmod 0755 {path}; sudo capwrap enable"));
    }
    if mode & 0o111 != 0o111 {
        return Line::problem("file", path)
            .means(format!("mode {mode:04o}: not everybody may start it"))
            .hint(format!("chmod 0755 {path}"));
    }
    Line::ok("file", path).means(format!("root's, mode {mode:04o}"))
}

fn carried(facts: &Facts, file: &LauncherFile) -> Line {
    const HINT: &str = "sudo capwrap enable";
    let name = "carries";
    let needed = facts.needed();
    let permitted = match &file.permitted {
        Ok(permitted) => *permitted,
        Err(why) => return unreadable(name, why),
    };
    let shown = if permitted.is_empty() { "nothing".to_owned() } else { permitted.to_string() };
    let (few, many) = (needed.without(permitted), permitted.without(needed));
    let problem = |means: String| Line::problem(name, &shown).means(means).hint(HINT);
    if let Some(means) = launcher_kernels::misfit(few, many, facts.launcher.any_kernel) {
        return problem(means);
    }
    if file.marked_otherwise {
        return problem("and some of it effective or inheritable, which it must not be".to_owned());
    }
    match file.root_id {
        Some(root) => Line::note(name, &shown).means(format!("only in the user namespace whose root is uid {root}")),
        None => {
            let kernel = launcher_kernels::on_which(facts.launcher.any_kernel);
            Line::ok(name, &shown).means(format!("what the enabled policies need together {kernel}"))
        }
    }
}

fn policies(facts: &Facts) -> Vec<Line> {
    let name = "policies";
    let none = "none is enabled: nothing can be launched";
    let hint = "sudo capwrap enable NAME";
    let all = match &facts.launcher.policies {
        Reading::Is(all) if !all.is_empty() => all,
        Reading::Is(_) | Reading::Absent => return vec![Line::note(name, "0").means(none).hint(hint)],
        Reading::Unreadable(why) => return vec![unreadable(name, why)],
    };
    let names: Vec<&str> = all.iter().map(|policy| policy.name.as_str()).collect();
    let mut lines = vec![Line::ok(name, format!("{} enabled", all.len())).means(names.join(", "))];
    lines.extend(all.iter().filter_map(faulty));
    lines
}

/// A policy that has something wrong with it.
fn faulty(policy: &Enabled) -> Option<Line> {
    let name = format!("policy {}", policy.name);
    match &policy.read {
        Err(why) => Some(
            Line::problem(name, "cannot be used")
                .means(why)
                .hint(format!("correct the file, or sudo capwrap disable {}", policy.name)),
        ),
        Ok(Policy { unreadable: Some(why), .. }) => {
            Some(Line::problem(name, "capwrap refuses to launch its tool").means(why))
        }
        Ok(Policy { tool: None, paths, .. }) => {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            Some(
                Line::note(name, "its tool is not there")
                    .means(paths.join(", "))
                    .hint(format!("install it, or sudo capwrap disable {}", policy.name)),
            )
        }
        Ok(_) => None,
    }
}

fn log(facts: &Facts) -> Line {
    let name = "log";
    let demanding: Vec<&str> =
        facts.policies().filter(|(_, policy)| policy.audit_required).map(|(name, _)| name).collect();
    match &facts.launcher.log {
        Reading::Is(log) => Line::ok(name, *log).means("takes a record of every launch"),
        Reading::Absent if demanding.is_empty() => Line::absent(name, Judgement::Note)
            .means("no log listens: launches are not recorded")
            .hint("start journald or syslog"),
        Reading::Absent => Line::absent(name, Judgement::Problem)
            .means(format!("no log listens, and {} cannot be launched without a record", demanding.join(", ")))
            .hint("start journald or syslog"),
        Reading::Unreadable(why) => {
            Line::problem(name, why).means("the log is there and takes no record: no launch goes on")
        }
    }
}
