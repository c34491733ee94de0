//! Code that a tool would take from its caller or from others who are not root, as the tool is installed here.
//!
//! ```text
//! the policy's text ── analysis/foreign_code
//! a script ─────────── its interpreter and the options of its first line ── analysis/home_code
//! a program, or the interpreter ── host/elf ── who can write what the dynamic loader loads
//! ```

use crate::analysis::allowed_warnings;
use crate::analysis::code_warning::{ForeignCode, HOME_CODE, LIBRARY_PATH};
use crate::analysis::foreign_code;
use crate::analysis::home_code;
use crate::analysis::policy_places::{Places, Step};
use crate::host::accounts::{Names, Of};
use crate::host::elf::{self, Tag};
use crate::host::installed_file::{self, Installed};
use crate::host::writable_path::{self, Weakness};
use capwrap_core::policy::Policy;
use capwrap_core::text::printable;
use capwrap_core::tool_rules;
use capwrap_core::trusted_path;
use nix::sys::stat::SFlag;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

/// All that the text of a policy and the tool on this machine show.
pub fn all(policy: &Policy, names: &Names) -> Vec<ForeignCode> {
    let mut found = foreign_code::of_text(policy);
    found.extend(of_machine(policy, names));
    found
}

/// The same in a line each, with the line of the policy, for who enables or writes it. What the policy allows is left
/// out.
pub fn notes(policy: &Policy, text: &str, names: &Names) -> Vec<String> {
    let places = Places::of(text);
    let all = all(policy, names).into_iter().filter(|one| !allowed_warnings::allows(policy, text, one.code));
    let note = |one: ForeignCode| {
        let line = text.get(..places.span(&one.at).start).unwrap_or_default().matches('\n').count() + 1;
        printable::line(&format!("line {line}: {} [{}]; hint: {}", one.message, one.code, one.hint))
    };
    all.map(note).collect()
}

/// What the first of the policy's tools that is there shows. What cannot be read is left out: the rules for tools
/// report that.
pub fn of_machine(policy: &Policy, names: &Names) -> Vec<ForeignCode> {
    let mut found: Vec<ForeignCode> = home(policy).into_iter().collect();
    let Some((tool, Ok(installed))) = installed_file::look_first(&policy.tool.paths) else { return found };
    if !installed.is_regular {
        return found;
    }
    let owner = names.local(Of::User, &policy.tool.owner).unwrap_or(0);
    let number = policy.tool.paths.iter().position(|path| path == tool).unwrap_or_default();
    let at = if policy.tool.paths.len() > 1 {
        vec![Step::Key("tool"), Step::Key("path"), Step::At(number)]
    } else {
        vec![Step::Key("tool"), Step::Key("path")]
    };
    match first_line(&installed) {
        Ok(Some(line)) => found.extend(of_script(policy, &installed, &line, &at)),
        Ok(None) => found.extend(of_program(&installed, owner, &at)),
        Err(_) => {}
    }
    found
}

/// A HOME of the policy's own that others can write keeps nobody from it.
fn home(policy: &Policy) -> Option<ForeignCode> {
    let names = policy.tool.paths.iter().filter_map(|path| path.file_name()?.to_str());
    let runs_home_code = policy.tool.script || names.into_iter().any(|name| home_code::of(name).is_some());
    let (_, value) = policy.exec.env.set.iter().find(|(name, _)| name == "HOME" && runs_home_code)?;
    let weakness = weak_directory(Path::new(value), 0)?;
    Some(ForeignCode {
        code: HOME_CODE,
        at: vec![Step::Key("exec"), Step::Key("env"), Step::Key("set"), Step::Key("HOME")],
        message: format!("HOME is set to where others can put code: {weakness}"),
        hint: format!("name a directory of root's, or HOME = {:?}, below which nothing can lie", home_code::NOWHERE),
    })
}

