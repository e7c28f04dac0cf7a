//! Simulation of whole sessions: how often nothing is called a regression, how often one is found, and
//! whether the effect that is printed is the one that would have been seen.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::stats::fixture::{Machine, Noise, at_least, at_most};
use crate::stats::sequential::{First, looks, order};

/// A session's budget.
const PAIRS: usize = 20;

const fn rule(threshold: f64) -> Rule {
    Rule {
        better: Better::Lower,
        repeatable: Repeatable::Noisy,
        threshold: Threshold::Relative(threshold),
        noise_floor: 0.0,
    }
}

/// Pairs of runs that follow each other on a machine; the second side's take `slower` times more.
fn measure(machine: &Machine, order: &[First], slower: f64, rng: &mut ChaCha8Rng) -> Values {
    let runs = machine.runs(2 * order.len(), rng);
    let pairs = order.iter().zip(runs.chunks(2)).map(|(first, runs)| {
        let (a, b) = match first {
            First::A => (runs[0], runs[1]),
            First::B => (runs[1], runs[0]),
        };
        (a.exp(), b.exp() * (1.0 + slower))
    });
    Values::Pairs(pairs.collect())
}

/// A session with three gated metrics, of which the first is slower; looked at until it is settled.
/// What it says in the end, and after how many pairs.
fn session(
    machine: &Machine,
    threshold: f64,
    slower: f64,
    rng: &mut ChaCha8Rng,
) -> (Vec<Finding>, usize) {
    let order = order(PAIRS, rng.random());
    let metrics = [slower, 0.0, 0.0].map(|slower| measure(machine, &order, slower, rng));
    let mut said = (Vec::new(), 0);
    for look in looks(PAIRS, metrics.len(), FALSE_ALARMS) {
        let so_far = metrics.each_ref().map(|values| match values {
            Values::Pairs(pairs) => (rule(threshold), Values::Pairs(pairs[..look.pairs].to_vec())),
            Values::Groups(..) => unreachable!("sessions are of pairs"),
        });
        let findings = compare(&so_far, look.level);
        let settled = is_settled(findings.iter().flatten());
        said = (findings.into_iter().flatten().collect(), look.pairs);
        if settled {
            break;
        }
    }
    said
}

/// How many of so many sessions tell of a regression of any metric, and pairs in the mean.
fn regressions(
    sessions: usize,
    machine: &Machine,
    threshold: f64,
    slower: f64,
    rng: &mut ChaCha8Rng,
) -> usize {
    let mut pairs = 0;
    let told = (0..sessions)
        .filter(|_| {
            let (findings, used) = session(machine, threshold, slower, rng);
            pairs += used;
            findings.iter().any(|one| one.answer == Answer::Regression)
        })
        .count();
    let mean = pairs as f64 / sessions as f64;
    println!("{told} of {sessions} sessions of {mean:.1} pairs, slower by {slower}");
    told
}

/// A threshold of 0 leaves it to the test alone: any threshold above alarms less.
fn assert_few_false_alarms(sessions: usize, machines: &[Machine]) {
    let mut rng = Noise::seeded();
    for machine in machines {
        let told = regressions(sessions, machine, 0.0, 0.0, &mut rng);
        assert!(
            told <= at_most(FALSE_ALARMS, sessions),
            "{told} of {sessions}"
        );
    }
}

#[test]
fn the_same_against_the_same_is_hardly_ever_a_regression() {
    assert_few_false_alarms(1000, &[Machine::disturbed(0.03)]);
}

#[test]
#[ignore = "long: just calibrate-stats"]
fn the_same_against_the_same_is_hardly_ever_a_regression_at_length() {
    let machines = [0.03, 0.01].map(Machine::shared);
    assert_few_false_alarms(20_000, &machines);
    assert_few_false_alarms(20_000, &[Machine::disturbed(0.03), Machine::quiet(0.03)]);
}

fn assert_found(sessions: usize) {
    let mut rng = Noise::seeded();
    for machine in [Machine::shared(0.03), Machine::quiet(0.03)] {
        for threshold in [0.025, 0.05, 0.1] {
            let told = regressions(sessions, &machine, threshold, 2.0 * threshold, &mut rng);
            assert!(
                told >= at_least(0.9, sessions),
                "{told} of {sessions}: {threshold}"
            );
        }
    }
}

#[test]
fn twice_the_threshold_is_found_in_nine_sessions_of_ten() {
    assert_found(60);
}

