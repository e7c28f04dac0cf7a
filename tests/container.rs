//! Targets in containers of a real engine, driven as their controller drives them.
#![cfg(all(target_os = "linux", feature = "containers"))]

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use common::role::Role;
use common::sender::{Told, send_spans, spans};
use common::sink::Sink;
use engine::{Engine, relay_image};
use squall::plan::{Compression, Protocol};
use squall::role::control::{
    Command, ProgramCommand, ProgramReady, Ready, Report, Setup, TargetKind, TargetSetup,
};
use squall::target::container::engine::way_to_us;
use squall::target::container::statistics::{Live, Statistics};
use squall::target::container::{ContainerSpec, ImageSource, Mount, Network, Port};
use squall::target::probe::Probe;

mod common;
#[path = "container/engine.rs"]
mod engine;
#[path = "container/scenario.rs"]
mod scenario;

const SECOND_NS: u64 = 1_000_000_000;

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// An image that exists nowhere, and everything else usual.
fn spec(folder: &Path) -> ContainerSpec {
    ContainerSpec {
        image: ImageSource::Name("squall.invalid/none:1".to_owned()),
        args: Vec::new(),
        env: BTreeMap::new(),
        secrets: Vec::new(),
        network: Network::Host,
        ports: Vec::new(),
        mounts: Vec::new(),
        cpus: None,
        memory_bytes: None,
        user: None,
        log: folder.join("target.log"),
        log_limit_bytes: 1 << 20,
        stop_signal: 15,
        grace_ns: 5 * SECOND_NS,
    }
}

/// A relay on the machine's own network, built from `folder`, that sends on to `next`.
fn relay(folder: &Path, next: &str) -> (ContainerSpec, TargetSetup) {
    relay_image(folder);
    let [grpc, http, status] = [(); 3].map(|()| format!("127.0.0.1:{}", free_port()));
    let args = ["--export", &format!("http://{next}"), "--grpc", &grpc];
    let more = ["--http", &http, "--status", &status];
    let spec = ContainerSpec {
        image: ImageSource::Folder(folder.to_owned()),
        args: args.iter().chain(&more).map(ToString::to_string).collect(),
        ..spec(folder)
    };
    let probe = Probe::Http(format!("http://{status}/health"));
    let setup = TargetSetup {
        kind: TargetKind::Container(spec.clone()),
        ready: ProgramReady::Probe(probe),
        ready_deadline_ns: 20 * SECOND_NS,
        grpc,
        http,
        scrape: None,
    };
    (spec, setup)
}

fn with(setup: &TargetSetup, spec: ContainerSpec) -> Setup {
    Setup::Target(Box::new(TargetSetup {
        kind: TargetKind::Container(spec),
        ..setup.clone()
    }))
}

