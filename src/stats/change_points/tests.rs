//! Histories with known changes: what is found, where, and what is made up.

use proptest::prelude::*;

use super::*;
use crate::stats::fixture::{Noise, at_least, at_most, normal, unit};

const NIGHTS: usize = 200;
/// Nights of the changes and by how much.
const STEPS: [(usize, f64); 3] = [(50, 0.02), (100, 0.05), (150, 0.10)];

/// A value a night, with a noise of `noise` and a night in fifty that was disturbed.
fn history(nights: usize, steps: &[(usize, f64)], noise: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..nights)
        .map(|night| {
            let taken = steps.iter().filter(|(at, _)| night >= *at);
            let level: f64 = taken.map(|(_, size)| 1.0 + size).product();
            let disturbed = if unit(rng) < 0.02 {
                0.1 * unit(rng)
            } else {
                0.0
            };
            100.0 * level * (1.0 + noise * normal(rng) + disturbed)
        })
        .collect()
}

/// In how many histories each of the steps was found within two nights, and how many points are none
/// of a step's, even if ten nights late.
fn count(histories: usize, noise: f64, rng: &mut ChaCha8Rng) -> ([usize; 3], usize) {
    let mut found = [0; 3];
    let mut made_up = 0;
    for _ in 0..histories {
        let points = change_points(&history(NIGHTS, &STEPS, noise, rng), &Options::default());
        for (found, (night, _)) in found.iter_mut().zip(STEPS) {
            *found += usize::from(points.iter().any(|point| point.at.abs_diff(night) <= 2));
        }
        let near = |at: usize| STEPS.iter().any(|(night, _)| at.abs_diff(*night) <= 10);
        made_up += points.iter().filter(|point| !near(point.at)).count();
    }
    println!("{histories} histories, noise {noise}: found {found:?}, made up {made_up}");
    (found, made_up)
}

fn assert_steps_are_found(histories: usize) {
    let mut rng = Noise::seeded();
    let (found, made_up) = count(histories, 0.01, &mut rng);
    assert!(found[1] >= at_least(0.95, histories), "{found:?}");
    assert!(found[2] >= at_least(0.99, histories), "{found:?}");
    assert!(made_up <= at_most(1e-3, histories * NIGHTS), "{made_up}");
}

#[test]
fn steps_are_found_within_two_nights() {
    assert_steps_are_found(5);
}

#[test]
#[ignore = "long: just calibrate-stats"]
fn steps_are_found_within_two_nights_at_length() {
    assert_steps_are_found(1000);
    let mut rng = Noise::seeded();
    for noise in [0.005, 0.02, 0.03] {
        count(300, noise, &mut rng);
    }
}

fn assert_hardly_a_false_point(histories: usize) {
    let mut rng = Noise::seeded();
    let points = (0..histories).map(|_| {
        let flat = history(NIGHTS, &[], 0.02, &mut rng);
        change_points(&flat, &Options::default()).len()
    });
    let points: usize = points.sum();
    println!("{points} false points in {} nights", histories * NIGHTS);
    assert!(points <= at_most(1e-3, histories * NIGHTS), "{points}");
}

#[test]
fn a_flat_history_has_hardly_a_false_point() {
    assert_hardly_a_false_point(30);
}

#[test]
#[ignore = "long: just calibrate-stats"]
fn a_flat_history_has_hardly_a_false_point_at_length() {
    assert_hardly_a_false_point(2000);
}

/// Looked at every night, a history has more chances to be wrong than looked at once.
#[test]
#[ignore = "long: just calibrate-stats"]
fn a_flat_history_looked_at_every_night_has_few_false_points() {
    let mut rng = Noise::seeded();
    let mut told = 0;
    for _ in 0..60 {
        let flat = history(NIGHTS, &[], 0.02, &mut rng);
        let mut known = false;
        for nights in 20..=NIGHTS {
            let points = change_points(&flat[..nights], &Options::default());
            told += usize::from(!points.is_empty() && !known);
            known = !points.is_empty();
        }
    }
    println!("{told} alarms in {} nights, each looked at", 60 * NIGHTS);
}

#[test]
fn the_step_is_told_by_what_is_before_and_after() {
    let mut rng = Noise::seeded();
    let history = history(120, &[(60, 0.10)], 0.005, &mut rng);
    let points = change_points(&history, &Options::default());
    assert_eq!(points.len(), 1, "{points:?}");
    assert_eq!(points[0].at, 60);
    assert!((points[0].step() - 0.10).abs() < 0.01, "{points:?}");
    assert_eq!(points[0].p, 0.005);
}

#[test]
fn what_is_no_history_has_no_points() {
    let options = Options::default();
    assert!(change_points(&[], &options).is_empty());
    assert!(change_points(&[1.0; 7], &options).is_empty());
    assert!(change_points(&[5.0; 40], &options).is_empty());
    let mut holes = [1.0; 40];
    holes[20..].fill(2.0);
    assert_eq!(change_points(&holes, &options).len(), 1);
    holes[3] = f64::NAN;
    assert!(change_points(&holes, &options).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn points_are_in_order_with_room_between_and_the_unit_does_not_matter(
        values in prop::collection::vec(1.0_f64..2.0, 0..60),
        step in 0.0_f64..5.0,
        seed in any::<u64>(),
    ) {
        let options = Options { seed, ..Options::default() };
        let half = values.len() / 2;
        let stepped: Vec<f64> = values.iter().enumerate()
            .map(|(at, value)| if at < half { *value } else { value + step })
            .collect();
        let points = change_points(&stepped, &options);
        let mut bounds = vec![0];
        bounds.extend(points.iter().map(|point| point.at));
        bounds.push(stepped.len());
        if !points.is_empty() {
            prop_assert!(bounds.windows(2).all(|two| two[1] - two[0] >= options.stretch_min));
        }
        prop_assert!(points.iter().all(|point| point.p <= options.level));
        // Exactly the same numbers in another unit, for a power of two loses nothing.
        let other: Vec<f64> = stepped.iter().map(|value| value * 1024.0).collect();
        let places = |points: &[ChangePoint]| -> Vec<usize> { points.iter().map(|p| p.at).collect() };
        prop_assert_eq!(places(&points), places(&change_points(&other, &options)));
    }
}
