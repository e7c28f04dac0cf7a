//! What items look like: tables built before the run, from which the hot loop only picks.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::plan::LoadPlan;

pub mod logs;
pub mod metrics;
pub mod traces;

use logs::LogTable;
use metrics::MetricTable;
use traces::SpanTable;

/// Arrivals per signal that a fingerprint covers.
const FINGERPRINT_ARRIVALS: u64 = 256;

/// Hash of the first items' content, as hexadecimal text: the same plan and seed give the same one.
pub fn fingerprint(plan: &LoadPlan, seed: u64) -> String {
    let mut text = String::new();
    if let Some(load) = &plan.traces {
        let spans = load.arrivals.items_per_arrival;
        let table = SpanTable::new(&load.payload, seed, spans);
        for arrival in 0..FINGERPRINT_ARRIVALS {
            push(&mut text, &table.trace_id(0, arrival));
            push(&mut text, &table.parents(0, arrival));
            for span in 0..u64::from(spans.max(1)) {
                let sequence = arrival * u64::from(spans.max(1)) + span + 1;
                push(&mut text, &table.look(0, sequence, span == 0));
            }
        }
    }
    if let Some(load) = &plan.metrics {
        let table = MetricTable::new(&load.payload, seed, load.arrivals.producers);
        push(&mut text, &table.instruments());
        for arrival in 0..FINGERPRINT_ARRIVALS {
            let measurement = table.measurement(0, arrival);
            push(&mut text, &measurement);
            push(&mut text, &table.attributes(measurement.series));
        }
    }
    if let Some(load) = &plan.logs {
        let table = LogTable::new(&load.payload, seed);
        for arrival in 0..FINGERPRINT_ARRIVALS {
            push(&mut text, &table.trace_id(0, arrival));
            push(&mut text, &table.look(0, arrival + 1));
        }
    }
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

fn push(text: &mut String, value: &impl std::fmt::Debug) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{value:?}");
}

/// A text that lives as long as the process, as the SDK's names must. Tables are built once, and
/// the process ends with the run.
fn for_ever(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        ArrivalPlan, ArrivalProcess, AttributePlan, AttributeType, InstrumentKind, LogPayload,
        MetricPayload, RateProfile, SignalLoad, TracePayload,
    };

    fn plan() -> LoadPlan {
        let arrivals = |items_per_arrival| ArrivalPlan {
            process: ArrivalProcess::Constant,
            profile: RateProfile::Constant { rate: 100.0 },
            items_per_arrival,
            producers: 2,
        };
        let attributes = AttributePlan {
            count: 4,
            value_bytes: 8,
            cardinality: 10,
            types: vec![
                AttributeType::String,
                AttributeType::Int,
                AttributeType::Double,
                AttributeType::StringArray,
            ],
        };
        LoadPlan {
            traces: Some(SignalLoad {
                arrivals: arrivals(4),
                payload: TracePayload {
                    span_names: 5,
                    events_per_span: 1,
                    links_per_span: 1,
                    errors: 0.1,
                    attributes: attributes.clone(),
                    sample: 1.0,
                },
            }),
            metrics: Some(SignalLoad {
                arrivals: arrivals(1),
                payload: MetricPayload {
                    series: 3,
                    instruments: vec![InstrumentKind::Sum, InstrumentKind::Histogram],
                    attributes: attributes.clone(),
                },
            }),
            logs: Some(SignalLoad {
                arrivals: arrivals(1),
                payload: LogPayload {
                    body_bytes: 30,
                    attributes,
                },
            }),
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let first = fingerprint(&plan(), 7);
        assert_eq!(first, fingerprint(&plan(), 7));
        assert_ne!(first, fingerprint(&plan(), 8));
        // Known for ever: a change of the payload is a change of every stored baseline.
        insta::assert_snapshot!(first);
    }

    #[test]
    fn each_part_of_the_plan_shows() {
        let first = fingerprint(&plan(), 7);
        let mut longer = plan();
        if let Some(logs) = &mut longer.logs {
            logs.payload.body_bytes += 1;
        }
        assert_ne!(first, fingerprint(&longer, 7));
        let mut without = plan();
        without.metrics = None;
        assert_ne!(first, fingerprint(&without, 7));
    }
}
