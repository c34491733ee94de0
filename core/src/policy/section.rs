//! Reads one table of a policy file, key by key, with errors that point at their place.

use crate::policy::PolicyError;
use crate::policy::error::Lines;
use crate::text::{nearest, printable};
use crate::{Capability, CapabilitySet, UnknownCapability};
use std::ops::Range;
use std::path::{Component, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Value<'d> = Spanned<DeValue<'d>>;

/// A table, its name as a person would call it, and the text that it came from.
pub(super) struct Section<'d> {
    text: &'d str,
    lines: &'d Lines,
    name: &'static str,
    span: Range<usize>,
    table: &'d DeTable<'d>,
}

impl<'d> Section<'d> {
    /// Takes a table in which every key must be one of `known`.
    pub fn new(
        text: &'d str,
        lines: &'d Lines,
        name: &'static str,
        span: Range<usize>,
        table: &'d DeTable<'d>,
        known: &[&str],
    ) -> Result<Self, PolicyError> {
        let section = Self { text, lines, name, span, table };
        // The error must show the first fault of the file, but the table is sorted by key.
        let unknown = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        match unknown.min_by_key(|key| key.span().start) {
            None => Ok(section),
            Some(key) => Err(section
                .error(key.span(), format!("unknown key `{}` in {name}", printable::text(key.get_ref().as_ref())))
                .with_hint(match nearest::name(key.get_ref(), known.iter().copied()) {
                    Some(near) => format!("write `{near}`"),
                    None => format!("the keys of {name} are {}", known.join(", ")),
                })),
        }
    }

    /// Returns a table inside this one.
    pub fn section(&self, key: &str, name: &'static str, known: &[&str]) -> Result<Option<Self>, PolicyError> {
        self.get(key).map(|value| self.table_of(value, name, known)).transpose()
    }

