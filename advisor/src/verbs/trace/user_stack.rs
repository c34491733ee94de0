//! The stack of the program that made a check necessary, in words.

use crate::observe::probe::Probe;
use crate::observe::user_symbols::{Place, UserSymbols};
use crate::verbs::trace::describe::Describer;
use anyhow::Result;
use capwrap_core::text::printable;
use capwrap_ebpf::{Event, UserStack};
use serde::Serialize;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

/// The stacks whose checks have not arrived yet, and the files that were read.
#[derive(Default)]
pub struct UserStacks {
    pending: HashMap<u32, Box<UserStack>>,
    symbols: UserSymbols,
}

impl UserStacks {
    /// Keeps a stack until its check arrives.
    pub fn keep(&mut self, stack: Box<UserStack>) {
        self.pending.insert(stack.thread, stack);
    }

    /// Names the places of this check's stack, innermost first. It is done at once, because the program may end.
    pub fn of(&mut self, event: &Event, describer: &mut Describer, probe: &Probe) -> Result<Vec<Place>> {
        let Some(stack) = self.pending.remove(&event.thread).filter(|stack| stack.time == event.time) else {
            return Ok(Vec::new());
        };
        let executable = describer.executable(probe, event)?;
        Ok(self.symbols.places(&stack, Path::new(executable)))
    }
}

/// A place in a line for people: the file is named by its path.
fn words(place: &Place) -> String {
    match place {
        Place::Function { name, offset, file } => {
            format!("{}+{offset:#x} in {}", printable::text(name), printable::text(file))
        }
        Place::File { offset, file } => format!("{offset:#x} in {}", printable::text(file)),
        Place::Unknown { offset, build_id } => format!("{offset:#x} in a file with build id {build_id}"),
        Place::Address(address) => format!("{address:#x}"),
    }
}

/// Writes the places, one in a line.
pub fn write_lines(out: &mut impl Write, places: &[Place]) -> io::Result<()> {
    places.iter().try_for_each(|place| writeln!(out, "      {}", words(place)))
}

/// A place as a JSON object. Fields that are not known are absent.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Frame<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'p str>,
    /// The number of bytes after the function's beginning, or in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_id: Option<&'p str>,
    /// The address in the process's memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<u64>,
}

impl<'p> From<&'p Place> for Frame<'p> {
    fn from(place: &'p Place) -> Self {
        let none = Self::default();
        match place {
            Place::Function { name, offset, file } => {
                Self { function: Some(name), offset: Some(*offset), file: Some(file), ..none }
            }
            Place::File { offset, file } => Self { offset: Some(*offset), file: Some(file), ..none },
            Place::Unknown { offset, build_id } => Self { offset: Some(*offset), build_id: Some(build_id), ..none },
            Place::Address(address) => Self { address: Some(*address), ..none },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_as_far_as_it_is_known() {
        let function = Place::Function { name: "so\x1bcket".to_owned(), offset: 7, file: "/lib/libc.so.6".to_owned() };
        let shown = [
            (
                function,
                "so\\u{1b}cket+0x7 in /lib/libc.so.6",
                r#"{"function":"so\u001bcket","offset":7,"file":"/lib/libc.so.6"}"#,
            ),
            (
                Place::File { offset: 4096, file: "/bin/true".to_owned() },
                "0x1000 in /bin/true",
                r#"{"offset":4096,"file":"/bin/true"}"#,
            ),
            (
                Place::Unknown { offset: 16, build_id: "ab".repeat(20) },
                "0x10 in a file with build id abababababababababababababababababababab",
                r#"{"offset":16,"build_id":"abababababababababababababababababababab"}"#,
            ),
            (Place::Address(0x7f00_0000), "0x7f000000", r#"{"address":2130706432}"#),
        ];
        for (place, line, json) in shown {
            assert_eq!(words(&place), line);
            assert_eq!(serde_json::to_string(&Frame::from(&place)).unwrap(), json);
        }
    }
}
