//! `squall sink --forward`: what the next hop says is what the sender is told.

use std::net::SocketAddr;
use std::time::Duration;

use common::next_hop::NextHop;
use common::sender::{PROTOCOLS, Told, http_client, send_spans, spans};
use common::sink::Sink;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;
use squall::capture::read::{Captures, Settings};
use squall::plan::{Compression, Protocol};
use squall::signal::Signal;
use squall::sink::Answer;
use tokio::net::TcpListener;
use tonic::Code;

mod common;

const TOKEN: (&str, &str) = ("authorization", "Bearer abc");

/// The two ways in which a sink speaks to its next hop, as arguments.
fn ways(addresses: [SocketAddr; 2]) -> [Vec<String>; 2] {
    let way = |address: SocketAddr, protocol: &str| {
        let address = address.to_string();
        ["--forward", &*address, "--forward-protocol", protocol].map(str::to_owned)
    };
    [
        way(addresses[0], "grpc").into(),
        way(addresses[1], "http").into(),
    ]
}

fn start(way: &[String], more: &[&str]) -> Sink {
    let mut args: Vec<&str> = way.iter().map(String::as_str).collect();
    args.extend(more);
    Sink::start(&args)
}

#[tokio::test]
async fn the_next_hops_answer_is_the_senders() {
    let (hop, addresses) = NextHop::start(None).await;
    for way in ways(addresses) {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("x.jsonl");
        let sink = start(&way, &["--record", file.to_str().unwrap()]);
        let partial = Answer::Partial {
            rejected: 2,
            why: "two of them".to_owned(),
        };
        for (answer, told) in [
            (Answer::Accepted, Told::Accepted),
            (partial, Told::Rejected(2)),
            (Answer::Unavailable("later".to_owned()), Told::Unavailable),
            (Answer::Refused("never".to_owned()), Told::Refused),
        ] {
            hop.says(answer);
            for protocol in PROTOCOLS {
                let before = hop.count();
                let request = spans(0, 1..=3, 1);
                let body = request.encode_to_vec();
                let heard = send_spans(&sink.at, protocol, Compression::Gzip, request).await;
                assert_eq!(heard, told, "{way:?} {protocol:?}");
                assert_eq!(hop.count(), before + 1, "sent on once");
                assert_eq!(common::canonical(Signal::Traces, &hop.body(before)), body);
            }
        }
        let (summary, code) = sink.stop();
        assert_eq!(code, 0, "{summary}");
        assert_eq!(summary["forwarded"]["accepted"], 6);
        assert_eq!(summary["forwarded"]["failed"], 6);
        assert_eq!(summary["last_trouble"], "never");
        // What the next hop did not take is not on file.
        let captured = Captures::open(&file, Settings::default()).unwrap();
        assert_eq!(captured.count(), 6);
    }
}

#[tokio::test]
async fn headers_go_along() {
    let (hop, addresses) = NextHop::start(Some(TOKEN)).await;
    for way in ways(addresses) {
        let sink = start(&way, &[]);
        let before = hop.count();
        let body = spans(0, 1..=3, 1).encode_to_vec();
        let url = format!("http://{}/v1/traces", sink.at.http);
        let request = http_client()
            .post(url)
            .header("content-type", "application/x-protobuf")
            .body(body);
        let without = request.try_clone().unwrap().send().await.unwrap();
        assert_eq!(without.status(), 401);
        let with = request.header(TOKEN.0, TOKEN.1).send().await.unwrap();
        assert_eq!(with.status(), 200);

        let endpoint = format!("http://{}", sink.at.grpc);
        let mut client = TraceServiceClient::connect(endpoint).await.unwrap();
        let without = client.export(spans(0, 1..=3, 1)).await.unwrap_err();
        assert_eq!(without.code(), Code::Unauthenticated);
        let mut request = tonic::Request::new(spans(0, 1..=3, 1));
        let token = TOKEN.1.parse().unwrap();
        request.metadata_mut().insert(TOKEN.0, token);
        client.export(request).await.unwrap();
        assert_eq!(hop.count(), before + 2);
    }
}

#[tokio::test]
async fn a_next_hop_that_is_not_there_is_the_answer_and_the_sink_lives_on() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    for way in ways([nobody; 2]) {
        let sink = start(&way, &[]);
        for protocol in PROTOCOLS {
            let request = spans(0, 1..=3, 1);
            let told = send_spans(&sink.at, protocol, Compression::None, request).await;
            assert_eq!(told, Told::Unavailable, "{way:?} {protocol:?}");
        }
        let (summary, _) = sink.stop();
        assert_eq!(summary["forwarded"]["failed"], 3);
        let trouble = summary["last_trouble"].as_str().unwrap();
        assert!(trouble.contains(&nobody.to_string()), "{trouble}");
    }
}

#[tokio::test]
async fn what_is_under_way_is_bounded_in_number_and_time() {
    // It accepts connections and never says anything.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    for way in ways([address; 2]) {
        let limits = ["--forward-timeout", "2s", "--forward-in-flight", "1"];
        let sink = start(&way, &limits);
        let at = sink.at.clone();
        let send = move || {
            let at = at.clone();
            tokio::spawn(async move {
                let request = spans(0, 1..=3, 1);
                send_spans(&at, Protocol::HttpProtobuf, Compression::None, request).await
            })
        };
        let first = send();
        let mut others = Vec::new();
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            others.push(send());
        }
        for told in others.into_iter().chain([first]) {
            assert_eq!(told.await.unwrap(), Told::Unavailable);
        }
        let (summary, _) = sink.stop();
        assert_eq!(summary["forwarded"]["failed"], 4);
    }
}

#[test]
fn an_endpoint_that_makes_no_sense_is_told() {
    for (endpoint, words) in [
        ("ftp://x:1", "http://"),
        ("https://x:1", "--forward-ca"),
        ("http://", "--forward http://"),
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_squall"));
        command.args(["sink", "--for", "1ms", "--forward", endpoint]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
