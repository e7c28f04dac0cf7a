//! Plain OTLP/JSON, rewritten as protobuf in one pass: no value is kept, no message is built.
//!
//! It takes what senders write. Whatever else the other reader of [`super`] takes as well (most
//! `null`s, a field given twice, a list for an object, base64, hexadecimal digits after `0x`) it leaves to that.

use std::fmt;

use prost::encoding::encode_varint;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::shapes::{Field, Form, LOGS, METRICS, Shape, TRACES};
use crate::signal::Signal;

/// The request as protobuf.
///
/// # Errors
/// When the text is no request, or not plain.
pub fn rewrite(signal: Signal, text: &str) -> Result<Vec<u8>, serde_json::Error> {
    let shape = match signal {
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
    };
    // Protobuf is shorter than its JSON, but for lists of short numbers.
    let mut out = Vec::with_capacity(text.len());
    let mut reader = serde_json::Deserializer::from_str(text);
    Body {
        shape,
        out: &mut out,
    }
    .deserialize(&mut reader)?;
    reader.end()?;
    Ok(out)
}

/// Reads an object as a message.
struct Body<'o> {
    shape: &'static Shape,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { shape, out } = self;
        let mut seen = 0_u32;
        // Senders write a message's fields in the order of the protocol, more or less.
        let mut next = 0;
        while let Some(index) = map.next_key_seed(Name { shape, next })? {
            let Some(field) = shape.fields.get(index) else {
                if shape.one_of != 0 {
                    return Err(A::Error::custom("an unknown field beside a choice"));
                }
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let bit = 1 << index;
            let rivals = if shape.one_of & bit != 0 {
                shape.one_of
            } else {
                bit
            };
            if seen & rivals != 0 {
                return Err(A::Error::custom("a field is given twice"));
            }
            seen |= bit;
            next = index + 1;
            let nullable = (shape.one_of | shape.required) & bit == 0;
            map.next_value_seed(Held {
                field,
                nullable,
                out,
            })?;
        }
        if seen & shape.required != shape.required {
            return Err(A::Error::custom("a field is missing"));
        }
        Ok(())
    }
}

/// The index of a field by its name; beyond the last one if it is not known.
struct Name {
    shape: &'static Shape,
    /// Where to look first.
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<usize, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<usize, E> {
        let fields = self.shape.fields;
        let is_it = |index: &usize| fields.get(*index).is_some_and(|field| field.name == name);
        let found = (self.next..fields.len()).find(is_it);
        Ok(found
            .or_else(|| (0..self.next).find(is_it))
            .unwrap_or(fields.len()))
    }
}

/// Reads the value of a field, and writes the field.
struct Held<'o> {
    field: &'static Field,
    /// Whether `null` says that the field is not there.
    nullable: bool,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Held<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        match self.field.form {
            // What the official SDKs write as `null`, if anything.
            Form::Message(_) | Form::Double if self.nullable => from.deserialize_option(self),
            _ => self.present(from),
        }
    }
}

