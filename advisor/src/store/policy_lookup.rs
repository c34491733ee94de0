//! A policy by its name or by its path: enabled, disabled, or shipped.

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

/// Where a disabled policy is kept.
pub const DISABLED: &str = "/etc/capwrap/disabled";

/// A policy and where it was read from.
pub struct Source {
    /// What users type: the file's name without `.toml`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub policy: Policy,
}

/// The policy that a word means: a path where it has a `/` or ends in `.toml`, else a name.
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

/// The enabled policy, else the disabled one, else the shipped one.
pub fn find(name: &str) -> Result<PathBuf> {
    let file = format!("{}.toml", checked(name)?);
    let templates = templates();
    let places = [enabled::path(name), Path::new(DISABLED).join(&file), templates.join(&file)];
    if let Some(found) = places.into_iter().find(|place| place.exists()) {
        return Ok(found);
    }
    let shipped = enabled::names_in(&templates).unwrap_or_default();
    let near = nearest::name(name, shipped.iter().map(String::as_str));
    Err(hinted(
        format!("no policy for {name:?}: not in {}, nor shipped in {}", paths::POLICIES, templates.display()),
        near.map_or(format!("write one, capwrap.toml(5), or find out with `capwrap --learn {name}`"), |near| {
            format!("capwrap enable {near}")
        }),
    ))
}

/// Where the shipped policies lie.
pub fn templates() -> PathBuf {
    Path::new(paths::PREFIX).join(paths::TEMPLATES)
}

/// The name, if it can be one.
pub fn checked(name: &str) -> Result<&str> {
    if policy::is_name(name) {
        return Ok(name);
    }
    Err(hinted(format!("{name:?} is no name of a policy"), "letters, digits and ._+-, as in mtr-packet"))
}

/// The text of a policy file.
pub fn text(path: &Path) -> Result<String> {
    bounded_read::text_of(path, MAX_BYTES)
}

/// What the text of a file says.
pub fn read(text: &str, source: &Path) -> Result<Policy> {
    Policy::read(text).map_err(|error| {
        let what = format!("{}:{error}", source.display());
        match error.hint {
            Some(hint) => hinted(what, hint),
            None => anyhow::anyhow!(what),
        }
    })
}
