//! Finds out which side an operand means, and reads it. This is the only module of the verb that reads files.

use crate::analysis::profile::Profile;
use crate::analysis::{needs, recorded};
use crate::dialects;
use crate::dialects::detect::{Form, form};
use crate::dialects::grant::{Side, all, shown};
use crate::dialects::read::{Read, foreign};
use crate::dialects::traced::{self, Trace};
use crate::dialects::{engine, setcap, systemd};
use crate::host::installed_file::Installed;
use crate::host::kernel;
use crate::host::process;
use crate::host::target_machine::TargetMachine;
use crate::output::error::{hinted, reason};
use crate::store::bounded_read;
use crate::store::bounded_read::MAX_BYTES;
use crate::store::policy_lookup;
use anyhow::{Context, Result, bail};
use capwrap_core::CapabilitySet;
use capwrap_core::decision::RequestError;
use capwrap_core::policy::Policy;
use capwrap_core::text::printable;
use std::collections::BTreeMap;
use std::path::Path;

/// The circumstances for which policies are decided.
pub struct Asked<'a> {
    pub mode: Option<&'a str>,
    pub target_machine: &'a TargetMachine,
}

/// The side that a word means.
///
/// # Errors
/// The operand cannot be found, read or understood.
pub fn read(word: &str, asked: &Asked<'_>) -> Result<Side> {
    let mut side = meant(word, asked)?;
    word.clone_into(&mut side.label);
    Ok(side)
}

fn meant(word: &str, asked: &Asked<'_>) -> Result<Side> {
    if word == "-" {
        let text = bounded_read::text(std::io::stdin().lock(), MAX_BYTES).context("cannot read standard input")?;
        return of_text(&text, "standard input", None, asked);
    }
    if let Some(id) = word.strip_prefix("pid:") {
        return of_process(id);
    }
    if let Some(mask) = mask(word) {
        return of_mask(mask);
    }
    if systemd::unit_name::is_name(word) {
        if let Some(unit) = systemd::find::load(word)? {
            return of_unit(word, &unit);
        }
        if !Path::new(word).exists() {
            return Err(hinted(
                format!("no unit \"{}\" in systemd's folders, and no such file here", printable::text(word)),
                "systemctl list-unit-files, or the path of its file",
            ));
        }
    }
    if let Some(list) = list(word) {
        return list;
    }
    if !word.is_empty() && word.split_whitespace().all(setcap::read::is_clause) {
        return setcap::read::side(word, "capability text");
    }
    // systemd adds the drop-ins to a unit that it finds at this path.
    if let Some(unit) = systemd::find::name_of(word).map(systemd::find::load).transpose()?.flatten() {
        return of_unit(word, &unit);
    }
    // Whoever can write in the working directory must not decide what a policy's name means.
    if policy_lookup::is_there(word) {
        return of_policy(&policy_lookup::load(word)?.policy, asked);
    }
    if let Some(side) = of_file(Path::new(word)) {
        return Ok(side);
    }
    let (path, picked) = picked(word);
    if path.contains('/') || Path::new(path).is_file() {
        let text = bounded_read::text_of(Path::new(path), MAX_BYTES)?;
        return of_text(&text, path, picked, asked);
    }
    of_policy(&policy_lookup::load(word)?.policy, asked)
}

/// The side of an installed file that has file capabilities.
fn of_file(path: &Path) -> Option<Side> {
    let found = Installed::look(path).ok().filter(|found| found.is_regular)?;
    let attribute = found.carries.as_ref().ok()?.as_ref()?;
    let mut side = setcap::read::of_capabilities(&attribute.capabilities, "file capabilities");
    side.notes.extend(attribute.root_id.map(|id| setcap::read::of_namespace(&id.to_string())));
    if let Some(why) = found.ignored_at_exec() {
        side = Side::new("file capabilities", CapabilitySet::EMPTY, format!("nothing: {why}"));
        side.notes.push(format!("the file has {attribute}"));
    }
    Some(side)
}

/// Splits `FILE#NAME`, unless a file has the whole word as its name.
fn picked(word: &str) -> (&str, Option<&str>) {
    match word.rsplit_once('#') {
        Some((path, name)) if !Path::new(word).exists() => (path, Some(name)),
        _ => (word, None),
    }
}

/// The digits of `mask:HEX`, of `0xHEX`, or of 16 digits as /proc shows them.
fn mask(word: &str) -> Option<&str> {
    let is_bare = word.len() == 16 && word.bytes().all(|digit| digit.is_ascii_hexdigit());
    let prefixed = word.strip_prefix("mask:").map(|mask| mask.strip_prefix("0x").unwrap_or(mask));
    prefixed.or_else(|| word.strip_prefix("0x")).or(is_bare.then_some(word))
}

