//! What names of the family are read as, and what is said of wrong ones.

use super::super::{Scope, Section, parse};
use crate::metric::Unit;
use crate::plan::expectation::{Comparison, Limit, Phase, Window};
use crate::plan::fixture::plan;

fn read(text: &str, section: Section, names: &[&str]) -> Result<Vec<Comparison>, (String, String)> {
    let plan = plan();
    let scope = Scope {
        plan: &plan,
        fault_names: &[],
        said_names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    parse(text, &scope, section).map_err(|mut faults| {
        let fault = faults.remove(0);
        (fault.message, fault.help)
    })
}

const NAMES: &[&str] = &["queue", "dropped"];

#[test]
fn a_named_series_is_compared_over_a_window() {
    let read = read("said.queue.mean < 1000 in steady", Section::Expect, NAMES).unwrap();
    assert_eq!(read[0].metric.to_string(), "said.queue.mean");
    assert_eq!(read[0].window, Window::In(Phase::Steady));
    let limit = Limit::Absolute {
        value: 1000.0,
        unit: Unit::Count,
    };
    assert_eq!(read[0].limit, limit);
}

#[test]
fn the_moment_is_for_conditions_and_the_rest_for_expectations() {
    for section in [Section::AbortIf, Section::When] {
        let live = read("said.queue > 500", section, NAMES).unwrap();
        assert_eq!(live[0].metric.name, "said.queue");
        let (message, help) = read("said.queue.max > 500", section, NAMES).unwrap_err();
        assert!(message.contains("not known while the run goes on"));
        assert!(help.contains("`said.queue`"));
    }
    let (_, help) = read("said.queue > 500", Section::Expect, NAMES).unwrap_err();
    assert!(help.contains("`said.queue.max`"), "{help}");
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    let wrong = |text| read(text, Section::Expect, NAMES).unwrap_err();
    let (message, help) = wrong("said.quue.max < 5");
    assert_eq!(message, "`target.metrics.series` names no series `quue`");
    assert!(help.contains("`queue`"), "{help}");
    let (message, help) = wrong("said.queue.p99 < 5");
    assert!(message.contains("`p99`"), "{message}");
    assert!(help.contains("`increase`"), "{help}");
    let none = read("said.queue.max < 5", Section::Expect, &[]).unwrap_err();
    assert!(none.0.contains("no target"), "{none:?}");
    assert!(read("traces.said.queue.max < 5", Section::Expect, NAMES).is_err());
}

#[test]
fn slopes_have_limits_by_the_minute_and_equal_nothing() {
    let limit = |text| read(text, Section::Expect, &[]).unwrap()[0].limit;
    for text in [
        "sink.rss.slope < 60MiB/min",
        "sink.rss.slope < 1MiB/s",
        "sink.rss.slope < 3600MiB/h",
    ] {
        let expected = Limit::Absolute {
            value: 1_048_576.0,
            unit: Unit::BytesPerSecond,
        };
        assert_eq!(limit(text), expected, "{text}");
    }
    assert!(
        read("sink.rss.slope < 0", Section::Expect, &[]).is_ok(),
        "memory can shrink"
    );
    let (message, _) = read("sink.rss.slope == 1B/s", Section::Expect, &[]).unwrap_err();
    assert!(message.contains("an estimate"), "{message}");
}
