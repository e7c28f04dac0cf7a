//! The answers to made-up searches.

use super::*;
use crate::capacity::search::Bounds;
use crate::plan::fixture::{plan, plan_with_target};

fn made(rate_per_s: f64, gave_out: &[Part]) -> Trial {
    let name = |part: &Part| format!("{part:?}").to_lowercase();
    Trial {
        run: String::new(),
        rate_per_s,
        held: gave_out.is_empty(),
        why: Vec::new(),
        gave_out: gave_out
            .iter()
            .map(|part| GaveOut {
                part: *part,
                name: name(part),
                evidence: vec!["it was seen".to_owned()],
            })
            .collect(),
        figures: BTreeMap::new(),
    }
}

fn found(plan: &Plan, trials: Vec<Trial>, expect_per_s: Option<f64>) -> CapacityResult {
    let mut search = Search::new(Bounds {
        from: 100.0,
        to: 1e6,
        within: 0.1,
    });
    for trial in &trials {
        search.record(trial.rate_per_s, trial.held);
    }
    let settings = CapacitySettings {
        from_per_s: 100.0,
        to_per_s: 1e6,
        within: 0.1,
        trial_s: 5.0,
        budget_s: 60.0,
        expect_per_s,
    };
    let ending = Ending {
        started: String::new(),
        settings,
        ended: CapacityEnd::Narrow,
        notes: Vec::new(),
        environment: BTreeMap::new(),
    };
    conclude(plan, &search, trials, ending)
}

#[test]
fn a_target_that_gives_out_has_a_limit() {
    let trials = vec![made(100.0, &[]), made(110.0, &[Part::Target, Part::Client])];
    let found = found(&plan_with_target(), trials, Some(50.0));
    assert_eq!(found.answer, CapacityAnswer::Limit);
    assert_eq!(
        found.summary,
        "It carries 100/s, and not 110/s: target gave out: it was seen."
    );
    assert_eq!(found.headroom.unwrap().factor, 2.0);
}

#[test]
fn what_gives_out_beside_it_leaves_at_least() {
    for part in [Part::Client, Part::Link, Part::Sink, Part::Squall] {
        let trials = vec![made(100.0, &[]), made(110.0, &[part])];
        let found = found(&plan_with_target(), trials, None);
        assert_eq!(found.answer, CapacityAnswer::AtLeast, "{part:?}");
        assert!(found.summary.contains("nothing is said about the target"));
    }
    // Without a target it is the client that is measured.
    let trials = vec![made(100.0, &[]), made(110.0, &[Part::Client])];
    assert_eq!(found(&plan(), trials, None).answer, CapacityAnswer::Limit);
}

#[test]
fn trials_that_do_not_agree_name_nobody() {
    let trials = vec![
        made(100.0, &[]),
        made(110.0, &[Part::Target]),
        made(110.0, &[Part::Sink]),
    ];
    let found = found(&plan_with_target(), trials, None);
    assert_eq!(found.gave_out, None);
    assert_eq!(found.answer, CapacityAnswer::AtLeast);
    assert!(
        found.summary.contains("cannot be told"),
        "{}",
        found.summary
    );
}

#[test]
fn nothing_that_was_held_is_no_capacity() {
    let found_none = found(&plan(), vec![made(100.0, &[Part::Sink])], None);
    assert_eq!(found_none.answer, CapacityAnswer::Nothing);
    assert_eq!(
        found(&plan(), Vec::new(), None).answer,
        CapacityAnswer::Unknown
    );
    let all = found(&plan(), vec![made(100.0, &[])], None);
    assert_eq!(all.summary, "It carries at least 100/s: nothing gave out.");
}
