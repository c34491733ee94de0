//! The entry points for fuzzing: each parser of text or bytes from an untrusted source. They use nothing of this
//! machine. A property that does not hold is a panic.

use crate::analysis::classify::{IdsChanged, RunFacts, class};
use crate::analysis::profile::Profile;
use crate::dialects::compose::files::Files;
use crate::dialects::detect::Form;
use crate::dialects::{apparmor, document, engine, lxc, nixos, nspawn, quadlet, read, sudoers, systemd, yaml};
use crate::observe::probe::reading;
use capwrap_core::CapabilitySet;
use capwrap_core::decision::facts::KernelVersion;

/// Parses a systemd unit, a Quadlet and a configuration of LXC.
pub fn unit(text: &str) {
    if let Ok(settings) = systemd::syntax::of_unit(text, "unit") {
        let _ = systemd::read::side(&settings, "unit");
    }
    let _ = quadlet::read::side(text, "unit");
    let _ = lxc::read::side(text);
    let _ = nspawn::read::side(text, "unit");
    let _ = apparmor::read::read(text);
}

/// Parses containers in JSON or YAML.
pub fn containers(text: &str) {
    if let Ok(documents) = yaml::documents(text) {
        let _ = document::containers(&documents, &Files::none());
    }
    if let Ok(document) = serde_json::from_str(text) {
        let _ = document::containers(&[document], &Files::none());
    }
}

/// Parses command lines of engines, NixOS modules, and what other tools print.
pub fn commands(text: &str) {
    for (_, engine, asked) in engine::read::read(text).into_iter().flatten() {
        let _ = asked.side(engine, "command");
    }
    let _ = nixos::read::read(text);
    let _ = sudoers::read(text);
    let _ = read::text(Form::Other, text, "text");
}

/// Parses a profile, or three with one on each line. A profile that was written must read the same, and merging must be
/// a semilattice.
pub fn profiles(text: &str) {
    let _ = Profile::read(text);
    // The ids are computed anew, because no input would guess them.
    let read = |line| serde_json::from_str::<Profile>(line).ok().map(|read| Profile::of(read.runs().to_vec()));
    let profiles: Vec<Profile> = text.lines().take(3).filter_map(read).collect();
    let json = |profile: &Profile| profile.to_json().unwrap_or_default();
    for one in &profiles {
        // `Profile::read` may refuse a run that serde accepts. A profile that it accepts must read the same again.
        if let Ok(again) = Profile::read(&json(one)) {
            assert_eq!(json(&again), json(one));
        }
        assert_eq!(json(&one.clone().union(one.clone())), json(one));
        for other in &profiles {
            let both = one.clone().union(other.clone());
            assert_eq!(json(&both), json(&other.clone().union(one.clone())));
            assert_eq!(both.needed(), one.needed().union(other.needed()));
            for third in &profiles {
                let left = both.clone().union(third.clone());
                assert_eq!(json(&left), json(&one.clone().union(other.clone().union(third.clone()))));
            }
        }
    }
}

/// Decodes the probe's records from bytes, and classifies what they contain.
pub fn records(bytes: &[u8]) {
    let Some(observations) = reading::of_bytes(bytes) else { return };
    for held in [CapabilitySet::EMPTY, CapabilitySet::from_mask(u64::MAX >> 23)] {
        let kernel = KernelVersion { major: 6, minor: 1, patch: 0 };
        let run = RunFacts { held, ids_changed: IdsChanged::default(), no_new_privs: true, kernel };
        let classed = class(&observations, &run);
        assert_eq!(classed.len(), observations.len());
    }
}
