//! A verb: the advisor's work, done with no more than the caller has.

use super::caller;
use crate::refusal::{OrRefuse, Refusal};
use crate::system::{capabilities, exec, walk};
use capwrap::paths;
use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Gives up every capability and becomes the advisor. Root keeps its own: root asked.
pub fn hand_over(words: Vec<OsString>) -> Result<Infallible, Refusal> {
    let path = Path::new(paths::PREFIX).join(paths::ADVISOR);
    let advisor = walk::open(&path, 0).map_err(|fault| {
        Refusal::new(format!("cannot start {}: {}", path.display(), fault.describe(&path)))
            .mended_by("install capwrap whole: install.sh puts the advisor there")
    })?;
    if !caller::identify()?.is_root() {
        capabilities::give_up_all(capabilities::last()?)?;
    }
    let argv = std::iter::once(OsString::from("capwrap")).chain(words);
    // What has given up its rights may have its caller's environment: it can do nothing that the
    // caller cannot.
    let environment = std::env::vars_os().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
    let (argv, environment) = (c_strings(argv.map(OsStringExt::into_vec))?, c_strings(environment)?);
    let target = exec::Target::Descriptor(advisor.file.as_fd());
    exec::become_target(&target, &argv, &environment, 0).or_refuse(|| format!("execute {}", path.display()))
}

fn c_strings(strings: impl Iterator<Item = Vec<u8>>) -> Result<Vec<CString>, Refusal> {
    strings.map(|bytes| CString::new(bytes).map_err(|_| Refusal::new("an argument holds a NUL"))).collect()
}
