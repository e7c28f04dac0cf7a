//! A request as bytes that were laid out before the run, and the places in it that each sending fills in.

use bytes::{BufMut, BytesMut};

use crate::ids::Identity;
use crate::otlp::Encoding;
use crate::signal::Signal;

/// What makes one sending of a template different from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub producer: u16,
    /// Sequence of the request's first item; the others follow it.
    pub first_sequence: u64,
    /// Which request of its producer this is, from 0.
    pub arrival: u64,
    /// When it is due, since the Unix epoch.
    pub due_unix_ns: u64,
    /// The high half of every trace id of the run. The low half is the identity of the trace's root.
    pub trace_high: u64,
}

/// A place in a template, and what belongs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// Where it begins, in bytes from the template's start.
    pub at: u32,
    pub value: PatchValue,
}

/// What a place holds. Items are counted from 0 within the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchValue {
    /// 16 bytes: the id of the trace whose root is this item.
    TraceId { root: u32 },
    /// 8 bytes: the id of this item; also where it is another's parent or linked to.
    SpanId { item: u32 },
    /// 8 bytes, little endian: so many nanoseconds after the due time (before it, if negative).
    Time { offset_ns: i64 },
    /// 8 bytes, little endian: the arrival's number, from 1: the value of a cumulative point.
    Ordinal,
}

/// A request of one signal, ready to be stamped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub signal: Signal,
    /// In JSON, ids are hexadecimal text, and times and ordinals are text of 19 decimal digits.
    pub encoding: Encoding,
    pub bytes: Vec<u8>,
    pub patches: Vec<Patch>,
    /// Number of items.
    pub items: u32,
}

impl Template {
    /// Appends the request with this stamp to `out`.
    pub fn write(&self, stamp: &Stamp, out: &mut BytesMut) {
        let start = out.len();
        out.put_slice(&self.bytes);
        self.patch(stamp, &mut out[start..]);
    }

    /// Fills in the places of a copy of the template.
    fn patch(&self, stamp: &Stamp, copy: &mut [u8]) {
        for patch in &self.patches {
            let Some(place) = copy.get_mut(patch.at as usize..) else {
                continue;
            };
            match self.encoding {
                Encoding::Protobuf => patch.value.put(stamp, place),
                Encoding::Json => patch.value.put_text(stamp, place),
            }
        }
    }
}

impl Stamp {
    /// The span id of an item.
    fn span_id(&self, item: u32) -> u64 {
        Identity {
            producer: self.producer,
            sequence: self.first_sequence + u64::from(item),
        }
        .to_span_id()
    }

    fn trace_id(&self, root: u32) -> u128 {
        (u128::from(self.trace_high) << 64) | u128::from(self.span_id(root))
    }
}

impl PatchValue {
    fn put(self, stamp: &Stamp, place: &mut [u8]) {
        match self {
            Self::TraceId { root } => fill(place, &stamp.trace_id(root).to_be_bytes()),
            Self::SpanId { item } => fill(place, &stamp.span_id(item).to_be_bytes()),
            Self::Time { .. } | Self::Ordinal => fill(place, &self.number(stamp).to_le_bytes()),
        }
    }

    fn put_text(self, stamp: &Stamp, place: &mut [u8]) {
        match self {
            Self::TraceId { root } => hexadecimal::<32>(stamp.trace_id(root), place),
            Self::SpanId { item } => hexadecimal::<16>(u128::from(stamp.span_id(item)), place),
            Self::Time { .. } | Self::Ordinal => decimal(self.number(stamp), place),
        }
    }

    /// What is written as a number.
    const fn number(self, stamp: &Stamp) -> u64 {
        match self {
            Self::Time { offset_ns } => stamp.due_unix_ns.saturating_add_signed(offset_ns),
            Self::Ordinal | Self::TraceId { .. } | Self::SpanId { .. } => stamp.arrival + 1,
        }
    }
}

fn fill<const N: usize>(place: &mut [u8], bytes: &[u8; N]) {
    if let Some(place) = place.first_chunk_mut() {
        *place = *bytes;
    }
}

fn hexadecimal<const N: usize>(value: u128, place: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; N];
    for (index, digit) in text.iter_mut().rev().enumerate() {
        *digit = DIGITS[(value >> (4 * index)) as usize & 15];
    }
    fill(place, &text);
}

/// Digits of a time or an ordinal in JSON.
pub const DECIMAL_DIGITS: usize = 19;

fn decimal(mut value: u64, place: &mut [u8]) {
    let mut text = [b'0'; DECIMAL_DIGITS];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    fill(place, &text);
}
