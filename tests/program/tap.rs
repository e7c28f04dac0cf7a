//! The tap on the link: it sees at the entry what the client attempted, and at the exit what the
//! sink received.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;
use squall::evidence::{Evidence, HopLatency, Side, TapEvidence, Tapped};
use squall::signal::Signal;

use crate::harness::{Finished, run, side_by_side, squall};

fn scenario(protocol: &str, compression: &str, more: &str) -> String {
    format!(
        "
scenario: tapped
seed: 7
run: {{ warmup: 500ms, duration: 4s, drain: 15s, miss_after: 2s, lateness_limit: 2s }}
link: {{ tap: true }}
client:
  protocol: {protocol}
  compression: {compression}
  producers: 2
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 100ms
    OTEL_BLRP_SCHEDULE_DELAY: 100ms
    OTEL_METRIC_EXPORT_INTERVAL: 300ms
load:
  traces: {{ rate: 300/s, spans_per_trace: 3 }}
  logs: {{ rate: 200/s }}
  metrics: {{ rate: 100/s, series: 5, instruments: [ sum, histogram ] }}
{more}"
    )
}

fn tap(evidence: &Evidence, side: Side) -> &TapEvidence {
    let mut taps = evidence.taps.iter();
    taps.find(|tap| tap.side == side).unwrap()
}

fn of(tap: &TapEvidence, signal: Signal, producer: u16) -> &Tapped {
    let mut tapped = tap.producers.iter();
    tapped
        .find(|one| (one.signal, one.producer) == (signal, producer))
        .unwrap()
}

/// Items that went out in a request and how many copies of them, by signal and producer.
fn attempted(evidence: &Evidence) -> BTreeMap<(Signal, u16), (RoaringTreemap, u64)> {
    let mut all = BTreeMap::new();
    for batch in evidence.batches.iter().filter(|b| !b.attempts.is_empty()) {
        for range in &batch.items {
            let entry: &mut (RoaringTreemap, u64) =
                all.entry((batch.signal, range.producer)).or_default();
            entry.0.insert_range(range.first..=range.last);
            entry.1 += (range.last - range.first + 1) * batch.attempts.len() as u64;
        }
    }
    all
}

fn hop<'a>(evidence: &'a Evidence, from: &str, signal: Signal) -> &'a HopLatency {
    let mut hops = evidence.hop_latencies.iter();
    hops.find(|hop| hop.from == from && hop.signal == signal)
        .unwrap_or_else(|| panic!("no hop from {from}"))
}

fn assert_exact(finished: &Finished) -> Evidence {
    let evidence = finished.evidence();
    let (entry, exit) = (tap(&evidence, Side::Entry), tap(&evidence, Side::Exit));
    let attempted = attempted(&evidence);
    assert_eq!(
        evidence.producers.len(),
        5,
        "two each, and the points as one"
    );
    for producer in &evidence.producers {
        let key = (producer.signal, producer.producer);
        let name = format!("{key:?}\n{}", finished.story());
        let (sent, copies) = &attempted[&key];
        let came = of(entry, key.0, key.1);
        assert_eq!(came.seen, *sent, "{name}");
        assert_eq!(came.seen.len() + came.extra_copies, *copies, "{name}");
        let went = of(exit, key.0, key.1);
        assert!(!producer.received.is_empty(), "{name}");
        assert_eq!(went.seen, producer.received, "{name}");
        assert_eq!(went.seen_again, producer.received_again, "{name}");
        assert_eq!(went.extra_copies, producer.extra_copies, "{name}");
    }
    for tap in [entry, exit] {
        assert_eq!(
            (tap.unread_requests, tap.unread_connections, tap.unexpected),
            (0, 0, 0),
            "{:?}",
            tap.unread_examples
        );
    }
    assert_eq!(exit.requests, evidence.sink.requests);
    evidence
}

#[test]
fn the_tap_sees_what_was_attempted_and_what_was_received() {
    let mut cases = Vec::new();
    for protocol in ["grpc", "http/protobuf", "http/json"] {
        for compression in ["none", "gzip"] {
            cases.push((protocol, compression));
        }
    }
    side_by_side(3, &cases, |(protocol, compression)| {
        let more = "expect: [ \"lost == 0\", \"duplicated == 0\" ]";
        let text = scenario(protocol, compression, more);
        let finished = run(&text.replace("duration: 4s", "duration: 2s"));
        assert_eq!(finished.code, 0, "{}", finished.story());
        finished.assert_closes();
        let evidence = assert_exact(&finished);
        for signal in Signal::ALL {
            let items = finished.count(signal.as_str(), "generated");
            for from in ["due", "link.entry"] {
                let by_segment = &hop(&evidence, from, signal).by_segment;
                let counted: u64 = by_segment.iter().map(|l| l.count()).sum();
                assert_eq!(counted, items, "{from} {signal}");
            }
        }
    });
}

#[test]
fn what_a_partition_holds_back_has_entered_and_not_left() {
    // What is held when the connections are reset is gone; the client sends it again.
    let finished = run(&scenario(
        "http/protobuf",
        "gzip",
        "faults:
  - { name: cut, at: 1500ms, for: 1s, partition: silence, direction: up }
  - { name: broken, at: 2s, for: 200ms, partition: reset, direction: down }
expect: [ \"lost_silently == 0\" ]",
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
    let evidence = finished.evidence();
    let copies = |side| -> u64 {
        let producers = tap(&evidence, side).producers.iter();
        producers.map(|one| one.seen.len() + one.extra_copies).sum()
    };
    assert!(
        copies(Side::Entry) > copies(Side::Exit),
        "{}",
        finished.story()
    );
    for producer in &evidence.producers {
        let key = (producer.signal, producer.producer);
        let entered = of(tap(&evidence, Side::Entry), key.0, key.1);
        let left = of(tap(&evidence, Side::Exit), key.0, key.1);
        assert!(left.seen.is_subset(&entered.seen));
        assert_eq!(left.seen, producer.received);
    }
    let held = &hop(&evidence, "link.entry", Signal::Logs).by_segment;
    let longest_ns = held.iter().filter_map(|l| l.max_ns()).max().unwrap();
    assert!(longest_ns > 400_000_000, "{longest_ns}");
}

#[test]
fn without_a_tap_nothing_is_noted() {
    let text = scenario("grpc", "none", "").replace("tap: true", "tap: false");
    let text = text.replace("duration: 4s", "duration: 1s");
    let finished = run(&text);
    assert_eq!(finished.code, 0, "{}", finished.story());
    let evidence = finished.evidence();
    assert!(evidence.taps.is_empty() && evidence.hop_latencies.is_empty());
}

#[test]
fn a_tap_where_there_can_be_none_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("scenario.yaml");
    let said = |text: String| {
        std::fs::write(&file, text).unwrap();
        let output = squall().arg("check").arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let plain = scenario("grpc", "none", "");
    let encrypted = plain.replace("client:", "client:\n  tls: generated");
    assert!(said(encrypted).contains("a tap cannot read encrypted traffic"));
    let packets = plain.replace("{ tap: true }", "{ tap: true, via: netns }");
    assert!(said(packets).contains("via: netns` has no tap"));
}
