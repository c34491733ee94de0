//! Reads a Compose file.

use crate::dialects::boolean;
use crate::dialects::compose::files::Files;
use crate::dialects::compose::{extends, interpolation};
use crate::dialects::engine::rules;
use crate::dialects::engine::rules::{Asked, Engine};
use crate::dialects::grant::Side;
use crate::dialects::json::{array, hard_limit, list, strings, text};
use crate::dialects::mount::BindMount;
use anyhow::{Result, bail};
use capwrap_core::text::printable;
use serde_json::Value;

/// Returns the services of a Compose file, and of the files that it includes, by name.
///
/// # Errors
/// A file has an unknown capability, or a value of another type than Compose accepts, or two files have a service of one
/// name.
pub fn services(file: &Value, files: &Files) -> Result<Vec<(String, Side)>> {
    let mut found = of_file(file, files)?;
    let (included, unread) = included(file, files, 0)?;
    for (name, side) in included {
        if found.iter().any(|(own, _)| *own == name) {
            bail!("service \"{}\" stands in this file and in one that it includes", printable::text(name));
        }
        found.push((name, side));
    }
    if let (true, Some(why)) = (found.is_empty(), unread.first()) {
        bail!("{why}, and nothing else says which capabilities anything has");
    }
    for (_, side) in &mut found {
        side.notes.extend(unread.iter().cloned());
    }
    Ok(found)
}

/// Returns the services of this file alone.
pub fn of_file(file: &Value, files: &Files) -> Result<Vec<(String, Side)>> {
    let Some(services) = file["services"].as_object() else { return Ok(Vec::new()) };
    let service = |name: &String| {
        let (mut service, mut notes) = extends::whole(services, name, files)?;
        interpolation::of_service(&mut service, name, &mut notes)?;
        for hook in ["post_start", "pre_stop"] {
            if array(&service[hook]).iter().any(|one| one["privileged"] == true) {
                notes.push(format!("{hook} runs a command with every capability"));
            }
        }
        let what = |key: &str| format!("services.{}.{key}", printable::text(name));
        let limits = service["ulimits"].as_object().into_iter().flatten().filter_map(|(name, limit)| {
            let hard = limit.get("hard").unwrap_or(limit);
            Some((name.clone(), hard_limit(hard)?))
        });
        let bind = |volume: &Value| match volume {
            Value::String(volume) => BindMount::of_volume(volume),
            long if long["type"] == "bind" => {
                Some(BindMount::new(long["source"].as_str()?, long["target"].as_str()?, long["read_only"] == true))
            }
            _ => None,
        };
        let options = list(&service["security_opt"], &what("security_opt"))?;
        let asked = Asked {
            add: list(&service["cap_add"], &what("cap_add"))?,
            drop: list(&service["cap_drop"], &what("cap_drop"))?,
            privileged: boolean::manifest(&service["privileged"], &what("privileged"))? == Some(true),
            no_new_privs: options.iter().find_map(|option| rules::no_new_privs(option)),
            seccomp: options.iter().find_map(|option| rules::seccomp(option)),
            user: text(&service["user"]),
            pid: text(&service["pid"]),
            net: text(&service["network_mode"]),
            limits: limits.collect(),
            mounts: array(&service["volumes"]).iter().filter_map(bind).collect(),
            notes,
        };
        Ok((name.clone(), asked.side(Engine::Docker, "Compose service")?))
    };
    services.keys().map(service).collect()
}

/// The services of a file by their names.
type Sides = Vec<(String, Side)>;

/// How deep files may include one another.
const MAX_DEPTH: usize = 8;

/// Returns the services of the files that a file includes, and a note on each that was not read (Compose Specification,
/// 14-include.md).
fn included(file: &Value, files: &Files, depth: usize) -> Result<(Sides, Vec<String>)> {
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    let list = match &file["include"] {
        Value::Array(list) => list.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    };
    for entry in list {
        let path = if entry.is_object() { &entry["path"] } else { entry };
        let paths = if path.is_array() { strings(path) } else { text(path).into_iter().collect() };
        // Several paths of one entry override one another, as several files of one project do.
        let mut whole: Option<(Value, Files)> = None;
        for path in &paths {
            let shown = printable::text(path);
            match files.read(path) {
                _ if depth >= MAX_DEPTH => unread.push(format!("the included {shown} was not read: too deep")),
                Ok((other, beside)) => {
                    whole = Some(match whole.take() {
                        Some((base, first)) => (extends::merged(&base, &other), first),
                        None => (other, beside),
                    });
                }
                Err(why) => unread.push(format!("the included {shown} {why}")),
            }
        }
        if let Some((other, beside)) = whole {
            found.extend(of_file(&other, &beside)?);
            let (further, not_read) = included(&other, &beside, depth + 1)?;
            found.extend(further);
            unread.extend(not_read);
        }
    }
    Ok((found, unread))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::yaml;

    fn of(text: &str, files: &Files) -> Result<Vec<(String, Side)>> {
        services(&yaml::documents(text).unwrap()[0], files)
    }

    #[test]
    fn files_that_are_included_or_extended_are_followed_and_the_others_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("more.yml", "services: {m: {cap_drop: [ALL], cap_add: [BPF]}}\ninclude: [deep.yml]\n");
        write("over.yml", "services: {m: {cap_add: [KILL]}}\n");
        write("deep.yml", "services: {d: {extends: {file: base.yml, service: b}, cap_add: [SYS_TIME]}}\n");
        write("base.yml", "services: {b: {cap_drop: [ALL], cap_add: [CHOWN]}}\n");
        let files = Files::beside(&folder.path().join("compose.yml"));
        let text = "services: {s: {cap_drop: [ALL]}}\ninclude:\n  - path: [more.yml, over.yml]\n  - https://x/y.yml\n  - ${F}\n  - gone.yml\n";
        let found = of(text, &files).unwrap();
        let read: Vec<_> = found.iter().map(|(name, side)| (name.as_str(), side.grant.to_string())).collect();
        let expected = [("s", "none"), ("m", "cap_kill,cap_bpf"), ("d", "cap_chown,cap_sys_time")];
        assert_eq!(read, expected.map(|(name, set)| (name, set.to_owned())));
        let notes = &found[0].1.notes;
        assert_eq!(notes[0], "the included https://x/y.yml is no file of this machine, and was not read");
        assert_eq!(notes[1], "the included ${F} is an expression, which is not evaluated here");
        assert!(notes[2].starts_with("the included gone.yml was not read: cannot read "), "{notes:?}");
        let error = of("include: [x.yml]\n", &Files::none()).unwrap_err().to_string();
        assert_eq!(error, "the included x.yml was not read, and nothing else says which capabilities anything has");
        assert!(of("services: {m: {}}\ninclude: more.yml\n", &files).unwrap_err().to_string().contains("\"m\""));
        let note = &of("services: {e: {extends: {file: x.yml}}}\n", &Files::none()).unwrap()[0].1.notes[0];
        assert_eq!(note, "it extends a service of x.yml, which was not read");
    }

    #[test]
    fn files_that_include_one_another_come_to_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yml");
        std::fs::write(&path, "include: [a.yml, a.yml, a.yml]\n").unwrap();
        assert!(of("include: [a.yml]\n", &Files::beside(&path)).is_err());
    }
}
