//! Simulation with fixed seeds: how often flat series seem to grow, and growing ones are found.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

const SAMPLES: usize = 400;
const RUNS: usize = 200;
/// 2.5 % of the runs, and what chance may add to it (three standard deviations).
const FALSE_ALARMS_MAX: usize = 11;

fn unit(rng: &mut StdRng) -> f64 {
    rng.random::<f64>()
}

/// The sum of four: near enough to normal, with a deviation of 1.
fn normal(rng: &mut StdRng) -> f64 {
    let sum = unit(rng) + unit(rng) + unit(rng) + unit(rng);
    (sum - 2.0) * 3.0_f64.sqrt()
}

fn autocorrelated(rng: &mut StdRng, phi: f64) -> Vec<f64> {
    let mut value = normal(rng) / (1.0 - phi * phi).max(1e-3).sqrt();
    (0..SAMPLES)
        .map(|_| {
            value = phi * value + normal(rng);
            value
        })
        .collect()
}

/// Steps up at random times, towards the start for a power above 1.
fn steps(rng: &mut StdRng, count: usize, power: f64) -> Vec<f64> {
    let steps: Vec<(f64, f64)> = (0..count)
        .map(|_| (unit(rng).powf(power) * SAMPLES as f64, unit(rng)))
        .collect();
    let level = |i: usize| {
        let taken = steps.iter().filter(|(at, _)| i as f64 >= *at);
        taken.map(|(_, height)| height).sum::<f64>()
    };
    (0..SAMPLES)
        .map(|i| level(i) + 0.02 * normal(rng))
        .collect()
}

/// Rises and falls back, with a period of this share of the series.
fn sawtooth(rng: &mut StdRng, from: f64, to: f64) -> Vec<f64> {
    let period = SAMPLES as f64 * (from + (to - from) * unit(rng));
    let phase = unit(rng);
    (0..SAMPLES)
        .map(|i| (phase + i as f64 / period).fract() + 0.02 * normal(rng))
        .collect()
}

fn fading(rng: &mut StdRng, share: f64) -> Vec<f64> {
    let fades = |i: usize| 1.0 - (-(i as f64) / (share * SAMPLES as f64)).exp();
    (0..SAMPLES)
        .map(|i| fades(i) + 0.01 * normal(rng))
        .collect()
}

fn of(values: &[f64]) -> Slope {
    let samples = values.iter().enumerate().map(|(i, v)| (i as f64, *v));
    slope(&[samples.collect()]).unwrap()
}

/// In how many runs growth was found for sure.
fn found(series: impl Fn(&mut StdRng) -> Vec<f64>) -> usize {
    let mut rng = StdRng::seed_from_u64(7);
    let runs = (0..RUNS).map(|_| of(&series(&mut rng)));
    runs.filter(|slope| slope.low > 0.0).count()
}

#[test]
fn what_does_not_grow_is_seldom_found_growing() {
    let alarms = [
        ("white", found(|r| autocorrelated(r, 0.0))),
        ("ar 0.9", found(|r| autocorrelated(r, 0.9))),
        ("ar 0.99", found(|r| autocorrelated(r, 0.99))),
        ("random walk", found(|r| autocorrelated(r, 1.0))),
        ("one step", found(|r| steps(r, 1, 1.0))),
        ("three steps", found(|r| steps(r, 3, 1.0))),
        ("early steps", found(|r| steps(r, 3, 2.0))),
        ("sawtooth, short", found(|r| sawtooth(r, 0.03, 0.1))),
        ("sawtooth", found(|r| sawtooth(r, 0.1, 0.25))),
        ("sawtooth, long", found(|r| sawtooth(r, 0.25, 0.4))),
        ("fades soon", found(|r| fading(r, 0.1))),
        ("fades", found(|r| fading(r, 0.25))),
    ];
    for (name, count) in alarms {
        assert!(count <= FALSE_ALARMS_MAX, "{name}: {count} of {RUNS}");
    }
}

#[test]
fn what_grows_is_found_and_its_slope_is_in_the_interval() {
    // Over the series the leak gains 1; the noise's deviation is a thirtieth of that.
    let leak = |rng: &mut StdRng| -> Vec<f64> {
        let noise = autocorrelated(rng, 0.9);
        let leaks = noise.iter().enumerate();
        leaks
            .map(|(i, noise)| i as f64 / SAMPLES as f64 + 0.015 * noise)
            .collect()
    };
    let in_chunks = |rng: &mut StdRng| -> Vec<f64> {
        let offset = unit(rng);
        (0..SAMPLES)
            .map(|i| (offset + 20.0 * i as f64 / SAMPLES as f64).floor() / 20.0)
            .collect()
    };
    let of_runs = [("leak", found(leak)), ("in chunks", found(in_chunks))];
    for (name, count) in of_runs {
        assert!(count >= RUNS * 95 / 100, "{name}: {count} of {RUNS}");
    }
    let mut rng = StdRng::seed_from_u64(8);
    let truth = 1.0 / SAMPLES as f64;
    let covers = |slope: &Slope| slope.low <= truth && truth <= slope.high;
    let covered = (0..RUNS).map(|_| of(&leak(&mut rng))).filter(covers);
    assert!(covered.count() >= RUNS * 95 / 100);
}

#[test]
fn a_line_has_its_slope_and_what_is_flat_has_none() {
    let line: Vec<f64> = (0..100).map(|i| 3.0 * f64::from(i)).collect();
    let slope_of_line = of(&line);
    for end in [
        slope_of_line.per_second,
        slope_of_line.low,
        slope_of_line.high,
    ] {
        assert!((end - 3.0).abs() < 1e-9, "{end}");
    }
    let flat = of(&[5.0; 100]);
    assert_eq!((flat.per_second, flat.low, flat.high), (0.0, 0.0, 0.0));
}

#[test]
fn what_changes_between_stretches_does_not_count() {
    let flat_at = |from: u32, level: f64| -> Vec<(f64, f64)> {
        (from..from + 50).map(|i| (f64::from(i), level)).collect()
    };
    let gap = slope(&[flat_at(0, 1.0), flat_at(100, 9.0), flat_at(200, 30.0)]).unwrap();
    assert_eq!((gap.low, gap.high), (0.0, 0.0));
}

#[test]
fn too_few_samples_have_no_slope() {
    assert_eq!(slope(&[]), None);
    assert_eq!(slope(&[vec![(1.0, 1.0)]]), None);
    let few: Vec<(f64, f64)> = (0..20).map(|i| (f64::from(i), 1.0)).collect();
    assert_eq!(slope(&[few]), None);
    let at_once = vec![(1.0, 1.0); 100];
    assert_eq!(slope(&[at_once]), None);
}
