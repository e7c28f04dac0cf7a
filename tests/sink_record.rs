//! `squall sink --record`: what was acknowledged is on file, whole, also where the room ends.

use std::path::Path;
use std::process::Command;

use common::sender::{
    COMPRESSIONS, PROTOCOLS, Told, gauge, logs, send_logs, send_metrics, send_spans, spans,
};
use common::sink::Sink;
use prost::Message as _;
use squall::capture::Format;
use squall::capture::read::{Captured, Captures, Settings};
use squall::capture::record::{RecordError, Recorder};
use squall::plan::{Compression, Protocol};
use squall::signal::Signal;

mod common;

fn captured(path: &Path) -> Vec<Captured> {
    let captures = Captures::open(path, Settings::default()).unwrap();
    captures
        .map(|one| {
            let one = one.unwrap();
            Captured {
                body: common::canonical(one.signal, &one.body),
                ..one
            }
        })
        .collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Sends spans by every protocol and compression; what was sent, in order.
async fn send_all_ways(sink: &Sink) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    for protocol in PROTOCOLS {
        for compression in COMPRESSIONS {
            let first = 10 * sent.len() as u64 + 1;
            let request = spans(3, first..first + 5, 7);
            sent.push(request.encode_to_vec());
            let told = send_spans(&sink.at, protocol, compression, request).await;
            assert_eq!(told, Told::Accepted);
        }
    }
    sent
}

#[tokio::test]
async fn every_signal_is_recorded_as_json_lines() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("day.jsonl");
    let sink = Sink::start(&["--record", text(&path)]);
    let sent = send_all_ways(&sink).await;
    // It is on file before its sender is answered.
    assert_eq!(captured(&path).len(), sent.len());
    let (log, metric) = (logs(1, 1..=3, 5), gauge([1, 2]));
    send_logs(&sink.at, log.clone()).await;
    send_metrics(&sink.at, metric.clone()).await;
    let (summary, code) = sink.stop();
    assert_eq!((code, &summary["recorded"]["requests"]), (0, &11.into()));

    let lines = std::fs::read_to_string(&path).unwrap();
    assert_eq!(lines.lines().count(), 11);
    assert!(lines.starts_with(r#"{"resourceSpans":"#), "{lines}");
    let captured = captured(&path);
    let bodies: Vec<&[u8]> = captured.iter().map(|one| &*one.body).collect();
    assert!(bodies.iter().take(9).eq(sent.iter()));
    assert_eq!(bodies[9], log.encode_to_vec());
    assert_eq!(bodies[10], metric.encode_to_vec());
    assert_eq!(captured[9].signal, Signal::Logs);
    assert_eq!(captured[10].signal, Signal::Metrics);
}

#[tokio::test]
async fn each_signal_has_a_protobuf_file_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("day.pb");
    let sink = Sink::start(&["--record", text(&path)]);
    let sent = send_all_ways(&sink).await;
    send_logs(&sink.at, logs(1, 1..=3, 5)).await;
    let (summary, code) = sink.stop();
    assert_eq!((code, &summary["recorded"]["requests"]), (0, &10.into()));

    let traces = captured(&home.path().join("day.traces.pb"));
    assert!(traces.iter().map(|one| &one.body).eq(sent.iter()));
    let log = captured(&home.path().join("day.logs.pb"));
    assert_eq!(log[0].body, logs(1, 1..=3, 5).encode_to_vec());
    // Of metrics nothing came.
    assert!(!home.path().join("day.metrics.pb").exists());
    // As the Collector writes it: four bytes of length, big-endian.
    let raw = std::fs::read(home.path().join("day.logs.pb")).unwrap();
    let (len, body) = raw.split_first_chunk::<4>().unwrap();
    assert_eq!(u32::from_be_bytes(*len) as usize, body.len());
}

