//! Evidence out of journal lines and mapped files.

use super::*;
use crate::evidence::{ItemRange, OutcomeKind};
use crate::journal::PointKind;
use crate::mapped::names;
use crate::plan::Place;
use crate::plan::fixture::{plan, plan_with_target};
use crate::plan::windows::segments;

fn point(time_unix_ns: u64) -> Point {
    Point {
        key: PointKey {
            series: 7,
            time_unix_ns,
        },
        start_unix_ns: 0,
        value: 1.0,
        kind: PointKind::Delta,
    }
}

fn handed(batch: u64, at_ns: u64, points: &[u64]) -> BatchLine {
    BatchLine::Handed {
        batch,
        signal: Signal::Metrics,
        at_ns,
        items: vec![ItemRange {
            producer: 0,
            first: 1,
            last: 1,
        }],
        points: points.iter().map(|at| point(*at)).collect(),
    }
}

fn received(at_ns: u64, points: &[u64]) -> PointsLine {
    PointsLine {
        at_ns,
        points: points.iter().map(|at| point(*at)).collect(),
    }
}

#[test]
fn a_batch_is_what_its_lines_say() {
    let answered = |batch, at_ns, ok| BatchLine::Answered {
        batch,
        at_ns,
        ok,
        text: "said".to_owned(),
    };
    let lines = [
        handed(2, 10, &[]),
        handed(1, 5, &[]),
        BatchLine::Sent { batch: 1, at_ns: 6 },
        answered(1, 7, false),
        BatchLine::Sent { batch: 1, at_ns: 8 },
        answered(1, 9, true),
        BatchLine::Ended {
            batch: 1,
            at_ns: 9,
            result: OutcomeKind::Acknowledged,
            rejected: 3,
            message: String::new(),
        },
        BatchLine::Sent {
            batch: 2,
            at_ns: 11,
        },
        // Of a batch that nobody handed over nothing is believed.
        BatchLine::Sent {
            batch: 99,
            at_ns: 1,
        },
    ];
    let batches = batches(&lines);
    let numbers: Vec<u64> = batches.iter().map(|batch| batch.batch).collect();
    assert_eq!(numbers, [1, 2]);
    let answers = |batch: &Batch| -> Vec<Option<bool>> {
        let answer = |attempt: &Attempt| attempt.answer.as_ref().map(|answer| answer.ok);
        batch.attempts.iter().map(answer).collect()
    };
    assert_eq!(answers(&batches[0]), [Some(false), Some(true)]);
    let outcome = batches[0].outcome.as_ref().unwrap();
    assert_eq!((outcome.at_ns, outcome.rejected), (9, 3));
    // The second was in flight when the client was killed.
    assert_eq!(answers(&batches[1]), [None]);
    assert_eq!(batches[1].outcome, None);
}

#[test]
fn points_are_known_by_series_and_time() {
    let lines = [handed(1, 100, &[1, 2]), handed(2, 200, &[3, 4])];
    let receipts = [
        received(110, &[1]),
        received(120, &[1, 2, 77]),
        received(130, &[1]),
        received(900, &[3]),
    ];
    let (producer, strangers) = points_producer(&lines, &receipts, Some(500));
    let members = |set: &RoaringTreemap| set.iter().collect::<Vec<_>>();
    assert_eq!(producer.due_ns, [100, 100, 200, 200]);
    assert_eq!(members(&producer.entered), [1, 2, 3, 4]);
    assert_eq!(members(&producer.received), [1, 2, 3]);
    assert_eq!(members(&producer.received_again), [1]);
    assert_eq!((producer.extra_copies, producer.third_copies), (2, 1));
    assert_eq!(members(&producer.received_by_deadline), [1, 2]);
    assert_eq!(strangers, 1);
    let (nothing, strangers) = points_producer(&[], &receipts[..1], None);
    assert!(nothing.entered.is_empty() && nothing.received.is_empty());
    assert_eq!(strangers, 1);
}

