//! Reads the output of `systemctl show` for units that start processes.

use crate::dialects::grant::Side;
use crate::dialects::systemd::read;
use crate::dialects::systemd::syntax::Settings;
use anyhow::Result;

/// Whether the text is such an output: settings without a section, some of them about capabilities.
pub fn is_one(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    lines.clone().any(|line| ["CapabilityBoundingSet=", "AmbientCapabilities="].iter().any(|key| line.starts_with(key)))
        && !lines.any(|line| line.starts_with('['))
}

/// Returns the units by their ids. `systemctl show` separates them by an empty line.
///
/// # Errors
/// A unit has a value that systemd never prints.
pub fn read(text: &str) -> Result<Vec<(String, Side)>> {
    let blocks = text.split("\n\n").filter(|block| is_one(block));
    blocks.filter_map(|block| unit(block).transpose()).collect()
}

fn unit(block: &str) -> Result<Option<(String, Side)>> {
    let pairs = block.lines().filter_map(|line| line.split_once('='));
    let assignments: Vec<_> = pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect();
    let id = assignments.iter().find(|(key, _)| key == "Id").map_or_else(|| "unit".to_owned(), |(_, id)| id.clone());
    let is_privileged =
        assignments.iter().any(|(key, value)| key == "ExecStartEx" && value.contains("flags=privileged"));
    let settings = Settings { unit: id.clone(), assignments, notes: Vec::new() };
    let Some(mut side) = read::side(&settings, "systemctl show")? else { return Ok(None) };
    if is_privileged {
        side.notes.push(read::RUNS_WITH_MORE.to_owned());
    }
    Ok(Some((id, side)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_properties_of_several_units_are_read() {
        let text = "Id=a.service\nExecStart={ path=/x ; argv[]=/x }\nUser=nobody\nAmbientCapabilities=cap_net_raw\n\
                    CapabilityBoundingSet=cap_chown cap_net_raw\nNoNewPrivileges=yes\nPrivateUsers=no\n\n\
                    Id=b.service\nExecStart={ path=/x }\nUser=\nAmbientCapabilities=\nCapabilityBoundingSet=cap_kill\n";
        let units = read(text).unwrap();
        let sets: Vec<_> = units.iter().map(|(id, side)| (id.as_str(), side.grant.to_string())).collect();
        assert_eq!(sets, [("a.service", "cap_net_raw".to_owned()), ("b.service", "cap_kill".to_owned())]);
        assert_eq!(units[0].1.stated.no_new_privs, Some(true));
        assert!(units[0].1.notes.is_empty());
        assert!(!is_one("[Service]\nAmbientCapabilities=\n"));
    }
}