#[test]
#[ignore = "long: just calibrate-stats"]
fn twice_the_threshold_is_found_in_nine_sessions_of_ten_at_length() {
    assert_found(5000);
}

fn assert_not_fooled_by_drift(sessions: usize) {
    let mut rng = Noise::seeded();
    for noise in [0.001, 0.01, 0.03] {
        let machine = Machine {
            drift: 0.1,
            ..Machine::quiet(noise)
        };
        let told = regressions(sessions, &machine, 0.0, 0.0, &mut rng);
        assert!(
            told <= at_most(0.02, sessions),
            "{told} of {sessions}: {noise}"
        );
        // Nor is it told where something has changed that is no drift.
        let told = regressions(sessions, &machine, 0.05, 0.1, &mut rng);
        assert!(
            told >= at_least(0.9, sessions),
            "{told} of {sessions}: {noise}"
        );
    }
}

#[test]
fn a_machine_that_slows_down_by_a_tenth_fools_nobody() {
    assert_not_fooled_by_drift(100);
}

#[test]
#[ignore = "long: just calibrate-stats"]
fn a_machine_that_slows_down_by_a_tenth_fools_nobody_at_length() {
    assert_not_fooled_by_drift(10_000);
}

/// The effect that a session prints against the one that nine of ten sessions would have seen. A shift
/// moves every difference alike, so it is seen where it exceeds what the interval's lower end lacks.
fn assert_detectable_is_true(sessions: usize) {
    let mut rng = Noise::seeded();
    let level = FALSE_ALARMS / 3.0;
    for (name, machine) in [
        ("shared", Machine::shared(0.03)),
        ("quiet", Machine::quiet(0.03)),
        (
            "drifting",
            Machine {
                drift: 0.1,
                ..Machine::quiet(0.03)
            },
        ),
    ] {
        for pairs in [12, 20, 40] {
            let (mut printed, mut needed) = (Vec::new(), Vec::new());
            for _ in 0..sessions {
                let order = order(pairs, rng.random());
                let values = measure(&machine, &order, 0.0, &mut rng);
                let asked = Asked::new(rule(0.0), &values).unwrap();
                printed.push(asked.shift.detectable(level).unwrap());
                needed.push(-asked.shift.interval(level).low);
            }
            let (printed, needed) = (ordered(printed.into_iter()), ordered(needed.into_iter()));
            let truth = needed[sessions * 9 / 10];
            let middle = printed[sessions / 2];
            let near = |one: &&f64| (**one / truth - 1.0).abs() <= 0.2;
            let share = printed.iter().filter(near).count() as f64 / sessions as f64;
            println!("{name}, {pairs} pairs: {middle:.4} of {truth:.4}; {share:.2} within a fifth");
            assert!(
                (middle / truth - 1.0).abs() <= 0.2,
                "{name}, {pairs}: {middle} of {truth}"
            );
        }
    }
}

#[test]
fn what_could_have_been_seen_is_true_within_a_fifth() {
    assert_detectable_is_true(150);
}

#[test]
#[ignore = "long: just calibrate-stats"]
fn what_could_have_been_seen_is_true_within_a_fifth_at_length() {
    assert_detectable_is_true(5000);
}

fn one(rule: Rule, values: Values) -> Result<Finding, Unfit> {
    compare(&[(rule, values)], FALSE_ALARMS).remove(0)
}

/// Pairs with a change of `change` and a noise that is the same every time.
fn pairs(change: f64, noise: f64) -> Values {
    let wobble = |at: usize| 1.0 + noise * ((at * 7 % 20) as f64 / 10.0 - 0.95);
    let pairs = (0..PAIRS).map(|at| (100.0, 100.0 * (1.0 + change) * wobble(at)));
    Values::Pairs(pairs.collect())
}

