//! Replays: a capture is sent again and accounted for, and what is wrong with one is an error.

use std::fs;
use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use squall::capture::read::{Captured, Captures, Settings};
use squall::signal::Signal;

use crate::blank::assert_same_but_for_ids_and_times;
use crate::harness::{Finished, run, side_by_side, squall};
use crate::sink::Sink;

const RUN: &str = "
scenario: replay
run: { warmup: 200ms, duration: 2s, drain: 8s, miss_after: 2s, lateness_limit: 2s }
";

fn shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/captures/shop.jsonl")
}

fn captured(path: &Path) -> Vec<Captured> {
    let captures = Captures::open(path, Settings::default()).unwrap();
    captures.map(Result::unwrap).collect()
}

fn spans(captured: &[Captured]) -> Vec<Span> {
    let traces = captured.iter().filter(|one| one.signal == Signal::Traces);
    traces
        .flat_map(|one| {
            let request = ExportTraceServiceRequest::decode(&*one.body).unwrap();
            let scopes = request
                .resource_spans
                .into_iter()
                .flat_map(|r| r.scope_spans);
            scopes.flat_map(|scope| scope.spans).collect::<Vec<_>>()
        })
        .collect()
}

fn all_arrived(finished: &Finished, at_least: &[(&str, u64)]) {
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
    for (signal, least) in at_least {
        let delivered = finished.count(signal, "delivered");
        assert!(delivered >= *least, "{signal}: {delivered}");
        assert_eq!(delivered, finished.count(signal, "generated"), "{signal}");
        assert_eq!(finished.count(signal, "unexpected"), 0, "{signal}");
    }
}

