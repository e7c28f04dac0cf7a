//! A request as bytes that were laid out before the run, and the places in it that each sending fills in.

use bytes::{BufMut, BytesMut};

use crate::ids::Identity;
use crate::otlp::Encoding;
use crate::signal::Signal;

/// What makes one sending of a template different from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub producer: u16,
    /// Sequence of the item from which the template counts: the request's first, or that of the first
    /// request of a capture.
    pub first_sequence: u64,
    /// Which arrival of its producer this is, from 0.
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

/// What a place holds. Items are counted from 0 within the request, or within a capture of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchValue {
    /// 16 bytes: the id of the trace whose root is this item.
    TraceId { root: u32 },
    /// 8 bytes: the id of this item; also where it is another's parent or linked to.
    SpanId { item: u32 },
    /// 16 bytes: the id of a trace of which there is nothing else, made of the one it had.
    OtherTraceId { id: u64 },
    /// 8 bytes: the id of a span that is not there, made of the one it had. Within a request, or a round
    /// of captured ones, the same id gives the same, and none is that of an item of a producer below 32,768.
    OtherSpanId { id: u64 },
    /// 8 bytes, little endian: so many nanoseconds after the due time (before it, if negative).
    Time { offset_ns: i64 },
    /// 8 bytes, little endian: `plus` and the arrival's number, from 1: the value of a cumulative point.
    Ordinal { plus: u64 },
    /// As [`PatchValue::Ordinal`], as a double.
    OrdinalDouble { plus: u64 },
}

/// A request of one signal, ready to be stamped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub signal: Signal,
    /// In JSON, ids are hexadecimal text, times and ordinals are text of [`DECIMAL_DIGITS`] digits,
    /// and doubles are numbers with spaces before them, [`DOUBLE_DIGITS`] wide.
    pub encoding: Encoding,
    pub bytes: Vec<u8>,
    pub patches: Patches,
    /// Number of items.
    pub items: u32,
}

/// The places of a template. Those of which there are several in every item have lists by kind, so that
/// filling them in is a loop without a choice in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patches {
    /// Where, and the root.
    trace_ids: Vec<(u32, u32)>,
    /// Where, and the item.
    span_ids: Vec<(u32, u32)>,
    /// Where, and the offset in nanoseconds.
    times: Vec<(u32, i64)>,
    others: Vec<Patch>,
}

impl FromIterator<Patch> for Patches {
    fn from_iter<I: IntoIterator<Item = Patch>>(patches: I) -> Self {
        let mut lists = Self::default();
        for patch in patches {
            match patch.value {
                PatchValue::TraceId { root } => lists.trace_ids.push((patch.at, root)),
                PatchValue::SpanId { item } => lists.span_ids.push((patch.at, item)),
                PatchValue::Time { offset_ns } => lists.times.push((patch.at, offset_ns)),
                _ => lists.others.push(patch),
            }
        }
        lists
    }
}

impl Patches {
    /// All of them, kind after kind.
    pub fn iter(&self) -> impl Iterator<Item = Patch> {
        let trace_id = |&(at, root): &(u32, u32)| Patch {
            at,
            value: PatchValue::TraceId { root },
        };
        let span_id = |&(at, item): &(u32, u32)| Patch {
            at,
            value: PatchValue::SpanId { item },
        };
        let time = |&(at, offset_ns): &(u32, i64)| Patch {
            at,
            value: PatchValue::Time { offset_ns },
        };
        let trace_ids = self.trace_ids.iter().map(trace_id);
        let span_ids = self.span_ids.iter().map(span_id);
        let times = self.times.iter().map(time);
        let others = self.others.iter().copied();
        trace_ids.chain(span_ids).chain(times).chain(others)
    }

    /// Fills them all in. `put` is inlined in each loop, where it knows the kind.
    #[inline(always)]
    fn fill_in(&self, copy: &mut [u8], put: impl Fn(PatchValue, &mut [u8])) {
        let place = |copy: &mut [u8], at: u32, value| {
            if let Some(place) = copy.get_mut(at as usize..) {
                put(value, place);
            }
        };
        for &(at, root) in &self.trace_ids {
            place(copy, at, PatchValue::TraceId { root });
        }
        for &(at, item) in &self.span_ids {
            place(copy, at, PatchValue::SpanId { item });
        }
        for &(at, offset_ns) in &self.times {
            place(copy, at, PatchValue::Time { offset_ns });
        }
        for patch in &self.others {
            place(copy, patch.at, patch.value);
        }
    }
}

