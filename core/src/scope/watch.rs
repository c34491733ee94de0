//! Watching a command for the calls that a scope could refuse: what is watched, and the lines of the report.
//!
//! A scope also refuses calls that need no capability, and for those the kernel makes no check. So the learner lets the
//! launcher install a filter that refuses nothing and reports these calls (SECCOMP_RET_USER_NOTIF, seccomp_unotify(2)).

use crate::decision::facts::KernelVersion;
use crate::scope::calls::{Architecture, Call};
use crate::scope::domain::MOUNTING;
use crate::scope::filter::{self, CLONE3, Instruction, OTHER_PROCESSES, PAST_THE_FILTER};
use crate::scope::places;
use crate::scope::strength::{self, Strength};
use crate::scope::table::{self, PARAMETERS, Row, Test};

/// The first kernel whose listeners learn when no process has its filter any more (commit 99cdb8b9a573).
pub const SINCE: KernelVersion = KernelVersion { major: 5, minor: 9, patch: 0 };

/// The line by which a report begins, once the watch has begun.
pub const BEGUN: &str = "watching";

/// The line by which a report ends, once none of the command's processes is left. Without it the watch ended before the
/// command did, and its calls failed from then on.
pub const ENDED: &str = "ended";

/// The most different lines of a report. The last one says that there were more.
pub const MOST: usize = 20_000;
/// The line of a report that is not whole.
pub const MORE: &str = "more";

/// The most different places of a report.
pub const MOST_PLACES: usize = 10_000;
/// The line of a report that has not all places.
pub const MORE_PLACES: &str = "more places";

/// What a call is named that is made by the numbers of another architecture, as 32-bit code does. It ends the process
/// under every scope.
pub const FOREIGN: &str = "another-architecture";

/// A call that was reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// The system call, or [`FOREIGN`].
    pub call: &'static str,
    /// The low words of the arguments that the table of doors compares, and 0 for the others. For a pointer that is
    /// compared with null it is 0 or 1.
    pub arguments: [u32; 6],
    /// What bind(2) bound.
    pub bound: Option<Bound>,
}

/// A port of an internet protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound {
    /// The protocol's number, as IPPROTO_TCP.
    pub protocol: u32,
    /// The port.
    pub port: u16,
}

/// Returns whether a scope could refuse calls of this name, and whether they are reported for that.
pub fn is_watched(call: &str) -> bool {
    table::rows().iter().any(|row| row.call == call && is_reported(row))
        || always_refused().chain([CLONE3, FOREIGN]).any(|one| one == call)
}

/// Returns whether uses of this row are reported.
pub fn is_reported(row: &Row) -> bool {
    matches!(strength::of(row.capability).through, Strength::Strong | Strength::Partial) || row.call == "bind"
}

/// The calls that end a scope, whatever their arguments are: every scope refuses them.
pub fn always_refused() -> impl Iterator<Item = &'static str> {
    PAST_THE_FILTER.into_iter().chain(OTHER_PROCESSES).chain(MOUNTING)
}

/// Compiles the program that refuses nothing and reports each call that a scope could refuse; with `places`, also each
/// call that names a file which a domain judges.
pub fn program(architecture: Architecture, places: bool) -> Vec<Instruction> {
    let rows = table::rows().iter().filter(|row| is_reported(row)).map(|row| (row.call, row.when));
    let naming = places::all_namings().iter().filter(|_| places).map(|naming| naming.call);
    let whole = always_refused().chain([CLONE3]).chain(naming).map(|call| (call, &[][..]));
    filter::reporting(architecture, rows.chain(whole))
}

impl Seen {
    /// Makes what is reported of a call by its number and by the number of its architecture (`AUDIT_ARCH_…`); `None` for
    /// a call that no row is about.
    pub fn of(architecture: Architecture, audit_number: u32, number: u32, arguments: &[u64; 6]) -> Option<Self> {
        if filter::is_foreign(architecture, audit_number, number) {
            return Some(Self { call: FOREIGN, arguments: [0; 6], bound: None });
        }
        let call = Call::all().iter().find(|call| call.number(architecture) == Some(number))?.name;
        let mut kept = [0; 6];
        for row in table::rows().iter().filter(|row| row.call == call) {
            for test in row.when {
                let at = usize::from(test.argument());
                kept[at] = match test {
                    Test::NotNull { .. } => u32::from(arguments[at] != 0),
                    _ => arguments[at] as u32,
                };
            }
        }
        let named = PARAMETERS.iter().flat_map(|parameter| parameter.calls).filter(|(own, _)| *own == call);
        for at in named.flat_map(|(_, arguments)| *arguments) {
            kept[usize::from(*at)] = arguments[usize::from(*at)] as u32;
        }
        Some(Self { call, arguments: kept, bound: None })
    }

