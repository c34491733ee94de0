//! HTML that is made from parts: every text and every value of an attribute is escaped, so that nothing that is shown
//! can become a part of the page's structure.

/// The content of an element.
#[derive(Default)]
pub struct Html(String);

/// A whole page, which loads nothing: its policy for content forbids every source (Content Security Policy Level 3).
pub struct Page {
    head: String,
    pub body: Html,
}

impl Page {
    /// Begins a page. The style is the program's own and is not escaped.
    pub fn new(title: &str, style: &'static str) -> Self {
        let mut head = Html::default();
        head.0 += "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
        head.0 += "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
                   base-uri 'none'; form-action 'none'\">\n";
        head.0 += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
        head.0 += "<meta name=\"color-scheme\" content=\"light dark\">\n";
        head.element("title", &[], title);
        head.0 += "<style>\n";
        head.0 += style;
        head.0 += "</style>\n</head>\n<body>\n";
        Self { head: head.0, body: Html::default() }
    }

    /// Returns the page.
    pub fn finish(self) -> String {
        self.head + &self.body.0 + "</body>\n</html>\n"
    }
}

impl Html {
    /// Opens an element.
    pub fn open(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.0.push('<');
        self.0 += name;
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0 += attribute;
            self.0 += "=\"";
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// Closes it.
    pub fn close(&mut self, name: &'static str) {
        self.0 += "</";
        self.0 += name;
        self.0 += ">\n";
    }

    /// Adds an element that has a text alone.
    pub fn element(&mut self, name: &'static str, attributes: &[(&'static str, &str)], text: &str) {
        self.open(name, attributes);
        self.text(text);
        self.close(name);
    }

    /// Adds a text. A hidden character, such as one that turns the direction of what follows, is shown by its number.
    pub fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0 += "&amp;",
                '<' => self.0 += "&lt;",
                '>' => self.0 += "&gt;",
                '"' => self.0 += "&quot;",
                '\'' => self.0 += "&#39;",
                c if capwrap_core::text::hidden::is_hidden(c) => self.0.extend(c.escape_unicode()),
                c => self.0.push(c),
            }
        }
    }

    /// Adds a list.
    pub fn list<'t>(&mut self, items: impl Iterator<Item = &'t str>) {
        self.open("ul", &[]);
        items.for_each(|item| self.element("li", &[], item));
        self.close("ul");
    }

    /// Adds a table of a class. On a narrow screen its rows become blocks, which name their columns; the roles keep it a
    /// table for who hears it, because browsers take `display: block` for the end of one.
    pub fn table(&mut self, class: &'static str, caption: &str, headings: &[&str], rows: impl FnOnce(&mut Table<'_>)) {
        self.open("table", &[("class", class), ("role", "table")]);
        self.element("caption", &[], caption);
        self.open("thead", &[("role", "rowgroup")]);
        self.open("tr", &[("role", "row")]);
        for heading in headings {
            self.element("th", &[("scope", "col"), ("role", "columnheader")], heading);
        }
        self.close("tr");
        self.close("thead");
        self.open("tbody", &[("role", "rowgroup")]);
        rows(&mut Table { html: self, headings });
        self.close("tbody");
        self.close("table");
    }
}

/// A table that is being built.
pub struct Table<'t> {
    html: &'t mut Html,
    headings: &'t [&'t str],
}

impl Table<'_> {
    /// Adds a row.
    pub fn row(&mut self, cells: impl FnOnce(&mut Row<'_>)) {
        self.html.open("tr", &[("role", "row")]);
        cells(&mut Row { html: self.html, headings: self.headings, at: 0 });
        self.html.close("tr");
    }
}

/// A row that is being built.
pub struct Row<'t> {
    html: &'t mut Html,
    headings: &'t [&'t str],
    at: usize,
}

impl Row<'_> {
    /// Adds the cell that names the row.
    pub fn name(&mut self, text: &str) {
        self.at += 1;
        self.html.element("th", &[("scope", "row"), ("role", "rowheader")], text);
    }

    /// Adds the cell that names the row, as a link to a part of the page.
    pub fn name_of(&mut self, text: &str, id: &str) {
        self.at += 1;
        self.html.open("th", &[("scope", "row"), ("role", "rowheader")]);
        self.html.element("a", &[("href", &format!("#{id}"))], text);
        self.html.close("th");
    }

    /// Adds a cell with a text.
    pub fn cell(&mut self, text: &str) {
        self.with(|html| html.text(text));
    }

    /// Adds a cell.
    pub fn with(&mut self, content: impl FnOnce(&mut Html)) {
        let label = self.headings.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        self.html.open("td", &[("role", "cell"), ("data-label", label)]);
        content(self.html);
        self.html.close("td");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_a_part_of_the_structure() {
        let hostile = "</td><script>alert(1)</script>\" onclick='x' &amp; \u{202e}\u{1b}[2J\u{0}";
        let mut html = Html::default();
        html.element("p", &[("title", hostile)], hostile);
        html.list([hostile].into_iter());
        html.table("x", hostile, &[hostile], |table| table.row(|row| row.cell(hostile)));
        let tags = html.0.matches('<').count();
        let mut plain = Html::default();
        plain.element("p", &[("title", "x")], "x");
        plain.list(["x"].into_iter());
        plain.table("x", "x", &["x"], |table| table.row(|row| row.cell("x")));
        assert_eq!(tags, plain.0.matches('<').count(), "{}", html.0);
        assert_eq!(html.0.matches('"').count(), plain.0.matches('"').count());
        assert!(!html.0.contains(['\u{202e}', '\u{1b}', '\u{0}', '\'']), "{}", html.0);
        assert!(html.0.contains("\\u{202e}") && html.0.contains("&lt;script&gt;"), "{}", html.0);
    }

    #[test]
    fn a_page_loads_nothing() {
        let mut page = Page::new("a < b", "p { color: red }\n");
        page.body.element("p", &[], "x");
        let text = page.finish();
        assert!(text.contains("<title>a &lt; b</title>") && text.contains("default-src 'none'"), "{text}");
        for word in ["<script", "src=", "<link", "url(", "@import"] {
            assert!(!text.contains(word), "{word}");
        }
    }
}
