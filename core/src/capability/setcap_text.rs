//! The text of file capabilities, as setcap(8) reads it and getcap(8) prints it.
//!
//! A clause is a list of names, an operator and flags: `cap_net_raw,cap_bpf=ep`. Clauses are
//! separated by blanks, and each changes what the clauses before it set (cap_from_text(3)). This
//! module prints what libcap 2.66 prints for the same file; comparing the two showed this.

use crate::capability::set::CapabilitySet;
use crate::capability::{Capability, UnknownCapability};
use crate::policy::FileCapabilities;
use std::fmt;

/// The flags of one capability, as bits of a number from 0 to 7, in the order in which libcap
/// prints them.
const FLAGS: [(u8, char); 3] = [(1, 'e'), (4, 'i'), (2, 'p')];
/// The number of bits in a capability set.
const BITS: u8 = 64;
/// The number of capabilities that have names.
const NAMED: u8 = crate::TABLE.len() as u8;

/// Text that does not describe file capabilities, or describes some that a file cannot carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotationError {
    /// A name that no capability has.
    Unknown(UnknownCapability),
    /// Text that is not a clause.
    Clause(String),
    /// Some capabilities are effective and others are not, but a file has only one bit for all of
    /// them.
    Effective,
}

impl fmt::Display for NotationError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(unknown) => unknown.fmt(out),
            Self::Clause(clause) => write!(out, "{clause:?} is no clause of file capabilities"),
            Self::Effective => out.write_str("a file's capabilities are effective all together or not at all"),
        }
    }
}

impl std::error::Error for NotationError {}

impl FileCapabilities {
    /// Reads the notation.
    ///
    /// # Errors
    /// The text is one that libcap would also refuse.
    pub fn parse(text: &str) -> Result<Self, NotationError> {
        let ProcessSets { effective, permitted, inheritable } = ProcessSets::parse(text)?;
        if !effective.is_empty() && effective != permitted.union(inheritable) {
            return Err(NotationError::Effective);
        }
        Ok(Self { effective: !effective.is_empty(), permitted, inheritable })
    }

    fn flags(&self, bit: u8) -> u8 {
        let has = |set: CapabilitySet| set.mask() >> bit & 1 != 0;
        let own = (u8::from(has(self.permitted)) * 2) | (u8::from(has(self.inheritable)) * 4);
        own | u8::from(self.effective && own != 0)
    }
}

/// The sets of a process, as libcap writes them in the same notation (cap_to_text(3)). Unlike those of a file, the
/// effective ones may be any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessSets {
    /// What the kernel checks.
    pub effective: CapabilitySet,
    /// What the process can make effective.
    pub permitted: CapabilitySet,
    /// What an exec of a file with the same bits keeps.
    pub inheritable: CapabilitySet,
}

impl ProcessSets {
    /// Reads the notation.
    ///
    /// # Errors
    /// The text is one that libcap would also refuse.
    pub fn parse(text: &str) -> Result<Self, NotationError> {
        let mut flags = [0; BITS as usize];
        let mut clauses = text.split_ascii_whitespace().peekable();
        if clauses.peek().is_none() {
            return Err(NotationError::Clause(text.to_owned()));
        }
        for clause in clauses {
            apply(clause, &mut flags)?;
        }
        let set = |flag: u8| {
            CapabilitySet::from_mask(
                (0..BITS).fold(0, |mask, bit| mask | u64::from(flags[usize::from(bit)] & flag != 0) << bit),
            )
        };
        Ok(Self { effective: set(1), permitted: set(2), inheritable: set(4) })
    }
}

/// Applies the changes of one clause.
fn apply(clause: &str, flags: &mut [u8; BITS as usize]) -> Result<(), NotationError> {
    let bad = || NotationError::Clause(clause.to_owned());
    let at = clause.find(['=', '+', '-']).ok_or_else(bad)?;
    let (list, mut actions) = clause.split_at(at);
    // An empty list means all capabilities. It is allowed with `=` alone.
    if list.is_empty() && !actions.starts_with('=') {
        return Err(bad());
    }
    let bits = listed(list)?;
    while let Some(operator) = actions.chars().next() {
        let rest = &actions[1..];
        let end = rest.find(['=', '+', '-']).unwrap_or(rest.len());
        let mut named = 0;
        for letter in rest[..end].chars() {
            named |= FLAGS.iter().find(|(_, known)| *known == letter).ok_or_else(bad)?.0;
        }
        if named == 0 && operator != '=' {
            return Err(bad());
        }
        for bit in (0..BITS).filter(|bit| bits >> bit & 1 != 0) {
            let own = &mut flags[usize::from(bit)];
            *own = match operator {
                '=' => named,
                '+' => *own | named,
                _ => *own & !named,
            };
        }
        actions = &rest[end..];
    }
    Ok(())
}

fn listed(list: &str) -> Result<u64, NotationError> {
    if list.is_empty() || list.eq_ignore_ascii_case("all") {
        return Ok((1 << NAMED) - 1);
    }
    list.split(',').try_fold(0, |bits, name| {
        let number = match name.parse::<u8>() {
            Ok(number) if number < BITS && name.bytes().all(|byte| byte.is_ascii_digit()) => number,
            _ => Capability::parse(name).map_err(NotationError::Unknown)?.number(),
        };
        Ok(bits | 1 << number)
    })
}

