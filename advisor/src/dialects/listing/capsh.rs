//! Reads the output of `capsh --print` (libcap).

use crate::dialects::engine::rules::capability;
use crate::dialects::grant::Side;
use crate::output::error::hinted;
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::capability::setcap_text::ProcessSets;

/// The lines that a whole output of any version has, besides `Current:`.
const LINES: [&str; 2] = ["Bounding set =", "Securebits:"];

/// Returns the process that the text describes, or `None` if it is another text. A line that is missing is a note.
///
/// # Errors
/// A set is in no form that libcap prints, or the text is the output of several calls. The error has the line.
pub fn read(text: &str) -> Result<Option<Side>> {
    let lines = |name: &'static str| {
        let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        numbered.filter_map(move |(number, line)| Some((number, line.strip_prefix(name)?.trim())))
    };
    let Some((number, current)) = lines("Current:").next() else { return Ok(None) };
    let has = |name: &'static str| lines(name).next().is_some();
    if !LINES.into_iter().any(has)
        && !has("Current IAB:")
        && ProcessSets::parse(current).is_err()
        && !current.starts_with("cap_")
    {
        return Ok(None);
    }
    if let Some((second, _)) = lines("Current:").nth(1) {
        return Err(hinted(
            format!("line {second} is the output of capsh --print for another process"),
            "compare each in a file of its own",
        ));
    }
    let set = |name: &'static str| -> Result<Option<CapabilitySet>> {
        let Some((number, list)) = lines(name).next() else { return Ok(None) };
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(capability);
        names.collect::<Result<_>>().map(Some).with_context(|| format!("line {number}"))
    };
    let sets = ProcessSets::parse(current).with_context(|| format!("line {number}, Current"))?;
    let mut side = super::of_sets("capsh --print", sets);
    side.stated.bounding = set("Bounding set =")?;
    side.stated.ambient = set("Ambient set =")?;
    let missing: Vec<&str> =
        LINES.into_iter().filter(|name| !has(name)).map(|name| name.trim_end_matches([' ', '=', ':'])).collect();
    if !missing.is_empty() {
        side.notes.push(format!("the output of capsh --print is not whole: it has no {}", missing.join(", no ")));
    }
    let said = |word: &str| text.contains(word);
    side.stated.no_new_privs = match (said("no-new-privs=0"), said("no-new-privs=1")) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        _ => None,
    };
    Ok(Some(side))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_that_capsh_prints_is_read() {
        for (current, permitted) in
            [("cap_net_raw=eip", "cap_net_raw"), ("= cap_net_raw+ep cap_kill+i", "cap_net_raw"), ("=", "none")]
        {
            let text = format!(
                "Current: {current}\nBounding set =cap_kill,cap_net_raw\nAmbient set =cap_kill\n\
                 Securebits: 00/0x0/1'b0 (no-new-privs=1)\nuid=0(root) euid=0(root)\n"
            );
            let side = read(&text).unwrap().unwrap();
            assert_eq!(side.grant.to_string(), permitted);
            assert_eq!(side.stated.bounding.unwrap().to_string(), "cap_kill,cap_net_raw");
            assert_eq!(side.stated.ambient.unwrap().to_string(), "cap_kill");
            assert_eq!(side.stated.no_new_privs, Some(true));
        }
        assert!(read("Current: x\n").unwrap().is_none());
        assert!(read("Current: what\nBounding set =\n").is_err());
    }

    #[test]
    fn what_is_cut_off_is_reported_and_gives_no_set() {
        let side = read("Current: cap_kill=ep\n").unwrap().unwrap();
        assert_eq!((side.grant.to_string().as_str(), side.stated.bounding), ("cap_kill", None));
        assert_eq!(side.notes, ["the output of capsh --print is not whole: it has no Bounding set, no Securebits"]);
        for (cut, line) in [
            ("Current: cap_kill,cap_ch", "line 1"),
            ("Current: cap_kill,cap_ch\n\n", "line 1"),
            ("Current: =\nBounding set =cap_chown,cap_dac_over", "line 2"),
            ("Current: =\nBounding set =\nSecurebits: 0\nCurrent: =\n", "line 4"),
        ] {
            let read = read(&format!("{cut}\nCurrent IAB: \n")).map(|side| side.map(|side| side.grant));
            assert!(format!("{:#}", read.unwrap_err()).starts_with(line), "{cut}");
        }
        assert!(read("Bounding set =cap_kill\nSecurebits: 0\n").unwrap().is_none());
    }
}