    /// The call of clone(2) that a program makes where there is no [`CLONE3`], if a row is about it.
    pub fn in_place_of_clone3(flags: u64) -> Option<Self> {
        let clone = Self { call: "clone", arguments: [flags as u32, 0, 0, 0, 0, 0], bound: None };
        table::rows().iter().any(|row| clone.is_of(row)).then_some(clone)
    }

    /// Writes it as a line of a report, without a line feed.
    pub fn line(&self) -> String {
        let arguments: Vec<String> = self.arguments.iter().map(u32::to_string).collect();
        let bound = self.bound.map(|bound| format!(" {} {}", bound.protocol, bound.port)).unwrap_or_default();
        format!("{} {}{bound}", self.call, arguments.join(" "))
    }

    /// Reads a line of a report.
    pub fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let call = match words.next()? {
            FOREIGN => FOREIGN,
            call => Call::named(call)?.name,
        };
        let numbers: Vec<u32> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let (arguments, bound) = numbers.split_at_checked(6)?;
        let bound = match bound {
            [] => None,
            [protocol, port] => Some(Bound { protocol: *protocol, port: u16::try_from(*port).ok()? }),
            _ => return None,
        };
        Some(Self { call, arguments: arguments.try_into().ok()?, bound })
    }

    /// Returns whether it is a use of the row.
    pub fn is_of(&self, row: &Row) -> bool {
        row.call == self.call && row.when.iter().all(|test| test.holds(&self.arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_keeps_the_arguments_that_the_table_compares_and_no_pointer() {
        let here = Architecture::X86_64;
        let pointer = 0x7fff_1234_5678;
        let of = |number, arguments| Seen::of(here, here.audit_number(), number, &arguments).unwrap();
        let socket = of(41, [2, 3, 1, pointer, pointer, 0]);
        assert_eq!(socket.line(), "socket 2 3 1 0 0 0");
        let limit = of(302, [0, 7, pointer, pointer, 0, 0]);
        assert_eq!(limit.line(), "prlimit64 0 0 1 0 0 0");
        assert_eq!(of(62, [77, 1, 0, 0, 0, 0]).line(), "kill 0 1 0 0 0 0");
        assert!(Seen::of(here, here.audit_number(), 0, &[0; 6]).is_none(), "read(2)");
        let bound = Seen { bound: Some(Bound { protocol: 6, port: 443 }), ..of(49, [3, pointer, 16, 0, 0, 0]) };
        for seen in [socket, limit, bound] {
            assert_eq!(Seen::read(&seen.line()), Some(seen));
        }
        for bad in
            ["", "socket", "socket 1 2 3 4 5", "read 0 0 0 0 0 0", "bind 0 0 0 0 0 0 6", "bind 0 0 0 0 0 0 6 65536"]
        {
            assert_eq!(Seen::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_call_by_the_numbers_of_another_architecture_is_no_call_of_this_one() {
        const I386: u32 = 0x4000_0003;
        let here = Architecture::X86_64;
        let of = |audit_number, number| Seen::of(here, audit_number, number, &[0; 6]).map(|seen| seen.line());
        let foreign = format!("{FOREIGN} 0 0 0 0 0 0");
        assert_eq!(of(I386, 41).as_ref(), Some(&foreign));
        assert_eq!(of(here.audit_number(), 0x4000_0000 | 41).as_ref(), Some(&foreign));
        assert_eq!(of(here.audit_number(), u32::MAX), None, "what a tracer writes to leave a call out");
        assert_eq!(Seen::read(&foreign).unwrap().call, FOREIGN);
    }

    #[test]
    fn clone3_is_reported_as_the_clone_that_follows_it() {
        let (new_uts, thread) = (0x0400_0000, 0x003d_0f00);
        assert_eq!(Seen::in_place_of_clone3(new_uts).unwrap().line(), "clone 67108864 0 0 0 0 0");
        assert_eq!(Seen::in_place_of_clone3(thread), None);
    }

    #[test]
    fn every_call_that_is_watched_can_be_named() {
        assert!(
            always_refused().chain(table::rows().iter().map(|row| row.call)).all(|call| Call::named(call).is_some())
        );
    }
}
