//! Step 4 finds out who the caller is, and whether the policy allows them.

use super::command_line::Launch;
use super::policy_file::PolicyFile;
use super::record_group::RecordGroup;
use crate::refusal::{OrRefuse, Refusal};
use crate::system::{clock, files};
use capwrap_core::decision::accounts;
use capwrap_core::decision::authorise::{AllowedBy, Caller, LocalAccounts, authorise};
use capwrap_core::record::send::RECORD_GROUP;
use nix::unistd::{Gid, getegid, geteuid, getgid, getgroups, getuid};
use std::path::Path;

/// The caller, and the local files that map ids to names.
#[derive(Debug)]
pub struct Identified {
    pub caller: Caller,
    pub local: LocalAccounts,
}

impl Identified {
    /// Returns the caller's name, or the number if the local files have no name for it.
    pub fn name(&self) -> String {
        accounts::name(&self.local.passwd, self.caller.uid)
    }

    pub const fn is_root(&self) -> bool {
        self.caller.uid == 0
    }
}

/// Asks the kernel who the caller is. The groups are the real one and the supplementary ones.
///
/// # Errors
/// The caller's real and effective ids differ, and not only by the group of the recorder, which the launcher's own file
/// gives. A set-user-ID program that did not settle on one identity must not decide who runs a tool.
pub fn identify(record_group: &RecordGroup) -> Result<Identified, Refusal> {
    let (user, group) = (getuid(), getgid());
    let ambiguous = |acting_as: Gid| {
        Refusal::new(format!(
            "called with uid {user} acting as {}, gid {group} acting as {acting_as}: whose rights are meant?",
            geteuid()
        ))
    };
    if user != geteuid() || group != getegid() {
        return Err(ambiguous(record_group.aside().unwrap_or_else(getegid)));
    }
    let groups = getgroups().or_refuse(|| "read the groups of the caller")?;
    let local = LocalAccounts { passwd: local_file("/etc/passwd")?, group: local_file("/etc/group")? };
    match record_group.aside() {
        Some(aside) if accounts::group_id(&local.group, RECORD_GROUP) != Some(aside.as_raw()) => {
            return Err(ambiguous(aside));
        }
        _ => {}
    }
    Ok(Identified {
        caller: Caller {
            uid: user.as_raw(),
            gid: group.as_raw(),
            groups: groups.iter().map(|group| group.as_raw()).collect(),
        },
        local,
    })
}

/// Returns the rule by which the policy allows the caller now, or refuses.
pub fn authorised(who: &Identified, file: &PolicyFile, launch: &Launch) -> Result<AllowedBy, Refusal> {
    let now = clock::since_1970().or_refuse(|| "ask for the time")?;
    let now = i64::try_from(now.as_secs()).map_err(|_| Refusal::new("the clock is beyond all dates"))?;
    authorise(&file.policy.allow, &who.caller, &who.local, now, launch.reason.as_deref()).map_err(|denial| {
        let name = who.name();
        Refusal::new(format!("{name} may not run {}: {denial}", launch.name))
            .with_hint(denial.hint(&launch.name, &name))
    })
}

fn local_file(path: &str) -> Result<String, Refusal> {
    files::read_if_there(Path::new(path)).or_refuse(|| format!("read {path}"))?.ok_or_else(|| {
        Refusal::new(format!("{path} is missing, so capwrap cannot find out who the caller is"))
            .with_hint(format!("in an image made from scratch, make an empty one: touch {path}"))
    })
}
