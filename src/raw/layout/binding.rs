//! From what stands in a request to what each sending puts there.

use std::collections::HashMap;

use super::complete::UNKNOWN_UNIX_NS;
use super::places::{Place, Places, Role};
use super::sample;
use crate::otlp::Malformed;
use crate::raw::template::{Patch, PatchValue};

/// How the numbers of a request are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// As [`sample`] says.
    Sample,
    /// They are times of the past, and values that stay.
    Captured,
}

/// What belongs at each place of a request. Places that keep what they hold are left out.
///
/// # Errors
/// When the request is too long for its places to be told.
pub fn bind(found: &Places, meaning: Meaning) -> Result<Vec<Patch>, Malformed> {
    let binding = Binding::new(found, meaning);
    let mut patches = Vec::with_capacity(found.places.len());
    for place in &found.places {
        if let Some(value) = binding.value(place) {
            patches.push(Patch {
                at: offset(place.at)?,
                value,
            });
        }
    }
    Ok(patches)
}

/// An offset as a patch keeps it.
///
/// # Errors
/// When the request is too long.
pub fn offset(at: usize) -> Result<u32, Malformed> {
    u32::try_from(at)
        .map_err(|_| Malformed::Undecodable("the request is longer than 4 GiB".to_owned()))
}

struct Binding {
    meaning: Meaning,
    /// The first item of each trace.
    roots: HashMap<u128, u32>,
    /// The first item of each span id in its trace.
    items: HashMap<(u128, u128), u32>,
    /// The trace of each item, and of each link by its message.
    traces: HashMap<u32, u128>,
    link_traces: HashMap<u32, u128>,
    /// The time that becomes the due time: the latest of the request, or a data point's own.
    latest: u64,
    points: HashMap<u32, u64>,
}

impl Binding {
    fn new(found: &Places, meaning: Meaning) -> Self {
        let mut binding = Self {
            meaning,
            roots: HashMap::new(),
            items: HashMap::new(),
            traces: HashMap::new(),
            link_traces: HashMap::new(),
            latest: 0,
            points: HashMap::new(),
        };
        for place in &found.places {
            match place.role {
                Role::TraceId => {
                    if place.bits != 0 {
                        binding.roots.entry(place.bits).or_insert(place.item);
                    }
                    binding.traces.insert(place.item, place.bits);
                }
                Role::LinkTraceId => {
                    binding.link_traces.insert(place.message, place.bits);
                }
                Role::PointTime => {
                    binding.points.insert(place.item, place.bits as u64);
                }
                Role::Time => binding.latest = binding.latest.max(place.bits as u64),
                _ => {}
            }
        }
        for place in found.places.iter().filter(|p| p.role == Role::SpanId) {
            if let Some(trace) = binding.traces.get(&place.item) {
                let span = (*trace, place.bits);
                binding.items.entry(span).or_insert(place.item);
            }
        }
        binding
    }

    fn value(&self, place: &Place) -> Option<PatchValue> {
        let bits = place.bits as u64;
        match place.role {
            Role::SpanId => Some(PatchValue::SpanId { item: place.item }),
            // An item without a trace is the root of its own.
            Role::TraceId if place.bits == 0 => Some(PatchValue::TraceId { root: place.item }),
            Role::TraceId => Some(self.trace(place.bits)),
            Role::ParentId => self.span(self.traces.get(&place.item), place.bits),
            // Zero is nobody's.
            Role::LinkTraceId => (place.bits != 0).then(|| self.trace(place.bits)),
            Role::LinkSpanId => self.span(self.link_traces.get(&place.message), place.bits),
            Role::Time => {
                let offset_ns = match self.meaning {
                    Meaning::Sample => sample::offset_ns(bits)?,
                    Meaning::Captured => {
                        let latest = self.points.get(&place.item).unwrap_or(&self.latest);
                        // Zero is unknown, and stays so; so does what is told by an unknown time.
                        (bits != 0 && *latest > UNKNOWN_UNIX_NS)
                            .then(|| bits.wrapping_sub(*latest) as i64)?
                    }
                };
                Some(PatchValue::Time { offset_ns })
            }
            Role::PointTime => Some(PatchValue::Time { offset_ns: 0 }),
            Role::Count => {
                let plus = sample::ordinal(bits).filter(|_| self.meaning == Meaning::Sample)?;
                Some(PatchValue::Ordinal { plus })
            }
            Role::Double => {
                let plus = sample::ordinal_double(f64::from_bits(bits))
                    .filter(|_| self.meaning == Meaning::Sample)?;
                Some(PatchValue::OrdinalDouble { plus })
            }
        }
    }

    fn trace(&self, id: u128) -> PatchValue {
        match self.roots.get(&id) {
            Some(root) => PatchValue::TraceId { root: *root },
            None => PatchValue::OtherTraceId { id: id as u64 },
        }
    }

    /// A span that another one refers to; `None` for the id zero, which is nobody's.
    fn span(&self, trace: Option<&u128>, id: u128) -> Option<PatchValue> {
        if id == 0 {
            return None;
        }
        let item = trace.and_then(|trace| self.items.get(&(*trace, id)));
        Some(match item {
            Some(item) => PatchValue::SpanId { item: *item },
            None => PatchValue::OtherSpanId { id: id as u64 },
        })
    }
}
