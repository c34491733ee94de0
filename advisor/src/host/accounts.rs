//! The users and groups that policies name, as this machine knows them.
//!
//! The launcher reads the local files alone. The advisor may also ask NSS: if only a directory server knows a name, the
//! advisor reports the number to write instead.

use capwrap_core::decision::accounts;
use capwrap_core::policy::Identity;
use capwrap_core::text::nearest;
use nix::unistd::{Group, User};

/// The local files, read once.
pub struct Names {
    passwd: String,
    group: String,
}

/// What this machine knows about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The local files have the name, and the launcher uses this number for it.
    Local(u32),
    /// A directory server gives the name this number. The launcher does not know the name.
    DirectoryServer(u32),
    /// Neither the local files nor a directory server know the name.
    Unknown,
}

/// Whether a name is a user's or a group's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    User,
    Group,
}

impl Of {
    /// The word that a message uses.
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }
}

impl Names {
    /// Reads the local files. A missing file has no names.
    pub fn read() -> Self {
        let text = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self { passwd: text("/etc/passwd"), group: text("/etc/group") }
    }

    /// Returns a user as a policy names it: by a name that the launcher knows, or else by number.
    pub fn in_policy(&self, name: Option<&str>, uid: u32) -> String {
        match name.filter(|name| accounts::user_id(&self.passwd, name) == Some(uid)) {
            Some(name) => name.to_owned(),
            None => format!("#{uid}"),
        }
    }

    /// Returns a group as a policy names it: by the name that the local file has, or else by number.
    pub fn group_in_policy(&self, gid: u32) -> String {
        let names = self.group.lines().filter_map(|line| line.split(':').next());
        let name = names.into_iter().find(|name| accounts::group_id(&self.group, name) == Some(gid));
        name.map_or_else(|| format!("#{gid}"), str::to_owned)
    }

    /// Returns what this machine knows about this identity.
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

    /// Returns the number that the launcher uses for this identity.
    pub fn local(&self, of: Of, identity: &Identity) -> Option<u32> {
        match self.known(of, identity) {
            Known::Local(id) => Some(id),
            _ => None,
        }
    }

    /// Returns the local name that is closest to an unknown name.
    pub fn nearest(&self, of: Of, identity: &Identity) -> Option<String> {
        let Identity::Name(name) = identity else { return None };
        let text = if of == Of::User { &self.passwd } else { &self.group };
        nearest::name(name, text.lines().filter_map(|line| line.split(':').next())).map(str::to_owned)
    }
}