/// Digits of a time or an ordinal in JSON.
pub const DECIMAL_DIGITS: usize = 19;
/// Width of an ordinal that is a double in JSON.
pub const DOUBLE_DIGITS: usize = 18;

impl Template {
    /// Appends the request with this stamp to `out`.
    pub fn write(&self, stamp: &Stamp, out: &mut BytesMut) {
        let start = out.len();
        out.put_slice(&self.bytes);
        self.stamp(stamp, &mut out[start..]);
    }

    /// Puts another stamp on a request that was written before: every place of the last one is filled anew.
    pub fn stamp(&self, stamp: &Stamp, request: &mut [u8]) {
        let ink = Ink::new(stamp);
        match self.encoding {
            Encoding::Protobuf => self
                .patches
                .fill_in(request, |value, place| ink.put(value, place)),
            Encoding::Json => self
                .patches
                .fill_in(request, |value, place| ink.put_text(value, place)),
        }
    }
}

/// A stamp, made ready to be put many times.
struct Ink {
    /// The identity of the request's first item, to which an item's number is added.
    first_id: u64,
    trace_high: u64,
    due_unix_ns: u64,
    ordinal: u64,
}

/// The bit by which the id of a span that is not ours is told from an identity.
const OTHER: u64 = 1 << 63;

impl Ink {
    const fn new(stamp: &Stamp) -> Self {
        let first = Identity {
            producer: stamp.producer,
            sequence: stamp.first_sequence,
        };
        Self {
            first_id: first.to_span_id(),
            trace_high: stamp.trace_high,
            due_unix_ns: stamp.due_unix_ns,
            ordinal: stamp.arrival + 1,
        }
    }

    const fn span_id(&self, item: u32) -> u64 {
        self.first_id + item as u64
    }

    const fn other_id(&self, id: u64) -> u64 {
        // Turned, so that the sending shows in other bits than those in which ids mostly differ.
        (id ^ self.first_id.rotate_left(24)) | OTHER
    }

    const fn trace_id(&self, low: u64) -> u128 {
        ((self.trace_high as u128) << 64) | low as u128
    }

    const fn time(&self, offset_ns: i64) -> u64 {
        self.due_unix_ns.wrapping_add_signed(offset_ns)
    }

    const fn number(&self, plus: u64) -> u64 {
        self.ordinal.saturating_add(plus)
    }

    #[inline(always)]
    fn put(&self, value: PatchValue, place: &mut [u8]) {
        match value {
            PatchValue::TraceId { root } => {
                fill(place, &self.trace_id(self.span_id(root)).to_be_bytes());
            }
            PatchValue::SpanId { item } => fill(place, &self.span_id(item).to_be_bytes()),
            PatchValue::OtherTraceId { id } => {
                fill(place, &self.trace_id(self.other_id(id)).to_be_bytes());
            }
            PatchValue::OtherSpanId { id } => fill(place, &self.other_id(id).to_be_bytes()),
            PatchValue::Time { offset_ns } => fill(place, &self.time(offset_ns).to_le_bytes()),
            PatchValue::Ordinal { plus } => fill(place, &self.number(plus).to_le_bytes()),
            PatchValue::OrdinalDouble { plus } => {
                fill(place, &(self.number(plus) as f64).to_le_bytes());
            }
        }
    }

    #[inline(always)]
    fn put_text(&self, value: PatchValue, place: &mut [u8]) {
        match value {
            PatchValue::TraceId { root } => {
                hexadecimal(self.trace_id(self.span_id(root)).to_be_bytes(), place);
            }
            PatchValue::SpanId { item } => {
                hexadecimal(self.span_id(item).to_be_bytes(), place);
            }
            PatchValue::OtherTraceId { id } => {
                hexadecimal(self.trace_id(self.other_id(id)).to_be_bytes(), place);
            }
            PatchValue::OtherSpanId { id } => {
                hexadecimal(self.other_id(id).to_be_bytes(), place);
            }
            PatchValue::Time { offset_ns } => {
                decimal::<DECIMAL_DIGITS>(self.time(offset_ns), b'0', place);
            }
            PatchValue::Ordinal { plus } => {
                decimal::<DECIMAL_DIGITS>(self.number(plus), b'0', place);
            }
            PatchValue::OrdinalDouble { plus } => {
                decimal::<DOUBLE_DIGITS>(self.number(plus), b' ', place);
            }
        }
    }
}

fn fill<const N: usize>(place: &mut [u8], bytes: &[u8; N]) {
    if let Some(place) = place.first_chunk_mut() {
        *place = *bytes;
    }
}