    /// Returns every table of an array of tables inside this one.
    pub fn sections(&self, key: &str, name: &'static str, known: &[&str]) -> Result<Vec<Self>, PolicyError> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let DeValue::Array(items) = value.get_ref() else {
            return Err(self.wrong_type(value, key, "an array of tables").with_hint(format!("write {name}")));
        };
        items.iter().map(|item| self.table_of(item, name, known)).collect()
    }

    fn table_of(&self, value: &'d Value<'d>, name: &'static str, known: &[&str]) -> Result<Self, PolicyError> {
        match value.get_ref() {
            DeValue::Table(table) => Self::new(self.text, self.lines, name, value.span(), table, known),
            _ => Err(self.wrong_type(value, name, "a table")),
        }
    }

    pub fn get(&self, key: &str) -> Option<&'d Value<'d>> {
        self.table.get(key)
    }

    /// Returns the keys and values in the order of the file.
    pub fn entries(&self) -> Vec<(&'d Spanned<toml::de::DeString<'d>>, &'d Value<'d>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
    }

    /// Returns the line that the table starts on.
    pub fn line(&self) -> usize {
        self.lines.number(self.span.start)
    }

    pub fn string(&self, key: &str) -> Result<Option<&'d str>, PolicyError> {
        self.get(key).map(|value| self.as_string(value, key)).transpose()
    }

    pub fn boolean(&self, key: &str, default: bool) -> Result<bool, PolicyError> {
        match self.get(key).map(|value| (value, value.get_ref())) {
            None => Ok(default),
            Some((_, DeValue::Boolean(value))) => Ok(*value),
            Some((value, _)) => Err(self.wrong_type(value, key, "true or false")),
        }
    }

    /// Reads a string, or a list of strings, each by `read`, which says what is wrong with it.
    pub fn list<T>(&self, key: &str, read: impl Fn(&str) -> Result<T, Fault>) -> Result<Vec<T>, PolicyError> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(value) => self.list_of(value, key, read),
        }
    }

    pub fn list_of<T>(
        &self,
        value: &'d Value<'d>,
        key: &str,
        read: impl Fn(&str) -> Result<T, Fault>,
    ) -> Result<Vec<T>, PolicyError> {
        let one = |value: &'d Value<'d>| {
            let text = self.as_string(value, key)?;
            read(text).map_err(|fault| self.fault(value.span(), fault))
        };
        match value.get_ref() {
            DeValue::Array(items) if items.is_empty() => {
                Err(self.error(value.span(), format!("`{key}` is an empty list, which says nothing")))
            }
            DeValue::Array(items) => items.iter().map(one).collect(),
            _ => Ok(vec![one(value)?]),
        }
    }

    /// Reads one string by `read`.
    pub fn one<T>(&self, key: &str, read: impl Fn(&str) -> Result<T, Fault>) -> Result<Option<T>, PolicyError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let text = self.as_string(value, key)?;
        read(text).map(Some).map_err(|fault| self.fault(value.span(), fault))
    }

    /// Reads a list of capabilities, which must be present.
    pub fn capabilities(&self, key: &str) -> Result<CapabilitySet, PolicyError> {
        if self.get(key).is_none() {
            return Err(self.error(self.span.clone(), format!("{} without `{key}` grants nothing", self.name)));
        }
        Ok(self.list(key, capability)?.into_iter().collect())
    }

    pub fn as_string(&self, value: &'d Value<'d>, key: &str) -> Result<&'d str, PolicyError> {
        match value.get_ref() {
            DeValue::String(text) if text.contains('\0') => {
                Err(self.error(value.span(), format!("`{key}` holds a NUL, which no name or path can")))
            }
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong_type(value, key, "a string")),
        }
    }

    pub fn wrong_type(&self, value: &Value<'_>, key: &str, wanted: &str) -> PolicyError {
        let found = value.get_ref().type_str();
        self.error(value.span(), format!("`{key}` wants {wanted}, not {} {found}", article(found)))
    }

    /// Makes an error about this table as a whole.
    pub fn whole(&self, message: impl Into<String>) -> PolicyError {
        self.error(self.span.clone(), message)
    }

    pub fn error(&self, span: Range<usize>, message: impl Into<String>) -> PolicyError {
        PolicyError::new(self.text, span, message)
    }

    pub fn fault(&self, span: Range<usize>, fault: Fault) -> PolicyError {
        let error = self.error(span, fault.message);
        match fault.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

/// What is wrong with one value, before its place in the file is known.
pub(super) struct Fault {
    message: String,
    hint: Option<String>,
}

impl Fault {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// Makes the fault of a value that is none of the `known` ones.
    pub fn not_one_of(what: &str, given: &str, known: &[&str]) -> Self {
        Self::new(format!("unknown {what} {given:?}")).with_hint(match nearest::name(given, known.iter().copied()) {
            Some(near) => format!("write {near:?}"),
            None => format!("known: {}", known.join(", ")),
        })
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads one of a few words. If the key is missing, the first word applies.
pub(super) fn choice<T: Copy>(section: &Section, key: &str, words: &[(&str, T)]) -> Result<T, PolicyError> {
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let chosen = section.one(key, |text| match words.iter().find(|(word, _)| *word == text) {
        Some((_, meaning)) => Ok(*meaning),
        None => Err(Fault::not_one_of(&format!("value of `{key}`"), text, &known)),
    })?;
    Ok(chosen.unwrap_or(words[0].1))
}

/// Reads a path that stands for one file, whatever the working directory is.
pub(super) fn absolute_path(text: &str) -> Result<PathBuf, Fault> {
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        return Err(
            Fault::new("a relative path would mean another file in every folder").with_hint("write the path from / on")
        );
    }
    if path.components().any(|part| part == Component::ParentDir) || path.file_name().is_none() {
        return Err(Fault::new("a path with `..`, or to no file").with_hint("write the path as `realpath` prints it"));
    }
    Ok(path)
}

/// Reads the name of a capability.
pub(super) fn capability(text: &str) -> Result<Capability, Fault> {
    Capability::parse(text).map_err(|error| unknown_capability(&error))
}

/// Makes the fault of a name that no capability has.
pub(super) fn unknown_capability(error: &UnknownCapability) -> Fault {
    let fault = Fault::new(error.to_string());
    match error.nearest {
        Some(near) => fault.with_hint(format!("write \"{near}\"")),
        None => fault.with_hint("capabilities(7) lists them all"),
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
