//! A made-up search, as it is shown.

use std::collections::BTreeMap;

use super::*;
use crate::record::{CAPACITY_FORMAT, CapacityEnd, CapacitySettings, GaveOut, Headroom, Part};

fn made(rate_per_s: f64, held: bool) -> Trial {
    let figures = [
        ("received.rate", rate_per_s.min(20_000.0)),
        ("delivery.latency.p50", 0.05 * rate_per_s / 20_000.0),
        ("delivery.latency.p99", 0.2 * rate_per_s / 20_000.0),
        ("backlog.growth", if held { 0.0 } else { 0.03 }),
        ("client.cpu", 0.3),
        ("relay.cpu", 0.2),
        ("relay.rss", 2e7),
        ("sink.cpu", 0.1),
    ];
    let gave_out = GaveOut {
        part: Part::Target,
        name: "relay".to_owned(),
        evidence: vec!["what it had <acknowledged> grew".to_owned()],
    };
    Trial {
        run: format!("run-{rate_per_s}"),
        rate_per_s,
        held,
        why: match held {
            true => Vec::new(),
            false => vec!["the backlog grew by 3 %".to_owned()],
        },
        gave_out: if held { Vec::new() } else { vec![gave_out] },
        figures: figures
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

fn result() -> CapacityResult {
    let trials = vec![
        made(10_000.0, true),
        made(20_600.0, false),
        made(19_800.0, true),
    ];
    CapacityResult {
        format: CAPACITY_FORMAT,
        scenario: "made up".to_owned(),
        started: "2026-01-01T00:00:00.000Z".to_owned(),
        targets: vec!["relay".to_owned()],
        settings: CapacitySettings {
            from_per_s: 10_000.0,
            to_per_s: 1e6,
            within: 0.03,
            trial_s: 5.0,
            budget_s: 180.0,
            expect_per_s: Some(10_000.0),
        },
        saturation: vec!["the backlog grows".to_owned()],
        holds_per_s: Some(19_800.0),
        gives_way_per_s: Some(20_600.0),
        answer: CapacityAnswer::Limit,
        gave_out: trials[1].gave_out.first().cloned(),
        headroom: Some(Headroom {
            expected_per_s: 10_000.0,
            factor: 1.98,
        }),
        ended: CapacityEnd::Narrow,
        summary: "It carries 19,800/s, and not 20,600/s: relay gave out.".to_owned(),
        trials,
        notes: Vec::new(),
        environment: BTreeMap::new(),
    }
}

#[test]
fn the_summary_tells_trials_answer_and_reasons() {
    insta::assert_snapshot!(summary(&result(), false, 100));
}

#[test]
fn headroom_above_what_something_else_ended_is_at_least_that() {
    let mut result = result();
    assert!(headroom(&result).unwrap().starts_with("headroom 2.0x"));
    result.answer = CapacityAnswer::AtLeast;
    assert!(
        headroom(&result)
            .unwrap()
            .starts_with("headroom at least 2.0x")
    );
    result.headroom = None;
    assert_eq!(headroom(&result), None);
}

#[test]
fn the_page_has_curves_over_the_rate_and_links_to_its_runs() {
    let page = page(&result());
    for told in [
        "trials/run-20600/report.html",
        "Delivery latency",
        r#""x":"rate""#,
        // The points of one line, sorted by rate.
        "[[10000.0,0.1],[19800.0,0.198],[20600.0,0.206]]",
        "what it had &lt;acknowledged&gt; grew",
        "headroom 2.0x",
    ] {
        assert!(page.contains(told), "{told}");
    }
    for fetched in ["src=\"http", "href=\"http", "@import"] {
        assert!(!page.contains(fetched), "it works offline");
    }
}
