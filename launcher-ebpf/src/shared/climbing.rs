//! The way up from a file to the root of its mounts.

/// How far it has come.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Climbing {
    /// The directory entry.
    pub entry: u64,
    /// The mount that it is in.
    pub vfsmount: u64,
    /// Not 0 at the root of all mounts.
    pub whole: u64,
}
