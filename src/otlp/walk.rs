//! Validates a whole request in one pass and tells of its landmarks.
//!
//! It accepts what prost's full decoder accepts, and refuses what that refuses, but for the number of
//! messages in a request, which has a limit here.

use super::Malformed;
use super::identities::Item;
use super::schema::{self, KEY_VALUE, Kind, Message, Op};
use super::wire::{self, Fields, LEVELS_MAX, Value};
use crate::signal::Signal;

mod quick;

/// Messages of any kind in one request. A message can be two bytes long and still cost its reader
/// many times that, so the size of a request alone bounds nothing.
pub const MESSAGES_MAX: usize = 4_000_000;

/// What a walk tells of, each with its bytes, which have been checked by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    Resource(&'a [u8]),
    Span(Item, &'a [u8]),
    LogRecord(Item, &'a [u8]),
    Metric(&'a [u8]),
}

/// Checks every field of the request and calls `tell` for each landmark, in the request's order.
///
/// # Errors
/// When the request is not valid. Landmarks before the fault have been told.
pub fn walk<'a>(
    signal: Signal,
    request: &'a [u8],
    tell: &mut impl FnMut(Found<'a>),
) -> Result<(), Malformed> {
    let root = match signal {
        Signal::Traces => &schema::TRACES,
        Signal::Metrics => &schema::METRICS,
        Signal::Logs => &schema::LOGS,
    };
    let mut walk = Walk {
        messages: 0,
        item: Item::NOBODY,
        fault: None,
        tell,
    };
    match walk.message(root, request, LEVELS_MAX) {
        Ok(()) => Ok(()),
        Err(Stopped) => Err(walk
            .fault
            .unwrap_or(Malformed::TooManyMessages(MESSAGES_MAX))),
    }
}

struct Walk<'t, F> {
    messages: usize,
    /// What has been read of the item that is being walked.
    item: Item,
    /// Why the walk has stopped; none when there were too many messages.
    fault: Option<Malformed>,
    tell: &'t mut F,
}

/// The walk is over, and [`Walk::fault`] says why: so that the result of each step is one register.
struct Stopped;

impl<'a, F: FnMut(Found<'a>)> Walk<'_, F> {
    /// `levels` is how many messages may still be within each other below this one.
    fn message(
        &mut self,
        message: &'static Message,
        bytes: &'a [u8],
        levels: u32,
    ) -> Result<(), Stopped> {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Err(Stopped);
        }
        if message.item.0 != 0 {
            self.item = Item::NOBODY;
        }
        let mut rest = bytes;
        while let Some((key, after)) = rest.split_first() {
            // Keys from 128 to 255 are written as themselves and a 1.
            let (op, after) = match after {
                [1, after @ ..] if *key >= 0x80 => (message.ops[usize::from(*key)], after),
                _ if *key >= 0x80 => (Op::Other, after),
                _ => (message.ops[usize::from(*key)], after),
            };
            let quick = match op {
                Op::Message => match quick::delimited(after) {
                    Some((bytes, after)) => {
                        self.inner(message, *key, bytes, levels)?;
                        Some(after)
                    }
                    None => None,
                },
                Op::Text => quick::delimited(after)
                    .filter(|(text, _)| quick::is_text(text))
                    .map(|(_, after)| after),
                Op::Varint => quick::skip_varint(after),
                Op::Fixed64 => after.get(8..),
                Op::Fixed32 => after.get(4..),
                Op::Bytes => quick::delimited(after).map(|(_, after)| after),
                Op::Id => quick::delimited(after).map(|(id, after)| {
                    self.item.set_span_id(id);
                    after
                }),
                Op::Time => after.split_first_chunk().map(|(time, after)| {
                    self.item.time_unix_ns = u64::from_le_bytes(*time);
                    after
                }),
                Op::Fixed64s => quick::delimited(after)
                    .filter(|(packed, _)| packed.len().is_multiple_of(8))
                    .map(|(_, after)| after),
                Op::Other => None,
            };
            rest = match quick {
                Some(after) => after,
                None => self.slowly(message, rest, levels)?,
            };
        }
        match message.landmark {
            schema::Landmark::None => {}
            schema::Landmark::Resource => (self.tell)(Found::Resource(bytes)),
            schema::Landmark::Span => (self.tell)(Found::Span(self.item, bytes)),
            schema::Landmark::LogRecord => (self.tell)(Found::LogRecord(self.item, bytes)),
            schema::Landmark::Metric => (self.tell)(Found::Metric(bytes)),
        }
        Ok(())
    }

    /// The message in the field with that key.
    #[inline]
    fn inner(
        &mut self,
        outer: &'static Message,
        key: u8,
        bytes: &'a [u8],
        levels: u32,
    ) -> Result<(), Stopped> {
        let Some(Kind::Message(inner)) = outer.fields.get(usize::from(key >> 3) - 1) else {
            return Ok(());
        };
        // Most messages of a request are attributes with a plain value: two messages each.
        if std::ptr::eq(*inner, &raw const KEY_VALUE) && levels >= 2 && quick::is_plain_pair(bytes)
        {
            self.messages += 2;
            return Ok(());
        }
        match levels.checked_sub(1) {
            Some(levels) => self.message(inner, bytes, levels),
            None => Err(self.too_deep(outer)),
        }
    }

    /// Reads the first field of `rest`, whatever it is, and returns what comes after it.
    #[cold]
    fn slowly(
        &mut self,
        message: &'static Message,
        rest: &'a [u8],
        levels: u32,
    ) -> Result<&'a [u8], Stopped> {
        let mut fields = Fields::within(rest, levels);
        let field = match fields.next() {
            None => return Ok(rest),
            Some(Ok(field)) => field,
            Some(Err(error)) => return Err(self.undecodable(message, &error.to_string())),
        };
        let kind = message.fields.get(field.number as usize - 1);
        match (kind.unwrap_or(&Kind::Unknown), field.value) {
            (Kind::Message(inner), Value::Bytes(bytes)) => match levels.checked_sub(1) {
                Some(levels) => self.message(inner, bytes, levels)?,
                None => return Err(self.too_deep(message)),
            },
            (Kind::Text, Value::Bytes(bytes)) => {
                if std::str::from_utf8(bytes).is_err() {
                    let why = format!("field {} is not UTF-8", field.number);
                    return Err(self.undecodable(message, &why));
                }
            }
            (Kind::Unknown, _) if levels == 0 => return Err(self.too_deep(message)),
            (kind, value) if fits(*kind, value) => {}
            _ => {
                let why = format!("field {} has the wrong wire type", field.number);
                return Err(self.undecodable(message, &why));
            }
        }
        match field.value {
            Value::Bytes(id) if field.number == message.item.0 => self.item.set_span_id(id),
            Value::Fixed64(time) if field.number == message.item.1 => self.item.time_unix_ns = time,
            _ => {}
        }
        Ok(fields.rest())
    }

    fn too_deep(&mut self, message: &Message) -> Stopped {
        self.undecodable(message, "messages are nested too deeply")
    }

    fn undecodable(&mut self, message: &Message, why: &str) -> Stopped {
        let why = format!("{}: {why}", message.name);
        self.fault = Some(Malformed::Undecodable(why));
        Stopped
    }
}

fn fits(kind: Kind, value: Value<'_>) -> bool {
    match (kind, value) {
        (Kind::Unknown, _)
        | (Kind::Varint | Kind::Varints, Value::Varint(_))
        | (Kind::Fixed64 | Kind::Fixed64s, Value::Fixed64(_))
        | (Kind::Fixed32, Value::Fixed32(_))
        | (Kind::Bytes, Value::Bytes(_)) => true,
        (Kind::Varints, Value::Bytes(bytes)) => wire::are_varints(bytes),
        (Kind::Fixed64s, Value::Bytes(bytes)) => bytes.len().is_multiple_of(8),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
