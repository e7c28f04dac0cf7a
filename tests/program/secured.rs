//! Secured endpoints with a target in the middle: TLS, mutual TLS and bearer tokens on both hops, and
//! no secret anywhere in what a run leaves behind.

use std::path::Path;

use crate::harness::{Finished, only_run, read_result, side_by_side, squall};

const TOKEN: &str = "Bearer hush-1b7d0c55";
const CLIENT_TOKEN: &str = "Bearer hush-92ce14aa";

/// A short load through a relay.
fn scenario(protocol: &str, client: &str, more: &str) -> String {
    format!(
        "
scenario: secured
seed: 7
run: {{ warmup: 500ms, duration: 1500ms, drain: 10s, miss_after: 2s, lateness_limit: 2s }}
client:
  protocol: {protocol}
  headers: {{ authorization: {{ env: CLIENT_TOKEN }} }}
  sdk: {{ OTEL_BSP_SCHEDULE_DELAY: 100ms, OTEL_BLRP_SCHEDULE_DELAY: 100ms }}
{client}
load:
  traces: {{ rate: 200/s, spans_per_trace: 2 }}
  logs: {{ rate: 100/s }}
{more}
"
    )
}

/// Where nothing arrives, so that a drain lasts as long as it may.
fn hopeless(protocol: &str, client: &str, more: &str) -> String {
    scenario(protocol, client, more).replace("drain: 10s", "drain: 3s")
}

/// Runs it with the tokens in the environment.
fn run(text: &str) -> Finished {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("scenario.yaml");
    std::fs::write(&file, text).unwrap();
    let output = squall()
        .env("TOKEN", TOKEN)
        .env("CLIENT_TOKEN", CLIENT_TOKEN)
        .args(["run", "--quiet", "--results"])
        .arg(home.path().join("runs"))
        .arg(&file)
        .output()
        .unwrap();
    let folder = only_run(&home.path().join("runs")).unwrap_or_else(|| {
        panic!(
            "no run was stored: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    Finished {
        code: output.status.code().unwrap_or(-1),
        result: read_result(&folder),
        oracle: home.path().join("oracle"),
        output,
        folder,
        _home: home,
    }
}

/// Every file below `folder` with its bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

/// Panics where a secret is in what was stored or printed.
fn assert_secret(finished: &Finished) {
    let stored = files(&finished.folder);
    assert!(stored.iter().any(|(path, _)| path.ends_with("report.html")));
    assert!(stored.iter().any(|(path, _)| path.ends_with("plan.json")));
    let printed = [
        ("stdout".to_owned(), finished.output.stdout.clone()),
        ("stderr".to_owned(), finished.output.stderr.clone()),
    ];
    for (place, bytes) in stored.iter().chain(&printed) {
        for secret in ["hush-", "PRIVATE KEY"] {
            let there = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!there, "{secret} is in {place}");
        }
    }
}

fn assert_all_arrived(finished: &Finished) {
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
    for signal in ["traces", "logs"] {
        let generated = finished.count(signal, "generated");
        assert!(generated > 0);
        assert_eq!(
            finished.count(signal, "delivered"),
            generated,
            "{}",
            finished.story()
        );
    }
}

#[test]
fn both_hops_are_encrypted_and_the_token_arrives() {
    let more = "target: { relay: [--export-header-env, authorization=TOKEN] }
sink: { tls: TLS, require: { headers: { authorization: { env: TOKEN } } } }
expect: [ \"lost == 0\", \"sink.unauthenticated == 0\", \"sink.handshakes.failed == 0\" ]";
    let cases = [
        ("grpc", "generated"),
        ("http/protobuf", "mutual"),
        ("grpc", "mutual"),
    ];
    side_by_side(3, &cases, |(protocol, tls)| {
        let client = format!("  tls: {tls}");
        let finished = run(&scenario(protocol, &client, &more.replace("TLS", tls)));
        assert_all_arrived(&finished);
        assert_secret(&finished);
    });
}

#[test]
fn a_target_that_drops_the_token_is_found_out() {
    // Its client's header is for the relay itself: nothing passes it on.
    let finished = run(&hopeless(
        "grpc",
        "",
        "target: { relay: [] }
sink: { require: { headers: { authorization: { env: TOKEN } } } }
expect: [ \"sink.unauthenticated == 0\" ]",
    ));
    // A run in which nothing arrives is not judged; why nothing did is told.
    assert_eq!(finished.code, 3, "{}", finished.story());
    let summary = finished.result["summary"].as_str().unwrap();
    assert!(summary.contains("came without the headers"), "{summary}");
    finished.assert_closes();
    assert!(finished.metric("sink.unauthenticated") > 0.0);
    let generated = finished.count("logs", "generated");
    assert_eq!(finished.count("logs", "lost_silently"), generated);
    let said = finished.folder.join("logs/target-output.log");
    let said = std::fs::read_to_string(said).unwrap();
    assert!(
        said.contains("a header that the scenario requires"),
        "{said}"
    );
    assert_secret(&finished);
}

#[test]
fn without_a_target_the_client_itself_is_refused() {
    let require = "sink: { require: { headers: { authorization: { env: TOKEN } } } }";
    side_by_side(2, &["grpc", "http/json"], |protocol| {
        let refused = run(&scenario(protocol, "", require));
        let generated = refused.count("logs", "generated");
        assert_eq!(
            refused.count("logs", "refused"),
            generated,
            "{}",
            refused.story()
        );
        let text = scenario(protocol, "", require).replace("CLIENT_TOKEN", "TOKEN");
        assert_all_arrived(&run(&text));
        assert_secret(&refused);
    });
}

#[test]
fn a_target_that_trusts_nobody_known_is_told_so() {
    let finished = run(&hopeless(
        "grpc",
        "",
        "target:
  process:
    command: \"{{ squall }}\"
    args: [relay, --grpc, \"{{ listen.grpc }}\", --http, \"{{ listen.http }}\", --export, \"{{ export.url }}\", --retry-for, 1s]
sink: { tls: generated }
expect: [ \"sink.handshakes.failed == 0\" ]",
    ));
    assert_eq!(finished.code, 3, "{}", finished.story());
    let summary = finished.result["summary"].as_str().unwrap();
    assert!(
        summary.contains("TLS handshakes with it failed"),
        "{summary}"
    );
    finished.assert_closes();
    assert!(finished.metric("sink.handshakes.failed") > 0.0);
    let why = finished.evidence().sink.handshake_failure;
    assert!(why.contains("UnknownCA"), "{why}");
    let said = finished.folder.join("logs/target-output.log");
    let said = std::fs::read_to_string(said).unwrap();
    assert!(said.contains("UnknownIssuer"), "{said}");
}