#[tokio::test]
async fn onto_a_full_disk_it_stops_unless_it_is_to_go_on() {
    if !Path::new("/dev/full").exists() {
        common::require("full-disk", "there is no /dev/full here");
        return;
    }
    let send = async |sink: &Sink| {
        send_spans(
            &sink.at,
            Protocol::Grpc,
            Compression::None,
            spans(0, 1..=3, 1),
        )
        .await
    };
    let full = ["--record", "/dev/full", "--record-format", "json"];
    let sink = Sink::start(&full);
    assert_eq!(send(&sink).await, Told::Unavailable);
    // Nobody told it to stop.
    let (summary, code) = sink.ended();
    assert_eq!(code, 1);
    assert_eq!(summary["recorded"]["failed"], 1);
    let trouble = summary["last_trouble"].as_str().unwrap();
    assert!(trouble.contains("/dev/full: No space left"), "{trouble}");

    let sink = Sink::start(&[&full[..], &["--record-failure", "continue"]].concat());
    for _ in 0..3 {
        assert_eq!(send(&sink).await, Told::Accepted);
    }
    let (summary, code) = sink.stop();
    assert_eq!(code, 1);
    assert_eq!(summary["recorded"]["failed"], 3);
    assert_eq!(summary["signals"]["traces"]["items"], 9);
}

/// A file may grow to 8 KiB and then a write breaks off in its middle, as on a disk that fills up.
fn cramped() -> Command {
    let mut shell = Command::new("bash");
    let squall = env!("CARGO_BIN_EXE_squall");
    shell.args([
        "-c",
        "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"",
        squall,
    ]);
    shell
}

#[tokio::test]
async fn where_the_room_ends_within_a_request_what_was_acknowledged_is_whole() {
    for (name, files) in [("day.jsonl", "day.jsonl"), ("day.pb", "day.traces.pb")] {
        for failure in ["stop", "continue"] {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join(name);
            let args = ["--record", text(&path), "--record-failure", failure];
            let sink = Sink::start_by(cramped(), &args);
            let mut sent = Vec::new();
            for round in 0..40_u64 {
                let request = spans(0, round * 9 + 1..round * 9 + 9, 1);
                let body = request.encode_to_vec();
                let told = send_spans(&sink.at, Protocol::Grpc, Compression::None, request).await;
                if told != Told::Accepted {
                    break;
                }
                sent.push(body);
            }
            let (summary, code) = match failure {
                "stop" => sink.ended(),
                _ => sink.stop(),
            };
            assert_eq!(code, 1, "{summary}");
            let requests = summary["recorded"]["requests"].as_u64().unwrap() as usize;
            let kept: Vec<Vec<u8>> = captured(&home.path().join(files))
                .into_iter()
                .map(|one| one.body)
                .collect();
            assert!(requests > 0 && kept.len() == requests, "{summary}");
            match failure {
                "stop" => assert_eq!(kept, sent),
                _ => {
                    assert_eq!(kept, sent[..requests]);
                    assert_eq!(summary["recorded"]["failed"], 40 - requests as u64);
                }
            }
        }
    }
}

fn told(args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.args(["sink", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let output = command
        .args(["--for", "100ms"])
        .args(args)
        .output()
        .unwrap();
    let words = unwrapped(&String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), words)
}

/// An error message in one line.
fn unwrapped(words: &str) -> String {
    words.replace("\n  │ ", " ")
}

/// A recording as protobuf has three files, of which the last cannot be written.
#[test]
fn of_a_recording_that_cannot_be_nothing_is_left() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("day.pb");
    std::fs::write(home.path().join("day.logs.pb"), "something").unwrap();
    let (code, said) = told(&["--record", text(&path)]);
    assert_eq!(code, 2, "{said}");
    assert!(unwrapped(&said).contains("day.logs.pb"), "{said}");
    let left = std::fs::read_dir(home.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["day.logs.pb"]);
}

