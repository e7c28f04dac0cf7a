//! The fields of one protobuf message, read in place.
//!
//! Source: the protobuf encoding guide (varints, tags, wire types). Groups, which no OTLP sender has
//! ever used, are passed over whole, as prost does.

/// Messages and groups within each other, as deep as protobuf's own readers go.
pub const LEVELS_MAX: u32 = 100;

use std::iter;
use std::ops::Range;

/// What a field holds, still encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
    /// What it holds has been passed over.
    Group,
}

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field<'a> {
    pub number: u32,
    pub value: Value<'a>,
}

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("the message ends in the middle of a field")]
    Truncated,
    #[error("a number has more than 64 bits")]
    Overlong,
    #[error("a field has the number 0 or one that is too large")]
    Number,
    #[error("a field has the unknown wire type {0}")]
    WireType(u8),
    #[error("a group ends that did not begin")]
    GroupEnd,
    #[error("groups are nested too deeply")]
    TooDeep,
}

/// Iterates over the fields of a message. After an error it yields nothing more.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
    /// How deep groups may go.
    levels: u32,
}

impl<'a> Fields<'a> {
    pub const fn new(message: &'a [u8]) -> Self {
        Self::within(message, LEVELS_MAX)
    }

    /// As [`Self::new`], in a message that may hold no more than so many levels.
    pub const fn within(message: &'a [u8], levels: u32) -> Self {
        let rest = message;
        Self { rest, levels }
    }

    /// What has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Bytes that have not been read yet.
    pub const fn left(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        // Most keys, lengths and numbers are of one byte.
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for (index, byte) in self.rest.iter().enumerate() {
            // The tenth byte holds the 64th bit and nothing else.
            if index == 9 && *byte > 1 {
                return Err(WireError::Overlong);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(WireError::Truncated)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], WireError> {
        let len = usize::try_from(len).map_err(|_| WireError::Truncated)?;
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Number and wire type.
    fn key(&mut self) -> Result<(u32, u8), WireError> {
        let key = u32::try_from(self.varint()?).map_err(|_| WireError::Number)?;
        match key >> 3 {
            0 => Err(WireError::Number),
            number => Ok((number, (key & 7) as u8)),
        }
    }

    fn field(&mut self) -> Result<Field<'a>, WireError> {
        let (number, wire_type) = self.key()?;
        let value = self.value(number, wire_type, self.levels)?;
        Ok(Field { number, value })
    }

    fn value(&mut self, number: u32, wire_type: u8, levels: u32) -> Result<Value<'a>, WireError> {
        Ok(match wire_type {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            3 => {
                self.skip_group(number, levels)?;
                Value::Group
            }
            4 => return Err(WireError::GroupEnd),
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            other => return Err(WireError::WireType(other)),
        })
    }

    fn skip_group(&mut self, number: u32, levels: u32) -> Result<(), WireError> {
        let levels = levels.checked_sub(1).ok_or(WireError::TooDeep)?;
        loop {
            match self.key()? {
                (end, 4) if end == number => return Ok(()),
                // Even a plain field counts as a level of its own there.
                _ if levels == 0 => return Err(WireError::TooDeep),
                (inner, wire_type) => self.value(inner, wire_type, levels)?,
            };
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// The fields of a message that has been walked already, so that none of them is in error.
pub fn checked(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    Fields::new(message).map_while(Result::ok)
}

/// As [`checked`], each field with the bytes of the message that it takes, its tag included.
pub fn placed(message: &[u8]) -> impl Iterator<Item = (Range<usize>, Field<'_>)> {
    let mut fields = Fields::new(message);
    iter::from_fn(move || {
        let start = message.len() - fields.left();
        let field = fields.next()?.ok()?;
        Some((start..message.len() - fields.left(), field))
    })
}

/// Whether `bytes` is a sequence of whole varints.
pub fn are_varints(bytes: &[u8]) -> bool {
    let mut fields = Fields::new(bytes);
    while !fields.rest.is_empty() {
        if fields.varint().is_err() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Result<Vec<Field<'_>>, WireError> {
        Fields::new(bytes).collect()
    }

    #[test]
    fn each_wire_type_is_read() {
        let bytes = [
            0x08, 0x96, 0x01, 0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0x1a, 2, b'h', b'i', 0x25, 7, 0, 0, 0,
        ];
        let values: Vec<Value<'_>> = read(&bytes).unwrap().iter().map(|f| f.value).collect();
        assert_eq!(
            values,
            [
                Value::Varint(150),
                Value::Fixed64(1),
                Value::Bytes(b"hi"),
                Value::Fixed32(7)
            ]
        );
    }

    #[test]
    fn a_field_knows_its_place() {
        let bytes = [0x08, 0x96, 0x01, 0x1a, 2, b'h', b'i', 0x25, 7, 0, 0, 0];
        let ranges: Vec<_> = placed(&bytes).map(|(range, _)| range).collect();
        assert_eq!(ranges, [0..3, 3..7, 7..12]);
    }

    #[test]
    fn each_error_is_told_apart() {
        assert_eq!(read(&[0x0a, 5, 1]), Err(WireError::Truncated));
        assert_eq!(read(&[0x0e]), Err(WireError::WireType(6)));
        assert_eq!(read(&[0x0c]), Err(WireError::GroupEnd));
        assert_eq!(read(&[0x0b]), Err(WireError::Truncated));
        assert_eq!(read(&[0x0b, 0x14]), Err(WireError::GroupEnd));
        assert_eq!(read(&[0x02, 0]), Err(WireError::Number));
        let mut overlong = vec![0x08];
        overlong.extend([0xff; 10]);
        assert_eq!(read(&overlong), Err(WireError::Overlong));
    }

    #[test]
    fn a_group_is_passed_over_whole() {
        let bytes = [0x0b, 0x08, 1, 0x13, 0x14, 0x0c, 0x18, 7];
        let fields = read(&bytes).unwrap();
        assert_eq!(fields[0].value, Value::Group);
        assert_eq!(fields[1].value, Value::Varint(7));
        let nested = |levels| [[0x0b].repeat(levels), [0x0c].repeat(levels)].concat();
        assert!(read(&nested(LEVELS_MAX as usize)).is_ok());
        assert_eq!(read(&nested(101)), Err(WireError::TooDeep));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_varints_survive(bytes: Vec<u8>, value: u64) {
            let _ = read(&bytes);
            let _ = are_varints(&bytes);
            let mut encoded = vec![0x08];
            prost::encoding::encode_varint(value, &mut encoded);
            prop_assert_eq!(read(&encoded).unwrap()[0].value, Value::Varint(value));
        }
    }
}
