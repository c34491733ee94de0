//! The path up from a file to the root of its mounts.

/// The progress on this path.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Climbing {
    /// The directory entry.
    pub entry: u64,
    /// The mount that it is in.
    pub vfsmount: u64,
    /// Not 0 once the root of all mounts is reached.
    pub whole: u64,
}
