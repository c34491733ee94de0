//! Follows `extends` of a Compose service (Compose Specification, 05-services.md, "extends").

use crate::dialects::compose::files::Files;
use anyhow::{Result, bail};
use capwrap_core::text::printable;
use serde_json::{Map, Value};

/// How many services may extend one another in a row.
const MAX_DEPTH: usize = 16;

/// Returns the service with what it takes from the service that it extends, and a note on each file that was not read.
///
/// # Errors
/// The extended service does not exist in its file, or the services extend one another in a circle.
pub fn whole(services: &Map<String, Value>, name: &str, files: &Files) -> Result<(Value, Vec<String>)> {
    of_depth(services, name, files, 0)
}

fn of_depth(services: &Map<String, Value>, name: &str, files: &Files, depth: usize) -> Result<(Value, Vec<String>)> {
    let Some(service) = services.get(name) else {
        bail!("there is no service \"{}\" to extend", printable::text(name));
    };
    if depth >= MAX_DEPTH {
        bail!("service \"{}\" extends itself, or too many others", printable::text(name));
    }
    let extends = &service["extends"];
    let base = extends.as_str().or_else(|| extends["service"].as_str());
    let (base, notes) = match (extends["file"].as_str(), base) {
        (Some(file), base) => match files.read(file) {
            Ok((other, beside)) => {
                let services = other["services"].as_object().cloned().unwrap_or_default();
                of_depth(&services, base.unwrap_or(name), &beside, depth + 1)?
            }
            Err(why) => (Value::Null, vec![format!("it extends a service of {}, which {why}", printable::text(file))]),
        },
        (None, Some(base)) => of_depth(services, base, files, depth + 1)?,
        (None, None) => (Value::Null, Vec::new()),
    };
    Ok((merged(&base, service), notes))
}

/// Merges as Compose does: lists add up, mappings are merged key by key, and any other value replaces the one before.
pub fn merged(base: &Value, own: &Value) -> Value {
    match (base, own) {
        (_, Value::Object(tagged)) if tagged.contains_key("!reset") => Value::Null,
        (_, Value::Object(tagged)) if tagged.contains_key("!override") => tagged["!override"].clone(),
        (Value::Object(base), Value::Object(own)) => {
            let mut all = base.clone();
            for (key, value) in own {
                let merged = merged(base.get(key).unwrap_or(&Value::Null), value);
                all.insert(key.clone(), merged);
            }
            Value::Object(all)
        }
        (Value::Array(base), Value::Array(own)) => Value::Array([base.as_slice(), own.as_slice()].concat()),
        (Value::Null, Value::Object(own)) => merged(&Value::Object(Map::new()), &Value::Object(own.clone())),
        (_, own) => own.clone(),
    }
}
