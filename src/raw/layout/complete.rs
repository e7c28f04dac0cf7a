//! Gives the items of a captured request what an identity needs, where they lack it.

use std::borrow::Cow;

use prost::encoding::{WireType, encode_key, encode_varint};

use crate::otlp::raw_points::attributes_field;
use crate::otlp::wire::{Value, checked, placed};
use crate::signal::Signal;

/// The time of a data point that has none: not zero, which is often not written at all.
pub const UNKNOWN_UNIX_NS: u64 = 1;

/// A request that has been walked, in which every span and log record has ids of the right length,
/// and every data point a time.
///
/// What is missing is appended to its item, where a reader takes the last of two. An item that lacks
/// nothing keeps its bytes, and so does the request if none does.
pub fn complete(signal: Signal, request: &[u8]) -> Cow<'_, [u8]> {
    within(request, 1, &mut |resource| {
        within(resource, 2, &mut |scope| {
            within(scope, 2, &mut |inner| match signal {
                Signal::Traces => with_ids(inner, 1, 2),
                Signal::Logs => with_ids(inner, 9, 10),
                Signal::Metrics => with_times(inner),
            })
        })
    })
}

/// The message with each message of the field `number` replaced by what `edit` makes of it.
fn within<'a>(
    message: &'a [u8],
    number: u32,
    edit: &mut impl FnMut(&'a [u8]) -> Cow<'a, [u8]>,
) -> Cow<'a, [u8]> {
    edited(message, &mut |field, inner| {
        (field == number).then(|| edit(inner))
    })
}

/// The message with what `edit` makes of its fields that have bytes; those of which it gives `None`
/// and all others are kept.
fn edited<'a>(
    message: &'a [u8],
    edit: &mut impl FnMut(u32, &'a [u8]) -> Option<Cow<'a, [u8]>>,
) -> Cow<'a, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    for (range, field) in placed(message) {
        let new = match field.value {
            Value::Bytes(inner) => edit(field.number, inner),
            _ => None,
        };
        match new {
            Some(Cow::Owned(inner)) => {
                let out = out.get_or_insert_with(|| message[..range.start].to_vec());
                push(out, field.number, &inner);
            }
            _ => {
                if let Some(out) = &mut out {
                    out.extend_from_slice(&message[range]);
                }
            }
        }
    }
    out.map_or(Cow::Borrowed(message), Cow::Owned)
}

fn push(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn with_ids(item: &[u8], trace_id: u32, span_id: u32) -> Cow<'_, [u8]> {
    let has = |number, len| {
        let last = checked(item).filter(|field| field.number == number).last();
        matches!(last.map(|field| field.value), Some(Value::Bytes(id)) if id.len() == len)
    };
    let mut item = Cow::Borrowed(item);
    for (number, len) in [(trace_id, 16), (span_id, 8)] {
        if !has(number, len) {
            push(item.to_mut(), number, &[0; 16][..len]);
        }
    }
    item
}

fn with_times(metric: &[u8]) -> Cow<'_, [u8]> {
    edited(metric, &mut |number, data| {
        attributes_field(number)?;
        Some(within(data, 1, &mut with_time))
    })
}

fn with_time(point: &[u8]) -> Cow<'_, [u8]> {
    const TIME: u32 = 3;
    let last = checked(point).filter(|field| field.number == TIME).last();
    let mut point = Cow::Borrowed(point);
    if matches!(
        last.map(|field| field.value),
        None | Some(Value::Fixed64(0))
    ) {
        let point = point.to_mut();
        encode_key(TIME, WireType::SixtyFourBit, point);
        point.extend_from_slice(&UNKNOWN_UNIX_NS.to_le_bytes());
    }
    point
}