/// The first line of a script, without its `#!`; `None` for what is no script.
fn first_line(file: &Installed) -> io::Result<Option<Vec<u8>>> {
    let mut beginning = Vec::new();
    file.read()?.take(2 + tool_rules::INTERPRETER_LINE).read_to_end(&mut beginning)?;
    Ok(beginning.strip_prefix(b"#!").map(|rest| rest.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec()))
}

fn of_script(policy: &Policy, script: &Installed, line: &[u8], at: &[Step<'static>]) -> Vec<ForeignCode> {
    if !policy.tool.script {
        return Vec::new();
    }
    let Ok(interpreter) = tool_rules::interpreter(line) else { return Vec::new() };
    let (program, options) = program_of(line);
    let place = |one: ForeignCode| ForeignCode { at: at.to_vec(), ..one };
    let shown = format!("{}, the interpreter of {},", printable::text(&program), printable::text(&script.path));
    let mut found: Vec<ForeignCode> =
        home_code::found(policy, &program, &options, &shown).map(place).into_iter().collect();
    // The kernel executes the interpreter that the line names; what env starts lies on the PATH that capwrap sets.
    if let Ok(installed) = Installed::look(&interpreter) {
        found.extend(of_program(&installed, 0, at));
    }
    found
}

/// The program that runs a script, by the name of its file, and the options that it is given: `env` starts another one.
fn program_of(line: &[u8]) -> (String, Vec<String>) {
    let text = String::from_utf8_lossy(line).into_owned();
    let mut words = text.split_ascii_whitespace().map(str::to_owned);
    let name = |path: String| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut program = name(words.next().unwrap_or_default());
    let mut words: Vec<String> = words.collect();
    if program == "env" {
        // Its own options and assignments come first; -S and --split-string= can stand before the program without a
        // blank.
        while let Some(first) = words.first().cloned() {
            let split = first.strip_prefix("--split-string=").or_else(|| first.strip_prefix("-S"));
            if let Some(rest) = split.filter(|rest| !rest.is_empty()) {
                words[0] = rest.to_owned();
            } else if first.starts_with('-') || first.contains('=') {
                words.remove(0);
            } else {
                break;
            }
        }
        if !words.is_empty() {
            program = name(words.remove(0));
        }
    }
    (program, words.into_iter().take_while(|word| word.starts_with('-')).collect())
}

/// What the file of a program makes the dynamic loader load. The program may belong to `owner`, and so may what it
/// loads.
fn of_program(program: &Installed, owner: u32, at: &[Step<'static>]) -> Vec<ForeignCode> {
    let Some(loading) = program.read().ok().and_then(elf::read) else { return Vec::new() };
    let shown = printable::text(&program.real);
    let danger = |message: String, hint: &str| ForeignCode {
        code: LIBRARY_PATH,
        at: at.to_vec(),
        message: format!("{shown} {message}"),
        hint: hint.to_owned(),
    };
    let mut found = Vec::new();
    if let Some(loader) = loading.loader {
        let path = PathBuf::from(loader);
        let named = printable::text(&path);
        if !path.is_absolute() {
            let message = format!("has a dynamic loader in the caller's working directory: {named:?} (PT_INTERP)");
            found.push(danger(message, "patchelf --set-interpreter, or build it again"));
        } else if let Some(weakness) = weak_file(&path, owner) {
            let message = format!("has a dynamic loader that others can replace: {named} (PT_INTERP): {weakness}");
            found.push(danger(message, "patchelf --set-interpreter, or install it where root owns every directory"));
        }
    }
    for library in loading.needed.iter().map(PathBuf::from).filter(|name| name.as_os_str().as_bytes().contains(&b'/')) {
        let named = printable::text(&library);
        if !library.is_absolute() && !begins_with_origin(library.as_os_str()) {
            let message = format!("needs a library of the caller's working directory: {named} (DT_NEEDED)");
            found.push(danger(message, "patchelf --replace-needed, or build it again with -soname"));
        } else if let Some(weakness) = resolved(library.as_os_str(), program).and_then(|path| weak_file(&path, owner)) {
            let message = format!("needs a library that others can replace: {named} (DT_NEEDED): {weakness}");
            found.push(danger(message, "install the library where root owns every directory"));
        }
    }
    for (tag, entry) in &loading.paths {
        let tag = match tag {
            Tag::Rpath => "DT_RPATH",
            Tag::Runpath => "DT_RUNPATH",
        };
        let named = printable::text(entry);
        let path = resolved(entry, program);
        if path.as_deref().is_none_or(Path::is_relative) {
            let message = format!("looks for libraries in the caller's working directory: {named:?} ({tag})");
            found.push(danger(message, "patchelf --set-rpath, or build it again"));
        } else if let Some(weakness) = path.and_then(|path| weak_directory(&path, owner)) {
            let message = format!("looks for libraries where others can put them: {named} ({tag}): {weakness}");
            found.push(danger(message, "patchelf --set-rpath, or install it where root owns every directory"));
        }
    }
    found
}

fn begins_with_origin(entry: &OsStr) -> bool {
    entry.as_bytes().starts_with(b"$ORIGIN") || entry.as_bytes().starts_with(b"${ORIGIN}")
}

/// The path that an entry means, up to the first token that the loader replaces by something of the machine's ($LIB,
/// $PLATFORM): what lies below is in the same hands. $ORIGIN is the directory of the program, links resolved
/// (ld.so(8)).
fn resolved(entry: &OsStr, program: &Installed) -> Option<PathBuf> {
    let mut rest = entry.as_bytes();
    let mut path = Vec::new();
    for origin in [&b"${ORIGIN}"[..], b"$ORIGIN"] {
        if let Some(after) = rest.strip_prefix(origin) {
            path.extend(program.real.parent()?.as_os_str().as_bytes());
            rest = after;
            break;
        }
    }
    let token = rest.iter().position(|byte| *byte == b'$').unwrap_or(rest.len());
    path.extend(&rest[..token]);
    (!path.is_empty()).then(|| PathBuf::from(OsString::from_vec(path)))
}

/// The first directory on the way to this absolute path, itself among them, in which others than root and `owner` can
/// put something. If the directory does not exist, whoever can write the last one that does can make it.
fn weak_directory(path: &Path, owner: u32) -> Option<Weakness> {
    let mut path = path.to_owned();
    loop {
        // A survey ends at a name. What `..` leads to is one directory, however it is written.
        let surveyed = match path.components().next_back()? {
            Component::Normal(_) => writable_path::survey(&path),
            Component::ParentDir => path.canonicalize().and_then(|path| writable_path::survey(&path)),
            _ => return None,
        };
        match surveyed {
            Ok(surveyed) => {
                // Nothing lies below what is no directory.
                let is_directory = surveyed.status.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits();
                let itself = is_directory.then_some((surveyed.path, surveyed.status));
                let directories: Vec<_> = surveyed.directories.into_iter().chain(itself).collect();
                return writable_path::among(&directories, owner).into_iter().next();
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                path.pop();
            }
            Err(_) => return None,
        }
    }
}

/// The same of a file: one of the directories on the way to it, or the file itself.
fn weak_file(path: &Path, owner: u32) -> Option<String> {
    match writable_path::survey(path) {
        Ok(surveyed) => {
            let fault = trusted_path::faults(&surveyed, owner).into_iter().next()?;
            Some(fault.describe(path))
        }
        Err(_) => weak_directory(path.parent()?, owner).map(|weakness| weakness.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::elf::samples::program;
    use nix::unistd::getuid;
    use object::elf::{DT_RPATH, DT_RUNPATH};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

    #[test]
    fn the_program_behind_a_scripts_first_line_is_found_with_its_options() {
        for (line, program, options) in [
            ("/usr/bin/python3 -I", "python3", "-I"),
            (" /usr/bin/python3", "python3", ""),
            ("/usr/bin/env python3", "python3", ""),
            ("/usr/bin/env -S python3 -Es", "python3", "-Es"),
            ("/usr/bin/env -Spython3 -s", "python3", "-s"),
            ("/usr/bin/env --split-string=python3 -s", "python3", "-s"),
            ("/usr/bin/env -i LC_ALL=C zsh -f", "zsh", "-f"),
            ("/bin/bash", "bash", ""),
            ("/bin/sh -e -l file -x", "sh", "-e -l"),
            ("/usr/bin/env", "env", ""),
            ("", "", ""),
        ] {
            let (found, given) = program_of(line.as_bytes());
            assert_eq!((found.as_str(), given.join(" ").as_str()), (program, options), "{line}");
        }
        program_of(b"\xff\x00 \xfe");
    }

    /// A folder of root's, or nothing where the test does not run as root.
    fn roots_folder() -> Option<tempfile::TempDir> {
        let folder = getuid().is_root().then(|| tempfile::tempdir_in("/").unwrap())?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Some(folder)
    }

    /// What is found in a program of these words that lies in this folder.
    fn found(folder: &Path, loader: &str, needed: &[&str], tag: i64, path: Option<&str>) -> Vec<String> {
        let file = folder.join("bin/tool");
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(&file, program(loader, needed, tag, path)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let policy = format!(
            "schema = 1\ntool = {{ path = {file:?} }}\nallow = {{ users = [\"root\"] }}\ngrant = [{{ caps = \"kill\" }}]\n"
        );
        let policy = Policy::read(&policy).unwrap();
        of_machine(&policy, &Names::read()).into_iter().map(|one| format!("{} {}", one.code, one.message)).collect()
    }

    #[test]
    fn a_search_path_that_others_can_write_is_found_whatever_way_it_is_written() {
        let Some(folder) = roots_folder() else { return };
        let folder = folder.path();
        fs::create_dir(folder.join("lib")).unwrap();
        let open = folder.join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        std::os::unix::fs::symlink(&open, folder.join("link")).unwrap();
        for (path, words) in [
            ("/usr/lib", None),
            ("/usr/lib/$LIB/x", None),
            ("$ORIGIN/../lib", None),
            ("${ORIGIN}/../lib:/usr/lib", None),
            ("$ORIGIN", None),
            ("$ORIGIN/..", None),
            ("/no/such/folder/of/roots", None),
            ("", None),
            ("lib", Some("in the caller's working directory: \"lib\"")),
            ("./lib", Some("in the caller's working directory")),
            ("/usr/lib:", Some("in the caller's working directory: \"\"")),
            ("/usr/lib::/lib", Some("in the caller's working directory: \"\"")),
            ("$LIB", Some("in the caller's working directory")),
            ("/tmp", Some("where others can put them: /tmp (DT_RUNPATH): everybody can write /tmp")),
            ("/tmp/build/lib", Some("where others can put them: /tmp/build/lib")),
            ("$ORIGIN/../open", Some("where others can put them: $ORIGIN/../open")),
            ("$ORIGIN/../open/not/there", Some("where others can put them")),
            ("$ORIGIN/../link/$PLATFORM", Some("where others can put them")),
            ("$ORIGIN/../open/..", None),
        ] {
            let found = found(folder, LOADER, &["libc.so.6"], DT_RUNPATH, Some(path));
            match words {
                None => assert!(found.is_empty(), "{path}: {found:?}"),
                Some(words) => {
                    assert!(found.len() == 1 && found[0].contains(words), "{path}: {found:?}");
                    assert!(found[0].starts_with(LIBRARY_PATH), "{found:?}");
                }
            }
        }
        let found = found(folder, LOADER, &[], DT_RPATH, Some("lib"));
        assert!(found.len() == 1 && found[0].contains("DT_RPATH"), "{found:?}");
    }

    #[test]
    fn a_loader_or_a_library_that_others_can_replace_is_found() {
        let Some(folder) = roots_folder() else { return };
        let folder = folder.path();
        let library = folder.join("open.so");
        fs::write(&library, "").unwrap();
        fs::set_permissions(&library, fs::Permissions::from_mode(0o666)).unwrap();
        let open = library.to_str().unwrap();
        for (loader, needed, words) in [
            (LOADER, "libc.so.6", None),
            (LOADER, "/usr/lib/libx.so", None),
            (LOADER, "./libx.so", Some("needs a library of the caller's working directory: ./libx.so (DT_NEEDED)")),
            (LOADER, "lib/libx.so", Some("needs a library of the caller's working directory")),
            (LOADER, "$ORIGIN/libx.so", None),
            (LOADER, "/tmp/libx.so", Some("needs a library that others can replace: /tmp/libx.so")),
            (LOADER, open, Some("can be written by others than its owner (mode 0666)")),
            ("ld.so", "libc.so.6", Some("a dynamic loader in the caller's working directory: \"ld.so\" (PT_INTERP)")),
            ("/tmp/ld.so", "libc.so.6", Some("a dynamic loader that others can replace: /tmp/ld.so (PT_INTERP)")),
            (open, "libc.so.6", Some("a dynamic loader that others can replace")),
        ] {
            let found = found(folder, loader, &[needed], DT_RUNPATH, None);
            match words {
                None => assert!(found.is_empty(), "{loader} {needed}: {found:?}"),
                Some(words) => assert!(found.len() == 1 && found[0].contains(words), "{loader} {needed}: {found:?}"),
            }
        }
    }

    #[test]
    fn the_tools_of_this_machine_load_nothing_of_others() {
        for tool in ["/usr/bin/env", "/usr/bin/perl"] {
            let Ok(installed) = Installed::look(Path::new(tool)) else { continue };
            assert_eq!(of_program(&installed, 0, &[]), [], "{tool}");
        }
    }

    #[test]
    fn a_script_of_python_is_noted_with_its_line_until_the_policy_allows_or_prevents_it() {
        let Some(folder) = roots_folder() else { return };
        let script = folder.path().join("script");
        fs::write(&script, "#! /usr/bin/env python3\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let text = |more: &str| {
            format!(
                "schema = 1\nallow = {{ users = [\"root\"] }}\n[tool]\npath = {script:?}\nscript = true\n\
                 [[grant]]\ncaps = \"kill\"\n{more}"
            )
        };
        let notes = |text: &str| notes(&Policy::read(text).unwrap(), text, &Names::read());
        let found = notes(&text(""));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("line 4: python3, the interpreter of "), "{found:?}");
        assert!(found[0].contains("usercustomize") && found[0].contains("hint: env = { set = { PYTHONNOUSERSITE"));
        assert!(found[0].contains("-I on the script's first line"), "{found:?}");
        for more in [
            "[exec]\nenv = { set = { PYTHONNOUSERSITE = \"1\" } }\n",
            "[exec]\nenv = { set = { HOME = \"/dev/null\" } }\n",
            "# lint: allow home-code: its home is root's\n",
        ] {
            assert!(notes(&text(more)).is_empty(), "{more}: {:?}", notes(&text(more)));
        }
        assert_eq!(notes(&text("# lint: allow home-code:\n")).len(), 1, "without a reason nothing is allowed");
        let open = notes(&text("[exec]\nenv = { set = { HOME = \"/tmp\" } }\n"));
        assert!(open.len() == 1 && open[0].starts_with("line 9: HOME is set to where others can put code"), "{open:?}");
        let kept =
            notes(&text("[exec]\nenv = { keep = [\n\"COLUMNS\",\n\"LD_PRELOAD\"], set = { HOME = \"/dev/null\" } }\n"));
        assert!(
            kept.len() == 1 && kept[0].starts_with("line 11: capwrap never passes the caller's LD_PRELOAD"),
            "{kept:?}"
        );
    }
}
