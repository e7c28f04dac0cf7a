//! Change points against a reference that nobody here wrote: Apache Otava, on the same series.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use common::python::python;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use squall::stats::change_points::energy::best_split;
use squall::stats::change_points::{Options, change_points};

mod common;

const NIGHTS: usize = 200;

/// Names, and the steps (night, share) of each series.
const SERIES: [(&str, &[(usize, f64)]); 6] = [
    ("flat", &[]),
    (
        "two, five and ten percent",
        &[(50, 0.02), (100, 0.05), (150, 0.10)],
    ),
    ("up and down again", &[(80, 0.10), (120, -0.10)]),
    ("early and late", &[(10, 0.08), (190, 0.08)]),
    ("better", &[(70, -0.05)]),
    ("a short stay", &[(100, 0.2), (106, -0.2)]),
];

/// A noise of about one percent, of a different kind in every other series.
fn series(kind: usize, steps: &[(usize, f64)], rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..NIGHTS)
        .map(|night| {
            let taken = steps.iter().filter(|(at, _)| night >= *at);
            let level: f64 = taken.map(|(_, size)| 1.0 + size).product();
            let even = || -> f64 { 2.0 * rng.random::<f64>() - 1.0 };
            let noise = match kind % 2 {
                0 => std::iter::repeat_with(even).take(4).sum::<f64>() * 0.009,
                _ => std::iter::repeat_with(even).take(5).product::<f64>() * 0.15,
            };
            100.0 * level * (1.0 + noise)
        })
        .collect()
}

/// What the reference says of the series, or the reason why the test is skipped.
fn reference(series: &BTreeMap<&str, Vec<f64>>) -> Result<Value, String> {
    let python = python()?;
    let has = |module: &str| {
        let import = format!("import {module}");
        let output = Command::new(&python).args(["-c", &import]).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !has("otava") || !has("numpy") {
        return Err("the Python packages apache-otava and numpy are not installed".to_owned());
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/change_points.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(&serde_json::to_vec(series).unwrap())
        .unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the reference failed, see above");
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn splits_gains_and_points_are_those_of_the_reference() {
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let series: BTreeMap<&str, Vec<f64>> = SERIES
        .iter()
        .enumerate()
        .map(|(kind, (name, steps))| (*name, series(kind, steps, &mut rng)))
        .collect();
    let reference = match reference(&series) {
        Ok(reference) => reference,
        Err(reason) => {
            common::require("python", &reason);
            return;
        }
    };
    // As the reference does it: a single night is a stretch.
    let options = Options {
        stretch_min: 1,
        ..Options::default()
    };
    for (name, values) in &series {
        let expected = &reference[name];
        let split = best_split(values, 1).unwrap();
        assert_eq!(expected["split"], split.at, "{name}");
        let gain = expected["gain"].as_f64().unwrap();
        assert!(
            (split.gain / gain - 1.0).abs() < 1e-9,
            "{name}: {} {gain}",
            split.gain
        );
        let points = change_points(values, &options);
        let points: Vec<usize> = points.iter().map(|point| point.at).collect();
        println!(
            "{name}: {points:?}, and the reference {}",
            expected["points"]
        );
        assert_eq!(expected["points"], serde_json::json!(points), "{name}");
    }
}
