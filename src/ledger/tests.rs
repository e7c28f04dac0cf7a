//! The ledger on made-up evidence, and on every way in which evidence can contradict itself.

use proptest::prelude::*;
use roaring::RoaringTreemap;

use super::{Class, Ledger};
use crate::evidence::{
    Attempt, Batch, Evidence, ItemRange, Outage, Outcome, OutcomeKind, Producer, SinkEvidence,
    SinkSignal, Times,
};
use crate::signal::Signal;

/// What becomes of one batch of a made-up run.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Delivered,
    AcknowledgedAndLost,
    Refused,
    GivenUp,
    GivenUpButReceived,
    SentTwice,
    PartlyRejected,
    QueueFull,
}

const FATES: [Fate; 8] = [
    Fate::Delivered,
    Fate::AcknowledgedAndLost,
    Fate::Refused,
    Fate::GivenUp,
    Fate::GivenUpButReceived,
    Fate::SentTwice,
    Fate::PartlyRejected,
    Fate::QueueFull,
];
const BATCH: u64 = 10;
/// Items of a partly rejected batch that the hop rejected.
const REJECTED: u64 = 3;

fn set(items: impl IntoIterator<Item = u64>) -> RoaringTreemap {
    items.into_iter().collect()
}

/// A quiescent run of log records in which each fate befell one batch of ten.
fn run_with(fates: &[Fate]) -> Evidence {
    let total = fates.len() as u64 * BATCH;
    let mut producer = Producer {
        signal: Signal::Logs,
        producer: 0,
        items_per_arrival: 1,
        due_ns: (0..total).map(|i| i * 1_000).collect(),
        released_ns: (0..total).map(|i| i * 1_000 + 1).collect(),
        entered: set(1..=total),
        sampled_out: set([]),
        received: set([]),
        received_again: set([]),
        received_by_deadline: set([]),
        extra_copies: 0,
        third_copies: 0,
        outages: Vec::new(),
    };
    let mut batches = Vec::new();
    for (index, fate) in fates.iter().enumerate() {
        let first = index as u64 * BATCH + 1;
        let last = first + BATCH - 1;
        let (received, attempts, result, rejected) = match fate {
            Fate::QueueFull => continue,
            Fate::Delivered => (set(first..=last), 1, OutcomeKind::Acknowledged, 0),
            Fate::AcknowledgedAndLost => (set([]), 1, OutcomeKind::Acknowledged, 0),
            Fate::Refused => (set([]), 1, OutcomeKind::Refused, 0),
            Fate::GivenUp => (set([]), 4, OutcomeKind::GivenUp, 0),
            Fate::GivenUpButReceived => (set(first..=last), 4, OutcomeKind::GivenUp, 0),
            Fate::SentTwice => {
                producer.received_again |= &set(first..=last);
                producer.extra_copies += BATCH;
                (set(first..=last), 2, OutcomeKind::Acknowledged, 0)
            }
            Fate::PartlyRejected => (
                set(first + REJECTED..=last),
                1,
                OutcomeKind::Acknowledged,
                REJECTED,
            ),
        };
        producer.received |= &received;
        batches.push(Batch {
            batch: index as u64,
            way: 0,
            signal: Signal::Logs,
            items: vec![ItemRange {
                producer: 0,
                first,
                last,
            }],
            handed_ns: 0,
            attempts: vec![
                Attempt {
                    sent_ns: 0,
                    answer: None
                };
                attempts
            ],
            outcome: Some(Outcome {
                at_ns: 1,
                result,
                rejected,
                message: String::new(),
            }),
        });
    }
    producer.received_by_deadline = producer.received.clone();
    let copies = producer.received.len() + producer.extra_copies;
    Evidence {
        producers: vec![producer],
        batches,
        sink: SinkEvidence {
            signals: vec![SinkSignal {
                signal: Signal::Logs,
                copies,
                unexpected: 0,
                by_segment: Vec::new(),
                by_due_bin: Vec::new(),
            }],
            ..SinkEvidence::default()
        },
        times: Times {
            quiescent_ns: Some(1),
            ..Times::default()
        },
        ..Evidence::default()
    }
}

#[test]
fn every_fate_has_its_class() {
    let evidence = run_with(&FATES);
    let totals = Ledger::of(&evidence).totals(Signal::Logs);
    assert!(totals.closes, "{:?}", totals.why_not);
    assert_eq!(totals.offered, 80);
    assert_eq!(totals.generated, 80);
    // One batch delivered, one received although given up, and what was left of the rejected one.
    assert_eq!(totals.delivered, 10 + 10 + (BATCH - REJECTED));
    assert_eq!(totals.duplicated, 10);
    assert_eq!(totals.refused, 10 + REJECTED);
    assert_eq!(totals.lost_silently, 10);
    assert_eq!(totals.given_up, 10);
    assert_eq!(totals.dropped_by_client, 10);
    assert_eq!(totals.unresolved, 0);
    assert_eq!(totals.recovered, 10);
}

#[test]
fn a_partial_success_refuses_no_more_than_it_said() {
    let mut evidence = run_with(&[Fate::PartlyRejected]);
    // Two more of the batch are missing than the hop rejected: those were acknowledged and lost.
    evidence.producers[0].received.remove(9);
    evidence.producers[0].received.remove(10);
    evidence.sink.signals[0].copies -= 2;
    let totals = Ledger::of(&evidence).totals(Signal::Logs);
    assert_eq!((totals.refused, totals.lost_silently), (REJECTED, 2));
    assert!(totals.closes, "{:?}", totals.why_not);
}

