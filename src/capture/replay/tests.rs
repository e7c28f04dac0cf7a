//! What a capture holds, and what is wrong with it.

use std::fs;

use super::*;

/// A line of one record for each time, which may be 0.
fn line(signal: &str, times: &[u64]) -> String {
    let items: Vec<String> = times
        .iter()
        .map(|time| match signal {
            "Spans" => format!(r#"{{"startTimeUnixNano":"1","endTimeUnixNano":"{time}"}}"#),
            "Logs" => format!(r#"{{"observedTimeUnixNano":"{time}"}}"#),
            _ => format!(
                r#"{{"name":"m","gauge":{{"dataPoints":[{{"asInt":"1","timeUnixNano":"{time}"}}]}}}}"#
            ),
        })
        .collect();
    let list = match signal {
        "Spans" => "spans",
        "Logs" => "logRecords",
        _ => "metrics",
    };
    let items = items.join(",");
    format!(r#"{{"resource{signal}":[{{"scope{signal}":[{{"{list}":[{items}]}}]}}]}}"#)
}

fn read_text(text: &str, broken: OnBrokenLine) -> Result<(Contents, Vec<Request>), ReplayError> {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("c.jsonl");
    fs::write(&path, text).unwrap();
    let mut requests = Vec::new();
    let contents = read(&[path], broken, |request| requests.push(request))?;
    Ok((contents, requests))
}

fn at(at_ns: u64, items: u32) -> CapturedRequest {
    CapturedRequest { at_ns, items }
}

#[test]
fn requests_are_due_as_they_were_and_in_the_order_of_the_file() {
    let text = [
        line("Spans", &[1_000, 1_500]),
        line("Logs", &[1_100]),
        // Earlier than the one before, and none at all.
        line("Spans", &[1_400]),
        line("Logs", &[0]),
        line("Metrics", &[1_900, 1_800]),
        line("Spans", &[]),
    ]
    .join("\n");
    let (contents, requests) = read_text(&text, OnBrokenLine::Fail).unwrap();
    let [traces, metrics, logs] = &contents.timeline;
    assert_eq!(traces, &[at(400, 2), at(400, 1)]);
    assert_eq!(metrics, &[at(800, 2)]);
    assert_eq!(logs, &[at(0, 1), at(0, 1)]);
    assert_eq!(contents.without_items, 1);
    assert_eq!(contents.length_ns, 1_000);
    let holding = Holding {
        requests: 2,
        items: 3,
        most_items: 2,
    };
    assert_eq!(contents.holds[&Signal::Traces], holding);
    let own: Vec<u64> = requests.iter().map(|one| one.at_unix_ns).collect();
    assert_eq!(own, [1_500, 1_100, 1_400, 1_100, 1_900]);
}

#[test]
fn a_capture_in_which_no_time_passes_lasts_a_second() {
    for text in [line("Logs", &[0]), line("Logs", &[7, 7])] {
        let (contents, _) = read_text(&text, OnBrokenLine::Fail).unwrap();
        assert_eq!(contents.length_ns, 1_000_000_000);
    }
    let (contents, _) = read_text("", OnBrokenLine::Fail).unwrap();
    assert!(contents.holds.is_empty());
}

#[test]
fn a_broken_line_is_named_and_left_out_where_that_is_wanted() {
    let text = format!("{}\nnonsense\n{}\n", line("Logs", &[1]), line("Logs", &[3]));
    let error = read_text(&text, OnBrokenLine::Fail)
        .unwrap_err()
        .to_string();
    assert!(error.contains("c.jsonl, line 2: JSON"), "{error}");
    let (contents, requests) = read_text(&text, OnBrokenLine::Skip).unwrap();
    assert_eq!((contents.skipped, requests.len()), (1, 2));
    assert!(contents.first_skipped.unwrap().contains("line 2"));
}

#[test]
fn a_file_is_one_or_one_for_each_signal_and_is_known_again() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let error = files_of(&at("day.pb")).unwrap_err().to_string();
    assert!(error.contains("day.pb"), "{error}");
    let error = files_of(home.path()).unwrap_err().to_string();
    assert!(error.ends_with("is no file"), "{error}");
    fs::write(at("day.logs.pb"), [0, 0, 0, 0]).unwrap();
    assert_eq!(files_of(&at("day.pb")).unwrap(), [at("day.logs.pb")]);
    fs::write(at("day.pb"), b"x").unwrap();
    assert_eq!(files_of(&at("day.pb")).unwrap(), [at("day.pb")]);

    fs::write(at("one.jsonl"), line("Logs", &[1])).unwrap();
    let known = [digest(&at("one.jsonl")).unwrap()];
    assert_eq!(known[0].sha256.len(), 64);
    let mut count = 0;
    read_again(&known, OnBrokenLine::Fail, |_| count += 1).unwrap();
    assert_eq!(count, 1);
    fs::write(at("one.jsonl"), line("Logs", &[2])).unwrap();
    let error = read_again(&known, OnBrokenLine::Fail, |_| count += 1).unwrap_err();
    assert!(error.to_string().contains("is not what it was"), "{error}");
    assert_eq!(count, 1);
}
