//! What only the end of a run shows of its content: spans without their parents, series with holes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::evidence::{ContentEvidence, ContentFlaw, Outage, Producer};
use crate::ids::Identity;
use crate::journal::{BatchLine, Point};
use crate::mapped::content::Contents;
use crate::mapped::names;
use crate::signal::Signal;

/// Adds what the end shows to what the sink found. `lines` is the client's journal.
///
/// # Errors
/// When a file of the run cannot be read.
pub fn complete(
    found: &mut ContentEvidence,
    folder: &Path,
    producers: &[Producer],
    lines: &[BatchLine],
) -> io::Result<()> {
    let of = |signal: Signal| producers.iter().filter(move |p| p.signal == signal);
    for producer in of(Signal::Traces) {
        orphans(found, folder, producer, producers)?;
    }
    for producer in of(Signal::Metrics) {
        gaps(found, producer, lines);
    }
    Ok(())
}

/// Spans that arrived with a parent that was generated and did not arrive.
fn orphans(
    found: &mut ContentEvidence,
    folder: &Path,
    producer: &Producer,
    producers: &[Producer],
) -> io::Result<()> {
    let contents =
        Contents::open(&folder.join(names::content(producer.signal, producer.producer)))?;
    let is_missing = |parent: Identity| {
        producers
            .iter()
            .find(|p| p.signal == producer.signal && p.producer == parent.producer)
            .is_some_and(|p| {
                p.entered.contains(parent.sequence) && !p.received.contains(parent.sequence)
            })
    };
    for sequence in &producer.received {
        let parent = Identity::from_span_id(contents.parent(sequence));
        if let Some(parent) = parent.filter(|parent| is_missing(*parent)) {
            let found = found.signal_mut(producer.signal);
            found.note(ContentFlaw::Orphans, || {
                format!(
                    "{}/{sequence}: its parent, {parent}, was never received",
                    producer.producer
                )
            });
        }
    }
    Ok(())
}

/// Points that did not arrive, between two of their series that did. A client that was started again
/// begins its series anew, so there is no between across its death.
fn gaps(found: &mut ContentEvidence, producer: &Producer, lines: &[BatchLine]) {
    let handed = lines.iter().filter_map(|line| match line {
        BatchLine::Handed { at_ns, points, .. } => Some((*at_ns, points)),
        _ => None,
    });
    // Points are numbered in the order in which they were handed over.
    let mut sequence = 0;
    let mut series: BTreeMap<(u64, usize), Vec<(u64, &Point)>> = BTreeMap::new();
    for (at_ns, points) in handed {
        let life = life_at(&producer.outages, at_ns);
        for point in points {
            sequence += 1;
            let points = series.entry((point.key.series, life)).or_default();
            points.push((sequence, point));
        }
    }
    for points in series.values() {
        let arrived = |(sequence, _): &(u64, &Point)| producer.received.contains(*sequence);
        let (Some(first), Some(last)) = (
            points.iter().position(arrived),
            points.iter().rposition(arrived),
        ) else {
            continue;
        };
        for (_, point) in points[first..=last].iter().filter(|p| !arrived(p)) {
            let key = point.key;
            found
                .signal_mut(Signal::Metrics)
                .note(ContentFlaw::Gaps, || {
                    format!(
                        "{}@{}: missing between others of its series",
                        key.series, key.time_unix_ns
                    )
                });
        }
    }
}

/// How many clients had died before.
fn life_at(outages: &[Outage], at_ns: u64) -> usize {
    outages.partition_point(|outage| outage.killed_ns <= at_ns)
}

#[cfg(test)]
mod tests {
    use roaring::RoaringTreemap;

    use super::*;
    use crate::ids::PointKey;
    use crate::journal::PointKind;

    fn producer(signal: Signal, entered: u64, received: &[u64]) -> Producer {
        Producer {
            signal,
            producer: 0,
            items_per_arrival: 1,
            due_ns: Vec::new(),
            released_ns: Vec::new(),
            entered: (1..=entered).collect(),
            sampled_out: RoaringTreemap::new(),
            received: received.iter().copied().collect(),
            received_again: RoaringTreemap::new(),
            extra_copies: 0,
            third_copies: 0,
            received_by_deadline: RoaringTreemap::new(),
            outages: Vec::new(),
        }
    }

    fn collection(at_ns: u64, series: &[u64]) -> BatchLine {
        let point = |series: &u64| Point {
            key: PointKey {
                series: *series,
                time_unix_ns: at_ns,
            },
            start_unix_ns: 0,
            value: 0.0,
            kind: PointKind::Cumulative,
        };
        BatchLine::Handed {
            batch: at_ns,
            signal: Signal::Metrics,
            at_ns,
            items: Vec::new(),
            points: series.iter().map(point).collect(),
        }
    }

    #[test]
    fn only_a_parent_that_was_generated_and_is_missing_makes_an_orphan() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(names::content(Signal::Traces, 0));
        let contents = Contents::create(&path, 9).unwrap();
        let id = |sequence| {
            Identity {
                producer: 0,
                sequence,
            }
            .to_span_id()
        };
        // 1 is a root; 3 was lost; 9 never entered the client.
        for (child, parent) in [(2, id(1)), (4, id(3)), (5, id(3)), (6, id(9)), (7, 1 << 60)] {
            contents.set_parent(child, parent);
        }
        let spans = producer(Signal::Traces, 7, &[1, 2, 4, 5, 6, 7]);
        let mut found = ContentEvidence::default();
        complete(&mut found, folder.path(), &[spans], &[]).unwrap();
        let found = found.signal(Signal::Traces).unwrap();
        assert_eq!(found.count(ContentFlaw::Orphans), 2);
        assert_eq!(
            found.examples[&ContentFlaw::Orphans],
            [
                "0/4: its parent, 0/3, was never received",
                "0/5: its parent, 0/3, was never received"
            ]
        );
    }

    #[test]
    fn a_gap_lies_between_two_that_arrived_from_one_client() {
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<BatchLine> = (1..=5).map(|at| collection(at, &[7, 8])).collect();
        let gaps = |received: &[u64], outages: Vec<Outage>| {
            let mut points = producer(Signal::Metrics, 10, received);
            points.outages = outages;
            let mut found = ContentEvidence::default();
            complete(&mut found, folder.path(), &[points], &lines).unwrap();
            let found = found.signal(Signal::Metrics);
            found.map_or(0, |found| found.count(ContentFlaw::Gaps))
        };
        // Series 7 has the sequences 1 3 5 7 9, series 8 the others.
        assert_eq!(gaps(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], Vec::new()), 0);
        assert_eq!(gaps(&[3, 5, 7, 4, 6, 8], Vec::new()), 0);
        assert_eq!(gaps(&[1, 3, 9, 2, 10], Vec::new()), 2 + 3);
        let outage = Outage {
            killed_ns: 4,
            back_ns: None,
        };
        assert_eq!(gaps(&[1, 3, 9, 2, 10], vec![outage]), 0);
    }
}
