//! Names for the kernel's addresses, for call sites that the kernel did not name itself.

use std::fs::File;
use std::io::{BufRead, BufReader};

/// The kernel's functions by address, sorted. The list is empty if the kernel hides its addresses.
#[derive(Default)]
pub struct Symbols(Vec<(u64, String)>);

impl Symbols {
    /// Reads /proc/kallsyms. Zero addresses (without cap_syslog, or with kernel.kptr_restrict) name nothing.
    pub fn read() -> Self {
        let Ok(file) = File::open("/proc/kallsyms") else { return Self(Vec::new()) };
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        let mut symbols: Vec<_> = lines.filter_map(|line| function(&line)).collect();
        symbols.sort();
        Self(symbols)
    }

    /// Returns the function that contains this address.
    pub fn name(&self, address: u64) -> Option<&str> {
        let behind = self.0.partition_point(|(start, _)| *start <= address);
        behind.checked_sub(1).map(|at| self.0[at].1.as_str())
    }
}

/// Parses a line such as `ffffffff81000000 T name [module]`.
fn function(line: &str) -> Option<(u64, String)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok().filter(|address| *address != 0)?;
    let kind = words.next()?;
    let name = words.next()?;
    matches!(kind, "t" | "T" | "w" | "W").then(|| (address, name.to_owned()))
}
