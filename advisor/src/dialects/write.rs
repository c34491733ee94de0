//! Writes a policy's grant in the format of any launcher.

use crate::dialects::export_request::Launch;
use crate::dialects::remarks::Remarks;
use crate::dialects::target::Target;
use crate::dialects::{compose, engine, kubernetes, nixos, oci, setcap, systemd};
use anyhow::Result;

/// Writes the launch in the target's format, with the remarks that its reader must know.
///
/// # Errors
/// No launch can cause an error.
pub fn text(launch: &Launch<'_>, target: Target) -> Result<String> {
    let remarks = Remarks::of(launch, target);
    match target {
        Target::Systemd => Ok(systemd::write::drop_in(launch, &remarks)),
        Target::Docker | Target::Podman => Ok(engine::write::command(launch, target, &remarks)),
        Target::Compose => compose::write::file(launch, &remarks),
        Target::Kubernetes => kubernetes::write::pod(launch, &remarks),
        Target::Oci => oci::write::configuration(launch, &remarks),
        Target::Setcap => Ok(setcap::write::script(launch, &remarks)),
        Target::Nixos => Ok(nixos::write::module(launch, &remarks)),
    }
}