#[test]
fn what_came_due_before_the_end_was_offered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let arrivals = Arrivals::create(&path, &[0, 10, 20, 30, 40]).unwrap();
    arrivals.release(0, 1);
    arrivals.release(2, 21);
    let mut plan = plan().load.logs.unwrap().arrivals;
    let scheduled = (vec![0, 10, 20, 30], vec![1, 0, 21, 0]);
    assert_eq!(offered(&arrivals, &plan, 35), scheduled);
    assert_eq!(offered(&arrivals, &plan, 5).0, [0]);

    plan.process = ArrivalProcess::ClosedLoop { outstanding: 1 };
    let unscheduled = Arrivals::create_unscheduled(&path, 5).unwrap();
    unscheduled.release_unscheduled(0, 3);
    unscheduled.release_unscheduled(1, 9);
    assert_eq!(offered(&unscheduled, &plan, 4), (vec![3, 9], vec![3, 9]));
}

#[test]
fn a_killed_client_owes_nothing_after_its_last_release_until_it_is_back() {
    let kept = |back_ns| {
        let mut made = Measurements {
            due_ns: vec![0, 10, 20, 30, 40, 50],
            released_ns: vec![1, 0, 21, 0, 0, 51],
        };
        let killed_ns = 25;
        only_while_alive(&mut made, &[Outage { killed_ns, back_ns }]);
        made.due_ns
    };
    assert_eq!(kept(Some(35)), [0, 10, 20, 40, 50]);
    assert_eq!(kept(None), [0, 10, 20, 50]);
    let mut never = Measurements {
        due_ns: vec![5],
        released_ns: vec![0],
    };
    let outage = Outage {
        killed_ns: 7,
        back_ns: None,
    };
    only_while_alive(&mut never, &[outage]);
    assert_eq!(never, Measurements::default());
}

#[test]
fn a_client_that_was_killed_before_it_was_back_was_never_back() {
    let pairs = |kills: &[u64], resumes: &[u64]| -> Vec<(u64, Option<u64>)> {
        let outages = outages(kills, resumes);
        outages.iter().map(|o| (o.killed_ns, o.back_ns)).collect()
    };
    assert_eq!(pairs(&[10], &[]), [(10, None)]);
    assert_eq!(pairs(&[10], &[15]), [(10, Some(15))]);
    assert_eq!(pairs(&[10, 20], &[15]), [(10, Some(15)), (20, None)]);
    assert_eq!(
        pairs(&[10, 12, 20], &[15, 25]),
        [(10, Some(12)), (12, Some(15)), (20, Some(25))]
    );
}

#[test]
fn taps_stand_in_the_order_of_the_line_whatever_is_listed_first() {
    let mut plan = plan_with_target();
    // The second target of the line is listed first, and its link after the client's.
    plan.targets.push(plan.targets[0].clone());
    plan.links.push(plan.links[1].clone());
    for (link, (from, to)) in plan.links.iter_mut().zip([
        (Place::Client, Place::Target(1)),
        (Place::Target(0), Place::Sink),
        (Place::Target(1), Place::Target(0)),
    ]) {
        (link.from, link.to) = (from, to);
    }
    let names: Vec<String> = taps::places(&plan).into_iter().map(|p| p.name).collect();
    let order = [
        "link.entry",
        "link.exit",
        "link3.entry",
        "link3.exit",
        "link2.entry",
        "link2.exit",
    ];
    assert_eq!(names, order);
}

#[test]
fn points_that_a_tap_saw_and_nobody_sent_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan_with_target();
    let places = taps::places(&plan);
    for (place, points) in places.iter().zip([[1, 2], [1, 2], [1, 77], [1, 77]]) {
        let name = names::tapped_points(place.link, place.side);
        let journal = journal::Journal::open(&folder.path().join(name)).unwrap();
        journal.append(&received(110, &points)).unwrap();
    }
    let lines = [handed(1, 100, &[1, 2])];
    let (producer, _) = points_producer(&lines, &[], None);
    let known = taps::Known {
        by_key: true,
        producers: &[producer],
        points: &handed_points(&lines).1,
        counts: Vec::new(),
    };
    let (taps, _) = taps::read(folder.path(), &places, known, &segments(&plan)).unwrap();
    let counted: Vec<(u64, u64, u64)> = taps
        .iter()
        .map(|tap| (tap, &tap.producers[0]))
        .map(|(tap, points)| (points.seen.len(), points.strangers, tap.unexpected))
        .collect();
    assert_eq!(counted, [(2, 0, 0), (2, 0, 0), (1, 1, 1), (1, 1, 1)]);
}
