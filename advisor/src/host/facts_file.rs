//! A file of facts about a machine. It holds either what `capwrap doctor --json` printed there, or a few lines of TOML
//! or JSON that somebody wrote.
//!
//! ```toml
//! kernel          = "5.10.0-30-amd64"
//! last_capability = 40                  # if it is left out, the release decides
//! [sysctls]
//! "kernel.perf_event_paranoid" = 3      # false: its kernel has no such setting
//! [probes]
//! perf_uprobe_needs_sys_admin = true
//! ```

use crate::host::machine::{Machine, last_capability_of};
use crate::output::error::{hinted, reason};
use crate::output::json;
use crate::store::bounded_read;
use anyhow::{Context, Result, anyhow, bail};
use capwrap_core::decision::facts::KernelVersion;
use capwrap_core::decision::probe::Probe;
use capwrap_core::text::{nearest, printable};
use capwrap_core::{CapabilitySet, TABLE};
use serde_json::{Map, Value};
use std::path::Path;
use toml_edit::{Document, Item};

/// The largest file that is read, in bytes. The doctor prints about 15 KiB.
const MAX_BYTES: usize = 1 << 20;

/// Reads the file.
///
/// # Errors
/// The file cannot be read, is neither TOML nor JSON, has an unknown key, or states an impossible fact.
pub fn read(path: &Path) -> Result<Machine> {
    let shown = printable::text(path);
    let hint = "`capwrap doctor --json > FILE` on that machine writes them";
    let file = bounded_read::open(path).map_err(|error| anyhow!(reason(&error)));
    let text = file
        .and_then(|file| bounded_read::text(file, MAX_BYTES))
        .map_err(|why| hinted(format!("cannot read the facts in {shown}: {why}"), hint))?;
    let machine =
        of_text(&text).map_err(|error| hinted(format!("no facts of a machine in {shown}: {error:#}"), hint))?;
    Ok(Machine { file: Some(path.to_owned()), ..machine })
}

/// Parses the text. JSON begins with a brace, and TOML cannot.
fn of_text(text: &str) -> Result<Machine> {
    let object = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).map_err(|error| anyhow!("it is no JSON: {error}"))?,
        false => of_toml(text)?,
    };
    let machine = match object.get("facts").and_then(Value::as_array) {
        Some(facts) => {
            json::check_schema(object.get("schema"))?;
            of_doctor(facts)?
        }
        None => of_keys(&object)?,
    };
    // The launcher refuses such a kernel too, because the kernel could choose what is granted to older ones.
    if machine.kernel >= KernelVersion::parse(TABLE[TABLE.len() - 1].since).unwrap_or_default()
        && usize::from(machine.last_capability) < TABLE.len() - 1
    {
        let last = machine.last_capability;
        bail!("Linux {} that knows no capability after number {last} cannot be", machine.kernel);
    }
    Ok(machine)
}

fn of_toml(text: &str) -> Result<Map<String, Value>> {
    let document = Document::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        anyhow!("it is neither JSON nor TOML: line {line}: {}", error.message().lines().next().unwrap_or_default())
    })?;
    let plain = |(name, item): (&str, &Item)| (name.to_owned(), value(item));
    Ok(document.as_table().iter().map(plain).collect())
}

/// Converts TOML to JSON. Dates become text, because no fact is a date.
fn value(item: &Item) -> Value {
    if let Some(table) = item.as_table_like() {
        return Value::Object(table.iter().map(|(name, item)| (name.to_owned(), value(item))).collect());
    }
    match (item.as_integer(), item.as_bool(), item.as_str()) {
        (Some(number), _, _) => number.into(),
        (_, Some(is), _) => is.into(),
        (_, _, Some(text)) => text.into(),
        _ => item.to_string().trim().into(),
    }
}

const KEYS: [&str; 4] = ["kernel", "last_capability", "sysctls", "probes"];

