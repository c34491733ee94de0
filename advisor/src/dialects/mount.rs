//! The mounts of the host's files in a container: `SOURCE:TARGET[:OPTIONS]`.

use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::text::printable;
use std::fmt;

/// One bind mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The host's path, which is absolute.
    pub source: String,
    /// The container's path, which is absolute.
    pub target: String,
    /// The options behind the second colon, such as `ro` and `rslave`.
    pub options: Vec<String>,
}

/// The options for mount propagation, each with the name that Kubernetes has for it, if any.
pub const PROPAGATIONS: [(&str, Option<&str>); 6] = [
    ("private", None),
    ("rprivate", None),
    ("slave", Some("HostToContainer")),
    ("rslave", Some("HostToContainer")),
    ("shared", Some("Bidirectional")),
    ("rshared", Some("Bidirectional")),
];

impl Mount {
    /// Reads the mounts of a policy.
    ///
    /// # Errors
    /// A mount does not have two absolute paths.
    pub fn read_all(texts: &[String]) -> Result<Vec<Self>> {
        texts.iter().map(|text| Self::read(text)).collect()
    }

    fn read(text: &str) -> Result<Self> {
        let mut parts = text.split(':');
        let (source, target, options) = (parts.next(), parts.next(), parts.next());
        match (source, target, parts.next()) {
            (Some(source), Some(target), None) if source.starts_with('/') && target.starts_with('/') => {
                let options = options.unwrap_or_default().split(',').filter(|option| !option.is_empty());
                Ok(Self {
                    source: source.to_owned(),
                    target: target.to_owned(),
                    options: options.map(str::to_owned).collect(),
                })
            }
            _ => Err(hinted(
                format!("cannot export the mount \"{}\"", printable::text(text)),
                "write it as /SOURCE:/TARGET or /SOURCE:/TARGET:ro in the policy's [container]",
            )),
        }
    }

    /// Writes the mount as Docker, Podman and Compose read it.
    pub fn volume(&self) -> String {
        match self.options.join(",") {
            options if options.is_empty() => format!("{}:{}", self.source, self.target),
            options => format!("{}:{}:{options}", self.source, self.target),
        }
    }

    /// Whether the mount is read-only.
    pub fn read_only(&self) -> bool {
        self.options.iter().any(|option| option == "ro")
    }

    /// Returns the mount propagation, if the options state it.
    pub fn propagation(&self) -> Option<&'static (&'static str, Option<&'static str>)> {
        PROPAGATIONS.iter().find(|(name, _)| self.options.iter().any(|option| option == name))
    }

    /// Returns the options that only Docker and Podman know, such as the labels `z` and `Z`.
    pub fn engine_options(&self) -> impl Iterator<Item = &str> {
        let general =
            |option: &str| ["ro", "rw"].contains(&option) || PROPAGATIONS.iter().any(|(name, _)| *name == option);
        self.options.iter().map(String::as_str).filter(move |option| !general(option))
    }
}

/// A bind mount as comparisons see it: the host's path, the container's path, and whether it can be written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BindMount {
    pub source: String,
    pub target: String,
    pub read_only: bool,
}

impl BindMount {
    /// Makes a mount of these paths.
    pub fn new(source: &str, target: &str, read_only: bool) -> Self {
        Self { source: source.to_owned(), target: target.to_owned(), read_only }
    }

    /// Reads a mount as `SOURCE:TARGET[:OPTIONS]`. It returns `None` for a named or anonymous volume, which is not the
    /// host's.
    pub fn of_volume(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (source, target) = (parts.next()?, parts.next()?);
        let read_only = parts.next().is_some_and(|options| options.split(',').any(|option| option == "ro"));
        source.starts_with(['/', '.', '~']).then(|| Self::new(source, target, read_only))
    }
}

impl fmt::Display for BindMount {
    /// Writes a mount in one spelling, however its options were written.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}{}", self.source, self.target, if self.read_only { ":ro" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_read_and_written_as_it_was() {
        for text in ["/a:/b", "/a:/b:ro", "/a b:/c'd:ro,rslave,z"] {
            assert_eq!(Mount::read(text).unwrap().volume(), text);
        }
        let mount = Mount::read("/a:/b:ro,rslave,z").unwrap();
        assert!(mount.read_only());
        assert_eq!(mount.propagation().unwrap().1, Some("HostToContainer"));
        assert_eq!(mount.engine_options().collect::<Vec<_>>(), ["z"]);
    }

    #[test]
    fn what_is_no_pair_of_absolute_paths_is_refused() {
        for text in ["", "/a", "a:/b", "/a:b", "/a:/b:ro:x"] {
            assert!(Mount::read(text).is_err(), "{text:?}");
        }
    }
}
