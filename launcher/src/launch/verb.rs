//! A verb is the advisor's work. The advisor has no more rights than the caller.

use super::caller;
use super::record_group::RecordGroup;
use crate::refusal::{OrRefuse, Refusal};
use crate::system::{capabilities, exec};
use capwrap_core::{paths, trusted_path};
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::path::Path;

/// The advisor's verb for a tool that has no enabled policy. It is no word that a caller can type, but the name of a tool
/// like any other.
pub const WITHOUT_POLICY: &str = "without-policy";

/// Gives up every capability and the group of the recorder, and becomes the advisor. Root keeps its capabilities, because root
/// asked for the verb.
pub fn become_advisor(words: &[OsString], record_group: RecordGroup) -> Result<Infallible, Refusal> {
    let path = Path::new(paths::PREFIX).join(paths::ADVISOR);
    let advisor = trusted_path::open(&path, 0).map_err(|fault| {
        Refusal::new(format!("cannot start {}: {}", path.display(), fault.describe(&path)))
            .with_hint("install capwrap whole: install.sh puts the advisor there")
    })?;
    if !caller::identify(&record_group)?.is_root() {
        capabilities::give_up_all()?;
    }
    record_group.drop_for_good()?;
    let argv = std::iter::once(OsStr::new("capwrap")).chain(words.iter().map(OsString::as_os_str));
    let argv = exec::c_strings(argv).or_refuse(|| "pass the arguments on")?;
    // A process that has given up its rights may keep its caller's environment, because it can do
    // nothing that the caller cannot do. A refusal is the same whatever the environment is.
    let is_refusal = words.first().is_some_and(|verb| verb == WITHOUT_POLICY);
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().filter(|_| !is_refusal).collect();
    let environment = exec::variables(&environment).or_refuse(|| "pass the environment on")?;
    let target = exec::Target::Descriptor(advisor.file.as_fd());
    exec::become_target(&target, &argv, &environment, 0).or_refuse(|| format!("execute {}", path.display()))
}
