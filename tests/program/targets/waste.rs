//! Planted bugs that waste the machine: memory, processor time, a queue without bound.

use super::{all_delivered, assert_named, not_held, scenario};
use crate::harness::{Finished, run, side_by_side};

/// Long enough for the slope of memory.
fn longer(relay: &str, expect: &str) -> Finished {
    let text = scenario(relay, "").replace("duration: 3s", "duration: 7s");
    run(&format!("{text}  - {expect}\n"))
}

/// The check of that name: what was observed.
fn observed<'a>(finished: &'a Finished, name: &str) -> &'a str {
    let checks = finished.result["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap();
    check["observed"].as_str().unwrap()
}

#[test]
fn memory_that_the_relay_leaks_and_an_honest_one_does_not() {
    let limit = "target.rss.slope < 2MB/s";
    side_by_side(2, &[true, false], |leaks| {
        if *leaks {
            let finished = longer("--bug, leak=6000000", limit);
            assert_named(&finished, &[limit], &[]);
            all_delivered(&finished);
            let slope = finished.metric("target.rss.slope");
            assert!(
                (5.0e6..7.5e6).contains(&slope),
                "{slope}\n{}",
                finished.story()
            );
            // With its interval.
            let observed = observed(&finished, limit);
            assert!(observed.contains(" to "), "{observed}");
        } else {
            let finished = longer("", limit);
            assert_eq!(finished.code, 0, "{}", finished.story());
            all_delivered(&finished);
        }
    });
}

#[test]
fn processor_time_that_the_relay_burns() {
    let finished = run(&scenario("--bug, burn-cpu=0.8", ""));
    assert_named(&finished, &["target.cpu < 0.2"], &[]);
    let cores = finished.metric("target.cpu");
    assert!((0.2..1.9).contains(&cores), "{cores}\n{}", finished.story());
    all_delivered(&finished);
}

#[test]
fn a_queue_that_the_relay_lets_grow_and_an_honest_one_that_pushes_back() {
    let slow = "--queue, '4', --throttle, '300'";
    let judged = |relay: &str| {
        run(&scenario(relay, "").replace("said.queue.max <= 60", "said.queue.max <= 4"))
    };
    side_by_side(2, &[true, false], |unbounded| {
        if *unbounded {
            let finished = judged(&format!("{slow}, --bug, unbounded-queue"));
            assert_named(
                &finished,
                &["said.queue.max <= 4"],
                &["delivery.latency.p99 < 4s"],
            );
            assert_eq!(finished.metric("said.refused.max"), 0.0);
            all_delivered(&finished);
        } else {
            let finished = judged(slow);
            assert!(not_held(&finished).is_empty(), "{}", finished.story());
            assert!(finished.metric("said.refused.max") > 0.0);
            assert!(finished.metric("retry.amplification") > 1.0);
            all_delivered(&finished);
        }
    });
}
