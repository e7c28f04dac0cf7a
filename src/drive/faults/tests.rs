//! What proves a fault, and what shows that it healed.

use super::*;
use crate::evidence::{ClientSample, LinkSample, ProcessSample, Series};
use crate::plan::Direction;
use crate::plan::fixture::{SECOND_NS, client_fault, cut, plan};

fn log(faults: Vec<FaultPlan>) -> FaultLog {
    FaultLog::of(&Plan { faults, ..plan() })
}

/// Samples at whole seconds: requests of the client, bytes up and down the link.
fn series(samples: &[(u64, u64, u64)]) -> Series {
    let mut series = Series::default();
    for (second, (requests, up_bytes, down_bytes)) in (0..).zip(samples) {
        series.client.push(ClientSample {
            at_ns: second * SECOND_NS,
            requests: *requests,
            ..ClientSample::default()
        });
        series.link.push(LinkSample {
            at_ns: second * SECOND_NS,
            up_bytes: *up_bytes,
            down_bytes: *down_bytes,
            ..LinkSample::default()
        });
    }
    series
}

/// Whether a cut that ended at 1.5 s had healed.
fn healed(direction: Direction, samples: &[(u64, u64, u64)]) -> Option<bool> {
    let mut fault = cut("cut", 1, 2);
    if let FaultKind::Link { direction: d, .. } = &mut fault.kind {
        *d = direction;
    }
    let mut log = log(vec![fault]);
    log.ended(log.entries[0].plan.number(), SECOND_NS * 3 / 2, None);
    log.judge_healing(&series(samples));
    log.into_evidence()[0].healed
}

#[test]
fn a_link_has_healed_when_bytes_pass_its_way() {
    use Direction::{Both, Down, Up};
    let flows = [(1, 5, 5), (2, 5, 5), (3, 9, 9), (4, 9, 9)];
    let one_way = [(1, 5, 5), (2, 5, 5), (3, 9, 5), (4, 9, 5)];
    let stuck = [(1, 5, 5), (2, 5, 5), (3, 5, 5), (4, 5, 5)];
    for direction in [Up, Down, Both] {
        assert_eq!(healed(direction, &flows), Some(true));
        assert_eq!(healed(direction, &stuck), Some(false));
    }
    assert_eq!(healed(Up, &one_way), Some(true));
    assert_eq!(healed(Down, &one_way), Some(false));
    assert_eq!(healed(Both, &one_way), Some(false));
}

#[test]
fn where_nothing_more_was_sent_there_is_nothing_to_tell() {
    // The last request went out between the last sample of the fault and its end.
    let ended = [(1, 5, 5), (1, 5, 5), (2, 5, 5), (2, 5, 5)];
    assert_eq!(healed(Direction::Up, &ended), None);
    assert_eq!(healed(Direction::Up, &[]), None);
}

#[test]
fn a_fault_is_not_blamed_for_what_another_one_still_holds() {
    let mut log = log(vec![cut("a", 1, 2), cut("b", 1, 3)]);
    log.ended(log.entries[0].plan.number(), SECOND_NS, None);
    log.ended(log.entries[1].plan.number(), 3 * SECOND_NS, None);
    log.judge_healing(&series(&[
        (1, 5, 5),
        (2, 5, 5),
        (3, 5, 5),
        (4, 5, 5),
        (5, 5, 5),
        (6, 5, 5),
    ]));
    let healed: Vec<_> = log.into_evidence().iter().map(|e| e.healed).collect();
    assert_eq!(healed, [None, Some(false)]);
}

#[test]
fn a_pause_is_proven_by_a_stopped_process_and_healed_by_a_running_one() {
    let mut log = log(vec![client_fault("nap", 1, Some(2), ProcessFault::Pause)]);
    let mut see = |active: bool, stopped: bool| {
        log.entries[0].active = active;
        let mut live = Live::default();
        let sample = ProcessSample {
            stopped,
            ..ProcessSample::default()
        };
        live.processes.insert("client", vec![sample]);
        log.observe(&live);
        let evidence = &log.entries[0].evidence;
        (evidence.proof.is_some(), evidence.healed)
    };
    assert_eq!(see(true, false), (false, None));
    assert_eq!(see(true, true), (true, None));
    assert_eq!(see(false, true), (true, Some(false)));
    assert_eq!(see(false, false), (true, Some(true)));
}

#[test]
fn only_a_kill_of_that_role_kills_it() {
    let log = log(vec![
        cut("cut", 1, 2),
        client_fault("kill", 1, None, ProcessFault::Kill),
        client_fault("nap", 1, Some(2), ProcessFault::Pause),
    ]);
    let kills: Vec<bool> = (0..3)
        .map(|fault| log.kills(fault, RoleName::Client))
        .collect();
    assert_eq!(kills, [false, true, false]);
    assert!(!log.kills(1, RoleName::Sink));
    assert!(log.active().is_empty());
}
