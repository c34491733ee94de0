//! Follows `extends` of a Compose service (Compose Specification, 05-services.md, "extends").

use anyhow::{Result, bail};
use capwrap_core::text::printable;
use serde_json::{Map, Value};

/// How many services may extend one another in a row.
const MAX_DEPTH: usize = 16;

/// Returns the service with what it takes from the service that it extends, and the name of each file that was not
/// read.
///
/// # Errors
/// The extended service does not exist in this file, or the services extend one another in a circle.
pub fn whole(services: &Map<String, Value>, name: &str) -> Result<(Value, Vec<String>)> {
    let (mut chain, mut unread, mut next) = (Vec::new(), Vec::new(), Some(name.to_owned()));
    while let Some(name) = next.take() {
        let Some(service) = services.get(&name) else {
            bail!("there is no service \"{}\" to extend", printable::text(&name));
        };
        if chain.len() >= MAX_DEPTH {
            bail!("service \"{}\" extends itself, or too many others", printable::text(&name));
        }
        chain.push(service);
        next = match &service["extends"] {
            Value::String(base) => Some(base.clone()),
            long => match (long["file"].as_str(), long["service"].as_str()) {
                (Some(file), _) => {
                    unread.push(file.to_owned());
                    None
                }
                (None, base) => base.map(str::to_owned),
            },
        };
    }
    Ok((chain.into_iter().rev().fold(Value::Null, |base, own| merged(&base, own)), unread))
}

/// Merges as Compose does: lists add up, mappings are merged key by key, and any other value replaces the one before.
fn merged(base: &Value, own: &Value) -> Value {
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