fn hexadecimal<const N: usize>(bytes: [u8; N], place: &mut [u8]) {
    // Arithmetic instead of a table: the compiler makes many digits at once of it.
    let digit = |nibble: u8| nibble + b'0' + u8::from(nibble > 9) * (b'a' - b'9' - 1);
    let (digits, _) = place.as_chunks_mut();
    for (digits, byte) in digits.iter_mut().zip(bytes) {
        *digits = [digit(byte >> 4), digit(byte & 15)];
    }
}

/// A whole number, with `pad` before it.
fn decimal<const N: usize>(mut value: u64, pad: u8, place: &mut [u8]) {
    let mut text = [pad; N];
    let mut end = N;
    // Two digits at a time, for each division waits for the one before.
    while value >= 10 && end >= 2 {
        let pair = (value % 100) as u8;
        value /= 100;
        text[end - 2] = b'0' + pair / 10;
        text[end - 1] = b'0' + pair % 10;
        end -= 2;
    }
    if (value > 0 || end == N) && end > 0 {
        text[end - 1] = b'0' + (value % 10) as u8;
    }
    fill(place, &text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        producer: 3,
        first_sequence: 10,
        arrival: 6,
        due_unix_ns: 1_700_000_000_000_000_000,
        trace_high: 0xabcd_ef01_2345_6789,
    };

    fn written(encoding: Encoding, value: PatchValue) -> Vec<u8> {
        let template = Template {
            signal: Signal::Traces,
            encoding,
            bytes: vec![b'-'; 40],
            patches: Patches::from_iter([Patch { at: 2, value }]),
            items: 1,
        };
        let mut out = BytesMut::from(&b"before"[..]);
        template.write(&STAMP, &mut out);
        assert_eq!((&out[..8], out.len()), (&b"before--"[..], 46));
        out.split_off(8).to_vec()
    }

    fn text(value: PatchValue) -> String {
        let text = String::from_utf8(written(Encoding::Json, value)).unwrap();
        text.trim_end_matches('-').to_owned()
    }

    #[test]
    fn each_value_is_put_as_bytes() {
        let bytes = |value| written(Encoding::Protobuf, value);
        let trace = bytes(PatchValue::TraceId { root: 1 });
        assert_eq!(trace[..8], STAMP.trace_high.to_be_bytes());
        assert_eq!(trace[8..17], [0, 3, 0, 0, 0, 0, 0, 11, b'-']);
        let span = bytes(PatchValue::SpanId { item: 2 });
        assert_eq!(span[..9], [0, 3, 0, 0, 0, 0, 0, 12, b'-']);
        let time = bytes(PatchValue::Time { offset_ns: -1 });
        assert_eq!(time[..8], 1_699_999_999_999_999_999_u64.to_le_bytes());
        let ordinal = bytes(PatchValue::Ordinal { plus: 100 });
        assert_eq!(ordinal[..8], 107_u64.to_le_bytes());
        let double = bytes(PatchValue::OrdinalDouble { plus: 0 });
        assert_eq!(double[..8], 7_f64.to_le_bytes());
    }

    #[test]
    fn each_value_is_put_as_text() {
        assert_eq!(
            text(PatchValue::TraceId { root: 1 }),
            "abcdef0123456789000300000000000b"
        );
        assert_eq!(text(PatchValue::SpanId { item: 0 }), "000300000000000a");
        assert_eq!(
            text(PatchValue::Time { offset_ns: 5 }),
            "1700000000000000005"
        );
        assert_eq!(text(PatchValue::Ordinal { plus: 0 }), "0000000000000000007");
        assert_eq!(text(PatchValue::Ordinal { plus: 3 }), "0000000000000000010");
        assert_eq!(
            text(PatchValue::Ordinal { plus: 9_993 }),
            "0000000000000010000"
        );
        assert_eq!(
            text(PatchValue::OrdinalDouble { plus: 100 }),
            "               107"
        );
    }

    #[test]
    fn ids_of_others_are_fresh_and_nobodys() {
        let put = |id, first_sequence| {
            Ink::new(&Stamp {
                first_sequence,
                ..STAMP
            })
            .other_id(id)
        };
        assert_eq!(put(77, 1), put(77, 1));
        assert_ne!(put(77, 1), put(78, 1));
        assert_ne!(put(77, 1), put(77, 2));
        assert!(Identity::from_span_id(put(77, 1)).is_none_or(|id| id.producer >= 0x8000));
        let span = text(PatchValue::OtherSpanId { id: 77 });
        assert_eq!(span, format!("{:016x}", put(77, 10)));
        let trace = text(PatchValue::OtherTraceId { id: 77 });
        assert_eq!(trace, format!("{:016x}{span}", STAMP.trace_high));
    }
}
