//! The chunks of a body whose length is not known beforehand. Source: RFC 9112, section 7.1.

/// Hexadecimal digits that a chunk's size may have: sizes of up to 2^48 bytes.
const DIGITS_MAX: u8 = 12;
/// Bytes that lines around the chunks may have: extensions and trailers.
const LINE_BYTES_MAX: usize = 16 << 10;

/// Where in such a body the next byte is.
#[derive(Debug)]
pub struct Chunked {
    at: At,
    /// Bytes of lines since the last chunk.
    line_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Size {
        size: u64,
        digits: u8,
    },
    /// Behind the size, up to the line's end.
    Extension {
        size: u64,
    },
    Data {
        left: u64,
    },
    /// Behind a chunk, up to the line's end.
    DataEnd,
    /// Behind the last chunk, in a line that is `empty` so far.
    Trailer {
        empty: bool,
    },
}

/// What some bytes of the body are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    Data,
    /// Not part of the content.
    Framing,
    /// The body ends behind them.
    End,
}

impl Default for Chunked {
    fn default() -> Self {
        Self {
            at: SIZE,
            line_bytes: 0,
        }
    }
}

const SIZE: At = At::Size { size: 0, digits: 0 };

impl Chunked {
    /// How many of the bytes belong together and what they are; `None` when there are none.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Option<(usize, Piece)>, &'static str> {
        let Some(first) = bytes.first().copied() else {
            return Ok(None);
        };
        if let At::Data { left } = self.at {
            let some = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
            let left = left - some as u64;
            self.at = if left == 0 {
                At::DataEnd
            } else {
                At::Data { left }
            };
            self.line_bytes = 0;
            return Ok(Some((some, Piece::Data)));
        }
        self.line_bytes += 1;
        if self.line_bytes > LINE_BYTES_MAX {
            return Err("a chunk's line is too long");
        }
        self.at = match (self.at, first) {
            (At::Size { size, digits }, digit) if digit.is_ascii_hexdigit() => {
                if digits == DIGITS_MAX {
                    return Err("a chunk is too large");
                }
                let digit = char::from(digit).to_digit(16).unwrap_or(0);
                At::Size {
                    size: size * 16 + u64::from(digit),
                    digits: digits + 1,
                }
            }
            (At::Size { digits: 0, .. }, _) => return Err("a chunk without a size"),
            (At::Size { size, .. } | At::Extension { size }, b'\n') => match size {
                0 => At::Trailer { empty: true },
                left => At::Data { left },
            },
            (At::Size { size, .. }, b'\r' | b';' | b' ' | b'\t') | (At::Extension { size }, _) => {
                At::Extension { size }
            }
            (At::Size { .. }, _) => return Err("a chunk's size is not a number"),
            (At::DataEnd, b'\r') => At::DataEnd,
            (At::DataEnd, b'\n') => SIZE,
            (At::DataEnd, _) => return Err("a chunk is longer than its size"),
            (At::Trailer { empty: true }, b'\n') => return Ok(Some((1, Piece::End))),
            (At::Trailer { empty }, b'\r') => At::Trailer { empty },
            (At::Trailer { .. }, b'\n') => At::Trailer { empty: true },
            (At::Trailer { .. }, _) => At::Trailer { empty: false },
            // Met above.
            (at @ At::Data { .. }, _) => at,
        };
        Ok(Some((1, Piece::Framing)))
    }
}
