//! From what stands in a request to what each sending puts there.

use std::collections::HashMap;

use super::complete::UNKNOWN_UNIX_NS;
use super::places::{Place, Places, Role};
use super::sample;
use crate::otlp::Malformed;
use crate::raw::template::{Patch, PatchValue};

/// How the numbers of a request are meant.
#[derive(Debug, Clone, Copy)]
pub enum Meaning<'a> {
    /// As [`sample`] says.
    Sample,
    /// They are times of the past, and values that stay.
    Captured {
        /// What all requests of the capture hold.
        known: &'a Known,
        /// The number of the request's first item in the capture, from 0.
        first: u32,
        /// The request's own time, which becomes the due time.
        at_unix_ns: u64,
    },
}

/// Where the traces and spans of several requests have their items, which are counted over all of them.
#[derive(Debug, Default)]
pub struct Known {
    /// The first item of each trace.
    roots: HashMap<u128, u32>,
    /// The first item of each span id in its trace.
    items: HashMap<(u128, u128), u32>,
    count: u32,
}

impl Known {
    /// Adds the next request; the number of its first item.
    ///
    /// # Errors
    /// When there are more items than can be counted.
    pub fn add(&mut self, found: &Places) -> Result<u32, Malformed> {
        let first = self.count;
        self.count = first.checked_add(found.items).ok_or_else(|| {
            Malformed::Undecodable("there are more than four thousand million items".to_owned())
        })?;
        let traces = traces_of(found);
        for place in &found.places {
            let item = first + place.item;
            match place.role {
                Role::TraceId if place.bits != 0 => {
                    self.roots.entry(place.bits).or_insert(item);
                }
                Role::SpanId => {
                    if let Some(trace) = traces.get(&place.item) {
                        self.items.entry((*trace, place.bits)).or_insert(item);
                    }
                }
                _ => {}
            }
        }
        Ok(first)
    }
}

/// The trace of each item of a request.
fn traces_of(found: &Places) -> HashMap<u32, u128> {
    let ids = found.places.iter().filter(|p| p.role == Role::TraceId);
    ids.map(|place| (place.item, place.bits)).collect()
}

/// What belongs at each place of a request. Places that keep what they hold are left out.
///
/// # Errors
/// When the request is too long for its places to be told.
pub fn bind(found: &Places, meaning: Meaning<'_>) -> Result<Vec<Patch>, Malformed> {
    let alone;
    let (known, first, at_unix_ns) = match meaning {
        Meaning::Captured {
            known,
            first,
            at_unix_ns,
        } => (known, first, Some(at_unix_ns)),
        Meaning::Sample => {
            let mut known = Known::default();
            known.add(found)?;
            alone = known;
            (&alone, 0, None)
        }
    };
    let binding = Binding::new(found, known, first, at_unix_ns);
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

struct Binding<'a> {
    known: &'a Known,
    /// The number of the request's first item.
    first: u32,
    /// The time that becomes the due time; `None` where numbers are meant as in a sample.
    captured_at: Option<u64>,
    /// The trace of each item, and of each link by its message.
    traces: HashMap<u32, u128>,
    link_traces: HashMap<u32, u128>,
    /// The time of each data point of the capture.
    points: HashMap<u32, u64>,
}

impl<'a> Binding<'a> {
    fn new(found: &Places, known: &'a Known, first: u32, captured_at: Option<u64>) -> Self {
        let mut binding = Self {
            known,
            first,
            captured_at,
            traces: traces_of(found),
            link_traces: HashMap::new(),
            points: HashMap::new(),
        };
        for place in &found.places {
            match place.role {
                Role::LinkTraceId => {
                    binding.link_traces.insert(place.message, place.bits);
                }
                Role::PointTime => {
                    binding.points.insert(place.item, place.bits as u64);
                }
                _ => {}
            }
        }
        binding
    }

    fn value(&self, place: &Place) -> Option<PatchValue> {
        let bits = place.bits as u64;
        let item = self.first + place.item;
        match place.role {
            Role::SpanId => Some(PatchValue::SpanId { item }),
            // An item without a trace is the root of its own.
            Role::TraceId if place.bits == 0 => Some(PatchValue::TraceId { root: item }),
            Role::TraceId => Some(self.trace(place.bits)),
            Role::ParentId => self.span(self.traces.get(&place.item), place.bits),
            // Zero is nobody's.
            Role::LinkTraceId => (place.bits != 0).then(|| self.trace(place.bits)),
            Role::LinkSpanId => self.span(self.link_traces.get(&place.message), place.bits),
            Role::Time => {
                let offset_ns = match self.captured_at {
                    None => sample::offset_ns(bits)?,
                    // Zero is unknown, and stays so.
                    Some(_) if bits == 0 => return None,
                    Some(at) => match self.points.get(&place.item) {
                        None => bits.wrapping_sub(at) as i64,
                        // What is told by an unknown time stays.
                        Some(point) if *point <= UNKNOWN_UNIX_NS => return None,
                        Some(point) => {
                            (bits.wrapping_sub(*point) as i64).saturating_add(i64::from(place.item))
                        }
                    },
                };
                Some(PatchValue::Time { offset_ns })
            }
            Role::PointTime => {
                // Each point of a replay is an arrival of its own, due a nanosecond after the one before.
                let offset_ns = self.captured_at.map_or(0, |_| i64::from(place.item));
                Some(PatchValue::Time { offset_ns })
            }
            Role::Count => {
                let plus = sample::ordinal(bits).filter(|_| self.captured_at.is_none())?;
                Some(PatchValue::Ordinal { plus })
            }
            Role::Double => {
                let plus = sample::ordinal_double(f64::from_bits(bits))
                    .filter(|_| self.captured_at.is_none())?;
                Some(PatchValue::OrdinalDouble { plus })
            }
        }
    }

    fn trace(&self, id: u128) -> PatchValue {
        match self.known.roots.get(&id) {
            Some(root) => PatchValue::TraceId { root: *root },
            None => PatchValue::OtherTraceId { id: id as u64 },
        }
    }

    /// A span that another one refers to; `None` for the id zero, which is nobody's.
    fn span(&self, trace: Option<&u128>, id: u128) -> Option<PatchValue> {
        if id == 0 {
            return None;
        }
        let item = trace.and_then(|trace| self.known.items.get(&(*trace, id)));
        Some(match item {
            Some(item) => PatchValue::SpanId { item: *item },
            None => PatchValue::OtherSpanId { id: id as u64 },
        })
    }
}
