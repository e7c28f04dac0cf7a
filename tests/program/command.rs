//! A program of the user's own as the client: a shell script that posts OTLP/JSON, which knows nothing of
//! squall but the line in which it says what it made.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Finished, only_run, read_result, run, side_by_side, squall};
use crate::interrupts::{assert_gone, is_running, send};

const RUN: &str = "scenario: command
run: { warmup: 100ms, duration: 1500ms, drain: 5s }
";

/// What scripts begin with: `post SIGNAL BODY`, as OpenTelemetry's own variables say, and items.
const POST: &str = r#"
[ "$OTEL_EXPORTER_OTLP_PROTOCOL" = http/json ] || exit 70
at=${OTEL_EXPORTER_OTLP_ENDPOINT#http://}
post() {
  exec 3<>/dev/tcp/${at%:*}/${at##*:} || return 1
  printf 'POST /v1/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "$1" "$at" "${#2}" "$2" >&3
  read -r _ status _ <&3
  exec 3>&-
  [ "$status" = 200 ]
}
span() { printf '{"traceId":"000000000000000000000000000000%02x","spanId":"00000000000000%02x","parentSpanId":"%s","name":"s","startTimeUnixNano":"1","endTimeUnixNano":"2"}' "$1" "$2" "$3"; }
spans() { post traces "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[$1]}]}]}"; }
record() { post logs "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{$1\"severityText\":\"x\"}]}]}]}"; }
"#;

/// A scenario whose client is such a script. `client` and `more` stand below the client and at the top.
fn scenario(client: &str, script: &str, more: &str) -> String {
    let script: String = POST
        .lines()
        .chain(script.lines())
        .map(|line| format!("        {line}\n"))
        .collect();
    format!(
        "{RUN}client:
  kind: command
  protocol: http/json
  {client}
  command:
    run:
      - bash
      - -c
      - |
{script}{more}"
    )
}

fn own(script: &str, more: &str) -> Finished {
    run(&scenario("", script, more))
}

/// A check of that name, with its verdict and why.
fn check(finished: &Finished, name: &str) -> (String, String) {
    let checks = finished.result["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no check {name}: {}", finished.story()));
    let text = |key: &str| check[key].as_str().unwrap().to_owned();
    (text("verdict"), text("why"))
}

const ENDED: &str = "the client's program ended well";

/// Everything at once: a trace that comes whole, one whose root never comes, one that comes twice, a span
/// that is counted and never sent; log records, and a point.
fn accounted() {
    let finished = own(
        r#"
a="$(span 1 1 ''),$(span 1 2 0000000000000001),$(span 1 3 0000000000000001)"
spans "$a" && spans "$(span 2 2 0000000000000001)" && spans "$(span 3 1 '')" && spans "$(span 3 1 '')"
record '"timeUnixNano":"5",' && record '"timeUnixNano":"6",' && record '"timeUnixNano":"6",'
post metrics '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"timeUnixNano":"7","asInt":"1"}]} }]}]}]}'
echo 'squall: made spans=1'
echo 'squall: made spans=6 log_records=2'
"#,
        "expect: [ traces.lost == 1, logs.lost == 0, orphans == 1, traces.duplicated == 1, logs.duplicated == 1, logs.extra_copies == 1, metrics.received == 1, client.rss.max < 1GiB ]\n",
    );
    assert_eq!(finished.code, 0, "{}", finished.story());
    for (class, count) in [
        ("generated", 6),
        ("received", 5),
        ("delivered", 4),
        ("duplicated", 1),
        ("never_came", 1),
    ] {
        assert_eq!(finished.count("traces", class), count, "{class}");
    }
    assert_eq!(finished.result["ledger"]["traces"]["closes"], true);
    assert_eq!(finished.result["ledger"]["logs"]["closes"], true);
    // Nobody says how many points there were.
    assert_eq!(finished.result["ledger"]["metrics"]["closes"], false);
    let points = &finished.result["command"]["signals"]["metrics"];
    assert_eq!(points["received"], 1);
    assert!(points["never_came"].is_null(), "{points}");
    assert_eq!(check(&finished, ENDED).0, "pass");
    let said = String::from_utf8_lossy(&finished.output.stdout);
    assert!(
        said.contains("never came") && said.contains("orphans"),
        "{said}"
    );
}

/// Requests are accepted and answered as if they were not, so the program sends them again.
fn lost_responses() {
    let finished = own(
        r#"
sleep 0.3
tries=0
until spans "$(span 1 1 ''),$(span 1 2 0000000000000001)"; do tries=$((tries + 1)); sleep 0.1; done
echo "squall: made spans=2"
echo "tried $tries times more"
"#,
        "faults: [ { name: deaf, at: 200ms, for: 400ms, answer: { lose_response: unavailable } } ]
expect: [ traces.lost == 0, traces.duplicated == 2, orphans == 0 ]\n",
    );
    assert_eq!(finished.code, 0, "{}", finished.story());
    let log = std::fs::read_to_string(finished.folder.join("logs/client-output.log")).unwrap();
    let (_, tries) = log.split_once("tried ").unwrap();
    let tries: u64 = tries.split(' ').next().unwrap().parse().unwrap();
    assert!(tries >= 1, "{log}");
    assert_eq!(finished.count("traces", "extra_copies"), 2 * tries);
}

/// Of what never arrived nothing is known, and no expectation on it passes.
fn uncounted() {
    let finished = own(
        r#"spans "$(span 1 1 '')""#,
        "expect: [ traces.received == 1, duplicated == 0, lost == 0 ]\n",
    );
    assert_eq!(finished.code, 3, "{}", finished.story());
    assert_eq!(check(&finished, "traces.received == 1").0, "pass");
    assert_eq!(check(&finished, "duplicated == 0").0, "pass");
    let (verdict, why) = check(&finished, "lost == 0");
    assert_eq!(verdict, "inconclusive");
    assert!(why.contains("did not say how many spans it made"), "{why}");
    assert!(finished.result["metrics"]["lost"].is_null());
    // Without such an expectation the run can be judged, and says what it does not know.
    let judged = own(
        r#"record '' ; spans "$(span 1 1 '')""#,
        "expect: [ traces.duplicated == 0, orphans == 0 ]\n",
    );
    assert_eq!(judged.code, 0, "{}", judged.story());
    let notes = judged.result["notes"].to_string();
    assert!(
        notes.contains("nothing is known of what never arrived"),
        "{notes}"
    );
    // A record without a time is like any other.
    let logs = &judged.result["command"]["signals"]["logs"];
    assert!(
        logs["duplicated"].is_null() && logs["copies"] == 1,
        "{logs}"
    );
}

/// More came than was made: one of the two is wrong, and nothing can be said.
fn miscounted() {
    let finished = own(
        r#"
spans "$(span 1 1 ''),$(span 1 2 '')"
echo 'squall: made spans=1'
"#,
        "expect: [ duplicated == 0 ]\n",
    );
    assert_eq!(finished.code, 3, "{}", finished.story());
    let (_, why) = check(&finished, "traces: the ledger closes");
    assert!(why.contains("says that it made 1"), "{why}");
    let unread = own(
        r#"
spans "$(span 1 1 '')"
echo 'squall: made spans=one'
"#,
        "",
    );
    assert_eq!(unread.code, 3, "{}", unread.story());
    let (_, why) = check(&unread, "what the program said that it made could be read");
    assert!(why.contains("spans=one"), "{why}");
}

fn crashed() {
    let finished = own(
        r#"
spans "$(span 1 1 '')"
echo 'squall: made spans=1'
echo 'out of luck' >&2
exit 3
"#,
        "expect: [ lost == 0 ]\n",
    );
    assert_eq!(finished.code, 1, "{}", finished.story());
    let (verdict, why) = check(&finished, ENDED);
    assert_eq!(verdict, "fail");
    assert!(
        why.contains("exited with 3") && why.contains("out of luck"),
        "{why}"
    );
    assert_eq!(finished.metric("lost"), 0.0);
}

/// It hears nothing, and neither does what it has started: both are gone in the end.
fn hung() {
    let home = tempfile::tempdir().unwrap();
    let pid = home.path().join("pid");
    let finished = run(&scenario(
        "shutdown_timeout: 300ms",
        &format!(
            r#"
trap '' TERM
spans "$(span 1 1 '')"
echo 'squall: made spans=1'
sleep 77 &
echo $! > {}
wait; sleep 77
"#,
            pid.display()
        ),
        "expect: [ lost == 0 ]\n",
    ));
    assert_eq!(finished.code, 1, "{}", finished.story());
    let (verdict, why) = check(&finished, ENDED);
    assert_eq!(verdict, "fail");
    assert!(why.contains("had not ended in its time"), "{why}");
    assert_eq!(finished.result["command"]["killed"], true);
    let sleeper: u32 = std::fs::read_to_string(pid)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(!is_running(sleeper), "{sleeper} still runs");
}

/// A service goes on until it is asked, and tells what it has made when it is.
fn asked() {
    let finished = run(&scenario(
        "headers: { x-key: \"a b\" }",
        r#"
[ "$OTEL_EXPORTER_OTLP_HEADERS" = x-key=a%20b ] || exit 71
made=0
trap 'asked=1' TERM
while [ -z "$asked" ]; do
  made=$((made + 1))
  until spans "$(span 1 $made '')"; do :; done
  sleep 0.05 & wait $!
done
echo "squall: made spans=$made"
"#,
        "expect: [ lost == 0, traces.received > 3 ]\n",
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    let command = &finished.result["command"];
    assert_eq!(
        (&command["asked"], &command["killed"]),
        (&true.into(), &false.into())
    );
    let lived_s = command["lived_s"].as_f64().unwrap();
    assert!(lived_s > 1.4, "{lived_s}");
}

/// Through a relay that loses spans: what never came is counted, and nobody's name is on it.
fn through_a_target() {
    let finished = run(
        "scenario: command
run: { warmup: 100ms, duration: 15s, drain: 3s }
client:
  kind: command
  command:
    run: [sh, -c, '\"$0\" send traces --rate 400/s --for 500ms --endpoint {{ export }} --quiet && echo squall: made spans=240', \"{{ squall }}\"]
target: { name: relay, relay: [\"--bug\", \"lose=10\"] }
expect: [ traces.generated == 240, traces.lost == 24, duplicated == 0 ]
"
    );
    assert_eq!(finished.code, 0, "{}", finished.story());
    assert_eq!(finished.count("traces", "never_came"), 24);
}

#[test]
fn a_program_of_ones_own_is_accounted_by_its_own_ids() {
    let runs: [fn(); 8] = [
        uncounted,
        miscounted,
        accounted,
        lost_responses,
        crashed,
        hung,
        asked,
        through_a_target,
    ];
    side_by_side(4, &runs, |run| run());
}

#[test]
fn an_interrupt_ends_the_program_with_all_that_it_started() {
    let home = tempfile::tempdir().unwrap();
    let pid = home.path().join("pid");
    let file = home.path().join("scenario.yaml");
    let script = format!(
        "spans \"$(span 1 1 '')\"\nsleep 77 &\necho $! > {0}.new && mv {0}.new {0}\nwait",
        pid.display()
    );
    std::fs::write(&file, scenario("shutdown_timeout: 200ms", &script, "")).unwrap();
    let started = |results: &str| {
        squall()
            .args(["run", "--quiet", "--set", "run.duration=20s", "--results"])
            .arg(home.path().join(results))
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let sleeper = || {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Ok(text) = std::fs::read_to_string(&pid) {
                std::fs::remove_file(&pid).unwrap();
                return text.trim().parse::<u32>().unwrap();
            }
            assert!(Instant::now() < deadline, "the program did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let mut child = started("interrupted");
    let left = sleeper();
    send(child.id(), Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_gone(&[left]);
    let folder = only_run(&home.path().join("interrupted")).unwrap();
    assert_eq!(read_result(&folder)["ledger"]["traces"]["received"], 1);

    // However the controller dies.
    let mut child = started("killed");
    let left = sleeper();
    send(child.id(), Signal::KILL);
    child.wait().unwrap();
    assert_gone(&[left]);
}

/// Exit code and words of a scenario that is not run.
fn refused(command: &str, text: &str) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("scenario.yaml");
    std::fs::write(&file, text).unwrap();
    let mut squall: Command = squall();
    squall.arg(command).arg(&file).current_dir(home.path());
    let output = squall.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    // Lines are broken at the terminal's width, and hang under a bar.
    let said: Vec<&str> = said
        .split_whitespace()
        .filter(|word| *word != "│")
        .collect();
    (output.status.code(), said.join(" "))
}

#[test]
fn a_program_that_is_not_there_is_said_before_anything_is_sent() {
    for program in ["no-such-program-7", "./no-such-program"] {
        let text = format!("{RUN}client: {{ kind: command, command: {{ run: [{program}] }} }}\n");
        let (code, said) = refused("run", &text);
        assert_eq!(code, Some(2), "{said}");
        let name = Path::new(program).file_name().unwrap().to_string_lossy();
        assert!(said.contains("the client's program"), "{said}");
        assert!(said.contains(&*name) && said.contains("is not"), "{said}");
    }
}

#[test]
fn what_means_nothing_to_a_program_of_ones_own_is_refused() {
    let client = "client: { kind: command, command: { run: [app] } }";
    let cases = [
        (format!("{client}\nload: {{ logs: {{ rate: 1/s }} }}"), "command.run"),
        (client.replace("run:", "env: { A: b }, ran:"), "ran"),
        ("client: { kind: command }".to_owned(), "`run` is missing"),
        ("client: { kind: command, command: { run: [] } }".to_owned(), "no program is named"),
        ("client: { kind: command, instances: 2, command: { run: [app] } }".to_owned(), "makes several"),
        ("client: { kind: command, retry: { max_retries: 2 }, command: { run: [app] } }".to_owned(), "exporter retries"),
        ("client: { kind: command, sdk: { OTEL_BSP_MAX_QUEUE_SIZE: 9 }, command: { run: [app] } }".to_owned(), "command.env"),
        ("client: { kind: command, command: { run: [app], env: { OTEL_EXPORTER_OTLP_ENDPOINT: x } } }".to_owned(), "sets this variable itself"),
        ("client: { kind: command, command: { run: [app, '{{ exprot }}'] } }".to_owned(), "`export`"),
        ("client: { command: { run: [app] } }\nload: { logs: { rate: 1/s } }".to_owned(), "kind: command"),
        (format!("{client}\nvalidate: content"), "what was altered"),
        (format!("{client}\nsink: {{ plant: [ {{ signal: traces, note: true }} ] }}"), "own ids"),
        (format!("{client}\nlink: {{ tap: true }}"), "leave `tap` out"),
        (format!("{client}\nfaults: [ {{ name: k, at: 3s, kill: client }} ]"), "does not strike a program of your own"),
        (format!("{client}\nfaults: [ {{ name: k, at: 3s, for: 1s, restart: sink }} ]"), "would have forgotten"),
        (format!("{client}\nfaults: [ {{ name: k, at: 3s, for: 1s, dns: servfail }} ]"), "name server"),
        (format!("{client}\nexpect: [ lost_silently == 0 ]"), "cannot be known of a program of your own"),
        (format!("{client}\nexpect: [ delivery.latency.p99 < 1s ]"), "cannot be known"),
        (format!("{client}\nexpect: [ lost == 0 in steady ]"), "leave the window out"),
        (format!("{client}\nsteady_state: [ lost == 0 ]"), "cannot be measured over the steady phase"),
        (format!("{client}\nabort_if: [ generated > 9 ]"), "is not known while the run goes on"),
        ("load: { logs: { rate: 1/s } }\nexpect: [ orphans == 0 ]".to_owned(), "of a program of your own alone"),
    ];
    for (text, words) in cases {
        let (code, said) = refused("check", &format!("scenario: own\n{text}\n"));
        assert_eq!(code, Some(2), "{text}: {said}");
        assert!(said.contains(words), "{text}: {said}");
    }
    let (code, said) = refused(
        "check",
        &format!(
            "scenario: own\n{client}\nexpect: [ traces.lost == 0, orphans == 0, client.cpu < 1 in steady ]\n"
        ),
    );
    assert_eq!(code, Some(0), "{said}");
}