#[test]
fn what_cannot_be_recorded_to_is_told_before_it_listens() {
    let home = tempfile::tempdir().unwrap();
    let before = home.path().join("before.jsonl");
    std::fs::write(&before, "{}\n").unwrap();
    let nowhere = home.path().join("no/such/folder.pb");
    let nameless = home.path().join("capture");
    for (path, words) in [
        (&before, "it holds something already"),
        (&nowhere, "No such file or directory"),
        (&nameless, "--record-format json or proto"),
    ] {
        let (code, said) = told(&["--record", text(path)]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(std::fs::read_to_string(&before).unwrap(), "{}\n");
    let (code, _) = told(&["--record", text(&nameless), "--record-format", "json"]);
    assert_eq!(code, 0);
}

#[test]
fn what_is_no_recording_is_not_hashed() {
    let home = tempfile::tempdir().unwrap();
    let (input, out) = (home.path().join("a.jsonl"), home.path().join("b.jsonl"));
    std::fs::write(&input, "hello\n").unwrap();
    let files = [text(&input), text(&out)];
    for (more, words) in [
        (&[][..], "--skip-broken"),
        (&["--skip-broken"], "nothing in"),
    ] {
        let (code, said) = hash(&[&files[..], more].concat(), None);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(words), "{said}");
        assert!(!out.exists());
    }
    let (code, said) = hash(&["nowhere.jsonl", files[1]], None);
    assert!(code == 2 && !said.contains("--skip-broken"), "{said}");
}

#[test]
fn two_recordings_at_once_do_not_share_a_file() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("one.jsonl");
    let first = Recorder::create(&file, Format::Json).unwrap();
    let second = Recorder::create(&file, Format::Json);
    assert!(
        matches!(second, Err(RecordError::InUse { .. })),
        "{second:?}"
    );
    drop(first);
    assert!(Recorder::create(&file, Format::Json).is_ok());
}

fn hash(args: &[&str], key: Option<&str>) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.args(["capture", "hash"]).args(args);
    if let Some(key) = key {
        command.env("CAPTURE_KEY", key);
    }
    let output = command.output().unwrap();
    let words = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        unwrapped(&String::from_utf8(words).unwrap()),
    )
}

#[test]
fn a_recording_is_made_fit_to_share() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).display().to_string();
    let line = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}}]},"scopeLogs":[{"logRecords":[{"body":{"stringValue":"card 4111 declined"},"attributes":[{"key":"user","value":{"stringValue":"alice"}}]}]}]}]}"#;
    std::fs::write(at("in.jsonl"), format!("{line}\n{line}\n")).unwrap();
    let salt = ["--salt", "CAPTURE_KEY"];
    let files = [at("in.jsonl"), at("out.jsonl")];
    let files = [&*files[0], &*files[1], "--keep", "service.name"];
    let (code, words) = hash(&[&files[..], &salt].concat(), Some("k"));
    assert_eq!((code, &*words), (0, "2 requests hashed\n"));
    let shared = std::fs::read_to_string(at("out.jsonl")).unwrap();
    assert!(
        shared.contains("checkout") && shared.contains(r#""user""#),
        "{shared}"
    );
    assert!(
        !shared.contains("alice") && !shared.contains("4111"),
        "{shared}"
    );
    let lines: Vec<&str> = shared.lines().collect();
    assert_eq!(lines[0], lines[1]);

    // Protobuf has the same in it; another key has not.
    let again = [
        &*at("in.jsonl"),
        &*at("out.pb"),
        "--keep",
        "service.name",
        "--salt",
        "CAPTURE_KEY",
    ];
    assert_eq!(hash(&again, Some("k")).0, 0);
    let json = captured(Path::new(&at("out.jsonl")));
    assert_eq!(captured(Path::new(&at("out.logs.pb"))), json);
    assert_eq!(hash(&[&at("in.jsonl"), &at("drawn.jsonl")], None).0, 0);
    assert_ne!(captured(Path::new(&at("drawn.jsonl"))), json);

    // What is there already, a key that is not, a broken line.
    let (code, words) = hash(&[&at("in.jsonl"), &at("out.jsonl")], None);
    assert!(
        code == 2 && words.contains("holds something already"),
        "{words}"
    );
    let (code, words) = hash(
        &[&*at("in.jsonl"), &at("x.jsonl"), "--salt", "CAPTURE_KEY"],
        None,
    );
    assert!(code == 2 && words.contains("CAPTURE_KEY"), "{words}");
    std::fs::write(at("broken.jsonl"), format!("{line}\nnonsense\n{line}\n")).unwrap();
    let (code, words) = hash(&[&at("broken.jsonl"), &at("y.jsonl")], None);
    assert!(code == 2 && words.contains("line 2"), "{words}");
    assert!(!Path::new(&at("y.jsonl")).exists());
    let (code, words) = hash(
        &[&*at("broken.jsonl"), &at("y.jsonl"), "--skip-broken"],
        None,
    );
    assert!(
        code == 0 && words.contains("2 requests hashed\n1 left out"),
        "{words}"
    );
}
