//! Runs over a link of packets: known weather is measured as what it is, its absence as absence, and
//! nothing of the link outlives the run, whoever ran it and however it ended.

#[path = "../netns/mod.rs"]
mod netns;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use squall::evidence::PacketEvidence;
use squall::netns::{NetnsError, PacketLink};

use self::netns::left::{held, interfaces, interfaces_in, is_running};
use self::netns::skip;
use crate::harness::{Finished, both, only_run, read_result, run, squall};
use crate::interrupts::{children, send};

/// A user without any right.
const NOBODY: u32 = 65_534;

/// Whether this machine allows packet links. Without, a test is skipped.
fn allowed() -> bool {
    match PacketLink::probe() {
        Ok(_) => true,
        Err(error @ NetnsError::Refused { .. }) => skip::<()>(&error.to_string()).is_some(),
        Err(error) => panic!("{error}"),
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A short run over packets.
fn scenario(more: &str) -> String {
    format!(
        "
scenario: packets
run: {{ warmup: 1s, duration: 5s, drain: 20s, miss_after: 5s, lateness_limit: 5s }}
client:
  sdk: {{ OTEL_BSP_SCHEDULE_DELAY: 100ms, OTEL_BSP_MAX_QUEUE_SIZE: 65536, OTEL_EXPORTER_OTLP_TIMEOUT: 20s }}
load: {{ traces: {{ rate: 400/s, spans_per_trace: 1 }} }}
link: {{ via: netns, congestion: reno }}
expect: [ \"lost == 0\" ]
{more}"
    )
}

fn packets(run: &Finished) -> PacketEvidence {
    run.evidence().packets.expect("the link told what it did")
}

fn fault<'a>(run: &'a Finished, name: &str) -> &'a Value {
    let faults = run.result["faults"].as_array().unwrap();
    faults.iter().find(|fault| fault["name"] == name).unwrap()
}

/// The proof of a fault that a relay of packets injected and that has healed.
fn proof(run: &Finished, name: &str) -> String {
    let fault = fault(run, name);
    assert_eq!(fault["backend"], "netns", "{fault}");
    assert_eq!(fault["healed"], true, "{fault}");
    fault["proof"].as_str().unwrap().to_owned()
}

#[test]
fn loss_is_counted_and_repaired_and_without_it_nothing_is_lost() {
    if !allowed() {
        return;
    }
    let lossy = "faults: [ { name: lossy, at: 2s, for: 2s, loss: 20% } ]";
    // Encrypted, so that it also shows that the certificate holds the sink's address.
    let quiet = scenario("").replace("client:\n", "client:\n  tls: mutual\n");
    let (with, without) = both(|| run(&scenario(lossy)), || run(&quiet));
    assert_eq!(with.code, 0, "{}", with.story());
    with.assert_closes();
    let told = packets(&with);
    let dropped = told.up.dropped + told.down.dropped;
    assert!(dropped > 0);
    let proof = proof(&with, "lossy");
    assert!(proof.starts_with(&format!("{dropped} of ")), "{proof}");
    let environment = &with.result["environment"];
    assert_eq!(environment["link_congestion_client"], "reno");
    assert_eq!(environment["link_congestion_pinned"], "true");
    assert!(with.result["notes"].to_string().contains("reno (pinned)"));

    assert_eq!(without.code, 0, "{}", without.story());
    without.assert_closes();
    let told = packets(&without);
    assert_eq!(told.up.dropped + told.down.dropped, 0);
    assert!(told.up.sent > 0 && told.up.is_faithful() && told.down.is_faithful());
    let slowest = |run: &Finished| run.metric("export.service.p99");
    assert!(
        slowest(&with) > slowest(&without),
        "{} s and {} s",
        slowest(&with),
        slowest(&without)
    );
}

#[test]
fn a_one_way_partition_and_a_flap_are_seen_as_silence() {
    if !allowed() {
        return;
    }
    let run = run(&scenario(
        "faults:
  - { name: cut, at: 1500ms, for: 1s, direction: down, partition: silence }
  - { name: flapping, at: 3500ms, for: 1s, direction: up, flap: { up: 200ms, down: 300ms } }",
    ));
    assert_eq!(run.code, 0, "{}", run.story());
    let cut = proof(&run, "cut");
    assert!(cut.contains("packets dropped, none passed"), "{cut}");
    let flapping = proof(&run, "flapping");
    assert!(flapping.contains("lost while it was down"), "{flapping}");
    let told = packets(&run);
    assert!(told.up.dropped > 0 && told.down.dropped > 0);
    let evidence = run.evidence();
    let answered = |from_ns: u64, to_ns: u64| {
        let attempts = evidence.batches.iter().flat_map(|batch| &batch.attempts);
        attempts
            .filter_map(|attempt| Some((attempt.sent_ns, attempt.answer.as_ref()?.at_ns)))
            .filter(|(sent_ns, at_ns)| *sent_ns > from_ns && *at_ns < to_ns)
            .count()
    };
    let cut = &evidence.faults[0];
    let (from_ns, to_ns) = (cut.started_ns.unwrap(), cut.ended_ns.unwrap());
    assert_eq!(answered(from_ns, to_ns), 0, "no answer passes the silence");
    assert!(answered(0, from_ns) > 0, "and before it, they did");
}

#[test]
fn what_the_machine_lacks_is_said_before_the_run() {
    if !allowed() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let text = scenario("").replace("congestion: reno", "congestion: nonesuch");
    let output = start(squall(), home.path(), &text)
        .wait_with_output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("nonesuch") && said.contains("reno"), "{said}");
    assert!(
        only_run(&home.path().join("runs")).is_none(),
        "no half a run"
    );
}