/// What the role says first.
fn first_report(setup: &Setup, env: &[(&str, &str)]) -> Report {
    let mut child = Process::new(env!("CARGO_BIN_EXE_squall"))
        .args(["role", "target"])
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Held open: its end would end the role.
    let mut stdin = child.stdin.take().unwrap();
    let line = serde_json::to_string(setup).unwrap();
    std::io::Write::write_all(&mut stdin, format!("{line}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    let said = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(said.lines().next().expect("it says something")).unwrap()
}

fn failure(setup: &Setup) -> String {
    match first_report(setup, &[]) {
        Report::Failed { why } => why,
        other => panic!("{other:?}"),
    }
}

fn refusal(setup: &Setup, env: &[(&str, &str)]) -> (String, String) {
    match first_report(setup, env) {
        Report::Refused { why, help } => (why, help),
        other => panic!("{other:?}"),
    }
}

async fn send(to: &Ready, sequence: u64) -> Told {
    let request = spans(0, [sequence], 1);
    send_spans(to, Protocol::Grpc, Compression::None, request).await
}

#[test]
fn a_relay_in_a_container_is_paused_killed_started_again_and_leaves_nothing() {
    let Some(engine) = Engine::find() else { return };
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sink = Sink::start(&[]);
    let (mut spec, setup) = relay(folder.path(), &sink.at.grpc);
    let oracle = ["--bug", "lose=3", "--oracle", "/data/oracle.jsonl"];
    spec.args.extend(oracle.map(str::to_owned));
    spec.mounts.push(Mount {
        host: data.path().to_owned(),
        container: "/data".to_owned(),
        read_only: false,
    });
    spec.cpus = Some(0.5);
    spec.memory_bytes = Some(256 << 20);
    let mut role = Role::start("target", &with(&setup, spec));
    let first = role.program_started();
    assert!(first > 0, "the engine runs on this machine");
    let to = role.ready.clone();
    let id = engine.container();
    let (live, current) = tokio::sync::watch::channel(Some(Live {
        docker: engine.docker.clone(),
        id: id.clone(),
        stopped: false,
    }));
    let mut statistics = Statistics::new(current);
    engine.runtime.block_on(async {
        for sequence in 1..=3 {
            assert_eq!(send(&to, sequence).await, Told::Accepted);
        }
        let begun = Instant::now();
        let sample = statistics.sample(7).await.unwrap();
        println!("a sample took {:?}: {sample:?}", begun.elapsed());
        assert_eq!(sample.at_ns, 7);
        assert!(sample.cpu_user_ns + sample.cpu_system_ns > 1_000_000);
        assert!(sample.rss_bytes > 1 << 20 && sample.rss_peak_bytes >= sample.rss_bytes);
        assert!(sample.rss_bytes < 256 << 20 && sample.threads >= 2);
        let inspected = engine.docker.inspect_container(&id, None).await.unwrap();
        let host = inspected.host_config.unwrap();
        assert_eq!(
            (host.nano_cpus, host.memory),
            (Some(500_000_000), Some(256 << 20))
        );
    });

    role.command(&Command::Program(ProgramCommand::Pause));
    let held = engine.runtime.block_on(async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        tokio::time::timeout(Duration::from_millis(500), send(&to, 4)).await
    });
    assert!(held.is_err(), "a paused relay answered {held:?}");
    role.command(&Command::Program(ProgramCommand::Resume));
    engine.runtime.block_on(async {
        assert_eq!(send(&to, 5).await, Told::Accepted);
    });

    role.command(&Command::Program(ProgramCommand::Pause));
    role.command(&Command::Program(ProgramCommand::Kill));
    let killed = ("was killed by signal 9".to_owned(), true);
    assert_eq!(role.program_ended(), killed);
    role.command(&Command::Program(ProgramCommand::Start));
    let second = role.program_started();
    assert_ne!(first, second);
    assert_ne!(engine.container(), id);
    live.send_replace(Some(Live {
        docker: engine.docker.clone(),
        id: engine.container(),
        stopped: false,
    }));
    engine.runtime.block_on(async {
        assert_eq!(send(&to, 6).await, Told::Accepted);
        assert!(statistics.sample(8).await.is_some());
    });

    // Of itself: the role hears of it, and is told to start it again.
    let pid = rustix::process::Pid::from_raw(second.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert_eq!(role.program_ended(), (killed.0, false));
    role.command(&Command::Program(ProgramCommand::Start));
    role.program_started();
    engine.runtime.block_on(async {
        assert_eq!(send(&to, 7).await, Told::Accepted);
    });
    role.command(&Command::Finish);
    assert_eq!(role.program_ended(), ("exited with 0".to_owned(), true));
    assert!(role.ended());
    engine.is_as_before();
    let log = std::fs::read_to_string(folder.path().join("target.log")).unwrap();
    assert_eq!(log.matches("relay ready").count(), 3, "{log}");
    assert!(
        log.ends_with("relay stopped: everything was sent on\n"),
        "{log}"
    );
    let oracle = std::fs::read_to_string(data.path().join("oracle.jsonl")).unwrap();
    assert!(oracle.contains("lost_silently"), "{oracle}");
    let (summary, _) = sink.stop();
    let items = summary["signals"]["traces"]["items"].as_u64().unwrap();
    // The third was lost; what waited in the pause was taken or not.
    assert!((5..=6).contains(&items), "{summary}");
}

#[test]
fn on_a_bridge_ports_are_mapped_to_this_machine_alone_and_links_are_reached() {
    let Some(engine) = Engine::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::start(&[]);
    let way = engine.runtime.block_on(way_to_us(Network::Bridge)).unwrap();
    let link = engine
        .runtime
        .block_on(forward(way.listen, sink.at.grpc.clone()));
    let (mut spec, mut setup) = relay(folder.path(), &format!("{}:{}", way.host, link.port()));
    spec.network = Network::Bridge;
    for (option, address) in [
        ("--grpc", "0.0.0.0:4317"),
        ("--http", "0.0.0.0:4318"),
        ("--status", "0.0.0.0:8888"),
    ] {
        let at = spec.args.iter().position(|arg| arg == option).unwrap();
        spec.args[at + 1] = address.to_owned();
    }
    let [grpc, status] = [free_port(), free_port()];
    spec.ports = vec![
        Port {
            container: 4317,
            host: grpc,
        },
        Port {
            container: 8888,
            host: status,
        },
    ];
    setup.grpc = format!("127.0.0.1:{grpc}");
    setup.ready = ProgramReady::Probe(Probe::GrpcHealth(format!("127.0.0.1:{status}")));
    let mut role = Role::start("target", &with(&setup, spec));
    role.program_started();
    let to = role.ready.clone();
    let told = engine.runtime.block_on(send(&to, 1));
    assert_eq!(told, Told::Accepted);
    role.command(&Command::Finish);
    assert_eq!(role.program_ended().0, "exited with 0");
    assert!(role.ended());
    engine.is_as_before();
    assert_eq!(sink.stop().0["signals"]["traces"]["items"], 1);
}

/// Stands for a link that listens on `address`.
async fn forward(address: IpAddr, next: String) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind((address, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let next = next.clone();
            tokio::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(next).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    at
}

#[test]
fn nothing_is_left_when_the_role_or_its_controller_is_killed() {
    let Some(engine) = Engine::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (spec, setup) = relay(folder.path(), "127.0.0.1:9");

    let mut role = Role::start("target", &with(&setup, spec.clone()));
    role.program_started();
    engine.container();
    // With SIGKILL.
    drop(role);
    engine.is_as_before();

    let mut role = Role::start("target", &with(&setup, spec.clone()));
    role.command(&Command::Program(ProgramCommand::Pause));
    role.program_started();
    assert!(role.orphan());
    engine.is_as_before();

    // A controller that is killed while the image is being built, or the container started.
    for after_ms in [100, 700, 1_500] {
        let setup = with(&setup, spec.clone());
        let line = serde_json::to_string(&setup).unwrap() + "\n";
        // The shell stands for the controller: it is the role's parent.
        let mut controller = Process::new("sh")
            // What runs in the background reads its input from elsewhere, so it is said where from.
            .args(["-c", "exec 3<&0; \"$0\" role target <&3 & wait"])
            .arg(env!("CARGO_BIN_EXE_squall"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = controller.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, line.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(after_ms));
        controller.kill().unwrap();
        controller.wait().unwrap();
        // What is being made may come late.
        std::thread::sleep(Duration::from_secs(3));
        drop(stdin);
        engine.is_as_before();
    }
}

#[test]
fn what_does_not_come_up_is_told_in_words() {
    let Some(engine) = Engine::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (good, setup) = relay(folder.path(), "127.0.0.1:9");
    let changed = |change: &dyn Fn(&mut ContainerSpec)| {
        let mut spec = good.clone();
        change(&mut spec);
        with(&setup, spec)
    };

    let (why, help) = refusal(&with(&setup, spec(folder.path())), &[]);
    assert!(
        why.starts_with(
            "the engine does not have the image squall.invalid/none:1 and cannot pull it: "
        ),
        "{why}"
    );
    assert!(help.contains("docker pull"), "{help}");

    let at_once = failure(&changed(&|spec| {
        spec.args.push("--no-such=hush".to_owned());
        spec.secrets.push("hush".to_owned());
    }));
    assert!(!at_once.contains("hush"), "{at_once}");
    assert!(
        at_once.starts_with("it exited with 2 before it was ready; its last words:\n"),
        "{at_once}"
    );
    assert!(at_once.contains("--no-such"), "{at_once}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let in_use = failure(&changed(&|spec| {
        spec.network = Network::Bridge;
        spec.ports = vec![Port {
            container: 4317,
            host: port,
        }];
    }));
    assert!(
        in_use.contains("cannot start a container of squall-target:"),
        "{in_use}"
    );
    assert!(
        in_use.contains("address already in use") || in_use.contains("already allocated"),
        "{in_use}"
    );

    let hungry = failure(&changed(&|spec| {
        spec.memory_bytes = Some(24 << 20);
        spec.args
            .extend(["--bug", "leak=200000000"].map(str::to_owned));
        // Never ready: memory decides.
        let at = spec.args.iter().position(|arg| arg == "--status").unwrap();
        spec.args[at + 1] = "127.0.0.1:0".to_owned();
    }));
    assert!(
        hungry.starts_with("it was killed for want of memory, of which it may use 24 MiB before"),
        "{hungry}"
    );

    let mut late = setup.clone();
    late.ready_deadline_ns = SECOND_NS;
    late.ready = ProgramReady::Says("no such words".to_owned());
    let late = failure(&with(&late, good.clone()));
    assert!(
        late.contains("not ready within 1 s: it did not say \"no such words\""),
        "{late}"
    );
    assert!(late.contains("relay ready"), "{late}");

    let broken = tempfile::tempdir().unwrap();
    let no_file = failure(&changed(&|spec| {
        spec.image = ImageSource::Folder(broken.path().to_owned())
    }));
    assert!(
        no_file.contains("there is no file `Dockerfile`"),
        "{no_file}"
    );
    std::fs::write(
        broken.path().join("Dockerfile"),
        "FROM scratch\nCOPY no-such-file /\n",
    )
    .unwrap();
    let no_build = failure(&changed(&|spec| {
        spec.image = ImageSource::Folder(broken.path().to_owned())
    }));
    assert!(
        no_build.starts_with("cannot build an image from "),
        "{no_build}"
    );
    assert!(no_build.contains("no-such-file"), "{no_build}");
    engine.is_as_before();
}

#[test]
fn without_an_engine_the_places_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let setup = TargetSetup {
        kind: TargetKind::External,
        ready: ProgramReady::Says("never".to_owned()),
        ready_deadline_ns: SECOND_NS,
        grpc: String::new(),
        http: String::new(),
        scrape: None,
    };
    let setup = with(&setup, spec(folder.path()));
    let socket = folder.path().join("none.sock");
    let host = format!("unix://{}", socket.display());
    let (why, help) = refusal(&setup, &[("DOCKER_HOST", &host)]);
    assert!(
        why.starts_with(&format!(
            "no container engine answers: at DOCKER_HOST={host}: "
        )),
        "{why}"
    );
    assert!(help.contains("start Docker"), "{help}");
    let (why, _) = refusal(&setup, &[("DOCKER_HOST", "tcp://192.0.2.1:2375")]);
    assert!(
        why.contains("on another machine (tcp://192.0.2.1:2375)"),
        "{why}"
    );
}
