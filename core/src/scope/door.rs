//! A door by the name that a policy gives it, and what it opens.

use crate::scope::table::{self, PARAMETERS, Parameter, ParameterKind, Row, Test, Values};
use crate::text::nearest;
use crate::{Capability, CapabilitySet};
use std::fmt;

/// A door that the table knows: the name of a system call, of a part of one, or of a part with a parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Door(String);

/// A system call, or a part of one, that stays open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The system call.
    pub call: &'static str,
    /// What must be true of its arguments, all of it.
    pub when: Vec<Test>,
}

/// A name that no door has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDoor {
    /// What is wrong with the name.
    pub message: String,
    /// The door whose name is closest, if one is close.
    pub nearest: Option<&'static str>,
}

impl Door {
    /// Reads the name of a door of any of the capabilities.
    ///
    /// # Errors
    /// None of them has a door of that name.
    pub fn parse(name: &str, capabilities: CapabilitySet) -> Result<Self, UnknownDoor> {
        let door = Self(name.to_owned());
        if capabilities.iter().any(|capability| door.opens(capability)) {
            return Ok(door);
        }
        let owners: CapabilitySet = Capability::all().filter(|capability| door.opens(*capability)).collect();
        let malformed = PARAMETERS
            .iter()
            .filter(|parameter| capabilities.contains(parameter.capability))
            .find_map(|parameter| Some((parameter, parameter.after_colon(name)?)));
        let message = match malformed {
            _ if !owners.is_empty() => format!("`{name}` is a door of {owners}, and not of {capabilities}"),
            Some((parameter, given)) => format!("{given:?} in `{name}` is {}", parameter.kind.fault()),
            None => format!("{capabilities} has no door {name:?}"),
        };
        let near = nearest::name(name, capabilities.iter().flat_map(names)).filter(|_| owners.is_empty());
        Err(UnknownDoor { message, nearest: near })
    }

    /// Returns the name, as a policy writes it.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Returns whether it is a door of the capability.
    pub fn opens(&self, capability: Capability) -> bool {
        !self.openings(capability).is_empty()
    }

    /// Returns what the door leaves open of the capability.
    pub fn openings(&self, capability: Capability) -> Vec<Opening> {
        let rows = rows_of(capability).filter(|row| row.call == self.0 || row.doors.contains(&self.0.as_str()));
        let by_name = rows.map(|row| Opening { call: row.call, when: row.when.to_vec() });
        let parameters = PARAMETERS.iter().filter(|parameter| parameter.capability == capability);
        by_name.chain(parameters.flat_map(|parameter| parameter.openings(&self.0).unwrap_or_default())).collect()
    }
}

impl fmt::Display for Door {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Returns the rows of the table that are about the capability.
pub fn rows_of(capability: Capability) -> impl Iterator<Item = &'static Row> {
    table::rows_of(capability).iter()
}

/// Returns the door that opens the row and as little besides as can be.
pub fn narrowest(row: &Row) -> Door {
    let names = row.doors.iter().chain([&row.call]).map(|name| Door((*name).to_owned()));
    let widths = names.map(|door| (door.openings(row.capability).len(), door));
    // Of doors that are as wide, the first is kept.
    let narrow = widths.reduce(|best, other| if other.0 < best.0 { other } else { best });
    narrow.map_or_else(|| Door(row.call.to_owned()), |(_, door)| door)
}

/// Returns the door of a signal to a call, if the capability has one for it: `kill:HUP`.
pub fn of_signal(capability: Capability, call: &str, argument: u8, number: u32) -> Option<Door> {
    let has = |parameter: &&Parameter| {
        parameter.capability == capability
            && parameter.kind == ParameterKind::Signal
            && parameter.calls.iter().any(|(own, arguments)| *own == call && *arguments == [argument])
    };
    let prefix = PARAMETERS.iter().find(has)?.prefix;
    let name = signals().nth(number as usize).map_or_else(|| number.to_string(), str::to_owned);
    Door::parse(&format!("{prefix}:{name}"), capability.into()).ok()
}

/// Returns the door of a device to mknod(2), by the mode and the device's number as the call takes them: `mknod:1:3`.
pub fn of_device(capability: Capability, call: &str, arguments: &[u32; 6]) -> Option<Door> {
    let of_call = |parameter: &Parameter| {
        let is_device = parameter.capability == capability && parameter.kind == ParameterKind::Device;
        parameter.calls.iter().find(|(own, _)| is_device && *own == call).map(|(_, places)| (parameter.prefix, *places))
    };
    let (prefix, places) = PARAMETERS.iter().find_map(of_call)?;
    let [mode, number] = [*places.first()?, *places.get(1)?].map(|at| arguments[usize::from(at)]);
    let (major, minor) = (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xf_ff00);
    let block = if mode & 0xf000 == 0x6000 { "b:" } else { "" };
    Door::parse(&format!("{prefix}:{block}{major}:{minor}"), capability.into()).ok()
}