/// At its own pace a round has 60 spans, 19 points and 20 records in two seconds.
#[test]
fn every_signal_arrives_at_any_pace_by_every_way() {
    let file = shop();
    let ways = [
        (
            "replay: { PACE 4x }",
            "protocol: grpc, compression: zstd",
            "{}",
        ),
        (
            "replay: { PACE load, in_flight: 2 }",
            "protocol: http/json",
            "{ traces: { rate: 2k/s, arrivals: poisson }, logs: { rate: 1k/s }, metrics: { rate: 500/s } }",
        ),
    ];
    side_by_side(2, &ways, |(replay, way, load)| {
        let replay = replay.replace("PACE", &format!("file: \"{}\", pace:", file.display()));
        let finished = run(&format!(
            "{RUN}client: {{ kind: replay, {replay}, {way} }}
load: {load}
expect: [ \"lost == 0\", \"duplicated == 0\", \"delivery.latency.p99 < 10s\" ]"
        ));
        all_arrived(&finished, &[("traces", 180), ("metrics", 57), ("logs", 60)]);
        // Latency is from when a request was due, not from when its spans began.
        let p50 = finished.metric("delivery.latency.p50");
        assert!((0.0..1.0).contains(&p50), "{p50}: {}", finished.story());
    });
}

/// A killed client goes on with the next whole request, and a target's losses are placed by the taps.
#[test]
fn the_ledger_closes_under_kills_and_losses() {
    let file = shop();
    let cases = [
        (
            "pace: load",
            "load: { traces: { rate: 2k/s }, logs: { rate: 500/s }, metrics: { rate: 500/s } }
faults: [ { name: gone, at: 700ms, for: 400ms, restart: client } ]
expect: [ \"lost_silently == 0\", \"duplicated == 0\" ]",
        ),
        (
            "pace: 2x",
            "target: { name: relay, relay: [\"--bug\", \"lose=4\"] }
expect: [ \"target.lost > 0\" ]",
        ),
    ];
    side_by_side(2, &cases, |(pace, rest)| {
        let finished = run(&format!(
            "{RUN}client: {{ kind: replay, replay: {{ file: \"{}\", {pace} }} }}\n{rest}",
            file.display()
        ));
        assert_eq!(finished.code, 0, "{}", finished.story());
        finished.assert_closes();
        for signal in ["traces", "logs", "metrics"] {
            assert!(
                finished.count(signal, "delivered") > 10,
                "{}",
                finished.story()
            );
        }
    });
}

/// What a sink records of a replay is the capture, but for identities and times.
#[test]
fn a_replay_that_is_recorded_is_the_capture_again() {
    let home = tempfile::tempdir().unwrap();
    let again = home.path().join("again.jsonl");
    let sink = Sink::start(&["--record", again.to_str().unwrap()]);
    let finished = run(&format!(
        "{RUN}client: {{ kind: replay, replay: {{ file: \"{}\", pace: 2x, repeat: false, in_flight: 1 }} }}
target: {{ name: theirs, external: {{ endpoint: \"{}\" }} }}
expect: [ \"refused == 0\" ]",
        shop().display(),
        sink.at.grpc
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
    sink.stop();
    let (before, after) = (captured(&shop()), captured(&again));
    assert_same_but_for_ids_and_times(&before, &after);

    // Traces are whole, and times are as far from each other as they were.
    let (before, after) = (spans(&before), spans(&after));
    let find = |spans: &[Span], id: &[u8]| spans.iter().position(|span| span.span_id == id);
    let mut parents = 0;
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(
            old.end_time_unix_nano - old.start_time_unix_nano,
            new.end_time_unix_nano - new.start_time_unix_nano
        );
        if let Some(parent) = find(&before, &old.parent_span_id) {
            assert_eq!(find(&after, &new.parent_span_id), Some(parent));
            assert_eq!(after[parent].trace_id, new.trace_id);
            parents += 1;
        }
        for (old, new) in old.links.iter().zip(&new.links) {
            assert_eq!(find(&before, &old.span_id), find(&after, &new.span_id));
        }
    }
    assert_eq!(parents, 40);
}

#[test]
fn what_cannot_be_replayed_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let shop = fs::read_to_string(shop()).unwrap();
    let lines: Vec<&str> = shop.lines().collect();
    let broken = [lines[0], r#"{"resourceSpans": oops}"#, lines[1]].join("\n");
    fs::write(path("shop.jsonl"), &shop).unwrap();
    fs::write(path("broken.jsonl"), broken).unwrap();
    fs::write(path("empty.jsonl"), "").unwrap();
    fs::write(path("nonsense.jsonl"), "nonsense\n").unwrap();
    let only_traces = lines
        .iter()
        .find(|line| line.contains("resourceSpans"))
        .unwrap();
    fs::write(path("traces.jsonl"), only_traces).unwrap();
    let check = |text: &str| {
        let file = path("scenario.yaml");
        fs::write(&file, format!("scenario: replay\n{text}\n")).unwrap();
        let output = squall().arg("check").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        (output.status.code(), said)
    };
    let file = |rest: &str| format!("client: {{ kind: replay, replay: {{ file: {rest} }} }}");
    let cases = [
        (file("broken.jsonl"), "broken.jsonl, line 2: JSON"),
        (file("missing.jsonl"), "missing.jsonl"),
        (file("."), "is no file"),
        (file("empty.jsonl"), "holds nothing that could be sent"),
        (
            file("nonsense.jsonl, on_broken_line: skip"),
            "1 line(s) cannot be read",
        ),
        (file("shop.jsonl, pace: 9999999999x"), "out of range"),
        (file("shop.jsonl, pace: fast"), "is not a pace"),
        (file("shop.jsonl, pace: load"), "no load to set the pace"),
        (
            file("traces.jsonl") + "\nload: { logs: {} }",
            "the capture has no logs",
        ),
        (
            file("shop.jsonl") + "\nload: { logs: { rate: 1k/s } }",
            "the capture says when it is sent",
        ),
        (
            file("shop.jsonl, pace: load") + "\nload: { traces: { rate: 1k/s, span_names: 4 } }",
            "the capture says what is sent",
        ),
        (
            file("shop.jsonl, pace: load")
                + "\nload: { logs: { closed_loop: { outstanding: 8 } } }",
            "not sent in a closed loop",
        ),
        (
            file("shop.jsonl, pace: load") + "\nload: { logs: { rate: 1000000000k/s } }",
            "more than squall can time",
        ),
        ("client: { kind: replay }".to_owned(), "`file` is missing"),
        (
            "client: { replay: { file: shop.jsonl } }\nload: { logs: { rate: 1/s } }".to_owned(),
            "ask for it with `client: { kind: replay }`",
        ),
        (
            "client: { kind: replay, producers: 2, replay: { file: shop.jsonl } }".to_owned(),
            "means nothing to a replay",
        ),
    ];
    for (text, words) in &cases {
        let (code, said) = check(text);
        assert_eq!(code, Some(2), "{text}: {said}");
        assert!(said.contains(words), "{text}: {said}");
    }
    let (code, said) = check(&file("broken.jsonl, on_broken_line: skip"));
    assert_eq!(code, Some(0), "{said}");
}

/// A stored plan is followed again only while its capture is what it was.
#[test]
fn a_plan_knows_its_capture_again() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    fs::copy(shop(), path("c.jsonl")).unwrap();
    let text = "scenario: replay\nclient: { kind: replay, replay: { file: c.jsonl } }\n";
    fs::write(path("scenario.yaml"), text).unwrap();
    let planned = squall()
        .args(["plan", "--json"])
        .arg(path("scenario.yaml"))
        .output()
        .unwrap();
    assert!(planned.status.success(), "{planned:?}");
    let plan: serde_json::Value = serde_json::from_slice(&planned.stdout).unwrap();
    let replay = &plan["client"]["replay"];
    assert_eq!(replay["holds"]["traces"]["items"], 60, "{replay}");
    assert_eq!(
        replay["files"][0]["sha256"].as_str().map(str::len),
        Some(64)
    );
    fs::write(path("plan.json"), &planned.stdout).unwrap();
    let again = || {
        squall()
            .args(["plan", "--json"])
            .arg(path("plan.json"))
            .output()
            .unwrap()
    };
    assert_eq!(again().stdout, planned.stdout);
    let mut changed = fs::read(path("c.jsonl")).unwrap();
    changed.extend_from_slice(b"\n");
    fs::write(path("c.jsonl"), changed).unwrap();
    let refused = again();
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("is not what it was"), "{said}");
}
