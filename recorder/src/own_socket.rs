//! A socket that the program makes itself, for machines without systemd. It takes root, which is given up then.

use crate::system;
use capwrap_core::decision::accounts;
use capwrap_core::record::send::RECORD_GROUP;
use nix::unistd::{Gid, Uid, geteuid, getresgid, getresuid, setgroups, setresgid, setresuid};
use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// The user that the recorder runs as.
const USER: &str = "capwrap-recorder";

/// The group whose members can read records.
const READERS: &str = "adm";

/// Makes the socket, and the folder of the records if it is missing, and becomes the recorder's own user.
///
/// # Errors
/// One of them cannot be made, or root not be given up.
pub fn make(path: &Path, is_for_everybody: bool, folder: &Path) -> Result<UnixListener, String> {
    if !geteuid().is_root() {
        return Err("--listen takes root, which it gives up then".to_owned());
    }
    let user = user_id(USER)?;
    make_folder(folder, user, group_id(READERS)?)
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let failed = |error: std::io::Error| format!("cannot listen on {}: {error}", path.display());
    if let Some(above) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(above).map_err(failed)?;
    }
    // The socket of a recorder that has ended.
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path).map_err(failed)?,
        _ => {}
    }
    let listener = if is_for_everybody {
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o666)).map_err(failed)?;
        listener
    } else {
        let listener = system::listen_for_packets(path).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        chown(path, Some(0), Some(group_id(RECORD_GROUP)?)).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(failed)?;
        listener
    };
    become_user(user)?;
    Ok(listener)
}

fn make_folder(folder: &Path, user: u32, readers: u32) -> std::io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    chown(folder, Some(user), Some(readers))?;
    // What is made in it belongs to the group of the folder.
    fs::set_permissions(folder, Permissions::from_mode(0o2750))
}

/// Leaves root's ids, and with them every capability, for good.
fn become_user(user: u32) -> Result<(), String> {
    let gid = Gid::from_raw(primary_group(user)?);
    let uid = Uid::from_raw(user);
    let failed = |errno: nix::Error| format!("cannot become {USER}: {errno}");
    setgroups(&[]).map_err(failed)?;
    setresgid(gid, gid, gid).map_err(failed)?;
    setresuid(uid, uid, uid).map_err(failed)?;
    let (users, groups) = (getresuid().map_err(failed)?, getresgid().map_err(failed)?);
    let is_done = [users.real, users.effective, users.saved].iter().all(|one| *one == uid)
        && [groups.real, groups.effective, groups.saved].iter().all(|one| *one == gid);
    if is_done { Ok(()) } else { Err(format!("the kernel did not change the user to {USER}, though it said so")) }
}

fn local(path: &str) -> Result<String, String> {
    fs::read(path)
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .map_err(|error| format!("cannot read {path}: {error}"))
}

/// Returns the number of a group of the local file.
///
/// # Errors
/// The group is not there.
pub fn group_id(name: &str) -> Result<u32, String> {
    accounts::group_id(&local("/etc/group")?, name).ok_or_else(|| format!("there is no group {name}"))
}

fn user_id(name: &str) -> Result<u32, String> {
    accounts::user_id(&local("/etc/passwd")?, name).ok_or_else(|| format!("there is no user {name}"))
}

fn primary_group(uid: u32) -> Result<u32, String> {
    let passwd = local("/etc/passwd")?;
    accounts::account(&passwd, uid).map(|account| account.gid).ok_or_else(|| format!("there is no user {uid}"))
}
