//! The kernel's own description of its types. This module reads as much of BTF as finding a member requires.
//!
//! The library btf-rs takes 190 ms for the kernel's 6 MB because it keeps every name. A whole run of `true` should take
//! less. Documentation/bpf/btf.rst describes the format.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;

/// The BTF of a kernel.
pub struct KernelTypes<'b> {
    bytes: &'b [u8],
    strings: &'b [u8],
    /// The position of each type, by its number. Number 0 is void.
    places: Vec<u32>,
}

const MAGIC: u16 = 0xeb9f;

mod kind {
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const FWD: u32 = 7;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const TYPE_TAG: u32 = 18;
}

impl<'b> KernelTypes<'b> {
    /// Finds the positions of the types. Names and members are read only when a caller asks for them.
    pub fn read(bytes: &'b [u8]) -> Result<Self> {
        let whole = Reader(bytes);
        ensure!(whole.u16(0) == Some(MAGIC), "not BTF of this machine's byte order");
        let number = |at| whole.u32(at).map(|number| number as usize).context("BTF without a whole header");
        let header = number(4)?;
        let part = |from: usize, length: usize| {
            let start = header.checked_add(from)?;
            bytes.get(start..start.checked_add(length)?)
        };
        let types = part(number(8)?, number(12)?).context("BTF without its types")?;
        let strings = part(number(16)?, number(20)?).context("BTF without its strings")?;
        let reader = Reader(types);
        let mut places = vec![0];
        let mut at = 0;
        while at < types.len() {
            places.push(u32::try_from(at).context("BTF that is too large")?);
            let info = reader.u32(at + 4).context("BTF that is cut off")?;
            at += 12 + behind(info).with_context(|| format!("a BTF kind that is not known, {}", kind_of(info)))?;
        }
        Ok(Self { bytes: types, strings, places })
    }

    /// Finds a structure by its name.
    pub fn structure(&self, name: &'static str) -> Result<Structure<'_>> {
        let at = self.find(name, kind::STRUCT).with_context(|| format!("the kernel has no {name}"))?;
        Ok(Structure { types: self, name, at })
    }

    /// Returns the name of a function's parameter.
    pub fn parameter(&self, function: &str, index: usize) -> Result<&str> {
        let found = self.find(function, kind::FUNC).with_context(|| format!("the kernel has no {function}"))?;
        let prototype = self.word(found, 8).with_context(|| format!("no prototype of {function}"))?;
        match self.word(prototype, 12 + 8 * index) {
            Some(name) if index < self.info(prototype).map_or(0, members) => Ok(self.string(name)),
            _ => bail!("{function} has no parameter {index}"),
        }
    }

    fn find(&self, name: &str, kind: u32) -> Option<u32> {
        (1..self.places.len() as u32).find(|at| {
            self.info(*at).is_some_and(|info| kind_of(info) == kind)
                && self.word(*at, 0).is_some_and(|place| self.is_string(place, name))
        })
    }

    /// Returns BTF in which the tracepoints and functions with these names have their numbers. Of all other types it says
    /// nothing. aya keeps every type and every member that it reads, and needs nothing but these numbers.
    pub fn numbers_of(&self, tracepoints: &[&str], functions: &[&str]) -> Vec<u8> {
        // The kernel declares the type btf_trace_NAME for each tracepoint (include/trace/bpf_probe.h).
        let tracepoints = tracepoints.iter().map(|name| (format!("btf_trace_{name}"), kind::TYPEDEF));
        let functions = functions.iter().map(|name| ((*name).to_owned(), kind::FUNC));
        let found: BTreeMap<u32, (String, u32)> = tracepoints
            .chain(functions)
            .filter_map(|(name, kind)| Some((self.find(&name, kind)?, (name, kind))))
            .collect();
        let last = found.last_key_value().map_or(0, |(number, _)| *number);
        let mut types = Vec::with_capacity(last as usize * 12);
        let mut strings = vec![0];
        for number in 1..=last {
            let (name, kind) = found.get(&number).map_or((0, kind::FWD), |(name, kind)| {
                let place = strings.len() as u32;
                strings.extend(name.bytes().chain([0]));
                (place, *kind)
            });
            types.extend([name, kind << 24, 0].into_iter().flat_map(u32::to_ne_bytes));
        }
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        // This is version 1, without flags.
        bytes.extend([1, 0]);
        let header = [24, 0, types.len() as u32, types.len() as u32, strings.len() as u32];
        bytes.extend(header.into_iter().flat_map(u32::to_ne_bytes));
        bytes.extend(types);
        bytes.extend(strings);
        bytes
    }

    /// Returns a member's offset in bits and its type. Members of unnamed structures and unions are included.
    fn member(&self, of: u32, name: &str) -> Option<(u32, u32)> {
        let info = self.info(of)?;
        if !matches!(kind_of(info), kind::STRUCT | kind::UNION) {
            return None;
        }
        for index in 0..members(info) {
            let called = self.string(self.word(of, 12 + 12 * index)?);
            let member = self.bare(self.word(of, 16 + 12 * index)?)?;
            let place = self.word(of, 20 + 12 * index)?;
            // If the flag is set, the upper byte is the width of a bit field.
            let place = if info >> 31 == 1 { place & 0xff_ffff } else { place };
            if called == name {
                return Some((place, member));
            }
            if called.is_empty() {
                if let Some((inner, found)) = self.member(member, name) {
                    return Some((place + inner, found));
                }
            }
        }
        None
    }

    /// Follows typedefs and qualifiers to the type itself.
    fn bare(&self, mut at: u32) -> Option<u32> {
        // Void has no position, which ends the loop. No chain of qualifiers is longer than this.
        for _ in 0..32 {
            if at == 0 {
                break;
            }
            match kind_of(self.info(at)?) {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    at = self.word(at, 8)?;
                }
                _ => break,
            }
        }
        Some(at)
    }

