//! Users and groups that policies name, as this machine knows them.
//!
//! The launcher asks the local files alone. Here NSS may be asked: a name that only a directory
//! server knows is reported with the number to write.

use capwrap_core::decision::accounts;
use capwrap_core::policy::Identity;
use capwrap_core::text::nearest;
use nix::unistd::{Group, User};

/// The local files, read once.
pub struct Names {
    passwd: String,
    group: String,
}

/// What a name is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The launcher knows it by this number.
    Local(u32),
    /// A directory server knows it by this number, and the launcher does not.
    DirectoryServer(u32),
    /// Nobody knows it.
    Unknown,
}

/// Whether a name is a user's or a group's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    User,
    Group,
}

impl Of {
    /// As a sentence says it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }
}

impl Names {
    /// Reads the local files; a missing one knows nobody.
    pub fn read() -> Self {
        let text = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self { passwd: text("/etc/passwd"), group: text("/etc/group") }
    }

    /// What this identity is here.
    pub fn known(&self, of: Of, identity: &Identity) -> Known {
        let name = match identity {
            Identity::Id(id) => return Known::Local(*id),
            Identity::Name(name) => name,
        };
        let (local, elsewhere) = match of {
            Of::User => (
                accounts::user_id(&self.passwd, name),
                User::from_name(name).ok().flatten().map(|user| user.uid.as_raw()),
            ),
            Of::Group => (
                accounts::group_id(&self.group, name),
                Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw()),
            ),
        };
        match (local, elsewhere) {
            (Some(id), _) => Known::Local(id),
            (None, Some(id)) => Known::DirectoryServer(id),
            (None, None) => Known::Unknown,
        }
    }

    /// The number that the launcher takes it for.
    pub fn local(&self, of: Of, identity: &Identity) -> Option<u32> {
        match self.known(of, identity) {
            Known::Local(id) => Some(id),
            _ => None,
        }
    }

    /// The local name that is closest to one that nobody knows.
    pub fn nearest(&self, of: Of, identity: &Identity) -> Option<String> {
        let Identity::Name(name) = identity else { return None };
        let text = if of == Of::User { &self.passwd } else { &self.group };
        nearest::name(name, text.lines().filter_map(|line| line.split(':').next())).map(str::to_owned)
    }
}
