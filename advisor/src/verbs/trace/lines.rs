//! A check as a line for people. The line has as many columns as fit, the most useful ones first.

use crate::analysis::observation::{Target, Verdict};
use crate::observe::probe::thread_name;
use crate::verbs::trace::clock::Clock;
use crate::verbs::trace::describe::Described;
use capwrap_core::text::printable;
use capwrap_ebpf::{Event, Outcome};
use nix::errno::Errno;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

/// How the lines are shown.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The number of columns of the terminal; `None` for other output, where nothing is cut.
    pub width: Option<u16>,
    /// Whether colours may be used.
    pub styled: bool,
}

/// A column: its name, its width, and the least width of a terminal that shows it.
struct Column {
    name: &'static str,
    width: usize,
    from: u16,
}

const fn column(name: &'static str, width: usize, from: u16) -> Column {
    Column { name, width, from }
}

/// The columns in their order. The last one takes the room that is left.
const COLUMNS: [Column; 13] = [
    column("TIME", 12, 80),
    column("PID", 7, 0),
    column("TID", 7, 114),
    column("UID", 5, 60),
    column("COMM", 13, 102),
    column("CAPABILITY", 19, 0),
    column("VERDICT", 7, 0),
    column("AUD", 3, 106),
    column("SET", 3, 118),
    column("USERNS", 6, 125),
    column("SYSCALL", 11, 66),
    column("RESULT", 8, 88),
    column("EXE", 12, 80),
];

/// The length of the longest name of a capability, cap_checkpoint_restore.
const LONGEST_NAME: usize = 22;

impl Look {
    /// The width of a column. A file, and a terminal with space to spare, gets the longest name whole.
    fn width_of(self, column: &Column) -> usize {
        let whole = |width: u16| {
            let used: usize = COLUMNS.iter().filter(|one| self.shows(one)).map(|one| one.width + 1).sum();
            used - 1 + LONGEST_NAME - column.width <= usize::from(width)
        };
        let is_name = column.name == "CAPABILITY";
        if is_name && self.width.is_none_or(whole) { LONGEST_NAME } else { column.width }
    }

    fn shows(self, column: &Column) -> bool {
        self.width.is_none_or(|width| width >= column.from)
    }
}

/// Writes the names of the columns.
pub fn write_head(out: &mut impl Write, look: Look) -> io::Result<()> {
    write_row(out, look, |column| Ok(column.name.to_owned()), None)
}

/// Writes one check, with the outcome of its system call if that is known.
pub fn write(
    out: &mut impl Write,
    clock: &mut Clock,
    (event, outcome): (&Event, Option<&Outcome>),
    one: &Described,
    look: Look,
) -> io::Result<()> {
    let mut time = Vec::with_capacity(16);
    clock.write_local(&mut time, event.time)?;
    let seen = &one.observation;
    let cell = |column: &Column| {
        Ok(match column.name {
            "TIME" => String::from_utf8_lossy(&time).into_owned(),
            "PID" => event.check.process.to_string(),
            "TID" => event.thread.to_string(),
            "UID" => event.user.to_string(),
            "COMM" => comm(event),
            "CAPABILITY" => seen.capability.name().to_owned(),
            "VERDICT" => verdict(seen.verdict).to_owned(),
            "AUD" => yes_no(one.options.map(|options| options.audited)).to_owned(),
            "SET" => yes_no(one.options.map(|options| options.inset_id)).to_owned(),
            "USERNS" => target(seen.target).to_owned(),
            "SYSCALL" => seen.system_call.clone().unwrap_or_else(|| "-".to_owned()),
            "RESULT" => outcome.map_or_else(|| "-".to_owned(), |known| returned(known.returned)),
            _ => printable::text(&seen.executable).clone(),
        })
    };
    write_row(out, look, cell, (seen.verdict == Verdict::Denied).then_some("\x1b[31m"))
}

fn write_row(
    out: &mut impl Write,
    look: Look,
    cell: impl Fn(&Column) -> io::Result<String>,
    paint: Option<&str>,
) -> io::Result<()> {
    let paint = paint.filter(|_| look.styled);
    if let Some(paint) = paint {
        out.write_all(paint.as_bytes())?;
    }
    let shown: Vec<&Column> = COLUMNS.iter().filter(|column| look.shows(column)).collect();
    let mut used = 0;
    for (at, column) in shown.iter().enumerate() {
        let text = cell(column)?;
        let last = at + 1 == shown.len();
        let room = match look.width {
            Some(width) if last => usize::from(width).saturating_sub(used).max(column.width),
            Some(_) => look.width_of(column),
            None => usize::MAX,
        };
        let text = if text.chars().count() > room { cut(&text, room, column.name == "EXE") } else { text };
        let fill = if last { 0 } else { look.width_of(column).saturating_sub(text.chars().count()) };
        let gap = if last { "" } else { " " };
        write!(out, "{text}{:fill$}{gap}", "")?;
        used += text.chars().count() + fill + 1;
    }
    if paint.is_some() {
        out.write_all(b"\x1b[0m")?;
    }
    out.write_all(b"\n")
}

/// The text cut to `room`: a path loses its beginning, any other text its end.
fn cut(text: &str, room: usize, keep_end: bool) -> String {
    let kept = room.saturating_sub(1);
    if keep_end {
        let skipped = text.chars().count() - kept;
        return format!("…{}", text.chars().skip(skipped).collect::<String>());
    }
    format!("{}…", text.chars().take(kept).collect::<String>())
}