fn of_mask(mask: &str) -> Result<Side> {
    let digits = mask.bytes().all(|digit| digit.is_ascii_hexdigit());
    match u64::from_str_radix(mask, 16).ok().filter(|_| digits) {
        Some(mask) => Ok(Side::new("mask", CapabilitySet::from_mask(mask), "the mask itself")),
        None => Err(hinted(
            format!("cannot read the mask \"{}\": it is not up to 16 hexadecimal digits", printable::text(mask)),
            "as in mask:000000c001201106",
        )),
    }
}

/// The side of a list such as `cap_bpf,perfmon`, `cap_bpf`, `all` or `none`.
fn list(word: &str) -> Option<Result<Side>> {
    let is_list = word.contains(',') && !word.contains(['/', '=']);
    let is_one =
        word.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("cap_")) && !word.contains(['/', '.', '=']);
    let named = || word.split(',').filter(|name| !name.trim().is_empty()).map(engine::rules::capability).collect();
    let set = match word {
        "all" => Ok(all()),
        "none" | "" => Ok(CapabilitySet::EMPTY),
        _ if is_list || is_one => named(),
        _ => return None,
    };
    Some(set.map(|set| Side::new("list", set, "the list itself")))
}

fn of_process(id: &str) -> Result<Side> {
    let number: u32 = id
        .parse()
        .ok()
        .filter(|id| *id > 0)
        .ok_or_else(|| hinted(format!("\"{}\" is no process id", printable::text(id)), "a number, as in pid:1"))?;
    let rights = process::rights(Path::new(&format!("/proc/{number}"))).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => anyhow::anyhow!("there is no process {number}"),
        _ => anyhow::anyhow!("cannot read the rights of process {number}: {}", reason(&error)),
    })?;
    Ok(of_rights(&rights))
}

/// What a process could use: its permitted set, because it can make each of those capabilities effective.
fn of_rights(rights: &process::Rights) -> Side {
    let mut side =
        Side::new("process", rights.permitted, format!("the permitted set of {}", printable::text(&rights.name)));
    side.stated.ambient = Some(rights.ambient);
    side.stated.bounding = Some(rights.bounding);
    side.stated.effective = Some(rights.effective);
    side.stated.no_new_privs = rights.no_new_privs;
    if rights.effective != rights.permitted {
        side.notes.push(format!("effective now: {}", shown(rights.effective)));
    }
    side
}

/// The sides of what `/proc/PID/status` shows of one process or of several, by their process ids.
fn of_statuses(text: &str) -> Result<Vec<(String, Side)>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_start = |at: &usize| lines[*at].starts_with("Name:");
    let mut starts: Vec<usize> = (0..lines.len()).filter(is_start).collect();
    if starts.first() != Some(&0) {
        starts.insert(0, 0);
    }
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let parts = starts.iter().copied().zip(ends).filter(|(start, end)| lines[*start..*end].concat().trim() != "");
    parts.map(|(start, end)| of_status(&lines[start..end], start + 1)).collect()
}

/// The side of one process. A set that the text does not show is not stated.
fn of_status(lines: &[&str], first: usize) -> Result<(String, Side)> {
    let field = |name: &str| {
        let mut values = lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.strip_prefix(name)?.trim())));
        (values.next(), values.next())
    };
    let set = |name: &str| -> Result<bool> {
        match field(name) {
            (None, _) => Ok(false),
            (Some(_), Some((at, _))) => bail!("line {} has a second {name}", first + at),
            (Some((_, value)), None) if value.len() == 16 && mask(value).is_some() => Ok(true),
            (Some((at, value)), None) => bail!("line {}: {name} {} is no mask", first + at, printable::text(value)),
        }
    };
    if !set("CapPrm:")? {
        bail!("line {first}: this status of a process shows no permitted set (CapPrm:)");
    }
    // The kernel puts a tab behind the name of a field, and an editor may have changed it.
    let text: String = lines.iter().map(|line| line.trim_end().replacen(": ", ":\t", 1) + "\n").collect();
    let mut side = of_rights(&process::of_status(&text));
    for (name, stated) in [
        ("CapAmb:", &mut side.stated.ambient),
        ("CapBnd:", &mut side.stated.bounding),
        ("CapEff:", &mut side.stated.effective),
    ] {
        if !set(name)? {
            *stated = None;
        }
    }
    if side.stated.effective.is_none() {
        side.notes.clear();
    }
    let id = field("Pid:").0.map_or_else(|| "process".to_owned(), |(_, id)| id.to_owned());
    Ok((id, side))
}

