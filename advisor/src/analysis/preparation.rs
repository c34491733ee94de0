//! Which directories `enable --prepare` may make for a policy, and what its users could do with them.

use crate::output::error::hinted;
use anyhow::{Result, anyhow};
use capwrap_core::Capability;
use capwrap_core::policy::demand::{Need, Prepare};
use capwrap_core::policy::{Identity, Policy};
use capwrap_core::text::printable;
use std::path::PathBuf;

/// A directory that the policy wants made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub path: PathBuf,
    pub mode: u32,
    /// Its group; `None` is root's.
    pub group: Option<Identity>,
}

/// What to make for a policy, each directory once, and what to say about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preparation {
    pub directories: Vec<Wanted>,
    pub notes: Vec<String>,
}

/// Returns what the demands of a policy want prepared. The result is empty if none does.
///
/// # Errors
/// A directory would be made in two ways, its group is not one, or its users could turn a capability of the tool against
/// others through it.
pub fn of(policy: &Policy) -> Result<Preparation> {
    let mut preparation = Preparation::default();
    for prepare in policy.demands.iter().filter_map(|demand| demand.prepare.as_ref()) {
        let shown = printable::text(&prepare.directory);
        let wanted = Wanted { path: prepare.directory.clone(), mode: prepare.mode, group: group(policy, prepare)? };
        match preparation.directories.iter().find(|known| known.path == wanted.path) {
            Some(known) if *known == wanted => continue,
            Some(_) => return Err(anyhow!("two demands of the policy prepare {shown} with different modes")),
            None => {}
        }
        preparation.notes.extend(links(policy, prepare)?);
        preparation.directories.push(wanted);
    }
    Ok(preparation)
}

/// The group of a directory: the policy's, if its mode gives a group anything.
fn group(policy: &Policy, prepare: &Prepare) -> Result<Option<Identity>> {
    if prepare.mode & 0o070 == 0 {
        return Ok(None);
    }
    match &policy.allow.groups[..] {
        [group] => Ok(Some(group.clone())),
        groups => Err(hinted(
            format!(
                "cannot prepare {}: a directory has one group, and the policy allows {}",
                printable::text(&prepare.directory),
                if groups.is_empty() { "users alone".to_owned() } else { format!("{} groups", groups.len()) }
            ),
            "allow one group in [allow], or make the directory by hand",
        )),
    }
}

/// What users could do with a directory that they can write together: put a link there, which the tool of another user
/// follows with its capabilities.
fn links(policy: &Policy, prepare: &Prepare) -> Result<Option<String>> {
    if !prepare.is_writable_by_group() {
        return Ok(None);
    }
    let shown = printable::text(&prepare.directory);
    let any = policy.grantable().union(policy.grantable_to_root()).union(policy.optional());
    if any.contains(Capability::DAC_OVERRIDE) {
        return Err(hinted(
            format!(
                "cannot prepare {shown}: its group could put links there, and the policy can grant cap_dac_override, \
                 which writes whatever a link leads to"
            ),
            "prepare it with a mode that its group cannot write, as in \"0750\"",
        ));
    }
    let is_told = any.contains(Capability::DAC_READ_SEARCH);
    Ok(is_told.then(|| {
        format!("who may run it can put links into {shown}, through which cap_dac_read_search reads any file")
    }))
}

/// Whether the directory makes a demand hold for the members of its group, as far as its mode shows.
pub fn serves(need: &Need, prepare: &Prepare) -> bool {
    let wanted = match need {
        Need::Readable(_) => 0o050,
        Need::Writable(_) => 0o030,
        Need::Uid0 | Need::Mounted { .. } => return false,
    };
    prepare.mode & wanted == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(groups: &str, caps: &str, demands: &[(&str, &str)]) -> Policy {
        let demand = |(path, mode): &(&str, &str)| {
            format!(
                "[[demand]]\nwritable = \"{path}\"\nwhy = \"w\"\nprepare = {{ directory = \"{path}\", mode = \"{mode}\" }}\n"
            )
        };
        let demands: String = demands.iter().map(demand).collect();
        Policy::read(&format!(
            "schema = 1\ntool = {{ path = \"/t\" }}\nallow = {{ users = [\"root\"], groups = [{groups}] }}\n\
             [[grant]]\ncaps = [{caps}]\n{demands}"
        ))
        .unwrap()
    }

    #[test]
    fn each_directory_is_made_once_with_the_one_group_of_the_policy() {
        let found = of(&policy("\"g\"", "\"kill\"", &[("/a", "0770"), ("/b", "0700"), ("/a", "0770")])).unwrap();
        let wanted = |path: &str, mode, group: Option<&str>| Wanted {
            path: path.into(),
            mode,
            group: group.map(|name| Identity::Name(name.to_owned())),
        };
        assert_eq!(found.directories, [wanted("/a", 0o770, Some("g")), wanted("/b", 0o700, None)]);
        assert!(found.notes.is_empty());
        assert_eq!(of(&policy("\"g\"", "\"kill\"", &[])).unwrap(), Preparation::default());
        assert!(of(&policy("\"g\"", "\"kill\"", &[("/a", "0770"), ("/a", "0750")])).is_err());
    }

    #[test]
    fn a_directory_that_a_group_uses_needs_one_group() {
        assert!(of(&policy("\"g\", \"h\"", "\"kill\"", &[("/a", "0750")])).is_err());
        assert!(of(&policy("\"g\", \"h\"", "\"kill\"", &[("/a", "0700")])).is_ok());
    }

    #[test]
    fn no_link_of_a_member_meets_a_capability_that_overrides_modes() {
        for (caps, mode, is_refused, notes) in [
            ("\"dac_override\"", "0770", true, 0),
            ("\"dac_override\"", "0750", false, 0),
            ("\"dac_read_search\"", "0770", false, 1),
            ("\"dac_read_search\"", "0750", false, 0),
            ("\"kill\"", "0770", false, 0),
        ] {
            let found = of(&policy("\"g\"", caps, &[("/a", mode)]));
            assert_eq!(found.is_err(), is_refused, "{caps} {mode}");
            assert_eq!(found.map_or(0, |found| found.notes.len()), notes, "{caps} {mode}");
        }
    }
}