/// Returns the names of the capability's doors, each once, in the order of the table. A door with a parameter is not
/// among them.
pub fn names(capability: Capability) -> Vec<&'static str> {
    let mut names = Vec::new();
    for row in rows_of(capability) {
        let own = if row.doors.is_empty() { &[row.call][..] } else { row.doors };
        for name in own {
            if !names.contains(name) {
                names.push(name);
            }
        }
    }
    names
}

impl Parameter {
    fn after_colon<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(self.prefix)?.strip_prefix(':')
    }

    /// Returns what the door of this name opens, if the name is one of this parameter.
    fn openings(&self, name: &str) -> Option<Vec<Opening>> {
        let value = self.kind.read(self.after_colon(name)?)?;
        Some(self.calls.iter().map(|(call, arguments)| Opening { call, when: value.tests(arguments) }).collect())
    }
}

/// What stands after the colon.
#[derive(Clone, Copy)]
enum Value {
    Signal(u32),
    Id(u32),
    Device { file_type: u32, number: u32 },
}

impl Value {
    /// Returns what must be true of the arguments that hold it.
    fn tests(self, arguments: &[u8]) -> Vec<Test> {
        const UNCHANGED: &[u32] = &[u32::MAX];
        let one_of = |argument: u8, mask: u32, listed: &'static [u32], own: u32| Test::OneOf {
            argument,
            mask,
            values: Values { listed, own: Some(own) },
        };
        match (self, arguments) {
            (Self::Device { file_type, number }, [mode, device]) => {
                vec![one_of(*mode, 0xf000, &[], file_type), one_of(*device, u32::MAX, &[], number)]
            }
            (Self::Id(id), _) => arguments.iter().map(|at| one_of(*at, u32::MAX, UNCHANGED, id)).collect(),
            (Self::Signal(number) | Self::Device { number, .. }, _) => {
                arguments.iter().map(|at| one_of(*at, u32::MAX, &[], number)).collect()
            }
        }
    }
}

impl ParameterKind {
    fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::Signal => signal(text).map(Value::Signal),
            Self::Id => decimal(text).filter(|id| *id != u32::MAX).map(Value::Id),
            Self::Device => device(text).map(|(file_type, number)| Value::Device { file_type, number }),
        }
    }

    /// Returns what stands for the parameter in a list of doors.
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::Signal => "SIGNAL",
            Self::Id => "ID",
            Self::Device => "MAJOR:MINOR",
        }
    }

    const fn fault(self) -> &'static str {
        match self {
            Self::Signal => "no signal: write it as in kill:HUP",
            Self::Id => "no id: write a number, as in setuid:33",
            Self::Device => "no device: write MAJOR:MINOR of a character device, or b:MAJOR:MINOR, as in mknod:1:3",
        }
    }
}

/// The signals by their numbers, which the three architectures share (signal(7)). It is one text, because a list of texts is
/// a table of addresses (`text::tape`).
const SIGNALS: &str = "\
    0 HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM \
    STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

fn signals() -> impl Iterator<Item = &'static str> {
    SIGNALS.split(' ')
}

fn signal(text: &str) -> Option<u32> {
    let bare = text.strip_prefix("SIG").unwrap_or(text);
    let named = signals().position(|name| name == bare).and_then(|number| u32::try_from(number).ok());
    named.or_else(|| decimal(text).filter(|number| *number <= 64))
}