/// Formats as getcap prints it; `=` means no capabilities at all.
impl fmt::Display for FileCapabilities {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.commonest();
        if base != 0 {
            write!(out, "={}", letters(base))?;
        }
        let mut is_first = base == 0;
        for flags in (0..8).rev().filter(|flags| *flags != base) {
            let names: Vec<&str> = (0..NAMED)
                .filter(|bit| self.flags(*bit) == flags)
                .filter_map(Capability::from_number)
                .map(Capability::name)
                .collect();
            if names.is_empty() {
                continue;
            }
            let names = names.join(",");
            if is_first {
                write!(out, "{names}={}", letters(flags))?;
                is_first = false;
                continue;
            }
            write!(out, " {names}")?;
            for (operator, changed) in [('+', flags & !base), ('-', base & !flags)] {
                if changed != 0 {
                    write!(out, "{operator}{}", letters(changed))?;
                }
            }
        }
        if is_first {
            out.write_str("=")?;
        }
        for flags in (1..8).rev() {
            let bits = (NAMED..BITS).filter(|bit| self.flags(*bit) == flags);
            let bits: Vec<String> = bits.map(|bit| bit.to_string()).collect();
            if !bits.is_empty() {
                write!(out, " {}+{}", bits.join(","), letters(flags))?;
            }
        }
        Ok(())
    }
}

impl FileCapabilities {
    /// Returns the flags that most of the named capabilities have. They are the base that the
    /// clauses change. If several are equally common, it returns the lowest number.
    fn commonest(&self) -> u8 {
        let mut counts = [0; 8];
        (0..NAMED).for_each(|bit| counts[usize::from(self.flags(bit))] += 1);
        (0..8).rev().max_by_key(|flags| counts[usize::from(*flags)]).unwrap_or_default()
    }
}

fn letters(flags: u8) -> String {
    FLAGS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, letter)| *letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carries(effective: bool, permitted: u64, inheritable: u64) -> FileCapabilities {
        let (permitted, inheritable) = (CapabilitySet::from_mask(permitted), CapabilitySet::from_mask(inheritable));
        FileCapabilities { effective, permitted, inheritable }
    }

    #[test]
    fn it_is_printed_as_getcap_prints_it() {
        const ALL: u64 = (1 << 41) - 1;
        // Each line is what getcap of libcap 2.66 printed for a file with this attribute.
        for (effective, permitted, inheritable, text) in [
            (false, 0, 0, "="),
            (true, 1 << 13, 0, "cap_net_raw=ep"),
            (true, 0, 1 << 13, "cap_net_raw=ei"),
            (true, 1 << 13, 1 << 12, "cap_net_admin=ei cap_net_raw+ep"),
            (false, 3 << 12, 1 << 12 | 3, "cap_net_admin=ip cap_chown,cap_dac_override+i cap_net_raw+p"),
            (false, ALL, 0, "=p"),
            (true, ALL & !(1 << 21), 0, "=ep cap_sys_admin-ep"),
            (true, ALL & !1, 1, "=ep cap_chown+i-p"),
            (true, 1 << 41, 0, "= 41+ep"),
            (true, 1 << 50 | 1 << 13, 1 << 51, "cap_net_raw=ep 51+ei 50+ep"),
            (true, !(7 << 41), 3 << 41, &format!("=ep 41,42+ei {}+ep", numbers(44..64))),
        ] {
            let carries = carries(effective, permitted, inheritable);
            assert_eq!(carries.to_string(), text);
            assert_eq!(FileCapabilities::parse(text), Ok(carries), "{text}");
        }
    }

    fn numbers(range: std::ops::Range<u8>) -> String {
        range.map(|number| number.to_string()).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn what_is_printed_is_read_as_the_same() {
        // A simple generator yields masks that are spread over all bits, without a library for
        // random numbers.
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..if cfg!(miri) { 20 } else { 2000 } {
            let sparse = next() & next() & next();
            let carries = carries(next() & 1 != 0, next() & next() | sparse, next() | sparse);
            assert_eq!(FileCapabilities::parse(&carries.to_string()), Ok(carries), "{carries}");
        }
    }

    #[test]
    fn clauses_are_read_as_libcap_reads_them() {
        for (text, same) in [
            ("CAP_NET_RAW+ep", "cap_net_raw=ep"),
            ("all=ep", "=ep"),
            ("=", "="),
            ("=ep 21-ep", "=ep cap_sys_admin-ep"),
            ("cap_net_raw=eip-i", "cap_net_raw=ep"),
            ("  net_raw=p\tcap_bpf+p ", "cap_net_raw,cap_bpf=p"),
        ] {
            assert_eq!(FileCapabilities::parse(text).map(|read| read.to_string()), Ok(same.to_owned()), "{text}");
        }
        for bad in
            ["", " ", "cap_net_raw", "+ep", "cap_net_raw=x", "cap_net_raw+", "cap_nosuch=ep", "64=ep", "a,=p", "=é"]
        {
            assert!(FileCapabilities::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(FileCapabilities::parse("cap_net_raw=ep cap_bpf=p"), Err(NotationError::Effective));
    }
}