#[test]
fn each_answer_has_its_own_reason() {
    let answer = |rule, values| one(rule, values).unwrap().answer;
    let sure = rule(0.05);
    assert_eq!(answer(sure, pairs(0.10, 0.02)), Answer::Regression);
    assert_eq!(answer(sure, pairs(-0.10, 0.02)), Answer::Improvement);
    // Sure, and too small to matter.
    let small = one(sure, pairs(0.03, 0.02)).unwrap();
    assert_eq!(small.answer, Answer::NoDifference);
    assert!(small.low.unwrap() > 0.0 && small.settled);
    assert_eq!(answer(sure, pairs(0.0, 0.02)), Answer::NoDifference);
    assert_eq!(answer(sure, pairs(0.0, 0.3)), Answer::TooNoisy);
    // Large, and not sure.
    assert_eq!(answer(sure, pairs(0.1, 0.9)), Answer::TooNoisy);
    let higher = Rule {
        better: Better::Higher,
        ..sure
    };
    assert_eq!(answer(higher, pairs(0.10, 0.02)), Answer::Improvement);
    assert_eq!(answer(higher, pairs(-0.10, 0.02)), Answer::Regression);
    let neither = Rule {
        better: Better::Neither,
        ..sure
    };
    assert_eq!(answer(neither, pairs(-0.10, 0.02)), Answer::Change);
    let floor = Rule {
        noise_floor: 0.15,
        ..sure
    };
    assert_eq!(answer(floor, pairs(0.10, 0.02)), Answer::NoDifference);
}

#[test]
fn it_says_how_much_and_how_sure() {
    let found = one(rule(0.05), pairs(0.10, 0.02)).unwrap();
    assert!((found.change - 0.10).abs() < 0.002, "{found:?}");
    let (low, high) = (found.low.unwrap(), found.high.unwrap());
    assert!(0.09 < low && low < found.change && found.change < high && high < 0.11);
    assert!(found.p_above.unwrap() < 1e-5 && found.p_below == Some(1.0));
    assert!(found.detectable.unwrap() < 0.02);
    // A few pairs that agree can never be rare enough.
    let few = Values::Pairs(vec![(1.0, 2.0); 5]);
    let few = one(rule(0.05), few).unwrap();
    assert_eq!(few.answer, Answer::TooNoisy);
    assert_eq!((few.low, few.high, few.detectable), (None, None, None));
    assert!(!few.settled);
}

#[test]
fn a_deterministic_metric_needs_a_single_pair() {
    let allocations = Rule {
        repeatable: Repeatable::Deterministic,
        ..rule(0.01)
    };
    let answer = |pairs: &[(f64, f64)]| {
        let found = one(allocations, Values::Pairs(pairs.to_vec())).unwrap();
        (found.answer, found.p_above)
    };
    assert_eq!(answer(&[(40.0, 41.0)]), (Answer::Regression, None));
    assert_eq!(answer(&[(41.0, 40.0)]), (Answer::Improvement, None));
    assert_eq!(answer(&[(40.0, 40.1)]), (Answer::NoDifference, None));
    // It is not as deterministic as it claims.
    let unsure = [(40.0, 44.0), (40.0, 38.0), (40.0, 41.0)];
    assert_eq!(answer(&unsure), (Answer::TooNoisy, None));
}

#[test]
fn zeros_need_an_absolute_threshold() {
    let absolute = Rule {
        threshold: Threshold::Absolute(10.0),
        ..rule(0.0)
    };
    let lost = Values::Pairs((0..12).map(|at| (0.0, 20.0 + f64::from(at))).collect());
    assert_eq!(one(rule(0.05), lost.clone()), Err(Unfit::NotPositive));
    let found = one(absolute, lost).unwrap();
    assert_eq!((found.answer, found.change), (Answer::Regression, 25.5));
    let none = Values::Pairs(vec![(0.0, 0.0); 12]);
    assert_eq!(one(rule(0.05), none).unwrap().answer, Answer::NoDifference);
    assert_eq!(one(absolute, Values::Pairs(Vec::new())), Err(Unfit::Empty));
    let holes = Values::Groups(vec![1.0], vec![f64::NAN]);
    assert_eq!(one(absolute, holes), Err(Unfit::NotFinite));
}

#[test]
fn groups_are_compared_without_pairs_and_one_unfit_metric_stops_no_other() {
    let mut rng = Noise::seeded();
    let runs = |slower: f64, rng: &mut ChaCha8Rng| -> Vec<f64> {
        let runs = Machine::quiet(0.02).runs(15, rng);
        runs.iter().map(|run| run.exp() * (1.0 + slower)).collect()
    };
    let groups = Values::Groups(runs(0.0, &mut rng), runs(0.15, &mut rng));
    let unfit = Values::Groups(vec![0.0], vec![1.0]);
    let findings = compare(&[(rule(0.05), unfit), (rule(0.05), groups)], FALSE_ALARMS);
    assert_eq!(findings[0], Err(Unfit::NotPositive));
    let found = findings[1].as_ref().unwrap();
    assert_eq!(found.answer, Answer::Regression);
    assert!((found.change - 0.15).abs() < 0.03, "{found:?}");
    assert!(is_settled(findings.iter().flatten()));
}
