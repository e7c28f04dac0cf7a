//! The view of `squall sink` on a terminal, and lines elsewhere.

use std::io::{BufRead, BufReader, Read as _};
use std::process::{Command, Stdio};

use common::sender::{Told, send_spans, spans};
use squall::plan::{Compression, Protocol};
use squall::role::control::Ready;

mod common;

const SINK: &str = "sink --grpc 127.0.0.1:0 --http 127.0.0.1:0 --for 2s";

/// Sends some spans to a sink that this command starts; all that it said.
async fn watched(mut command: Command) -> String {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    let mut at = Ready::default();
    for _ in 0..2 {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let (protocol, address) = line.trim().split_once(" listening on ").unwrap();
        match protocol {
            "grpc" => at.grpc = address.to_owned(),
            _ => at.http = address.to_owned(),
        }
        said += &line;
    }
    let request = spans(0, 1..=3, 1);
    let told = send_spans(&at, Protocol::Grpc, Compression::None, request).await;
    assert_eq!(told, Told::Accepted);
    let rest = tokio::task::spawn_blocking(move || {
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        rest
    });
    said += &rest.await.unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    said
}

#[tokio::test]
async fn a_terminal_has_a_block_and_a_pipe_has_lines() {
    let squall = env!("CARGO_BIN_EXE_squall");
    let mut piped = Command::new(squall);
    piped.args(SINK.split(' '));
    let said = watched(piped).await;
    assert!(said.contains("traces 3 spans in 1 requests"), "{said}");
    assert!(
        !said.contains("requests/s") && !said.contains('\u{1b}'),
        "{said}"
    );

    // It gives a program a terminal of its own.
    let help = Command::new("script").arg("--help").output();
    if !help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--command")) {
        common::require("script", "there is no util-linux `script` here");
        return;
    }
    let mut terminal = Command::new("script");
    let command = format!("{squall} {SINK}");
    terminal.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
    let said = watched(terminal).await;
    assert!(
        said.contains("requests/s") && said.contains("in flight"),
        "{said}"
    );
    assert!(!said.contains("spans in 1 requests"), "{said}");
    // The summary comes after the block is gone.
    let summary = said.rfind("malformed requests: 0").expect("a summary");
    assert!(said.rfind("in flight").unwrap() < summary, "{said}");
}
