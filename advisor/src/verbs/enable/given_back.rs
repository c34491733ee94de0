//! Gives back to a tool's file what `capwrap adopt` took from it.

use super::carried::{change, describe};
use crate::host::change_record;
use crate::output::error::{self, hinted, reason};
use crate::store::adopted::{self, Adopted};
use crate::store::{file_caps, trusted_file};
use anyhow::{Context, Result};
use capwrap_core::digest;
use capwrap_core::policy::FileCapabilities;
use capwrap_core::record::write::Event;
use capwrap_core::text::{hex, printable, shell};
use std::fs::File;
use std::path::Path;

/// Sets the tool's file capabilities, and prints and records the change.
pub fn set(file: &File, path: &Path, capabilities: FileCapabilities) -> Result<()> {
    let before = file_caps::read(file)?;
    file_caps::write(file, capabilities).with_context(|| printable::text(path))?;
    say!("  file     {} {}", printable::text(path), change(before.as_ref(), &capabilities));
    let notation =
        |capabilities: Option<&FileCapabilities>| describe(capabilities).unwrap_or_else(|| "none".to_owned());
    let facts =
        [("capabilities", &*notation(Some(&capabilities))), ("capabilities_before", &notation(before.as_ref()))];
    change_record::file(Event::Fix, path, &facts);
    Ok(())
}

/// Gives back to the tool's file what an adoption took. Returns the record if there was one and nothing is missing now, so
/// that the record is no longer needed. What cannot be given back is reported, and its record stays.
pub fn give_back(name: &str) -> Option<Adopted> {
    let given = adopted::read(name).and_then(|record| {
        let Some(record) = record else { return Ok(None) };
        restore(&record)?;
        Ok(Some(record))
    });
    given.unwrap_or_else(|error| {
        error::report(&error);
        None
    })
}

fn restore(record: &Adopted) -> Result<()> {
    let shown = printable::text(&record.path);
    let by_hand = |why: String| {
        let path = shell::path(&record.path).unwrap_or_else(|| "FILE".to_owned());
        let capabilities = shell::word(&record.capabilities.to_string());
        hinted(
            format!("{shown} does not get {} back: {why}", record.capabilities),
            format!("check what it is, then run: setcap {capabilities} {path}"),
        )
    };
    let file = trusted_file::open(&record.path).map_err(|error| by_hand(format!("{error:#}")))?;
    let has = file_caps::read(&file)?;
    if has == Some(record.capabilities) {
        return Ok(());
    }
    if let Some(has) = describe(has.as_ref()) {
        return Err(by_hand(format!("it has {has} by now")));
    }
    let now = digest::of_file(&file).map_err(|error| by_hand(reason(&error)))?;
    if hex::encode(&now) != record.sha256 {
        return Err(by_hand("it is another file than the one that had them".to_owned()));
    }
    set(&file, &record.path, record.capabilities)
}

/// Whether the text of a disabled policy is the one that the adoption made, so that nothing is lost with it.
pub fn is_as_made(record: &Adopted, text: &str) -> bool {
    hex::encode(&digest::of_bytes(text)) == record.policy_sha256
}
