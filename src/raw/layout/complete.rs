//! Gives the items of a captured request what an identity needs, where they lack it.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::otlp::raw_points::{SERIES_KEY, attributes_field, is_series, series};
use crate::otlp::wire::{Value, checked, placed};
use crate::signal::Signal;

/// The time of a data point that has none: not zero, which is often not written at all.
pub const UNKNOWN_UNIX_NS: u64 = 1;

/// A request that has been walked, in which every span and log record has ids of the right length,
/// and every data point a time and the series that `producer` gives it by its position in the request.
///
/// What is missing is appended to its item, where a reader takes the last of two. An item that lacks
/// nothing keeps its bytes, and so does the request if none does.
pub fn complete(signal: Signal, request: &[u8], producer: u16) -> Cow<'_, [u8]> {
    let mut points = 0;
    within(request, 1, &mut |resource| {
        within(resource, 2, &mut |scope| {
            within(scope, 2, &mut |inner| match signal {
                Signal::Traces => with_ids(inner, 1, 2),
                Signal::Logs => with_ids(inner, 9, 10),
                Signal::Metrics => with_series(inner, producer, &mut points),
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

fn with_series<'a>(metric: &'a [u8], producer: u16, points: &mut u32) -> Cow<'a, [u8]> {
    edited(metric, &mut |number, data| {
        let attributes = attributes_field(number)?;
        Some(within(data, 1, &mut |point| {
            let position = *points;
            *points += 1;
            Cow::Owned(with_one_series(
                point,
                attributes,
                series(producer, position),
            ))
        }))
    })
}

fn with_one_series(point: &[u8], attributes: u32, series: i64) -> Vec<u8> {
    const TIME: u32 = 3;
    let mut out = Vec::with_capacity(point.len() + 40);
    let mut has_time = false;
    for (range, field) in placed(point) {
        has_time |= field.number == TIME && field.value != Value::Fixed64(0);
        let replaced = field.number == attributes
            && matches!(field.value, Value::Bytes(attribute) if is_series(attribute));
        if !replaced {
            out.extend_from_slice(&point[range]);
        }
    }
    let attribute = KeyValue {
        key: SERIES_KEY.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::IntValue(series)),
        }),
        ..KeyValue::default()
    };
    push(&mut out, attributes, &attribute.encode_to_vec());
    if !has_time {
        encode_key(TIME, WireType::SixtyFourBit, &mut out);
        out.extend_from_slice(&UNKNOWN_UNIX_NS.to_le_bytes());
    }
    out
}
