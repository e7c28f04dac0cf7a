//! The text of a request, token by token. Source: RFC 8259.
//!
//! What is plain is read here. Texts with escapes and numbers that are not whole are serde_json's to read.

use std::borrow::Cow;

/// Objects that a reader opens: each costs memory in what is written.
pub const OBJECTS_MAX: usize = 1_000_000;

/// It is not plainly what should stand there; another reader has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not plain OTLP/JSON")]
pub struct NotPlain;

/// A number or a flag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    Flag(bool),
    Unsigned(u64),
    Signed(i64),
    Double(f64),
}

/// A text and how far it has been read.
#[derive(Debug)]
pub struct Reader<'t> {
    text: &'t str,
    at: usize,
    objects: usize,
}

impl<'t> Reader<'t> {
    pub const fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            objects: 0,
        }
    }

    /// The next byte that is no space, which is not taken.
    #[inline(always)]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Takes that byte if it is the next.
    #[inline(always)]
    pub fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    #[inline(always)]
    pub fn expect(&mut self, byte: u8) -> Result<(), NotPlain> {
        self.takes(byte).then_some(()).ok_or(NotPlain)
    }

    /// Takes an object's or a list's beginning; whether there is something in it.
    #[inline(always)]
    pub fn open(&mut self, begin: u8, end: u8) -> Result<bool, NotPlain> {
        self.objects += usize::from(begin == b'{');
        if self.objects > OBJECTS_MAX {
            return Err(NotPlain);
        }
        self.expect(begin)?;
        Ok(!self.takes(end))
    }

    /// After something in an object or a list: whether more follows.
    #[inline(always)]
    pub fn more(&mut self, end: u8) -> Result<bool, NotPlain> {
        if self.takes(b',') {
            return Ok(true);
        }
        self.expect(end).map(|()| false)
    }

    /// A text.
    #[inline(always)]
    pub fn text(&mut self) -> Result<Cow<'t, str>, NotPlain> {
        self.expect(b'"')?;
        let start = self.at;
        let end = plain(self.text.as_bytes(), start);
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            let text = self.text.get(start..end);
            return text.map(Cow::Borrowed).ok_or(NotPlain);
        }
        self.escaped(start, end)
    }

    /// A text that begins there, with the first escape in it.
    #[cold]
    fn escaped(&mut self, start: usize, first: usize) -> Result<Cow<'t, str>, NotPlain> {
        let bytes = self.text.as_bytes();
        let mut at = first;
        while bytes.get(at) == Some(&b'\\') {
            at = plain(bytes, at + 2);
        }
        let quoted = self.text.get(start - 1..=at).ok_or(NotPlain)?;
        self.at = at + 1;
        let text: String = serde_json::from_str(quoted).map_err(|_| NotPlain)?;
        Ok(Cow::Owned(text))
    }

    /// What stands there without quotes and brackets.
    fn word(&mut self) -> &'t str {
        self.peek();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.find([',', ']', '}', ' ', '\n', '\r', '\t']);
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    /// Takes `null` if it is the next.
    pub fn takes_null(&mut self) -> bool {
        let start = self.at;
        let is_null = self.peek() == Some(b'n') && self.word() == "null";
        if !is_null {
            self.at = start;
        }
        is_null
    }

    /// A number or a flag.
    pub fn number(&mut self) -> Result<Number, NotPlain> {
        let word = self.word();
        let whole = match word.as_bytes() {
            b"true" => Some(Number::Flag(true)),
            b"false" => Some(Number::Flag(false)),
            b"0" | [b'1'..=b'9', ..] => word.parse().ok().map(Number::Unsigned),
            [b'-', b'1'..=b'9', ..] => word.parse().ok().map(Number::Signed),
            _ => None,
        };
        match whole {
            Some(number) => Ok(number),
            None => serde_json::from_str(word)
                .map(Number::Double)
                .map_err(|_| NotPlain),
        }
    }

    /// Passes over any value with at most so many objects and lists within each other.
    pub fn skip(&mut self, levels: u32) -> Result<(), NotPlain> {
        let (begin, end) = match self.peek() {
            Some(b'"') => return self.text().map(drop),
            Some(b'{') => (b'{', b'}'),
            Some(b'[') => (b'[', b']'),
            _ if self.takes_null() => return Ok(()),
            _ => return self.number().map(drop),
        };
        let levels = levels.checked_sub(1).ok_or(NotPlain)?;
        let mut more = self.open(begin, end)?;
        while more {
            if begin == b'{' {
                self.text()?;
                self.expect(b':')?;
            }
            self.skip(levels)?;
            more = self.more(end)?;
        }
        Ok(())
    }

    /// Whether nothing is left.
    pub fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }
}

