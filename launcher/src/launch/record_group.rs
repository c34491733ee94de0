//! The group by which the recorder knows the launcher. The launcher's file is set-group-ID, so that the process starts
//! with this group as its effective one.
//!
//! The group is not the caller's: nothing is judged by it, and nothing but the recorder's socket is reached with it. So
//! the launcher sets it aside as its first act, takes it around one connect(2), and drops it for good before it executes
//! anything. The value passes through the whole launch, and each way to an exec consumes it.

use crate::refusal::{OrRefuse, Refusal};
use crate::system::groups;
use nix::unistd::{Gid, getresgid};

/// The group, set aside.
#[derive(Debug)]
pub struct RecordGroup {
    /// The caller's.
    real: Gid,
    aside: Option<Gid>,
}

impl RecordGroup {
    /// Makes the caller's real group the effective one, and keeps what was effective as the saved one. Whether that is
    /// the recorder's group is judged with the caller (`caller::identify`).
    pub fn set_aside() -> Result<Self, Refusal> {
        let ids = getresgid().or_refuse(|| "read the group ids")?;
        if ids.effective == ids.real && ids.saved == ids.real {
            return Ok(Self { real: ids.real, aside: None });
        }
        groups::set(ids.real, ids.real, ids.effective).or_refuse(|| "set the group of the recorder aside")?;
        Ok(Self { real: ids.real, aside: Some(ids.effective) })
    }

    /// Drops the group for good after a launch that was refused, wherever it ended. What is returned is no group.
    pub fn given_up() -> Result<Self, Refusal> {
        let real = getresgid().or_refuse(|| "read the group ids")?.real;
        groups::set(real, real, real).or_refuse(|| "drop the group of the recorder")?;
        Ok(Self { real, aside: None })
    }

    /// Returns the group that was set aside, if the process started with one besides the caller's.
    pub const fn aside(&self) -> Option<Gid> {
        self.aside
    }

    /// Does one thing with the group, and drops it for good.
    pub fn last_use<T>(self, act: impl FnOnce() -> T) -> Result<T, Refusal> {
        if let Some(group) = self.aside {
            groups::set(self.real, group, group).or_refuse(|| "take the group of the recorder")?;
        }
        let outcome = act();
        self.drop_for_good()?;
        Ok(outcome)
    }

    /// Leaves the caller's real group alone in all three ids.
    pub fn drop_for_good(self) -> Result<(), Refusal> {
        match self.aside {
            Some(_) => groups::set(self.real, self.real, self.real).or_refuse(|| "drop the group of the recorder"),
            None => Ok(()),
        }
    }
}