    fn info(&self, at: u32) -> Option<u32> {
        self.word(at, 4)
    }

    /// Reads a word of a type's description.
    fn word(&self, at: u32, offset: usize) -> Option<u32> {
        if at == 0 {
            return None;
        }
        Reader(self.bytes).u32(*self.places.get(at as usize)? as usize + offset)
    }

    fn is_string(&self, at: u32, expected: &str) -> bool {
        let rest = self.strings.get(at as usize..).unwrap_or_default();
        rest.get(expected.len()) == Some(&0) && rest.starts_with(expected.as_bytes())
    }

    fn string(&self, at: u32) -> &str {
        let rest = self.strings.get(at as usize..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(0);
        std::str::from_utf8(&rest[..end]).unwrap_or_default()
    }
}

/// A structure of the kernel.
pub struct Structure<'t> {
    types: &'t KernelTypes<'t>,
    name: &'static str,
    at: u32,
}

impl Structure<'_> {
    /// Returns the structure's size in bytes.
    pub fn size(&self) -> Result<u32> {
        self.types.word(self.at, 8).with_context(|| format!("no size of the kernel's {}", self.name))
    }

    /// Returns a member's offset in bytes. The path may lead through members of members, such as `["ns", "inum"]`.
    pub fn offset(&self, path: &[&str]) -> Result<u32> {
        let (mut at, mut bits) = (self.at, 0);
        for name in path {
            let found = self.types.member(at, name);
            let (place, member) = found.with_context(|| format!("the kernel's {} has no {name}", self.name))?;
            bits += place;
            at = member;
        }
        Ok(bits / 8)
    }
}

const fn kind_of(info: u32) -> u32 {
    (info >> 24) & 0x1f
}

const fn members(info: u32) -> usize {
    (info & 0xffff) as usize
}

/// Returns the number of bytes that follow a type's first twelve.
const fn behind(info: u32) -> Option<usize> {
    let count = members(info);
    match kind_of(info) {
        // These are an integer, a variable and a tag of a declaration.
        1 | 14 | 17 => Some(4),
        // This is an array.
        3 => Some(12),
        // These are structures, unions, sections and 64-bit enumerations.
        4 | 5 | 15 | 19 => Some(12 * count),
        // These are enumerations and prototypes.
        6 | 13 => Some(8 * count),
        // These only refer to another type.
        2 | 7..=12 | 16 | 18 => Some(0),
        _ => None,
    }
}

struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        Some(u16::from_ne_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    fn u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_ne_bytes(*self.0.get(at..)?.first_chunk()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::probe::offsets::VMLINUX;

    #[test]
    fn the_running_kernels_types_are_read() {
        let Ok(bytes) = std::fs::read(VMLINUX) else { return };
        let types = KernelTypes::read(&bytes).unwrap();
        assert_eq!(types.structure("list_head").unwrap().offset(&["prev"]).unwrap(), 8);
        assert_eq!(types.parameter("cap_capable", 2).unwrap(), "cap");
        assert_eq!(types.parameter("cap_capable", 3).unwrap(), "opts");
        assert!(types.parameter("cap_capable", 4).is_err());
        assert!(types.structure("list_head").unwrap().offset(&["none"]).is_err());
        assert!(types.structure("no_such_structure").is_err());
    }

    #[test]
    fn the_numbers_alone_are_those_of_the_whole() {
        let Ok(bytes) = std::fs::read(VMLINUX) else { return };
        let types = KernelTypes::read(&bytes).unwrap();
        let few = types.numbers_of(&["sched_process_exec", "no_such_tracepoint"], &["cap_capable"]);
        assert!(aya::Btf::parse(&few, aya::Endianness::default()).is_ok());
        let few = KernelTypes::read(&few).unwrap();
        for (name, kind) in [("btf_trace_sched_process_exec", kind::TYPEDEF), ("cap_capable", kind::FUNC)] {
            assert!(few.find(name, kind).is_some(), "{name}");
            assert_eq!(few.find(name, kind), types.find(name, kind), "{name}");
        }
        assert_eq!(few.find("btf_trace_no_such_tracepoint", kind::TYPEDEF), None);
        assert_eq!(few.find("task_struct", kind::STRUCT), None);
    }

    #[test]
    fn a_member_of_an_unnamed_part_is_found() {
        let Ok(bytes) = std::fs::read(VMLINUX) else { return };
        let types = KernelTypes::read(&bytes).unwrap();
        // struct sock starts with `struct sock_common __sk_common`. In struct file, f_path is inside an unnamed union
        // since 6.x.
        assert!(types.structure("file").unwrap().offset(&["f_path", "dentry"]).is_ok());
    }

    #[test]
    fn no_damage_makes_it_panic() {
        let Ok(bytes) = std::fs::read(VMLINUX) else { return };
        for length in (0..200).chain([1000, 5000, bytes.len() / 2]) {
            let _ = KernelTypes::read(&bytes[..length])
                .map(|types| types.structure("task_struct").and_then(|task| task.offset(&["pid"])));
        }
        let mut bent = bytes[..4096.min(bytes.len())].to_vec();
        for at in 0..256 {
            bent[at] ^= 0xff;
            let _ = KernelTypes::read(&bent)
                .map(|types| types.structure("task_struct").and_then(|task| task.offset(&["pid"])));
            bent[at] ^= 0xff;
        }
    }
}