/// Where, from there on, the first byte is that cannot stand for itself in a text: a quote, a backslash or
/// a control character. Eight bytes at a time.
#[inline(always)]
fn plain(bytes: &[u8], from: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The high bit of each byte that is zero, and perhaps of bytes after the first of these.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let rest = bytes.get(from..).unwrap_or_default();
    let (words, last) = rest.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let backslashes = zeros(word ^ (ONES * u64::from(b'\\')));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let found = quotes | backslashes | controls;
        if found != 0 {
            return from + 8 * index + found.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
    let of_last = last.iter().position(is_special).unwrap_or(last.len());
    from + 8 * words.len() + of_last
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_read_as_serde_json_reads_them(
            parts in prop::collection::vec(
                prop_oneof!["[a-z ]{0,12}", Just("\"".to_owned()), Just("\\".to_owned()),
                    Just("\\n".to_owned()), Just("\\u00e9".to_owned()), Just("\n".to_owned()), "\\PC{0,4}"],
                0..8,
            )
        ) {
            let quoted = format!("\"{}\"", parts.concat());
            let mut reader = Reader::new(&quoted);
            let read = reader.text().map(Cow::into_owned);
            // What ends early leaves something over.
            let read = read.ok().filter(|_| reader.is_at_end());
            prop_assert_eq!(read, serde_json::from_str::<String>(&quoted).ok());
        }

        #[test]
        fn numbers_are_read_as_serde_json_reads_them(word in "-?[0-9]{1,21}(\\.[0-9]{0,3})?(e[+-]?[0-9]{1,2})?|[a-z+]{1,5}") {
            let read = Reader::new(&word).number().ok();
            let expected = serde_json::from_str::<serde_json::Value>(&word).ok().and_then(|value| {
                let number = value.as_u64().map(Number::Unsigned);
                let number = number.or_else(|| value.as_i64().map(Number::Signed));
                number
                    .or_else(|| value.as_f64().map(Number::Double))
                    .or_else(|| value.as_bool().map(Number::Flag))
            });
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn what_stands_for_itself_ends_where_it_ends() {
        for len in 0..40 {
            for special in [b'"', b'\\', 0, 0x1f] {
                let mut bytes = vec![b'!'; 48];
                bytes[len] = special;
                assert_eq!(plain(&bytes, 0), len);
                assert_eq!(plain(&bytes[..len], 0), len);
            }
        }
        assert_eq!(plain("é€\u{7f}".as_bytes(), 0), 6);
        assert_eq!(plain(b"", 3), 3);
    }

    #[test]
    fn anything_is_passed_over_and_nonsense_is_not() {
        let skip = |text: &str| {
            let mut reader = Reader::new(text);
            reader.skip(3).is_ok() && reader.is_at_end()
        };
        for text in [
            r#" {"a": [1, -2.5e3, null, true], "b\n": {}} "#,
            "[[[]]]",
            "0",
            r#""x""#,
        ] {
            assert!(skip(text), "{text}");
        }
        for text in [
            "[[[[]]]]",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "01",
            "nul",
            "",
            "[1 2]",
            "+1",
        ] {
            assert!(!skip(text), "{text}");
        }
    }
}