fn of_unit(word: &str, unit: &systemd::find::Unit) -> Result<Side> {
    let names: Vec<String> = unit.files.iter().map(printable::text).collect();
    let said = if unit.is_masked {
        None
    } else {
        systemd::read::side(&unit.settings, "systemd unit").with_context(|| printable::text(word))?
    };
    let Some(mut side) = said else {
        let why = if unit.is_masked { "it is masked, and systemd starts nothing" } else { SAYS_NOTHING };
        return Err(hinted(format!("{}: {why}", printable::text(word)), format!("read from {}", names.join(", "))));
    };
    side.notes.insert(0, format!("read from {}", names.join(", ")));
    Ok(side)
}

const SAYS_NOTHING: &str = "nothing here says which capabilities anything has";

/// What a policy grants, for launchers and comparisons that know no arguments.
fn of_policy(policy: &Policy, asked: &Asked<'_>) -> Result<Side> {
    let modes = policy.modes();
    // The mode may exist in the other policy only.
    let mode = asked.mode.filter(|_| !modes.is_empty());
    if let Some(given) = mode.filter(|mode| !modes.contains(mode)) {
        let known = modes.iter().map(|mode| (*mode).to_owned()).collect();
        let error = RequestError::UnknownMode { given: given.to_owned(), known };
        return Err(hinted(error.to_string(), error.hint()));
    }
    let facts = asked.target_machine.facts(policy)?;
    Ok(dialects::policy::side(policy, &facts, mode))
}

/// Whether a text is a profile that `capwrap --learn` wrote.
fn is_profile(text: &str) -> bool {
    let has_both = |value: serde_json::Value| value.get("runs").is_some() && value.get("needed").is_some();
    serde_json::from_str(text).is_ok_and(has_both)
}

fn of_profile(text: &str) -> Result<Side> {
    let profile = Profile::read(text)?;
    let runs = profile.runs().len();
    let decided = format!("what {runs} {} needed", if runs == 1 { "run" } else { "runs" });
    let about = profile.subject().ok().filter(|(kind, _)| kind.is_some());
    let about = about.map_or_else(String::new, |(_, name)| format!(" of {}", printable::text(name)));
    Ok(Side::new("learned profile", profile.needed(), decided + &about))
}

/// What the checks of a trace mean together.
fn of_trace(trace: Trace) -> Result<Side> {
    let records = trace.records.len();
    let (checks, facts) = recorded::classified(trace.records, kernel::version(&kernel::release()?)?);
    let needs = needs::decide(&checks, facts.held, 1, &BTreeMap::new())?;
    Ok(Side::new("recorded trace", needs.set(), format!("what {records} records of a trace say was needed")))
}

