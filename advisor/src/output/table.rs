//! Tables for people. The columns are aligned, no lines are drawn, and the table is cut to the width of the screen if
//! there is one.

use crate::output::terminal::Style;
use comfy_table::{Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, presets};

/// A table that is being built.
pub struct Table {
    inner: comfy_table::Table,
    styled: bool,
}

impl Table {
    /// Makes a table with these headings for a screen of this width. `styled` allows colours.
    pub fn new(headings: &[&str], width: u16, styled: bool) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        // The two extra columns hold the blanks behind the last column, which are removed again.
        inner.set_width(width.saturating_add(2));
        if styled {
            inner.enforce_styling();
        } else {
            inner.force_no_tty();
        }
        let mut table = Self { inner, styled };
        let headings = headings.iter().map(|heading| table.cell((*heading).to_owned(), Style::Bold));
        let headings: Vec<Cell> = headings.collect();
        table.inner.set_header(headings);
        table
    }

    /// Adds a row. Each cell has a text and a style.
    pub fn row(&mut self, cells: impl IntoIterator<Item = (String, Style)>) {
        let cells: Vec<Cell> = cells.into_iter().map(|(text, style)| self.cell(text, style)).collect();
        self.inner.add_row(cells);
    }

    fn cell(&self, text: String, style: Style) -> Cell {
        let cell = Cell::new(text);
        if !self.styled {
            return cell;
        }
        match style {
            Style::Plain => cell,
            Style::Bold => cell.add_attribute(comfy_table::Attribute::Bold),
            Style::Red => cell.fg(Color::DarkRed),
            Style::Green => cell.fg(Color::DarkGreen),
            Style::Yellow => cell.fg(Color::DarkYellow),
            Style::Cyan => cell.fg(Color::DarkCyan),
        }
    }

    /// Renders the lines. Columns in `whole` are never broken; columns in `right` hold numbers.
    pub fn render(mut self, whole: &[usize], right: &[usize]) -> String {
        for (at, column) in self.inner.column_iter_mut().enumerate() {
            // Only the space between columns has blanks, so that each line begins and ends with text.
            column.set_padding((0, 2));
            if whole.contains(&at) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
            if right.contains(&at) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.inner.lines().map(|line| without_blanks_behind(&line) + "\n").collect()
    }
}

/// The codes that end the style of a line's last cell: they reset everything, or the colour.
const ENDS: [&str; 2] = ["\x1b[0m", "\x1b[39m"];

/// Returns the line without the blanks that fill its last column before the style ends. With them the line would be
/// longer than the screen.
fn without_blanks_behind(line: &str) -> String {
    let line = line.trim_end();
    match ENDS.iter().find_map(|end| Some((line.strip_suffix(end)?, end))) {
        Some((styled, end)) => format!("{}{end}", styled.trim_end()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(width: u16, styled: bool) -> String {
        let mut table = Table::new(&["number", "what"], width, styled);
        table.row([("7".to_owned(), Style::Plain), ("a long text in several words".to_owned(), Style::Red)]);
        table.render(&[0], &[0])
    }

    #[test]
    fn a_table_has_no_more_columns_than_the_screen_and_no_blanks_around() {
        assert_eq!(rendered(20, false), "number  what\n     7  a long text\n        in several\n        words\n");
        assert_eq!(rendered(80, false), "number  what\n     7  a long text in several words\n");
    }

    #[test]
    fn a_styled_table_has_no_blanks_before_the_end_of_a_line() {
        let mut table = Table::new(&["what", "how"], 20, true);
        table.row([("one".to_owned(), Style::Plain), ("a long text in several".to_owned(), Style::Red)]);
        let shown = table.render(&[0], &[]);
        assert!(!shown.contains(" \x1b[0m\n") && !shown.contains(" \x1b[39m\n"), "{shown:?}");
    }

    #[test]
    fn colours_are_there_only_where_they_were_asked_for() {
        assert!(!rendered(80, false).contains('\x1b'));
        assert!(rendered(80, true).contains('\x1b'));
    }
}
