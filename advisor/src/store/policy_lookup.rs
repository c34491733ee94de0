//! Finds a policy by its name or its path: enabled, disabled, or shipped.

use crate::output::error::hinted;
use crate::store::bounded_read;
use crate::store::enabled;
use anyhow::Result;
use capwrap_core::paths;
use capwrap_core::policy;
use capwrap_core::policy::MAX_BYTES;
use capwrap_core::policy::Policy;
use capwrap_core::text::nearest;
use std::path::{Path, PathBuf};

/// A policy and where it was read from.
pub struct Source {
    /// The name that users type: the file's name without `.toml`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The parsed policy.
    pub policy: Policy,
}

/// Loads the policy that a word means. The word is a path if it has a `/` or ends in `.toml`, and otherwise a name.
pub fn load(word: &str) -> Result<Source> {
    let path = if is_path(word) { PathBuf::from(word) } else { find(word)? };
    let text = text(&path)?;
    let policy = read(&text, &path)?;
    let name = path.file_stem().map_or_else(|| word.to_owned(), |stem| stem.to_string_lossy().into_owned());
    Ok(Source { name, path, policy })
}

/// Whether a word means a file and not a policy's name.
pub fn is_path(word: &str) -> bool {
    word.contains('/') || Path::new(word).extension().is_some_and(|extension| extension == "toml")
}

/// Returns the path of the enabled policy, otherwise of the disabled one, otherwise of the shipped one.
pub fn find(name: &str) -> Result<PathBuf> {
    if let Some(found) = places(checked(name)?).into_iter().find(|place| place.exists()) {
        return Ok(found);
    }
    let templates = templates();
    let shipped = enabled::names_in(&templates).unwrap_or_default();
    let near = nearest::name(name, shipped.iter().map(String::as_str));
    Err(hinted(
        format!("no policy for {name:?}: not in {}, nor shipped in {}", paths::POLICIES, templates.display()),
        near.map_or(format!("write one, capwrap.toml(5), or find out with `capwrap --learn {name}`"), |near| {
            format!("did you mean {near}?")
        }),
    ))
}

/// Whether a word is the name of a policy that is enabled, disabled or shipped.
pub fn is_there(word: &str) -> bool {
    policy::is_name(word) && !is_path(word) && places(word).iter().any(|place| place.exists())
}

/// Returns where the policy of this name may lie, in the order in which it is looked up: enabled, disabled, shipped.
pub fn places(name: &str) -> [PathBuf; 3] {
    [enabled::path(name), disabled(name), templates().join(format!("{name}.toml"))]
}

/// Returns the path at which the policy of this name is kept while it is not enabled.
pub fn disabled(name: &str) -> PathBuf {
    Path::new(paths::DISABLED).join(format!("{name}.toml"))
}

/// Returns the directory of the shipped policies.
pub fn templates() -> PathBuf {
    Path::new(paths::PREFIX).join(paths::TEMPLATES)
}

/// Returns the name if it is valid.
pub fn checked(name: &str) -> Result<&str> {
    if policy::is_name(name) {
        return Ok(name);
    }
    Err(hinted(format!("{name:?} is no name of a policy"), "letters, digits and ._+-, as in mtr-packet"))
}

/// Reads the text of a policy file.
pub fn text(path: &Path) -> Result<String> {
    bounded_read::text_of(path, MAX_BYTES)
}

/// Parses the text of a policy file. An error contains the path of `source`.
pub fn read(text: &str, source: &Path) -> Result<Policy> {
    Policy::read(text).map_err(|error| {
        let what = format!("{}:{error}", source.display());
        match error.hint {
            Some(hint) => hinted(what, hint),
            None => anyhow::anyhow!(what),
        }
    })
}
