//! The terminal on standard output, if it is one.

use std::io::IsTerminal;

/// When to colour what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set (no-color.org).
    Auto,
    /// Even into files and pipes.
    Always,
    /// Not even on a terminal.
    Never,
}

/// The width for output that is not a terminal. Lines in files are not cut, and should still be readable.
const PIPED_WIDTH: u16 = 120;

impl Color {
    /// Whether standard output gets colours.
    pub fn styled(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                std::io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

/// Returns the number of columns of standard output.
pub fn width() -> u16 {
    of_terminal().unwrap_or(PIPED_WIDTH)
}

/// Returns the number of columns of standard output, if it is a terminal.
pub fn of_terminal() -> Option<u16> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0)
}

/// The style of a part of a text on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Bold,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Style {
    /// Returns the text in this style, or unchanged if `styled` is false.
    pub fn paint(self, text: &str, styled: bool) -> String {
        // ECMA-48 defines these codes as Select Graphic Rendition.
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Bold => "1",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Cyan => "36",
        };
        if styled { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
