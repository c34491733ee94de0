//! The entry points for fuzzing: each parser of text or bytes from an untrusted source. They use nothing of this
//! machine. A property that does not hold is a panic.

use crate::analysis::classify::{IdsChanged, RunFacts, class};
use crate::analysis::profile::Profile;
use crate::dialects::compose::files::Files;
use crate::dialects::detect::Form;
use crate::dialects::{apparmor, document, engine, lxc, nixos, nspawn, quadlet, read, sudoers, systemd, yaml};
use crate::host::records::{journal, kept};
use crate::observe::probe::reading;
use capwrap_core::CapabilitySet;
use capwrap_core::decision::facts::KernelVersion;
use capwrap_core::digest;
use capwrap_core::record::chain::{Chain, FIRST};
use capwrap_core::record::line::{self, Line};
use capwrap_core::record::received::Received;
use std::collections::BTreeMap;

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

/// Reads a record as the recorder receives it. The line that the recorder writes about it must say the same to those who
/// read it.
pub fn received(bytes: &[u8]) {
    let Ok(received) = Received::read(bytes) else { return };
    let length = bytes.len() as u64;
    let written = Line {
        time: length * 1_000_003,
        uid: bytes.len() as u32,
        pid: u32::from(bytes[0]),
        event: &received.event,
        fields: &received.fields,
        previous: digest::of_bytes(bytes),
    };
    let mut text = Vec::new();
    written.append(&mut text);
    assert!(!text.contains(&b'\n'));
    assert_eq!(line::previous(&text), Some(written.previous));
    let read = kept::of_line(&text).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!((read.time, read.uid, read.pid), (written.time, written.uid, written.pid));
    assert_eq!(read.event, received.event);
    assert_eq!(read.fields, received.fields.into_iter().collect::<BTreeMap<_, _>>());
}

/// Reads lines of the recorder's and entries of the journal. Lines that were written one after the other are a chain, and
/// one that is changed is found by what follows it. The first bytes choose the change.
pub fn kept(bytes: &[u8]) {
    let mut chain = Chain::default();
    for text in bytes.split(|byte| *byte == b'\n') {
        let (head, read) = (line::head(text), kept::of_line(text));
        if let (Some(head), Ok(read)) = (head, &read) {
            assert_eq!((head.uid, head.pid, head.event), (read.uid, read.pid, &*read.event));
        }
        assert!(head.is_some() || (read.is_err() && line::previous(text).is_none()));
        // Everybody can send to the journal, and nobody but root brings about more than these.
        if let Some(entry) = journal::of_entry(text, "alice:x:1000:1000::/home/alice:/bin/sh\n") {
            assert!(entry.uid == 0 || ["launched", "refused"].contains(&&*entry.event));
        }
        let _ = chain.follow(text);
    }
    let _ = chain.end();

    let Some((&[place, at, bits], rest)) = bytes.split_first_chunk() else { return };
    let (mut previous, mut lines) = (FIRST, Vec::new());
    for (time, text) in rest.split(|byte| *byte == b'\n').take(8).enumerate() {
        let fields = [("name".to_owned(), String::from_utf8_lossy(text).into_owned())];
        let mut out = Vec::new();
        Line { time: time as u64, uid: 1, pid: 2, event: "launched", fields: &fields, previous }.append(&mut out);
        previous = digest::of_bytes(&out);
        lines.push(out);
    }
    assert!(breaks(&lines).is_empty());
    let count = lines.len();
    if count < 2 || bits == 0 {
        return;
    }
    let changed = &mut lines[usize::from(place) % (count - 1)];
    let length = changed.len();
    changed[usize::from(at) % length] ^= bits;
    assert!(!breaks(&lines).is_empty());
}

/// The places at which lines do not follow one another.
fn breaks(lines: &[Vec<u8>]) -> Vec<usize> {
    let mut chain = Chain::default();
    let mut found: Vec<usize> =
        lines.iter().enumerate().filter_map(|(at, text)| chain.follow(text).err().map(|_| at)).collect();
    found.extend(chain.end().err().map(|_| lines.len()));
    found
}
