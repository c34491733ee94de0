//! Tables without addresses: rows as bytes, one after the other, which are written at compile time and read where a table
//! is used.
//!
//! The start of a position-independent program relocates every address in its tables, and the first write to each page of
//! them takes a page fault and a copy. That is part of every launch, whether it uses the table or not.

/// Writes the bytes. With a `LENGTH` of 0 it only counts them.
pub struct Writer<const LENGTH: usize> {
    /// What was written.
    pub bytes: [u8; LENGTH],
    /// How many bytes were written, or would have been.
    pub length: usize,
}

impl<const LENGTH: usize> Writer<LENGTH> {
    /// Returns a writer that has written nothing.
    pub const fn new() -> Self {
        Self { bytes: [0; LENGTH], length: 0 }
    }

    /// Writes one byte.
    pub const fn byte(&mut self, byte: u8) {
        if self.length < LENGTH {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
    }

    /// Writes the length of a list, or of a text in bytes, which is less than 256.
    pub const fn length(&mut self, length: usize) {
        assert!(length <= u8::MAX as usize);
        self.byte(length as u8);
    }

    /// Writes the length of a row in bytes, which a reader can then skip ([`Reader::row`]).
    pub const fn row(&mut self, length: usize) {
        assert!(length <= u16::MAX as usize);
        self.byte((length & 0xff) as u8);
        self.byte((length >> 8) as u8);
    }

    /// Writes a number.
    pub const fn number(&mut self, number: u32) {
        let bytes = number.to_le_bytes();
        let mut at = 0;
        while at < bytes.len() {
            self.byte(bytes[at]);
            at += 1;
        }
    }

    /// Writes a text.
    pub const fn text(&mut self, text: &str) {
        self.length(text.len());
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            self.byte(bytes[at]);
            at += 1;
        }
    }
}

impl<const LENGTH: usize> Default for Writer<LENGTH> {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads the bytes as they were written. Each method returns `None` behind the end.
#[derive(Clone, Debug)]
pub struct Reader(&'static [u8]);

impl Reader {
    /// Begins at the first byte.
    pub const fn of(bytes: &'static [u8]) -> Self {
        Self(bytes)
    }

    /// Reads one byte, which can be a length.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Goes behind a row whose length was written before it, and returns a reader of the row alone.
    pub fn row(&mut self) -> Option<Self> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (row, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        self.0 = rest;
        Some(Self(row))
    }

    /// Reads a number.
    pub fn number(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*first))
    }

    /// Reads a text.
    pub fn text(&mut self) -> Option<&'static str> {
        let length = self.byte()?;
        let (text, rest) = self.0.split_at_checked(length.into())?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    /// Reads the length of a list, and then each item.
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.byte()?;
        (0..length).map(|_| item(self)).collect()
    }

    /// Reads rows up to the end.
    pub fn rows<T>(mut self, mut row: impl FnMut(&mut Self) -> Option<T>) -> impl Iterator<Item = T> {
        std::iter::from_fn(move || row(&mut self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn written<const LENGTH: usize>() -> Writer<LENGTH> {
        let mut to = Writer::new();
        to.text("é");
        to.length(2);
        to.number(7);
        to.number(u32::MAX);
        to.row(300);
        let mut at = 0;
        while at < 300 {
            to.byte(at as u8);
            at += 1;
        }
        to.byte(8);
        to
    }
    const LENGTH: usize = written::<0>().length;
    static BYTES: [u8; LENGTH] = written::<LENGTH>().bytes;

    #[test]
    fn what_was_written_is_read_and_behind_it_there_is_nothing() {
        let mut from = Reader::of(&BYTES);
        assert_eq!(from.text(), Some("é"));
        assert_eq!(from.list(Reader::number), Some(vec![7, u32::MAX]));
        let row = from.row().unwrap();
        assert_eq!((row.0.len(), row.0[299]), (300, 43));
        assert_eq!(from.byte(), Some(8));
        assert_eq!((from.byte(), from.number(), from.text()), (None, None, None));
        assert!(from.row().is_none() && Reader::of(&[2, 0, 7]).row().is_none());
        assert_eq!(Reader::of(&BYTES[..2]).text(), None);
    }
}