impl Held<'_> {
    fn present<'de, D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        match self.field.form {
            Form::Text | Form::Hex => from.deserialize_str(self),
            Form::Message(shape) => delimited(self.field, self.out, |out| {
                from.deserialize_map(Body { shape, out })
            }),
            Form::Messages(_) => from.deserialize_seq(self),
            Form::Fixed64s | Form::Doubles | Form::Uint64s => {
                delimited(self.field, self.out, |out| {
                    let field = self.field;
                    from.deserialize_seq(Packed { field, out })
                })
            }
            _ => from.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Held<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value of {}", self.field.name)
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.present(from)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.field.form {
            Form::Text => {
                key(self.field, 2, self.out);
                encode_varint(text.len() as u64, self.out);
                self.out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            Form::Hex => {
                key(self.field, 2, self.out);
                encode_varint(text.len() as u64 / 2, self.out);
                hex(text.as_bytes(), self.out).ok_or_else(|| E::custom("no hexadecimal digits"))
            }
            form => {
                let number = Number::parse(form, text).ok_or_else(|| E::custom("no number"))?;
                self.number(number)
            }
        }
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.number(Number::Flag(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.number(Number::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.number(Number::Signed(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.number(Number::Double(number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Form::Messages(shape) = self.field.form else {
            return Err(A::Error::custom("a list where none belongs"));
        };
        let mut more = true;
        while more {
            let start = self.out.len();
            let next = delimited(self.field, self.out, |out| {
                list.next_element_seed(Body { shape, out })
            })?;
            more = next.is_some();
            if !more {
                self.out.truncate(start);
            }
        }
        Ok(())
    }
}

impl Held<'_> {
    fn number<E: Error>(self, number: Number) -> Result<(), E> {
        let wire_type = match self.field.form {
            Form::Fixed64 | Form::Sfixed64 | Form::Double => 1,
            Form::Fixed32 => 5,
            _ => 0,
        };
        key(self.field, wire_type, self.out);
        let written = number.write(self.field.form, self.out);
        written.ok_or_else(|| E::custom("a number of another kind, or too large"))
    }
}

/// A number or a flag as JSON has it.
#[derive(Clone, Copy)]
enum Number {
    Flag(bool),
    Unsigned(u64),
    Signed(i64),
    Double(f64),
}

impl Number {
    /// From a text, where one may stand for the number.
    fn parse(form: Form, text: &str) -> Option<Self> {
        match form {
            Form::Fixed64 | Form::Fixed64s | Form::Uint64s => text.parse().ok().map(Self::Unsigned),
            Form::Int64 | Form::Sfixed64 => text.parse().ok().map(Self::Signed),
            _ => None,
        }
    }

    fn integer<T: TryFrom<u64> + TryFrom<i64>>(self) -> Option<T> {
        match self {
            Self::Unsigned(number) => T::try_from(number).ok(),
            Self::Signed(number) => T::try_from(number).ok(),
            Self::Flag(_) | Self::Double(_) => None,
        }
    }

    fn double(self) -> Option<f64> {
        match self {
            Self::Unsigned(number) => Some(number as f64),
            Self::Signed(number) => Some(number as f64),
            Self::Double(number) => Some(number),
            Self::Flag(_) => None,
        }
    }

    /// Writes the value without its key; `None` where it is not one of that form.
    fn write(self, form: Form, out: &mut Vec<u8>) -> Option<()> {
        match form {
            Form::Flag => match self {
                Self::Flag(flag) => out.push(u8::from(flag)),
                _ => return None,
            },
            Form::Int32 => encode_varint(i64::from(self.integer::<i32>()?) as u64, out),
            Form::Uint32 => encode_varint(u64::from(self.integer::<u32>()?), out),
            Form::Sint32 => {
                let number = self.integer::<i32>()?;
                encode_varint(u64::from(((number << 1) ^ (number >> 31)) as u32), out);
            }
            Form::Int64 => encode_varint(self.integer::<i64>()? as u64, out),
            Form::Uint64s => encode_varint(self.integer::<u64>()?, out),
            Form::Fixed32 => out.extend_from_slice(&self.integer::<u32>()?.to_le_bytes()),
            Form::Fixed64 | Form::Fixed64s => {
                out.extend_from_slice(&self.integer::<u64>()?.to_le_bytes());
            }
            Form::Sfixed64 => out.extend_from_slice(&self.integer::<i64>()?.to_le_bytes()),
            Form::Double | Form::Doubles => out.extend_from_slice(&self.double()?.to_le_bytes()),
            Form::Text | Form::Hex | Form::Message(_) | Form::Messages(_) => return None,
        }
        Some(())
    }
}

/// Reads a list of numbers.
struct Packed<'o> {
    field: &'static Field,
    out: &'o mut Vec<u8>,
}

impl<'de> Visitor<'de> for Packed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { field, out } = self;
        while list.next_element_seed(Element { field, out })?.is_some() {}
        Ok(())
    }
}

/// Reads one number of a list.
struct Element<'o> {
    field: &'static Field,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl Visitor<'_> for Element<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let number = Number::parse(self.field.form, text);
        self.number(number.ok_or_else(|| E::custom("no number"))?)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.number(Number::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.number(Number::Signed(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.number(Number::Double(number))
    }
}

impl Element<'_> {
    fn number<E: Error>(self, number: Number) -> Result<(), E> {
        let written = number.write(self.field.form, self.out);
        written.ok_or_else(|| E::custom("a number of another kind"))
    }
}

fn key(field: &Field, wire_type: u32, out: &mut Vec<u8>) {
    encode_varint(u64::from(field.number << 3 | wire_type), out);
}

/// Writes a field of bytes whose number is known only when they have been written.
fn delimited<T, E>(
    field: &Field,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
) -> Result<T, E> {
    key(field, 2, out);
    out.push(0);
    let start = out.len();
    let written = write(out)?;
    let len = out.len() - start;
    if len < 0x80 {
        out[start - 1] = len as u8;
        return Ok(written);
    }
    // The length has more than the one byte that was left for it.
    let mut prefix = [0; 10];
    let mut rest = &mut prefix[..];
    encode_varint(len as u64, &mut rest);
    let prefix_len = 10 - rest.len();
    out.resize(out.len() + prefix_len - 1, 0);
    out.copy_within(start..start + len, start + prefix_len - 1);
    out[start - 1..start - 1 + prefix_len].copy_from_slice(&prefix[..prefix_len]);
    Ok(written)
}

/// Appends the bytes that the digits stand for; `None` where they are no pairs of digits.
fn hex(digits: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    for pair in pairs {
        let [high, low] = pair.map(|digit| match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            b'A'..=b'F' => digit - b'A' + 10,
            _ => 0xff,
        });
        if high | low > 0xf {
            return None;
        }
        out.push(high << 4 | low);
    }
    Some(())
}
