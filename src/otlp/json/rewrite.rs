//! Plain OTLP/JSON, rewritten as protobuf in one pass: no value is kept, no message is built.
//!
//! It takes what senders write. Whatever else the other reader of [`super`] takes as well (most
//! `null`s, a field given twice, a list for an object, base64, hexadecimal digits after `0x`) it leaves to that.

use prost::encoding::encode_varint;

use super::reader::{NotPlain, Number, Reader};
use super::shapes::{Field, Form, LOGS, METRICS, Shape, TRACES};
use crate::signal::Signal;

/// Objects and lists within each other; serde_json goes deeper.
const LEVELS_MAX: u32 = 100;

/// The request as protobuf.
///
/// # Errors
/// When the text is no request, or not plain.
pub fn rewrite(signal: Signal, text: &str) -> Result<Vec<u8>, NotPlain> {
    let shape = match signal {
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
    };
    let mut rewriter = Rewriter {
        reader: Reader::new(text),
        // Protobuf is shorter than its JSON, but for lists of short numbers.
        out: Vec::with_capacity(text.len()),
    };
    rewriter.body(shape, LEVELS_MAX)?;
    match rewriter.reader.is_at_end() {
        true => Ok(rewriter.out),
        false => Err(NotPlain),
    }
}

struct Rewriter<'t> {
    reader: Reader<'t>,
    out: Vec<u8>,
}

impl Rewriter<'_> {
    /// Reads an object as a message. `levels` is how many objects and lists may still be within each other.
    fn body(&mut self, shape: &'static Shape, levels: u32) -> Result<(), NotPlain> {
        let levels = levels.checked_sub(1).ok_or(NotPlain)?;
        let mut seen = 0_u32;
        // Senders write a message's fields in the order of the protocol, more or less.
        let mut next = 0;
        let mut more = self.reader.open(b'{', b'}')?;
        while more {
            let name = self.reader.text()?;
            self.reader.expect(b':')?;
            match shape.find(&name, next) {
                Some((index, field)) => {
                    let bit = 1 << index;
                    let rivals = if shape.one_of & bit != 0 {
                        shape.one_of
                    } else {
                        bit
                    };
                    if seen & rivals != 0 {
                        return Err(NotPlain);
                    }
                    seen |= bit;
                    next = index + 1;
                    let nullable = (shape.one_of | shape.required) & bit == 0;
                    self.field(field, nullable, levels)?;
                }
                // The other reader takes in a field that it does not know beside a choice.
                None if shape.one_of != 0 => return Err(NotPlain),
                None => self.reader.skip(levels)?,
            }
            more = self.reader.more(b'}')?;
        }
        if seen & shape.required != shape.required {
            return Err(NotPlain);
        }
        Ok(())
    }

    /// Reads the value of a field, and writes the field. Where it is `nullable`, a `null` of what the
    /// official SDKs write so, if anything, says that it is not there.
    fn field(
        &mut self,
        field: &'static Field,
        nullable: bool,
        levels: u32,
    ) -> Result<(), NotPlain> {
        match field.form {
            Form::Message(_) | Form::Double if nullable && self.reader.takes_null() => {}
            Form::Text => {
                let text = self.reader.text()?;
                self.key(field, 2);
                varint(text.len() as u64, &mut self.out);
                self.out.extend_from_slice(text.as_bytes());
            }
            Form::Hex => {
                let digits = self.reader.text()?;
                self.key(field, 2);
                varint(digits.len() as u64 / 2, &mut self.out);
                hex(digits.as_bytes(), &mut self.out).ok_or(NotPlain)?;
            }
            Form::Message(shape) => self.delimited(field, |this| this.body(shape, levels))?,
            Form::Messages(shape) => {
                let levels = levels.checked_sub(1).ok_or(NotPlain)?;
                let mut more = self.reader.open(b'[', b']')?;
                while more {
                    self.delimited(field, |this| this.body(shape, levels))?;
                    more = self.reader.more(b']')?;
                }
            }
            Form::Fixed64s | Form::Doubles | Form::Uint64s => {
                self.delimited(field, |this| {
                    let mut more = this.reader.open(b'[', b']')?;
                    while more {
                        this.number(field.form)?;
                        more = this.reader.more(b']')?;
                    }
                    Ok(())
                })?;
            }
            form => {
                let wire_type = match form {
                    Form::Fixed64 | Form::Sfixed64 | Form::Double => 1,
                    Form::Fixed32 => 5,
                    _ => 0,
                };
                self.key(field, wire_type);
                self.number(form)?;
            }
        }
        Ok(())
    }

    /// Reads a number, or a text that stands for one, and writes it.
    fn number(&mut self, form: Form) -> Result<(), NotPlain> {
        let number = match self.reader.peek() {
            Some(b'"') => Number::parse(form, &self.reader.text()?).ok_or(NotPlain)?,
            _ => self.reader.number()?,
        };
        number.write(form, &mut self.out).ok_or(NotPlain)
    }

    fn key(&mut self, field: &Field, wire_type: u32) {
        varint(u64::from(field.number << 3 | wire_type), &mut self.out);
    }

    /// Writes a field of bytes whose number is known only when they have been written.
    fn delimited(
        &mut self,
        field: &Field,
        write: impl FnOnce(&mut Self) -> Result<(), NotPlain>,
    ) -> Result<(), NotPlain> {
        self.key(field, 2);
        self.out.push(0);
        let start = self.out.len();
        write(self)?;
        let out = &mut self.out;
        let len = out.len() - start;
        if len < 0x80 {
            out[start - 1] = len as u8;
            return Ok(());
        }
        // The length has more than the one byte that was left for it.
        let mut prefix = [0; 10];
        let mut rest = &mut prefix[..];
        encode_varint(len as u64, &mut rest);
        let prefix_len = 10 - rest.len();
        out.resize(out.len() + prefix_len - 1, 0);
        out.copy_within(start..start + len, start + prefix_len - 1);
        out[start - 1..start - 1 + prefix_len].copy_from_slice(&prefix[..prefix_len]);
        Ok(())
    }
}

impl Shape {
    /// A field and its index by its name, which is looked for from `next` on first.
    #[inline(always)]
    fn find(&'static self, name: &str, next: usize) -> Option<(usize, &'static Field)> {
        let (before, from) = self.fields.split_at_checked(next)?;
        let is_it = |(_, field): &(usize, &'static Field)| field.name == name;
        (next..)
            .zip(from)
            .find(is_it)
            .or_else(|| before.iter().enumerate().find(is_it))
    }
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

/// Most numbers are short.
#[inline(always)]
fn varint(number: u64, out: &mut Vec<u8>) {
    match u8::try_from(number) {
        Ok(byte @ ..0x80) => out.push(byte),
        _ => encode_varint(number, out),
    }
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
