//! Names for the kernel's addresses, where the kernel itself did not give them with the call site.

use std::fs::File;
use std::io::{BufRead, BufReader};

/// The kernel's functions by address, sorted. Empty where the kernel hides its addresses.
#[derive(Default)]
pub struct Symbols(Vec<(u64, String)>);

impl Symbols {
    /// Reads /proc/kallsyms: zeroes there (no cap_syslog, kernel.kptr_restrict) name nothing.
    pub fn read() -> Self {
        let Ok(file) = File::open("/proc/kallsyms") else { return Self(Vec::new()) };
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        let mut symbols: Vec<_> = lines.filter_map(|line| function(&line)).collect();
        symbols.sort();
        Self(symbols)
    }

    /// The function that this address lies in.
    pub fn name(&self, address: u64) -> Option<&str> {
        let behind = self.0.partition_point(|(start, _)| *start <= address);
        behind.checked_sub(1).map(|at| self.0[at].1.as_str())
    }
}

/// `ffffffff81000000 T name [module]`
fn function(line: &str) -> Option<(u64, String)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok().filter(|address| *address != 0)?;
    let kind = words.next()?;
    let name = words.next()?;
    matches!(kind, "t" | "T" | "w" | "W").then(|| (address, name.to_owned()))
}