fn of_keys(object: &Map<String, Value>) -> Result<Machine> {
    if let Some(unknown) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let near = nearest::name(unknown, KEYS).map_or(String::new(), |near| format!(", {near} does"));
        bail!("{:?} means nothing{near}", printable::text(unknown));
    }
    let release = object.get("kernel").context("it names no kernel")?;
    let kernel = release.as_str().map(version).context("`kernel` is a text, as in \"5.10.0\"")??;
    let last_capability = match object.get("last_capability") {
        None => None,
        Some(number) => Some(
            number
                .as_u64()
                .and_then(|number| u8::try_from(number).ok())
                .filter(|number| *number < 64)
                .context("`last_capability` is a number below 64, as kernel.cap_last_cap has it")?,
        ),
    };
    let mut machine = Machine {
        kernel,
        last_capability: last_capability.unwrap_or_else(|| last_capability_of(kernel)),
        by_release: last_capability.is_none(),
        ..Machine::default()
    };
    for (name, value) in table(object, "sysctls")? {
        let value = match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(false) => None,
            _ => bail!("the setting {} is a number, a text, or false", printable::text(&name)),
        };
        machine.sysctls.insert(name, value);
    }
    for (name, value) in table(object, "probes")? {
        let probe = Probe::parse(&name).with_context(|| {
            format!("there is no probe {:?}, only {}", printable::text(&name), Probe::NAMES.join(", "))
        })?;
        let yes = value.as_bool().with_context(|| format!("the probe {name} is true or false"))?;
        machine.probes.insert(probe, yes);
    }
    Ok(machine)
}

/// Returns the names and values of a table. The names in nested tables are joined with dots, because in TOML
/// `kernel.x = 1` is the same setting as `"kernel.x" = 1`.
fn table(object: &Map<String, Value>, key: &str) -> Result<Vec<(String, Value)>> {
    fn flat(prefix: &str, table: &Map<String, Value>, all: &mut Vec<(String, Value)>) {
        for (name, value) in table {
            match value {
                Value::Object(below) => flat(&format!("{prefix}{name}."), below, all),
                value => all.push((format!("{prefix}{name}"), value.clone())),
            }
        }
    }
    let mut all = Vec::new();
    match object.get(key) {
        None => {}
        Some(Value::Object(table)) => flat("", table, &mut all),
        Some(_) => bail!("`{key}` is a table"),
    }
    Ok(all)
}

/// Reads the facts that the doctor printed. A setting without a value is one that the kernel does not have. The
/// exception is a setting that the doctor could not read, which is a note and is skipped.
fn of_doctor(facts: &[Value]) -> Result<Machine> {
    let text = |fact: &Value, key: &str| fact.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let in_section = |section: &'static str| facts.iter().filter(move |fact| text(fact, "section") == section);
    let value = |section: &'static str, name: &str| {
        in_section(section).find(|fact| text(fact, "name") == name).map(|fact| text(fact, "value"))
    };
    let kernel = version(&value("kernel", "release").context("the doctor's output has no release of a kernel")?)?;
    let last = value("kernel", "capabilities").and_then(|range| range.strip_prefix("0 to ")?.parse::<u8>().ok());
    let set = |list: &str| CapabilitySet::parse(list).map_err(|error| anyhow!("{error}"));
    let lacks = value("rights", "bounding set").unwrap_or_default();
    let carries = match value("launcher", "carries").as_deref() {
        None | Some("") => None,
        Some("nothing") => Some(CapabilitySet::EMPTY),
        Some(list) => Some(set(list)?),
    };
    let settings = in_section("sysctls").filter(|fact| !fact["value"].is_null() || fact["judgement"] == "ok");
    Ok(Machine {
        kernel,
        last_capability: last.unwrap_or_else(|| last_capability_of(kernel)),
        by_release: last.is_none(),
        sysctls: settings.map(|fact| (text(fact, "name"), fact["value"].as_str().map(str::to_owned))).collect(),
        bounding_lacks: lacks.strip_prefix("lacks ").map_or(Ok(CapabilitySet::EMPTY), set)?,
        launcher: carries,
        ..Machine::default()
    })
}

