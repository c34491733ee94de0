//! Reads the output of `capsh --print` (libcap).

use crate::dialects::engine::rules::capability;
use crate::dialects::grant::Side;
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::capability::setcap_text::ProcessSets;

/// Returns the process that the text describes, or `None` if it is another text.
///
/// # Errors
/// A set is in no form that libcap prints.
pub fn read(text: &str) -> Result<Option<Side>> {
    let field = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let (Some(current), Some(bounding)) = (field("Current:"), field("Bounding set =")) else { return Ok(None) };
    let set = |list: &str| -> Result<CapabilitySet> {
        list.split(',').filter(|name| !name.is_empty()).map(capability).collect()
    };
    let sets = ProcessSets::parse(current).context("the line Current:")?;
    let mut side = super::of_sets("capsh --print", sets);
    side.stated.bounding = Some(set(bounding)?);
    side.stated.ambient = field("Ambient set =").map(set).transpose()?;
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
}