fn start(mut squall: Command, home: &Path, text: &str) -> Child {
    let file = home.join("scenario.yaml");
    fs::write(&file, text).unwrap();
    squall
        .args(["run", "--quiet", "--results"])
        .arg(home.join("runs"))
        .arg(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The weather in which a run is broken off.
fn stormy() -> String {
    scenario(
        "faults:
  - { name: far, latency: { delay: 5ms } }
  - { name: lossy, at: 1s, for: 4s, loss: 5% }
  - { name: flapping, at: 1s, for: 4s, flap: { up: 100ms, down: 100ms } }
  - { name: narrow, at: 1s, for: 4s, rate: { limit: 1MB/s, queue_packets: 50 } }",
    )
}

/// The roles of a run in the middle of its faults, and the namespaces of client and sink.
fn in_a_storm(controller: u32) -> (Vec<u32>, Vec<PathBuf>) {
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let roles = children(controller);
        let spaces: Vec<PathBuf> = roles
            .iter()
            .filter_map(|pid| fs::read_link(format!("/proc/{pid}/ns/net")).ok())
            .filter(|space| *space != own)
            .collect();
        if roles.len() == 3 && spaces.len() == 2 {
            // From its last role to the middle of the faults.
            std::thread::sleep(Duration::from_millis(2_500));
            return (roles, spaces);
        }
        assert!(Instant::now() < deadline, "{roles:?} in {spaces:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process of another test that has not yet begun its own program holds what this one holds, for
/// a moment.
fn assert_gone(spaces: &[&str]) {
    wait_until(|| held(spaces).is_empty());
}

/// It may take a moment.
fn wait_until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_millis(2_500);
    while !done() {
        assert!(Instant::now() < deadline, "something is left");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn neither_a_kill_nor_a_ctrl_c_leaves_anything_behind() {
    if !allowed() {
        return;
    }
    for signal in [Signal::KILL, Signal::INT] {
        let home = tempfile::tempdir().unwrap();
        let before = interfaces();
        let mut run = start(squall(), home.path(), &stormy());
        let (roles, spaces) = in_a_storm(run.id());
        let spaces: Vec<&str> = spaces.iter().map(|space| space.to_str().unwrap()).collect();
        assert!(held(&spaces).len() >= 2, "while it is up, it can be seen");
        // Held by this test, or the kernel would give their numbers to the next ones.
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        let doors: Vec<File> = roles
            .iter()
            .map(|pid| PathBuf::from(format!("/proc/{pid}/ns/net")))
            .filter(|path| fs::read_link(path).unwrap() != own)
            .map(|path| File::open(path).unwrap())
            .collect();
        if is_root() {
            assert!(
                doors
                    .iter()
                    .all(|door| interfaces_in(door) == ["lo", "eth0"])
            );
        }
        send(run.id(), signal);
        let code = run.wait().unwrap().code();
        assert_gone(&spaces);
        wait_until(|| !roles.iter().any(|pid| is_running(&pid.to_string())));
        assert_eq!(interfaces(), before);
        if is_root() {
            // The kernel takes a namespace's devices away in its own time.
            wait_until(|| doors.iter().all(|door| interfaces_in(door) == ["lo"]));
        }
        if signal == Signal::INT {
            assert_eq!(code, Some(130));
            let result = read_result(&only_run(&home.path().join("runs")).unwrap());
            assert_eq!(result["verdict"], "inconclusive");
        }
    }
}

#[test]
fn two_runs_at_once_have_a_link_each() {
    if !allowed() {
        return;
    }
    let homes = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let text = scenario(
        "faults: [ { name: exact, at: 1s, for: 3s, direction: up, loss: { packets: [2, 5, 9] } } ]",
    );
    let runs: Vec<Child> = homes
        .iter()
        .map(|home| start(squall(), home.path(), &text))
        .collect();
    for (run, home) in runs.into_iter().zip(&homes) {
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", story(&output));
        let result = read_result(&only_run(&home.path().join("runs")).unwrap());
        let proof = result["faults"][0]["proof"].as_str().unwrap();
        assert!(proof.starts_with("all 3 listed packets lost"), "{proof}");
    }
}

fn story(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A folder of an unprivileged user's, with a copy of the executable that he may start.
fn unprivileged_home() -> tempfile::TempDir {
    let home = tempfile::TempDir::with_prefix_in("squall-netns-", "/tmp").unwrap();
    let copy = home.path().join("squall");
    fs::copy(env!("CARGO_BIN_EXE_squall"), &copy).unwrap();
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    if is_root() {
        std::os::unix::fs::chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    home
}

/// Makes a command an unprivileged user's.
fn unprivileged(mut command: Command) -> Command {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir("/");
    command
}

#[test]
fn an_unprivileged_user_runs_a_scenario_or_is_told_what_to_allow() {
    let home = unprivileged_home();
    let squall = unprivileged(Command::new(home.path().join("squall")));
    let text = scenario("faults: [ { name: lossy, at: 2s, for: 2s, loss: 20% } ]");
    let output = start(squall, home.path(), &text)
        .wait_with_output()
        .unwrap();
    let story = story(&output);
    if output.status.code() == Some(2) {
        assert!(story.contains("CAP_NET_ADMIN"), "{story}");
        skip::<()>(&format!("not without root here, as explained: {story}"));
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{story}");
    let result = read_result(&only_run(&home.path().join("runs")).unwrap());
    assert_eq!(result["environment"]["link_rights"], "a user namespace");
    let proof = result["faults"][0]["proof"].as_str().unwrap();
    assert!(proof.contains(" packets lost "), "{proof}");
}

#[test]
fn where_it_is_forbidden_the_very_switch_is_named() {
    let home = unprivileged_home();
    let mut forbidden = unprivileged(Command::new("unshare"));
    let forbid = "echo 0 > /proc/sys/user/max_net_namespaces && exec \"$0\" \"$@\"";
    forbidden
        .args(["--user", "--map-root-user", "sh", "-c", forbid])
        .arg(home.path().join("squall"));
    match unprivileged(Command::new("unshare"))
        .args(["--user", "--map-root-user", "true"])
        .status()
    {
        Ok(status) if status.success() => {}
        other => {
            skip::<()>(&format!(
                "no user namespace to forbid anything in: {other:?}"
            ));
            return;
        }
    }
    let output = start(forbidden, home.path(), &scenario(""))
        .wait_with_output()
        .unwrap();
    let story = story(&output);
    assert_eq!(output.status.code(), Some(2), "{story}");
    assert!(
        story.contains("no packet link: a new network namespace"),
        "{story}"
    );
    assert!(story.contains("sysctl user.max_net_namespaces="), "{story}");
    assert!(only_run(&home.path().join("runs")).is_none(), "{story}");
}

#[test]
fn a_target_behind_packets_is_reached_and_the_link_behind_it_too() {
    if !allowed() {
        return;
    }
    let text = "
scenario: packets-target
run: { warmup: 1s, duration: 5s, drain: 10s, miss_after: 5s, lateness_limit: 5s }
client:
  sdk: { OTEL_BSP_SCHEDULE_DELAY: 100ms, OTEL_BSP_MAX_QUEUE_SIZE: 65536, OTEL_EXPORTER_OTLP_TIMEOUT: 20s }
load: { traces: { rate: 400/s, spans_per_trace: 1 } }
# In one network, where each has ports of its own.
targets: [ { name: relay, relay: [] }, { name: second, relay: [] } ]
links: { to-relay: { via: netns, congestion: reno } }
faults:
  - { name: loss, at: 2s, for: 2s, loss: 10% }
  - { name: slow, at: 2s, for: 2s, link: to-sink, latency: { delay: 50ms } }
expect: [ \"lost == 0\", \"duplicated == 0\" ]
";
    let run = run(text);
    assert_eq!(run.result["verdict"], "pass", "{}", run.result["summary"]);
    for (name, place) in [("loss", "to-relay"), ("slow", "to-sink")] {
        assert!(fault(&run, name)["proof"].is_string(), "{name}");
        assert_eq!(fault(&run, name)["place"], place);
    }
    assert!(packets(&run).up.dropped > 0);
}
