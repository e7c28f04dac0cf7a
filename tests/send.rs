//! `squall send`: load without a scenario file, and what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use common::next_hop::NextHop;
use common::sink::Sink;
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::Value;
use squall::capture::read::{Captures, Settings};
use squall::sink::Answer;
use tokio::net::TcpListener;
use tokio::process::Command;

mod common;

struct Sent {
    code: i32,
    figures: Value,
    words: String,
}

/// Runs it in a folder of its own, in which it leaves nothing behind that it was not told to.
async fn send(args: &[&str]) -> Sent {
    let home = tempfile::tempdir().unwrap();
    let sent = send_in(home.path(), &[args, &["--json"]].concat()).await;
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    sent
}

async fn send_in(home: &Path, args: &[&str]) -> Sent {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    let command = command.current_dir(home).arg("send").args(args);
    let output = command.output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    Sent {
        code: output.status.code().unwrap(),
        figures: serde_json::from_str(&said).unwrap_or(Value::Null),
        // A message may be wrapped anywhere.
        words: (said + &String::from_utf8_lossy(&output.stderr)).replace("\n  │ ", " "),
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_what_came() {
    for (signal, way) in [
        ("traces", &[][..]),
        ("metrics", &["--http"]),
        ("logs", &["--http-json"]),
    ] {
        let grpc = way.is_empty();
        let sink = Sink::start(&[]);
        let endpoint = if grpc { &sink.at.grpc } else { &sink.at.http };
        let args = [
            signal,
            "--rate",
            "300/s",
            "--for",
            "1s",
            "--endpoint",
            endpoint,
        ];
        let sent = send(&[&args[..], way, &["--service", "mine"]].concat()).await;
        assert_eq!(sent.code, 0, "{}", sent.words);
        let (summary, code) = sink.stop();
        let counts = &summary["signals"][signal];
        assert_eq!(code, 0, "{summary}");
        assert!(counts["items"].as_u64() > Some(0), "{summary}");
        assert_eq!(sent.figures["acknowledged"], counts["items"]);
        assert_eq!(sent.figures["offered"], counts["items"]);
        assert_eq!(counts["services"], serde_json::json!(["mine"]));
        if signal != "metrics" {
            assert_eq!(counts["items"], 300);
        }
        let service = &sent.figures["latencies"][0];
        assert_eq!(service["name"], "service");
        assert!(service["p99"].as_f64() > Some(0.0), "{}", sent.words);
    }
}

/// Spans of a recording by their ids, each with its attributes; and the resource's attributes.
fn spans(path: &Path) -> (BTreeMap<Vec<u8>, String>, String) {
    let mut spans = BTreeMap::new();
    let mut resource = String::new();
    for captured in Captures::open(path, Settings::default()).unwrap() {
        let body = captured.unwrap().body;
        let request = ExportTraceServiceRequest::decode(&*body).unwrap();
        for from in request.resource_spans {
            resource = format!("{:?}", from.resource);
            for span in from.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                spans.insert(span.span_id, format!("{:?}", span.attributes));
            }
        }
    }
    (spans, resource)
}

#[tokio::test]
async fn a_seed_sends_the_same_items_with_the_attributes_that_were_asked_for() {
    let mut all = Vec::new();
    for seed in ["7", "7", "8"] {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("x.pb");
        let sink = Sink::start(&["--record", file.to_str().unwrap()]);
        let sent = send(&[
            "traces",
            "--ramp",
            "100/s..500/s",
            "--duration",
            "1s",
            "--otlp-endpoint",
            &sink.at.grpc,
            "--otlp-insecure",
            "--otlp-attributes",
            "team=\"check, out\"",
            "--attributes",
            "3",
            "--seed",
            seed,
            "--spans-per-trace",
            "4",
            "--compression",
            "gzip",
        ])
        .await;
        assert_eq!(sent.code, 0, "{}", sent.words);
        sink.stop();
        let (spans, resource) = spans(&home.path().join("x.traces.pb"));
        assert!(
            resource.contains("\"team\"") && resource.contains("\"check, out\""),
            "{resource}"
        );
        // The ramp's mean is 300 spans a second.
        assert!((280..=320).contains(&spans.len()), "{}", spans.len());
        all.push(spans);
    }
    assert_eq!(all[0], all[1]);
    assert_ne!(all[0], all[2]);
}

#[tokio::test]
async fn what_is_not_acknowledged_fails_and_is_told_by_kind() {
    let (hop, [grpc, http]) = NextHop::start(None).await;
    let (grpc, http) = (grpc.to_string(), http.to_string());
    let partial = Answer::Partial {
        rejected: 10,
        why: "ten".to_owned(),
    };
    for (answer, why, name, items, endpoint, way) in [
        (
            Answer::Refused("never".to_owned()),
            "never",
            "refused",
            100,
            &grpc,
            &[][..],
        ),
        (
            Answer::Unavailable("later".to_owned()),
            "later",
            "given_up",
            100,
            &http,
            &["--http"],
        ),
        (
            Answer::Refused("never".to_owned()),
            "never",
            "refused",
            100,
            &http,
            &["--http-json"],
        ),
        (partial, "ten", "refused", 10, &grpc, &[]),
    ] {
        hop.says(answer);
        // All at once, in one request.
        let args = [
            "logs",
            "--rate",
            "1k/s",
            "--for",
            "100ms",
            "--endpoint",
            endpoint,
        ];
        let sent = send(&[&args[..], way].concat()).await;
        assert_eq!(sent.code, 1, "{}", sent.words);
        assert_eq!(sent.figures["offered"], 100, "{}", sent.words);
        let said = sent.figures["words"][0][0].as_str();
        assert!(
            said.is_some_and(|said| said.contains(why)),
            "{}",
            sent.words
        );
        if items == 100 {
            assert_eq!(sent.figures[name], items, "{}", sent.words);
            assert_eq!(sent.figures["acknowledged"], 0);
        } else {
            let rejected = sent.figures[name].as_u64().unwrap();
            // Ten of each request.
            let requests = sent.figures["requests"].as_u64().unwrap();
            assert_eq!(rejected, 10 * requests, "{}", sent.words);
            assert_eq!(sent.figures["acknowledged"], 100 - rejected);
        }
    }
}

#[tokio::test]
async fn without_a_seed_no_two_sendings_have_an_id_in_common() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("both.traces.pb");
    let sink = Sink::start(&["--record", file.to_str().unwrap()]);
    let args = ["traces", "--rate", "100/s", "--for", "100ms"];
    let args = [&args[..], &["--endpoint", &sink.at.grpc]].concat();
    let mut seeds = Vec::new();
    for _ in 0..2 {
        let sent = send(&args).await;
        assert_eq!(sent.code, 0, "{}", sent.words);
        seeds.push(sent.figures["seed"].as_u64().unwrap());
    }
    sink.stop();
    assert_ne!(seeds[0], seeds[1]);
    let mut ids = BTreeSet::new();
    let mut spans = 0;
    for captured in Captures::open(&file, Settings::default()).unwrap() {
        let request = ExportTraceServiceRequest::decode(&*captured.unwrap().body).unwrap();
        let scopes = request
            .resource_spans
            .into_iter()
            .flat_map(|r| r.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            spans += 1;
            ids.insert(span.trace_id);
        }
    }
    assert_eq!((spans, ids.len()), (20, 20));
}

