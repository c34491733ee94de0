//! The kernel's resource limits and their values.

use std::fmt;

/// One of the kernel's resource limits, by its number. The names are those of getrlimit(2) in lower
/// case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource(usize);

/// The names of the limits, each at the index that is its number in
/// `include/uapi/asm-generic/resource.h`. (alpha, mips and sparc number some of them differently;
/// capwrap is not built for those.)
pub const RESOURCES: [&str; 16] = [
    "cpu",
    "fsize",
    "data",
    "stack",
    "core",
    "rss",
    "nproc",
    "nofile",
    "memlock",
    "as",
    "locks",
    "sigpending",
    "msgqueue",
    "nice",
    "rtprio",
    "rttime",
];

impl Resource {
    /// The size of a core dump.
    pub const CORE: Self = Self(4);

    /// Returns all limits.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..RESOURCES.len()).map(Self)
    }

    /// Returns the limit of that name.
    pub fn parse(name: &str) -> Option<Self> {
        RESOURCES.iter().position(|known| *known == name).map(Self)
    }

    /// Returns the limit's number, for prlimit(2).
    pub const fn number(self) -> usize {
        self.0
    }

    /// Returns the limit's name.
    pub fn name(self) -> &'static str {
        RESOURCES[self.0]
    }
}

/// The value of a limit, in the kernel's unit for that resource (bytes, seconds, a count).
/// `u64::MAX` means unlimited, as in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit(pub u64);

impl Limit {
    /// No limit.
    pub const UNLIMITED: Self = Self(u64::MAX);
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UNLIMITED => out.write_str("unlimited"),
            Self(value) => value.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_the_numbers_of_the_c_library() {
        let theirs = [
            ("cpu", libc::RLIMIT_CPU),
            ("fsize", libc::RLIMIT_FSIZE),
            ("data", libc::RLIMIT_DATA),
            ("stack", libc::RLIMIT_STACK),
            ("core", libc::RLIMIT_CORE),
            ("rss", libc::RLIMIT_RSS),
            ("nproc", libc::RLIMIT_NPROC),
            ("nofile", libc::RLIMIT_NOFILE),
            ("memlock", libc::RLIMIT_MEMLOCK),
            ("as", libc::RLIMIT_AS),
            ("locks", libc::RLIMIT_LOCKS),
            ("sigpending", libc::RLIMIT_SIGPENDING),
            ("msgqueue", libc::RLIMIT_MSGQUEUE),
            ("nice", libc::RLIMIT_NICE),
            ("rtprio", libc::RLIMIT_RTPRIO),
            ("rttime", libc::RLIMIT_RTTIME),
        ];
        assert_eq!(theirs.len(), RESOURCES.len());
        for (name, number) in theirs {
            assert_eq!(Resource::parse(name).map(Resource::number), Some(number as usize), "{name}");
        }
    }
}
