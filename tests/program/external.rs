//! Targets that are there already: a relay that the test starts beside squall.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{run, squall};
use crate::relay::RelayProcess;

/// A relay of somebody else's goes on.
fn assert_runs(relay: &mut RelayProcess) {
    assert!(relay.child.try_wait().unwrap().is_none(), "it was stopped");
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn scenario(more: &str) -> String {
    format!(
        "
scenario: external
seed: 7
run: {{ warmup: 500ms, duration: 2s, drain: 10s, miss_after: 2s, lateness_limit: 2s }}
client:
  sdk: {{ OTEL_BLRP_SCHEDULE_DELAY: 100ms }}
  tls: off
load:
  logs: {{ rate: 300/s }}
{more}
"
    )
}

fn told(command: &str, text: &str) -> (i32, String) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("scenario.yaml");
    std::fs::write(&file, text).unwrap();
    let mut asked: Command = squall();
    asked.arg(command);
    if command == "run" {
        asked.arg("--results").arg(home.path().join("runs"));
    }
    let Output { status, stderr, .. } = asked.arg(&file).output().unwrap();
    let words = String::from_utf8_lossy(&stderr).into_owned();
    (status.code().unwrap(), words)
}

#[test]
fn what_comes_back_closes_the_ledger_and_nothing_is_stopped() {
    let back = free_address();
    let mut relay = RelayProcess::start(&back, &[]);
    let finished = run(&scenario(&format!(
        "target: {{ name: theirs, external: {{ endpoint: \"{}\", returns_to: \"{back}\" }} }}
expect: [ \"lost == 0\", \"delivered > 0\" ]",
        relay.grpc
    )));
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
    assert_eq!(
        finished.count("logs", "delivered"),
        finished.count("logs", "generated")
    );
    assert_runs(&mut relay);
}

#[test]
fn what_does_not_come_back_is_not_judged() {
    let mut relay = RelayProcess::start(&free_address(), &[]);
    let target = format!(
        "target: {{ name: theirs, external: {{ endpoint: \"{}\" }} }}",
        relay.grpc
    );
    let finished = run(&scenario(&format!(
        "{target}\nexpect: [ \"refused == 0\", \"given_up == 0\" ]"
    )));
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
    assert_eq!(
        finished.count("logs", "unresolved"),
        finished.count("logs", "generated")
    );
    let report = std::fs::read_to_string(finished.folder.join("report.html")).unwrap();
    assert!(report.contains("exports to somewhere else"));
    assert_runs(&mut relay);

    let (code, words) = told(
        "check",
        &scenario(&format!("{target}\nexpect: [ \"lost == 0\" ]")),
    );
    assert_eq!(code, 2, "{words}");
    assert!(words.contains("does not come back to squall"), "{words}");
    assert!(words.contains("returns_to"), "{words}");
}

#[test]
fn where_nothing_listens_it_is_told() {
    let nobody = free_address();
    let target = "target: { external: { endpoint: \"ENDPOINT\" }, ready: { within: 500ms } }";
    let (code, words) = told("run", &scenario(&target.replace("ENDPOINT", &nobody)));
    assert_eq!(code, 2, "{words}");
    assert!(
        words.contains("the external target was not ready") && words.contains(&nobody),
        "{words}"
    );
    let (code, words) = told("check", &scenario(&target.replace("ENDPOINT", "no-port")));
    assert_eq!(code, 2, "{words}");
    assert!(words.contains("`no-port` is not an address"), "{words}");
}

/// A certificate that knows the address alone, and not `localhost`, with its key.
fn certificate(folder: &Path) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    (
        write("cert.pem", made.cert.pem()),
        write("key.pem", made.signing_key.serialize_pem()),
    )
}

#[test]
fn an_encrypted_endpoint_is_spoken_to_by_its_own_name() {
    let home = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(home.path());
    let back = free_address();
    let mut relay = RelayProcess::start(&back, &["--tls-cert", &cert, "--tls-key", &key]);
    let text = scenario(&format!(
        "target: {{ external: {{ endpoint: \"{}\", returns_to: \"{back}\" }} }}
expect: [ \"lost == 0\" ]",
        relay.grpc
    ));
    let trusting = text.replace(
        "tls: off",
        &format!("tls: {{ given: {{ ca: \"{cert}\" }} }}"),
    );
    let finished = run(&trusting);
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
    assert_runs(&mut relay);

    let (other, _) = certificate(tempfile::tempdir_in(home.path()).unwrap().keep().as_path());
    let finished = run(&trusting.replace(&cert, &other));
    assert_eq!(finished.code, 3, "{}", finished.story());
    let story = format!("{:?}", finished.result["causes"]);
    assert!(
        story.contains("ertificate") || story.contains("UnknownIssuer"),
        "{story}"
    );

    let (code, words) = told("check", &text.replace("tls: off", "tls: generated"));
    assert_eq!(code, 2, "{words}");
    assert!(words.contains("a certificate of its own"), "{words}");
}