/// A web server that takes anything.
async fn welcomes_everything() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = service_fn(|_| async {
                Response::builder()
                    .header("content-type", "text/html")
                    .body("<html>hello</html>".to_owned())
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    address
}

#[tokio::test]
async fn a_success_of_something_else_than_otlp_is_told() {
    let address = welcomes_everything().await.to_string();
    let args = ["logs", "--rate", "100/s", "--for", "100ms", "--http"];
    let sent = send(&[&args[..], &["--endpoint", &address]].concat()).await;
    assert_eq!(sent.code, 0, "{}", sent.words);
    let said = sent.figures["words"].to_string();
    assert!(said.contains("text/html"), "{}", sent.words);
}

#[tokio::test]
async fn headers_are_sent() {
    let token = ("authorization", "Bearer a=b");
    let (_, [grpc, _]) = NextHop::start(Some(token)).await;
    let grpc = grpc.to_string();
    let args = [
        "logs",
        "--rate",
        "100/s",
        "--for",
        "200ms",
        "--endpoint",
        &grpc,
    ];
    let sent = send(&args).await;
    assert_eq!(sent.code, 1, "{}", sent.words);
    let header = format!("{}={}", token.0, token.1);
    let sent = send(&[&args[..], &["--header", &header]].concat()).await;
    assert_eq!(sent.code, 0, "{}", sent.words);
}

#[tokio::test]
async fn what_makes_no_sense_is_told_before_anything_is_sent() {
    let (hop, [grpc, _]) = NextHop::start(None).await;
    let grpc = grpc.to_string();
    for (rate, words) in [
        (["--rate", "0"], "a rate of 0 sends nothing"),
        (["--rate", "0/s"], "a rate of 0 sends nothing"),
        (["--rate", "1000000000000"], "more than 10M/s"),
        (["--rate", "1000000M/s"], "more than 10M/s"),
        (["--rate", "-5"], "--rate -5"),
        (["--rate", "fast"], "--rate fast"),
        (["--rate", "5 apples"], "--rate 5 apples"),
        (["--ramp", "5/s"], "this is no ramp"),
        (["--ramp", "0..0"], "a rate of 0 sends nothing"),
    ] {
        let args = ["traces", "--for", "1s", "--endpoint", &grpc];
        let sent = send(&[&args[..], &rate].concat()).await;
        assert_eq!(sent.code, 2, "{rate:?}: {}", sent.words);
        assert!(sent.words.contains(words), "{rate:?}: {}", sent.words);
    }
    let args = [
        "traces",
        "--rate",
        "9M/s",
        "--for",
        "1h",
        "--endpoint",
        &grpc,
    ];
    let sent = send(&args).await;
    assert!(
        sent.code == 2 && sent.words.contains("200 million"),
        "{}",
        sent.words
    );
    assert_eq!(hop.count(), 0);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap().to_string();
    drop(listener);
    let sent = send(&["traces", "--rate", "1/s", "--endpoint", &nobody]).await;
    assert_eq!(sent.code, 2, "{}", sent.words);
    assert!(
        sent.words.contains(&nobody) && sent.words.contains("refused"),
        "{}",
        sent.words
    );
}

#[tokio::test]
async fn a_run_is_kept_where_it_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let sink = Sink::start(&[]);
    let args = ["logs", "--rate", "100/s", "--for", "200ms", "--keep", "-q"];
    let sent = send_in(
        home.path(),
        &[&args[..], &["--endpoint", &sink.at.grpc]].concat(),
    )
    .await;
    assert_eq!(sent.code, 0, "{}", sent.words);
    assert!(
        sent.words.contains("20 offered, 20 acknowledged"),
        "{}",
        sent.words
    );
    let runs: Vec<_> = std::fs::read_dir(home.path().join("results/runs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(runs.len(), 1);
    assert!(runs[0].join("result.json").exists());
    assert!(
        sent.words
            .contains(runs[0].file_name().unwrap().to_str().unwrap())
    );
}