/// The side that a text states. Its name decides its format; if the name does not, the text does.
fn of_text(text: &str, name: &str, picked: Option<&str>, asked: &Asked<'_>) -> Result<Side> {
    let shown = printable::text(name);
    let of_several = |sides: Vec<(String, Side)>| -> Result<Option<Side>> {
        Side::choose(sides, picked).map_err(|names| {
            let names: Vec<String> = names.iter().map(printable::text).collect();
            let hint =
                if names.is_empty() { "leave #NAME out".to_owned() } else { format!("one of {}", names.join(", ")) };
            hinted(format!("{shown} has no \"{}\"", printable::text(picked.unwrap_or_default())), hint)
        })
    };
    let form = form(text, name);
    if let (Some(name), Form::Policy | Form::Unit | Form::Quadlet | Form::Lxc | Form::Nspawn) = (picked, form) {
        return Err(hinted(format!("{shown} has no parts, and no \"{}\"", printable::text(name)), "leave #NAME out"));
    }
    if let (Form::Json, Some(trace)) = (form, traced::read(text).with_context(|| shown.clone())?) {
        return of_trace(trace);
    }
    let said = match form {
        Form::Policy => Some(of_policy(&policy_lookup::read(text, Path::new(name))?, asked)?),
        Form::Status => of_several(of_statuses(text).with_context(|| shown.clone())?)?,
        Form::Json if is_profile(text) => {
            Some(of_profile(text).map_err(|error| foreign(&error)).with_context(|| shown.clone())?)
        }

        form => match dialects::read::text(form, text, name)? {
            Read::One(side) => Some(*side),
            Read::Several(sides) => of_several(sides)?,
        },
    };
    said.ok_or_else(|| hinted(format!("{shown}: {SAYS_NOTHING}"), "capwrap-diff(1) lists the formats that are read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str, name: &str) -> Result<Side> {
        let target_machine = TargetMachine::default();
        of_text(text, name, None, &Asked { mode: None, target_machine: &target_machine })
    }

    fn word(word: &str) -> Result<Side> {
        let target_machine = TargetMachine::default();
        read(word, &Asked { mode: None, target_machine: &target_machine })
    }

    #[test]
    fn masks_and_lists_of_bpfds_guide_are_one() {
        let list = "CAP_BPF,CAP_DAC_OVERRIDE,CAP_DAC_READ_SEARCH,CAP_NET_ADMIN,CAP_PERFMON,CAP_SETPCAP,CAP_SYS_ADMIN,CAP_SYS_RESOURCE";
        for mask in ["mask:c001201106", "0xc001201106", "000000c001201106", "mask:0x000000c001201106"] {
            assert_eq!(word(mask).unwrap().grant, word(list).unwrap().grant, "{mask}");
        }
    }

    #[test]
    fn a_status_that_is_cut_off_or_of_several_processes_gives_no_wrong_set() {
        let status = |id: u32, set: &str| format!("Name:\tx\nPid:\t{id}\nCapPrm:\t{set}\nCapBnd:\t{set}\n");
        let side = of(&status(7, "0000000000000020"), "status").unwrap();
        assert_eq!((side.grant.to_string().as_str(), side.stated.effective), ("cap_kill", None));
        let both = status(7, "0000000000000020") + &status(8, "0000000000000001");
        assert_eq!(of(&both, "status").unwrap().grant.to_string(), "cap_chown,cap_kill");
        assert_eq!(of("CapPrm: 0000000000000020\r\n", "status").unwrap().grant.to_string(), "cap_kill");
        for (text, said) in [
            (status(7, "00000000000"), "line 3: CapPrm: 00000000000 is no mask"),
            (status(7, "0000000000000020") + "Name:\ty\nPid:\t8\n", "line 5: this status of a process shows no"),
            (status(7, "0000000000000020") + "CapPrm:\t0000000000000001\n", "line 5 has a second CapPrm:"),
        ] {
            let error = format!("{:#}", of(&text, "status").unwrap_err());
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn bad_words_are_one_clear_error_each() {
        for bad in [
            "mask:xyz",
            "mask:",
            "mask:+1",
            "0x11111111111111111",
            "pid:none",
            "pid:0",
            "pid:4194305",
            "cap_bfp",
            "no-such.service",
            "/nowhere",
        ] {
            let error = format!("{:#}", word(bad).unwrap_err());
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_a_parser_quotes_stays_in_its_line() {
        for (text, name) in [
            ("{\"schema\": 1, \"needed\": [], \"runs\": [], \"a\\nb\": 1}", "f.json"),
            ("a: &x\u{1b} [*y\u{1b}]", "f.yaml"),
            ("services: {t: {cap_add: [\"a\\nb\"]}}", "f.yaml"),
            ("[Service]\nwhat\u{1b}\n", "f.conf"),
            ("/x cap_\u{1b}=ep", "f"),
        ] {
            let error = format!("{:#}", of(text, name).unwrap_err());
            assert!(!error.contains(char::is_control), "{error:?}");
        }
    }

    const NAMES: [&str; 9] =
        ["f", "f.toml", "f.service", "f.json", "f.yaml", "f.nix", "f.sh", "f.conf", "f.profile.json"];

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in "\\PC{0,200}", at in 0..NAMES.len()) {
            let _ = of(&text, NAMES[at]);
        }

        #[test]
        fn nor_does_text_that_is_almost_right(
            parts in proptest::collection::vec(proptest::sample::select(vec![
                "[Service]", "\n", "AmbientCapabilities=", "~", "CAP_BPF", " ", "\\", "#", "docker run ", "--cap-add", "=", "'", "\"",
                "-v", "é", "{", "}", "[", "]", ":", "process", "\"HostConfig\"", "services:", "security.wrappers.", "capabilities = ",
                ";", "setcap ", "cap_bpf=ep", "/x", "spec: ", "CapPrm:", "LimitMEMLOCK=", "9G", "$", ",", "&a", "*a", "<<: ", "COMM CAP\n",
            ]), 0..30),
            at in 0..NAMES.len(),
        ) {
            let _ = of(&parts.concat(), NAMES[at]);
        }

        #[test]
        fn no_word_makes_it_panic(given in "(mask:|0x|pid:|cap_)?[^/]{0,20}") {
            let _ = word(&given);
        }
    }
}
