//! Compares what arrives with what the client says that it handed over, and keeps what differs.
//!
//! Whatever arrives as a valid request is compared, accepted or not; the ledger tells the two apart.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::{DecodeError, Message as _};

use super::traffic::lock;
use crate::evidence::{ContentEvidence, ContentFlaw, ContentPart, SignalContent};
use crate::ids::Identity;
use crate::journal::Point;
use crate::mapped::content::{Contents, PARTS};
use crate::mapped::names;
use crate::mapped::shelves::Expected;
use crate::otlp::content::{Item, Parts, of_logs, of_metrics, of_traces};
use crate::plan::ContentPlan;
use crate::signal::Signal;

mod points;
mod tail;

use points::Points;

/// Marks beside those of the parts that differ.
const ARRIVED: u64 = 1 << PARTS;
const DISORDERED: u64 = 1 << (PARTS + 1);

/// Why a request cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    #[error("what the client says that it sent cannot be read: {0}")]
    Notes(#[from] io::Error),
    #[error("the request cannot be decoded: {0}")]
    Undecodable(#[from] DecodeError),
}

/// The checks of one run.
#[derive(Debug)]
pub struct Comparison {
    plan: ContentPlan,
    /// By signal and producer.
    shelves: [Vec<Option<Contents>>; 3],
    found: [Mutex<Found>; 3],
    points: Mutex<Points>,
}

#[derive(Debug)]
struct Found {
    content: SignalContent,
    /// Nothing more is counted.
    frozen: bool,
}

impl Comparison {
    /// Opens what the controller and the client have made in `evidence`.
    ///
    /// # Errors
    /// When a file is missing or cannot be opened.
    pub fn open(plan: &ContentPlan, expected: &[Expected], evidence: &Path) -> io::Result<Self> {
        let mut shelves: [Vec<Option<Contents>>; 3] = Default::default();
        for expected in expected {
            let shelf = &mut shelves[expected.signal.index()];
            let index = usize::from(expected.producer);
            if shelf.len() <= index {
                shelf.resize_with(index + 1, || None);
            }
            let path = evidence.join(names::content(expected.signal, expected.producer));
            shelf[index] = Some(Contents::open(&path)?);
        }
        Ok(Self {
            plan: plan.clone(),
            shelves,
            found: Signal::ALL.map(|signal| {
                Mutex::new(Found {
                    content: SignalContent::new(signal),
                    frozen: false,
                })
            }),
            points: Mutex::new(Points::new(evidence)?),
        })
    }

    /// From now on nothing is counted.
    pub fn freeze(&self) {
        for found in &self.found {
            lock(found).frozen = true;
        }
    }

    /// What was found so far, of the signals of which anything arrived.
    pub fn evidence(&self) -> ContentEvidence {
        let signals = self.found.iter().map(|found| lock(found).content.clone());
        ContentEvidence {
            signals: signals
                .filter(|found| found.compared + found.unknown > 0)
                .collect(),
        }
    }

    /// Compares a request that has been walked. `points` are its data points: one whose attributes
    /// were altered has another identity then, and gets back the one that it was sent with.
    ///
    /// # Errors
    /// When the request or the client's notes cannot be read.
    pub fn compare(
        &self,
        signal: Signal,
        request: &[u8],
        points: &mut [Point],
    ) -> Result<(), ContentError> {
        match signal {
            Signal::Traces => {
                let request = ExportTraceServiceRequest::decode(request)?;
                self.compare_items(signal, of_traces(&request.resource_spans));
            }
            Signal::Logs => {
                let request = ExportLogsServiceRequest::decode(request)?;
                self.compare_items(signal, of_logs(&request.resource_logs));
            }
            Signal::Metrics => {
                let request = ExportMetricsServiceRequest::decode(request)?;
                let items = of_metrics(&request.resource_metrics);
                let mut found = lock(&self.found[signal.index()]);
                if !found.frozen {
                    let mut known = lock(&self.points);
                    known.compare(&self.plan, &items, points, &mut found.content)?;
                }
            }
        }
        Ok(())
    }

    fn compare_items<'a>(&self, signal: Signal, items: impl Iterator<Item = Item<'a>>) {
        // What an item says is hashed as it is taken: not while others wait.
        let items: Vec<Item<'_>> = items.collect();
        let mut found = lock(&self.found[signal.index()]);
        if found.frozen {
            return;
        }
        for item in items {
            let Some(identity) = Identity::from_span_id(item.span_id) else {
                continue;
            };
            let shelf = &self.shelves[signal.index()];
            // What nobody planned, the ledger counts as unexpected.
            let Some(Some(contents)) = shelf.get(usize::from(identity.producer)) else {
                continue;
            };
            let Some(sent) = contents.read(identity.sequence) else {
                found.content.unknown += 1;
                continue;
            };
            let mut marks = differing(&self.plan, &sent, &item.parts) | ARRIVED;
            if !item.ordered {
                marks |= DISORDERED;
            }
            let before = contents.mark(identity.sequence, marks);
            if before & ARRIVED == 0 {
                contents.set_parent(identity.sequence, item.parent);
            }
            let name = || identity.to_string();
            count(&mut found.content, before, marks, &item, &name);
        }
    }
}

/// The marks of the parts that differ and are looked at.
fn differing(plan: &ContentPlan, sent: &Parts, arrived: &Parts) -> u64 {
    let parts = ContentPart::ALL.into_iter();
    parts
        .filter(|part| sent[part.index()] != arrived[part.index()] && !plan.ignores(*part))
        .map(|part| 1 << part.index())
        .sum()
}

/// Counts what is new about an item.
fn count(
    content: &mut SignalContent,
    before: u64,
    marks: u64,
    item: &Item<'_>,
    name: &dyn Fn() -> String,
) {
    let new = marks & !before;
    content.compared += u64::from(new & ARRIVED != 0);
    let parts = || ContentPart::ALL.into_iter();
    let is_in = |part: &ContentPart, marks: u64| marks & (1 << part.index()) != 0;
    for part in parts().filter(|part| is_in(part, new)) {
        *content.parts.entry(part).or_default() += 1;
    }
    // A copy of an item that was counted already is the same finding.
    let counted = parts().any(|part| is_in(&part, before));
    if !counted && parts().any(|part| is_in(&part, new)) {
        content.note(ContentFlaw::Altered, || {
            let told = parts().filter(|part| is_in(part, new));
            let told =
                told.map(|part| format!("{} arrived as {}", part.as_str(), item.shown(part)));
            let told: Vec<String> = told.collect();
            format!("{}: {}", name(), told.join("; "))
        });
    }
    if new & DISORDERED != 0 {
        content.note(ContentFlaw::Disordered, || {
            let times = item.shown(ContentPart::Times);
            format!(
                "{}: its times, {times}, or those of its events, go back",
                name()
            )
        });
    }
}
