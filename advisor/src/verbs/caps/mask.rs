//! Converts between masks and lists of capabilities.

use crate::output::error::hinted;
use crate::output::json::SCHEMA;
use crate::verbs::caps::form::{Form, unknown};
use anyhow::Result;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use serde_json::{Value, json};

/// Prints the names of the capabilities in the masks, each as `capsh --decode` prints it.
pub fn decode(masks: &[String], form: Form) -> Result<()> {
    print(masks.iter().map(|mask| parse(mask)).collect::<Result<Vec<_>>>()?, form, |set| {
        format!("0x{:016x}={}", set.mask(), names(set).join(","))
    })
}

/// Prints the masks of lists.
pub fn encode(lists: &[String], form: Form) -> Result<()> {
    let sets = lists.iter().map(|list| CapabilitySet::parse(list).map_err(|error| unknown(&error)));
    print(sets.collect::<Result<Vec<_>>>()?, form, |set| format!("0x{:016x}", set.mask()))
}

/// The fields of /proc/PID/status that hold masks (proc_pid_status(5)).
const FIELDS: [&str; 5] = ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"];

/// Reads a mask in hexadecimal, with or without `0x`, or a whole line of /proc/PID/status.
///
/// # Errors
/// The text is not hexadecimal, or it has more than 64 bits.
pub fn parse(text: &str) -> Result<CapabilitySet> {
    let line = text.trim();
    let trimmed = FIELDS.iter().find_map(|field| line.strip_prefix(field)).unwrap_or(line).trim();
    let digits = trimmed.strip_prefix("0x").or_else(|| trimmed.strip_prefix("0X")).unwrap_or(trimmed);
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mask = if is_hex { u64::from_str_radix(digits, 16).ok() } else { None };
    mask.map(CapabilitySet::from_mask).ok_or_else(|| {
        hinted(
            format!("{:?} is no mask: up to 16 hexadecimal digits", printable::text(text)),
            "as /proc/PID/status shows it: capwrap caps decode 000000c001201106",
        )
    })
}

/// The names of the members. A bit that has no capability is shown by its number, as capsh prints it.
pub fn names(set: CapabilitySet) -> Vec<String> {
    let name = |bit: u8| Capability::from_number(bit).map_or_else(|| bit.to_string(), |one| one.name().to_owned());
    (0..64).filter(|bit| set.mask() >> bit & 1 != 0).map(name).collect()
}

fn print(sets: Vec<CapabilitySet>, form: Form, line: impl Fn(CapabilitySet) -> String) -> Result<()> {
    if form.json {
        let object =
            |set: &CapabilitySet| json!({ "mask": format!("{:016x}", set.mask()), "capabilities": names(*set) });
        let sets: Vec<Value> = sets.iter().map(object).collect();
        say!("{}", crate::output::json::pretty(&json!({ "schema": SCHEMA, "sets": sets }))?);
    } else {
        sets.into_iter().for_each(|set| say!("{}", line(set)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_bpfds_guide_is_read_in_every_spelling() {
        for text in
            ["000000c001201106", "c001201106", "0xC001201106", " 0x000000c001201106\n", "CapEff:\t000000c001201106"]
        {
            assert_eq!(parse(text).unwrap().mask(), 0xc0_0120_1106, "{text:?}");
        }
        for bad in ["", "0x", "g", "-1", "+1", "1 2", "10000000000000000", "0x0x1"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn bits_without_a_name_are_numbers() {
        assert_eq!(names(CapabilitySet::from_mask(1 << 63 | 1 << 41 | 1)), ["cap_chown", "41", "63"]);
    }
}
