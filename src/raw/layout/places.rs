//! Finds the places of a request at which an id, a time or a value stands.

use crate::otlp::wire::{Value, placed};
use crate::signal::Signal;

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    TraceId,
    SpanId,
    ParentId,
    LinkTraceId,
    LinkSpanId,
    Time,
    /// The time of a data point itself.
    PointTime,
    /// A whole number of a data point: its value or a count.
    Count,
    /// A double of a data point: its value or the sum.
    Double,
}

/// A place, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub role: Role,
    /// The item to which it belongs, from 0 in the order of the request.
    pub item: u32,
    /// The message to which it belongs: what is in one link has the same number.
    pub message: u32,
    /// Bytes from the start of the request.
    pub at: usize,
    /// An id as a big-endian number, anything else as its 64 bits.
    pub bits: u128,
}

/// All places of a request, in its order.
#[derive(Debug, Default)]
pub struct Places {
    pub places: Vec<Place>,
    pub items: u32,
    messages: u32,
}

/// What to do with a field.
enum Step {
    Into(&'static Table),
    /// A message that is an item.
    Item(&'static Table),
    /// An id of so many bytes.
    Id(Role, usize),
    Fixed(Role),
    /// Fixed numbers, one after the other.
    Packed(Role),
}

/// Fields of a message by their numbers. Source: opentelemetry-proto 1.x.
type Table = [(u32, Step)];

use Role::{Count, Double, LinkSpanId, LinkTraceId, ParentId, PointTime, SpanId, Time, TraceId};
use Step::{Fixed, Id, Into, Item, Packed};

static TRACES: &Table = &[(1, Into(&[(2, Into(&[(2, Item(SPAN))]))]))];
static SPAN: &Table = &[
    (1, Id(TraceId, 16)),
    (2, Id(SpanId, 8)),
    (4, Id(ParentId, 8)),
    (7, Fixed(Time)),
    (8, Fixed(Time)),
    (11, Into(&[(1, Fixed(Time))])),
    (
        13,
        Into(&[(1, Id(LinkTraceId, 16)), (2, Id(LinkSpanId, 8))]),
    ),
];

static LOGS: &Table = &[(1, Into(&[(2, Into(&[(2, Item(LOG_RECORD))]))]))];
static LOG_RECORD: &Table = &[
    (1, Fixed(Time)),
    (11, Fixed(Time)),
    (9, Id(TraceId, 16)),
    (10, Id(SpanId, 8)),
];

static METRICS: &Table = &[(1, Into(&[(2, Into(&[(2, Into(METRIC))]))]))];
static METRIC: &Table = &[
    (5, Into(&[(1, Item(NUMBER))])),
    (7, Into(&[(1, Item(NUMBER))])),
    (9, Into(&[(1, Item(HISTOGRAM))])),
    (10, Into(&[(1, Item(EXPONENTIAL_HISTOGRAM))])),
    (11, Into(&[(1, Item(SUMMARY))])),
];
static NUMBER: &Table = &[
    (2, Fixed(Time)),
    (3, Fixed(PointTime)),
    (4, Fixed(Double)),
    (5, Into(EXEMPLAR)),
    (6, Fixed(Count)),
];
static HISTOGRAM: &Table = &[
    (2, Fixed(Time)),
    (3, Fixed(PointTime)),
    (4, Fixed(Count)),
    (5, Fixed(Double)),
    (6, Packed(Count)),
    (8, Into(EXEMPLAR)),
];
static EXPONENTIAL_HISTOGRAM: &Table = &[
    (2, Fixed(Time)),
    (3, Fixed(PointTime)),
    (4, Fixed(Count)),
    (5, Fixed(Double)),
    (7, Fixed(Count)),
    (11, Into(EXEMPLAR)),
];
static SUMMARY: &Table = &[(2, Fixed(Time)), (3, Fixed(PointTime))];
static EXEMPLAR: &Table = &[(2, Fixed(Time))];

impl Places {
    /// Of a request that has been walked.
    pub fn find(signal: Signal, request: &[u8]) -> Self {
        let table = match signal {
            Signal::Traces => TRACES,
            Signal::Metrics => METRICS,
            Signal::Logs => LOGS,
        };
        let mut places = Self::default();
        places.walk(table, request, 0);
        places
    }

    /// `base` is where the message begins in the request.
    fn walk(&mut self, table: &Table, message: &[u8], base: usize) {
        let number = self.messages;
        self.messages += 1;
        for (range, field) in placed(message) {
            let Some((_, step)) = table.iter().find(|(number, _)| *number == field.number) else {
                continue;
            };
            let end = base + range.end;
            let mut push = |role, at, bits| {
                self.places.push(Place {
                    role,
                    // Within an item the count has gone past it already.
                    item: self.items.saturating_sub(1),
                    message: number,
                    at,
                    bits,
                });
            };
            match (step, field.value) {
                (Into(inner), Value::Bytes(bytes)) => self.walk(inner, bytes, end - bytes.len()),
                (Item(inner), Value::Bytes(bytes)) => {
                    self.items += 1;
                    self.walk(inner, bytes, end - bytes.len());
                }
                (Id(role, len), Value::Bytes(id)) if id.len() == *len => {
                    let number = id.iter().fold(0, |id, byte| id << 8 | u128::from(*byte));
                    push(*role, end - len, number);
                }
                (Fixed(role) | Packed(role), Value::Fixed64(bits)) => {
                    push(*role, end - 8, u128::from(bits));
                }
                (Packed(role), Value::Bytes(numbers)) => {
                    let (numbers, _) = numbers.as_chunks();
                    let start = end - 8 * numbers.len();
                    for (index, bits) in numbers.iter().enumerate() {
                        let bits = u64::from_le_bytes(*bits);
                        push(*role, start + 8 * index, u128::from(bits));
                    }
                }
                _ => {}
            }
        }
    }
}
