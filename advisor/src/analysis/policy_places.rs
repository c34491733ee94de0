//! Finds where the values of a policy stand in its text.

use std::ops::Range;
use toml_edit::{Document, Item, Value};

/// The parsed text, with the byte range of each value.
pub struct Places {
    document: Option<Document<String>>,
}

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'s> {
    Key(&'s str),
    At(usize),
}

impl Places {
    /// Parses a text. A text that is not TOML has no places.
    pub fn of(text: &str) -> Self {
        Self { document: Document::parse(text.to_owned()).ok() }
    }

    /// The byte range of the value at the end of these steps, or of the last step that exists.
    pub fn span(&self, steps: &[Step]) -> Range<usize> {
        let Some(document) = &self.document else { return 0..0 };
        let (mut here, mut last) = (Here::Item(document.as_item()), 0..0);
        for step in steps {
            let Some(next) = here.step(step) else { break };
            here = next;
            last = here.span().unwrap_or(last);
        }
        last
    }

    /// The strings at the end of these steps, which are one string or a list, each with its byte range.
    pub fn strings(&self, steps: &[Step]) -> Vec<(String, Range<usize>)> {
        let Some(document) = &self.document else { return Vec::new() };
        let mut here = Here::Item(document.as_item());
        for step in steps {
            match here.step(step) {
                Some(next) => here = next,
                None => return Vec::new(),
            }
        }
        let values: Vec<&Value> = match here.value() {
            Some(Value::Array(array)) => array.iter().collect(),
            Some(value) => vec![value],
            None => Vec::new(),
        };
        values
            .into_iter()
            .filter_map(|value| Some((value.as_str()?.to_owned(), value.span().unwrap_or_default())))
            .collect()
    }

    /// The byte range of a key's value in the grant with this number, from 0.
    pub fn grant(&self, number: usize, key: &str) -> Range<usize> {
        self.span(&[Step::Key("grant"), Step::At(number), Step::Key(key)])
    }
}

#[derive(Clone, Copy)]
enum Here<'d> {
    Item(&'d Item),
    Table(&'d toml_edit::Table),
    Value(&'d Value),
}

impl<'d> Here<'d> {
    fn step(self, step: &Step) -> Option<Self> {
        match (self, step) {
            (Self::Item(item), Step::Key(key)) => item.get(key).map(Here::Item),
            (Self::Table(table), Step::Key(key)) => table.get(key).map(Here::Item),
            (Self::Value(value), Step::Key(key)) => value.as_inline_table()?.get(key).map(Here::Value),
            (Self::Item(Item::ArrayOfTables(tables)), Step::At(at)) => tables.get(*at).map(Here::Table),
            (here, Step::At(at)) => here.value()?.as_array()?.get(*at).map(Here::Value),
        }
    }

    fn value(self) -> Option<&'d Value> {
        match self {
            Self::Item(item) => item.as_value(),
            Self::Value(value) => Some(value),
            Self::Table(_) => None,
        }
    }

    fn span(self) -> Option<Range<usize>> {
        match self {
            Self::Item(item) => item.span(),
            Self::Table(table) => table.span(),
            Self::Value(value) => value.span(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_tables_and_in_inline_tables() {
        for text in [
            "[[grant]]\ncaps = \"a\"\n[[grant]]\nwhen = { kernel = [\">=5.8\", \"x\"] }\n",
            "grant = [{ caps = \"a\" }, { when = { kernel = [\">=5.8\", \"x\"] } }]\n",
        ] {
            let places = Places::of(text);
            let steps = [Step::Key("grant"), Step::At(1), Step::Key("when"), Step::Key("kernel")];
            let strings = places.strings(&steps);
            assert_eq!(strings.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), [">=5.8", "x"]);
            assert_eq!(&text[strings[0].1.clone()], "\">=5.8\"");
            assert_eq!(&text[places.grant(0, "caps")], "\"a\"");
            assert!(!places.grant(0, "why").is_empty(), "what is not there is shown at what it belongs to");
        }
    }
}
