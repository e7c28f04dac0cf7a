//! The soak of half an hour, run at compressed scale: 18 s for 30 minutes is 100 times as fast, and a
//! leak of 60 MiB a minute is one of less than a MiB.

use std::path::Path;

use crate::harness::{Finished, run_with};

/// The shipped scenario with other times, and limits to match.
fn soak(target: &str) -> Finished {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/soak.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    for line in ["target.rss.slope", "client.rss.slope", "sink.rss.slope"] {
        assert!(text.contains(line), "the scenario does not look at {line}");
    }
    run_with(
        &text,
        &[
            "run.warmup=4s",
            "run.duration=18s",
            "run.miss_after=2s",
            "run.lateness_limit=2s",
            "client.sdk.OTEL_BSP_SCHEDULE_DELAY=100ms",
            "client.sdk.OTEL_BLRP_SCHEDULE_DELAY=100ms",
            "expect=[lost == 0, target.rss.slope < 20MiB/min, sink.rss.slope < 20MiB/min]",
            &format!("target.relay={target}"),
        ],
    )
}

#[test]
fn a_relay_that_leaks_fails_on_its_memorys_slope_alone() {
    let finished = soak("[--bug, leak=1048576]");
    assert_eq!(finished.code, 1, "{}", finished.story());
    let failed: Vec<&str> = finished.result["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["verdict"] != "pass")
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        failed,
        ["target.rss.slope < 20MiB/min"],
        "{}",
        finished.story()
    );
    let per_minute = finished.metric("target.rss.slope") * 60.0 / f64::from(1 << 20);
    assert!((45.0..75.0).contains(&per_minute), "{per_minute} MiB/min");
    finished.assert_closes();
}

#[test]
fn a_relay_that_does_not_leak_passes() {
    let finished = soak("[]");
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
}