/// Writes the kernel's functions, one in a line.
pub fn write_stack(out: &mut impl Write, one: &Described) -> io::Result<()> {
    for function in &one.observation.call_site {
        writeln!(out, "      {function}")?;
    }
    Ok(())
}

/// The thread's name, without control characters that a terminal would obey.
pub fn comm(event: &Event) -> String {
    printable::text(OsStr::from_bytes(thread_name(event))).clone()
}

pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Granted => "granted",
        Verdict::Denied => "denied",
    }
}

const fn yes_no(answer: Option<bool>) -> &'static str {
    match answer {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    }
}

/// What a system call returned: a number, or the name of an error. Numbers beyond those that programs see, such as
/// ERESTARTSYS, mean that the call begins again or was interrupted.
fn returned(value: i64) -> String {
    match (value, error(value)) {
        (_, Some(name)) => name,
        (-4095..0, None) => "restarts".to_owned(),
        // An address is easier to read so.
        (0x1_0000_0000.., None) => format!("{value:#x}"),
        _ => value.to_string(),
    }
}

/// The name of the error that a system call returned, if it failed with one that programs see.
pub fn error(value: i64) -> Option<String> {
    let number = (-4095..0).contains(&value).then(|| i32::try_from(-value).ok()).flatten()?;
    match Errno::from_raw(number) {
        Errno::UnknownErrno => None,
        known => Some(format!("{known:?}")),
    }
}

/// The relation of the target user namespace to that of the process that was checked.
pub const fn target(target: Target) -> &'static str {
    match target {
        Target::Own => "own",
        Target::Outer => "outer",
        Target::Inner => "inner",
        Target::Unknown => "-",
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::analysis::classify::tests::denied;
    use crate::analysis::observation::Options;
    use jiff::tz::TimeZone;

    pub fn event() -> Event {
        let mut name = [0; 16];
        name[..5].copy_from_slice(b"c\x1bmd\n");
        let check = capwrap_ebpf::Check { process: 42, ..Default::default() };
        Event { time: 1_000_000, check, thread: 43, user: 1000, name }
    }

    pub fn outcome() -> Outcome {
        Outcome { returned: -13, arguments: [1, 2, u64::MAX, 0, 5, 6], ..Outcome::default() }
    }

    pub fn described() -> Described {
        Described {
            observation: denied("dac_read_search", "newfstatat", &["capable_wrt_inode_uidgid", "generic_permission"]),
            options: Some(Options { audited: true, inset_id: false }),
            target_namespace: 7,
            speculative: false,
            why: None,
        }
    }

    fn line(width: Option<u16>, styled: bool) -> String {
        let mut out = Vec::new();
        let mut clock = Clock::new(TimeZone::UTC, 0, 0);
        let look = Look { width, styled };
        write_head(&mut out, look).unwrap();
        write(&mut out, &mut clock, (&event(), Some(&outcome())), &described(), look).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_terminal_gets_longer_lines_than_it_has_columns() {
        for width in (60..140).chain([200]) {
            for line in line(Some(width), false).lines() {
                assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_terminal_of_125_columns_gets_every_column_and_a_file_gets_them_uncut() {
        for text in [line(Some(125), false), line(None, false)] {
            let head: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
            assert_eq!(head, COLUMNS.map(|column| column.name));
        }
        assert!(line(None, false).ends_with("/usr/bin/tool\n"), "{}", line(None, false));
    }

    #[test]
    fn the_outcome_of_a_call_is_a_number_or_the_name_of_an_error() {
        for (value, expected) in [(0, "0"), (3, "3"), (-1, "EPERM"), (-13, "EACCES"), (-95, "EOPNOTSUPP")] {
            assert_eq!(returned(value), expected);
        }
        assert_eq!((returned(-512), returned(0x7fff_1234_0000)), ("restarts".into(), "0x7fff12340000".into()));
        assert!(line(Some(88), false).contains(" EACCES ") && !line(Some(87), false).contains("EACCES"));
    }

    #[test]
    fn a_terminal_with_space_to_spare_gets_the_longest_name_whole() {
        let shown = |width| Look { width, styled: false }.width_of(&COLUMNS[5]);
        assert_eq!([None, Some(80), Some(84), Some(120), Some(200)].map(shown), [22, 19, 22, 19, 22]);
    }

    #[test]
    fn the_longest_name_shifts_no_column_of_a_file() {
        let longest = capwrap_core::Capability::all().map(|one| one.name().len()).max();
        assert_eq!(longest, Some(LONGEST_NAME));
    }

    #[test]
    fn eighty_columns_keep_the_most_telling_ones() {
        let text = line(Some(80), false);
        let second = text.lines().nth(1).unwrap();
        for word in ["00:00:00.001", "42", "1000", "cap_dac_read_search", "denied", "newfstatat", "bin/tool"] {
            assert!(second.contains(word), "{word}: {second}");
        }
    }

    #[test]
    fn a_threads_name_cannot_command_the_terminal() {
        assert!(!line(Some(80), false).contains('\x1b'));
        assert_eq!(line(None, false).lines().count(), 2);
    }

    #[test]
    fn colours_come_only_where_they_are_asked_for() {
        assert!(line(Some(80), true).contains("\x1b[31m"));
    }
}
