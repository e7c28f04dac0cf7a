//! A request as OTLP/JSON, with the places in it that were found in its protobuf.
//!
//! The messages are opentelemetry-proto's own, and so is their JSON. Where a place comes to stand in it
//! is found by marks: the protobuf gets a number of its own at each place, and the JSON is searched
//! for these. Each has to be found once; if chance had a mark in the telemetry itself, others are taken.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::binding::offset;
use crate::otlp::Malformed;
use crate::raw::template::{DECIMAL_DIGITS, DOUBLE_DIGITS, Patch, PatchValue};
use crate::signal::Signal;

/// Marks that are tried before it is given up. One is enough but for a chance of about one in 2^32.
const TRIES: u32 = 8;

/// Digits that hold the number of the place, in decimal marks and in hexadecimal ones.
const INDEX_DIGITS: usize = 10;
const INDEX_HEX_DIGITS: usize = 8;

/// The request as JSON, and its places there.
///
/// # Errors
/// When the bytes are not such a request, or cannot be written as JSON.
pub fn translate(
    signal: Signal,
    request: &[u8],
    patches: &[Patch],
) -> Result<(Vec<u8>, Vec<Patch>), Malformed> {
    for number in 0..TRIES {
        let marks = Marks::new(number);
        let mut marked = request.to_vec();
        for (index, patch) in patches.iter().enumerate() {
            if let Some(place) = marked.get_mut(patch.at as usize..) {
                marks.put(index, patch.value, place);
            }
        }
        let text = to_json(signal, &marked)?;
        if let Some(found) = marks.find(&text, patches)? {
            return Ok((text, found));
        }
    }
    let why = "JSON: the places of ids and times cannot be told from the rest";
    Err(Malformed::Undecodable(why.to_owned()))
}

/// The request with each field once, in order, and none that is unknown.
///
/// # Errors
/// When the bytes are not such a request.
pub fn canonical(signal: Signal, request: &[u8]) -> Result<Vec<u8>, Malformed> {
    Ok(match signal {
        Signal::Traces => decode::<ExportTraceServiceRequest>(request)?.encode_to_vec(),
        Signal::Metrics => decode::<ExportMetricsServiceRequest>(request)?.encode_to_vec(),
        Signal::Logs => decode::<ExportLogsServiceRequest>(request)?.encode_to_vec(),
    })
}

fn to_json(signal: Signal, request: &[u8]) -> Result<Vec<u8>, Malformed> {
    let text = match signal {
        Signal::Traces => serde_json::to_vec(&decode::<ExportTraceServiceRequest>(request)?),
        Signal::Metrics => serde_json::to_vec(&decode::<ExportMetricsServiceRequest>(request)?),
        Signal::Logs => serde_json::to_vec(&decode::<ExportLogsServiceRequest>(request)?),
    };
    text.map_err(|error| Malformed::Undecodable(format!("JSON: {error}")))
}

fn decode<M: Message + Default>(request: &[u8]) -> Result<M, Malformed> {
    M::decode(request).map_err(|error| Malformed::Undecodable(format!("protobuf: {error}")))
}

/// One set of marks. The number of the place follows what all marks of a kind begin with.
struct Marks {
    /// Eight hexadecimal digits.
    id: u32,
    /// The digits of a number before those of the place.
    number: u64,
    double: u64,
}

impl Marks {
    fn new(number: u32) -> Self {
        Self {
            id: 0x9d7c_e3b5 + number,
            number: 173_502_918 + u64::from(number),
            double: 148_271 + u64::from(number),
        }
    }

    fn of_id(&self, index: usize) -> u64 {
        u64::from(self.id) << 32 | index as u64
    }

    fn of_number(&self, index: usize) -> u64 {
        self.number * 10_u64.pow(INDEX_DIGITS as u32) + index as u64
    }

    /// With a half, so that it is written with a point and never with an exponent.
    fn of_double(&self, index: usize) -> f64 {
        (self.double * 10_u64.pow(INDEX_DIGITS as u32) + index as u64) as f64 + 0.5
    }

    fn put(&self, index: usize, value: PatchValue, place: &mut [u8]) {
        let bytes = match value {
            PatchValue::TraceId { .. } | PatchValue::OtherTraceId { .. } => {
                if let Some(low) = place.get_mut(8..16) {
                    low.fill(0);
                }
                self.of_id(index).to_be_bytes()
            }
            PatchValue::SpanId { .. } | PatchValue::OtherSpanId { .. } => {
                self.of_id(index).to_be_bytes()
            }
            PatchValue::Time { .. } | PatchValue::Ordinal { .. } => {
                self.of_number(index).to_le_bytes()
            }
            PatchValue::OrdinalDouble { .. } => self.of_double(index).to_le_bytes(),
        };
        if let Some(place) = place.first_chunk_mut() {
            *place = bytes;
        }
    }

    /// The places at which the marks stand, each once; `None` if one is missing or stands twice.
    fn find(&self, text: &[u8], patches: &[Patch]) -> Result<Option<Vec<Patch>>, Malformed> {
        let mut found: Vec<Option<Patch>> = vec![None; patches.len()];
        for (before, byte) in text.iter().enumerate() {
            let at = before + 1;
            let index = match byte {
                b'"' => self.text_at(&text[at..]),
                b':' => self.double_at(&text[at..]),
                _ => None,
            };
            let Some(index) = index.filter(|index| *index < patches.len()) else {
                continue;
            };
            let patch = Patch {
                at: offset(at)?,
                value: patches[index].value,
            };
            if found[index].replace(patch).is_some() {
                return Ok(None);
            }
        }
        let found: Option<Vec<Patch>> = found.into_iter().collect();
        Ok(found.map(|mut found| {
            // In the order of the text, for the sake of whoever writes it.
            found.sort_unstable_by_key(|patch| patch.at);
            found
        }))
    }

    /// The number in a mark that is a whole text.
    fn text_at(&self, rest: &[u8]) -> Option<usize> {
        let len = rest.iter().take(33).position(|byte| *byte == b'"')?;
        let text = std::str::from_utf8(&rest[..len]).ok()?;
        if len == DECIMAL_DIGITS {
            let (mark, index) = text.split_at_checked(DECIMAL_DIGITS - INDEX_DIGITS)?;
            return (mark.parse() == Ok(self.number)).then(|| index.parse().ok())?;
        }
        if len != 16 && len != 32 {
            return None;
        }
        let (mark, rest) = text.split_at_checked(8)?;
        let (index, zeros) = rest.split_at_checked(INDEX_HEX_DIGITS)?;
        let is_mark = u32::from_str_radix(mark, 16) == Ok(self.id)
            && zeros.bytes().all(|digit| digit == b'0');
        is_mark.then(|| usize::from_str_radix(index, 16).ok())?
    }

    /// The number in a mark that is a double.
    fn double_at(&self, rest: &[u8]) -> Option<usize> {
        let (number, after) = rest.split_at_checked(DOUBLE_DIGITS)?;
        if !matches!(after.first(), Some(b',' | b'}')) {
            return None;
        }
        let text = std::str::from_utf8(number).ok()?.strip_suffix(".5")?;
        let (mark, index) = text.split_at_checked(text.len() - INDEX_DIGITS)?;
        (mark.parse() == Ok(self.double)).then(|| index.parse().ok())?
    }
}