#[test]
fn what_a_killed_client_held_is_unresolved_and_what_its_queue_refused_is_not() {
    let mut evidence = run_with(&[Fate::Delivered, Fate::QueueFull, Fate::Delivered]);
    evidence.producers[0].outages = vec![Outage {
        killed_ns: u64::MAX,
        back_ns: None,
    }];
    // Ten more entered after the last batch that was handed over: they were still queued.
    let producer = &mut evidence.producers[0];
    producer.entered |= &set(31..=40);
    producer.due_ns.extend((30..40).map(|i| i * 1_000));
    producer.released_ns.extend((30..40).map(|i| i * 1_000 + 1));
    // And the last batch's answer was never seen, nor did it arrive.
    evidence.batches[1].outcome = None;
    producer.received -= &set(21..=30);
    evidence.sink.signals[0].copies -= 10;
    let totals = Ledger::of(&evidence).totals(Signal::Logs);
    assert_eq!(totals.dropped_by_client, 10);
    assert_eq!(totals.unresolved, 20);
    assert_eq!(totals.delivered, 10);
    assert!(totals.closes, "{:?}", totals.why_not);
}

#[test]
fn a_client_that_came_back_owes_nothing_for_the_time_that_it_was_gone() {
    let mut evidence = run_with(&[Fate::Delivered, Fate::QueueFull, Fate::Delivered]);
    // Of the second ten, five were queued when the client was killed, and five came due while no
    // client lived. The third ten are those of the next life.
    let producer = &mut evidence.producers[0];
    producer.entered -= &set(16..=20);
    producer.released_ns[15..20].fill(0);
    producer.outages = vec![Outage {
        killed_ns: 14_500,
        back_ns: Some(20_000),
    }];
    let totals = Ledger::of(&evidence).totals(Signal::Logs);
    assert_eq!((totals.offered, totals.missed), (25, 0));
    assert_eq!((totals.unresolved, totals.dropped_by_client), (5, 0));
    assert_eq!(totals.delivered, 20);
    assert!(totals.closes, "{:?}", totals.why_not);

    // The same without the outage: five were missed, and five were dropped.
    evidence.producers[0].outages.clear();
    let totals = Ledger::of(&evidence).totals(Signal::Logs);
    assert_eq!((totals.offered, totals.missed), (30, 5));
    assert_eq!((totals.unresolved, totals.dropped_by_client), (0, 5));
}

#[test]
fn while_receipts_still_arrive_an_acknowledged_item_is_unresolved() {
    let mut evidence = run_with(&[Fate::AcknowledgedAndLost]);
    evidence.times.quiescent_ns = None;
    let totals = Ledger::of(&evidence).totals(Signal::Logs);
    assert_eq!((totals.unresolved, totals.lost_silently), (10, 0));
}

#[test]
fn spans_of_a_trace_enter_children_first() {
    let mut producer = run_with(&[Fate::Delivered]).producers.remove(0);
    producer.signal = Signal::Traces;
    producer.items_per_arrival = 5;
    let order: Vec<u64> = (1..=10).map(|s| producer.entry_order(s)).collect();
    assert_eq!(order, [4, 3, 2, 1, 0, 9, 8, 7, 6, 5]);
}

fn flip(items: &mut RoaringTreemap, sequence: u64) {
    if !items.remove(sequence) {
        items.insert(sequence);
    }
}

proptest! {
    #[test]
    fn the_classes_partition_what_was_generated(choice in prop::collection::vec(0..FATES.len(), 1..20)) {
        let fates: Vec<Fate> = choice.into_iter().map(|index| FATES[index]).collect();
        let evidence = run_with(&fates);
        let ledger = Ledger::of(&evidence);
        let totals = ledger.totals(Signal::Logs);
        prop_assert!(totals.closes, "{:?}", totals.why_not);
        let mut union = RoaringTreemap::new();
        let mut sum = 0;
        for class in Class::ALL {
            union |= ledger.producers[0].class(class);
            sum += ledger.producers[0].class(class).len();
        }
        prop_assert_eq!(sum, union.len());
        prop_assert_eq!(&union, &evidence.producers[0].entered);
    }

    #[test]
    fn one_wrong_bit_in_any_bitmap_shows(
        choice in prop::collection::vec(0..FATES.len(), 1..20), bitmap in 0..3_usize, pick: prop::sample::Index,
    ) {
        let fates: Vec<Fate> = choice.into_iter().map(|index| FATES[index]).collect();
        let mut evidence = run_with(&fates);
        let producer = &mut evidence.producers[0];
        let sequence = pick.index(fates.len() * BATCH as usize) as u64 + 1;
        match bitmap {
            0 => flip(&mut producer.entered, sequence),
            1 => flip(&mut producer.received, sequence),
            _ => flip(&mut producer.received_again, sequence),
        }
        prop_assert!(!Ledger::of(&evidence).totals(Signal::Logs).closes);
    }

    #[test]
    fn windows_add_up_to_the_whole(
        choice in prop::collection::vec(0..FATES.len(), 1..20), cut_ns in 0_u64..250_000,
    ) {
        let fates: Vec<Fate> = choice.into_iter().map(|index| FATES[index]).collect();
        let evidence = run_with(&fates);
        let ledger = Ledger::of(&evidence);
        for class in Class::ALL {
            let count = |span| ledger.count_due_within(&evidence, None, span, class.as_str()).unwrap();
            prop_assert_eq!(count((0, cut_ns)) + count((cut_ns, u64::MAX)), ledger.producers[0].class(class).len());
        }
    }
}