fn decimal(text: &str) -> Option<u32> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// Returns the file type and the number of a device, as mknod(2) takes them (`new_encode_dev`, linux/kdev_t.h).
fn device(text: &str) -> Option<(u32, u32)> {
    let (kind, numbers) = match text.strip_prefix("b:") {
        Some(numbers) => (0x6000, numbers),
        None => (0x2000, text),
    };
    let (major, minor) = numbers.split_once(':')?;
    let (major, minor) = (decimal(major).filter(|it| *it < 1 << 12)?, decimal(minor).filter(|it| *it < 1 << 20)?);
    Some((kind, minor & 0xff | major << 8 | (minor & !0xff) << 12))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::calls::Call;
    use crate::scope::strength::ROOT;
    use crate::scope::table::rows;

    fn open(name: &str, capability: Capability) -> Vec<Opening> {
        Door::parse(name, capability.into()).unwrap().openings(capability)
    }

    #[test]
    fn every_row_has_a_call_that_some_architecture_has_and_a_door_that_opens_it() {
        for row in rows() {
            assert!(Call::named(row.call).is_some(), "{}", row.call);
            assert!(!row.source.is_empty());
            let mine = Opening { call: row.call, when: row.when.to_vec() };
            for name in names(row.capability).iter().filter(|name| row.doors.contains(name)).chain([&row.call]) {
                assert!(open(name, row.capability).contains(&mine), "{} {name}", row.capability);
            }
            for (place, test) in row.when.iter().enumerate() {
                assert!(!row.when[..place].contains(test));
            }
        }
        for root in ROOT {
            assert!(Door::parse(root.door, root.capability.into()).is_ok(), "{}", root.door);
        }
        for parameter in PARAMETERS {
            for (call, _) in parameter.calls {
                assert!(rows_of(parameter.capability).any(|row| row.call == *call), "{call}");
            }
        }
    }

    #[test]
    fn a_name_opens_a_call_or_the_part_that_it_names() {
        assert_eq!(open("perf_event_open", Capability::SYS_ADMIN).len(), 2);
        assert_eq!(open("bpf", Capability::SYS_ADMIN).len(), 3);
        assert_eq!(open("bpf:look", Capability::SYS_ADMIN).len(), 1);
        assert_eq!(open("socket:raw-icmp", Capability::NET_RAW).len(), 2);
        assert_eq!(open("socket:raw", Capability::NET_RAW).len(), 6);
        assert_eq!(open("kill:HUP", Capability::KILL), open("kill:SIGHUP", Capability::KILL));
        assert_eq!(open("kill:HUP", Capability::KILL), open("kill:1", Capability::KILL));
        assert_eq!(open("kill:HUP", Capability::KILL).len(), 6);
        assert_eq!(open("setuid:33", Capability::SETUID).len(), 4);
        let exactly =
            |argument, mask, own| Test::OneOf { argument, mask, values: Values { listed: &[], own: Some(own) } };
        let mem = open("mknod:1:1", Capability::MKNOD);
        assert_eq!(mem[0].when[1], exactly(2, u32::MAX, 0x101));
        let far = open("mknod:b:259:1000", Capability::MKNOD);
        assert_eq!(far[1].when[0], exactly(2, 0xf000, 0x6000));
        // What makedev(259, 1000) gives.
        assert_eq!(far[1].when[1], exactly(3, u32::MAX, 0x0031_03e8));
    }

    #[test]
    fn a_use_of_a_call_has_the_door_that_opens_it_and_no_other() {
        let device = |arguments| of_device(Capability::MKNOD, "mknodat", &arguments).unwrap();
        for (arguments, name) in
            [([0, 0, 0x2180, 0x103, 0, 0], "mknod:1:3"), ([0, 0, 0x6180, 0x0031_03e8, 0, 0], "mknod:b:259:1000")]
        {
            let door = device(arguments);
            assert_eq!(door.name(), name);
            let holds = |one: &Opening| one.call == "mknodat" && one.when.iter().all(|test| test.holds(&arguments));
            assert!(door.openings(Capability::MKNOD).iter().any(holds), "{name}");
        }
        assert_eq!(of_signal(Capability::KILL, "kill", 1, 15).unwrap().name(), "kill:TERM");
        assert_eq!(of_signal(Capability::KILL, "kill", 1, 34).unwrap().name(), "kill:34");
        assert!(of_signal(Capability::KILL, "perf_event_open", 1, 15).is_none());
        for row in rows() {
            let opened = narrowest(row).openings(row.capability);
            assert!(opened.contains(&Opening { call: row.call, when: row.when.to_vec() }), "{row:?}");
        }
    }

    #[test]
    fn a_name_that_is_no_door_of_the_capability_is_answered_with_what_is_wrong() {
        let fault = |name: &str, capability: Capability| Door::parse(name, capability.into()).unwrap_err();
        let far = fault("perf_event_opn", Capability::SYS_ADMIN);
        assert_eq!(far.nearest, Some("perf_event_open"));
        assert_eq!(far.message, "cap_sys_admin has no door \"perf_event_opn\"");
        assert_eq!(
            fault("mount", Capability::NET_RAW).message,
            "`mount` is a door of cap_sys_admin, and not of cap_net_raw"
        );
        assert!(fault("kill:WHAT", Capability::KILL).message.starts_with("\"WHAT\" in `kill:WHAT` is no signal"));
        for bad in ["kill:65", "kill:", "kill:-1", "kill:01", "kill:HUP:1"] {
            assert!(Door::parse(bad, Capability::KILL.into()).is_err(), "{bad}");
        }
        for bad in ["setuid:4294967295", "setuid:root", "setuid:+1", "setuid:"] {
            assert!(Door::parse(bad, Capability::SETUID.into()).is_err(), "{bad}");
        }
        for bad in ["mknod:1", "mknod:4096:1", "mknod:1:1048576", "mknod:c:1:3", "mknod:1:3:4"] {
            assert!(Door::parse(bad, Capability::MKNOD.into()).is_err(), "{bad}");
        }
    }
}