fn version(release: &str) -> Result<KernelVersion> {
    KernelVersion::parse(release).with_context(|| format!("{:?} is no release of a kernel", printable::text(release)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = "kernel = \"4.18.0-553.el8\"\nlast_capability = 39\n[sysctls]\n\"kernel.x\" = 3\n\
                    kernel.y = \"1 0\"\nkernel.z = false\n[probes]\nperf_uprobe_needs_sys_admin = true\n";
        let json = r#"{"kernel": "4.18.0-553.el8", "last_capability": 39,
            "sysctls": {"kernel.x": "3", "kernel.y": "1 0", "kernel.z": null},
            "probes": {"perf_uprobe_needs_sys_admin": true}}"#;
        let machine = of_text(toml).unwrap();
        assert_eq!(machine, of_text(json).unwrap());
        assert_eq!((machine.kernel.minor, machine.last_capability, machine.by_release), (18, 39, false));
        assert_eq!(machine.sysctls["kernel.y"].as_deref(), Some("1 0"));
        assert_eq!(machine.sysctls["kernel.z"], None);
        assert!(machine.probes[&Probe::PerfUprobeNeedsSysAdmin]);
    }

    #[test]
    fn what_the_doctor_printed_is_understood() {
        let fact = |section: &str, name: &str, value: &str, judgement: &str| {
            let value = if value.is_empty() { "null".to_owned() } else { format!("{value:?}") };
            format!(r#"{{"section": "{section}", "name": "{name}", "value": {value}, "judgement": "{judgement}"}}"#)
        };
        let facts = [
            fact("kernel", "release", "5.4.0-generic", "ok"),
            fact("kernel", "capabilities", "0 to 37", "ok"),
            fact("sysctls", "kernel.x", "4", "note"),
            fact("sysctls", "kernel.absent", "", "ok"),
            fact("sysctls", "kernel.unreadable", "", "note"),
            fact("rights", "bounding set", "lacks cap_sys_resource", "note"),
            fact("launcher", "carries", "nothing", "ok"),
        ];
        let machine = of_text(&format!(r#"{{"schema": 1, "facts": [{}]}}"#, facts.join(", "))).unwrap();
        assert_eq!((machine.kernel.minor, machine.last_capability, machine.by_release), (4, 37, false));
        assert_eq!(machine.sysctls.get("kernel.x"), Some(&Some("4".to_owned())));
        assert_eq!(machine.sysctls.get("kernel.absent"), Some(&None));
        assert_eq!(machine.sysctls.get("kernel.unreadable"), None);
        assert_eq!(machine.bounding_lacks.to_string(), "cap_sys_resource");
        assert_eq!(machine.launcher, Some(CapabilitySet::EMPTY));
    }

    #[test]
    fn what_means_nothing_or_cannot_be_is_reported() {
        for (text, words) in [
            ("", "names no kernel"),
            ("nonsense", "neither JSON nor TOML: line 1"),
            ("{\"kernel\": ", "no JSON"),
            ("[1]\n", "\"1\" means nothing"),
            ("{\"schema\": 1, \"facts\": []}", "has no release"),
            ("{\"facts\": []}", "no `schema`"),
            ("{\"schema\": 2, \"facts\": []}", "of a later capwrap"),
            ("{\"schema\": 0, \"facts\": []}", "no such schema"),
            ("{\"schema\": \"1\", \"facts\": []}", "not a whole number"),
            ("kernel = 5\n", "`kernel` is a text"),
            ("kernel = \"six\"\n", "no release of a kernel"),
            ("kernal = \"5.4\"\n", "\"kernal\" means nothing, kernel does"),
            ("kernel = \"5.4\"\nlast_capability = 64\n", "below 64"),
            ("kernel = \"6.1\"\nlast_capability = 37\n", "cannot be"),
            ("kernel = \"6.1\"\nsysctls = 1\n", "is a table"),
            ("kernel = \"6.1\"\n[sysctls]\nx = true\n", "a number, a text, or false"),
            ("kernel = \"6.1\"\n[probes]\nx = true\n", "no probe"),
            ("kernel = \"6.1\"\n[probes]\nperf_uprobe_needs_sys_admin = 1\n", "true or false"),
        ] {
            let error = format!("{:#}", of_text(text).unwrap_err());
            assert!(error.contains(words), "{text:?}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
