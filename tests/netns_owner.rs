//! Who owns a packet link: an unprivileged user may, and nothing outlives him.
//!
//! The tests start this file's own executable again, as another user or to be killed.
#![cfg(target_os = "linux")]

#[path = "netns/mod.rs"]
mod netns;

use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use netns::left::{held, interfaces, interfaces_in, is_running};
use netns::skip;
use squall::netns::impairment::Impairment;
use squall::netns::{NetnsError, PacketLink, Setup, Side};
use squall::plan::Direction;
use squall::plan::{Delay, Loss, Queue};
use tempfile::TempDir;

/// Says which part this process plays; without it, it is the test.
const PART: &str = "SQUALL_TEST_NETNS_PART";
/// A user without any right.
const NOBODY: u32 = 65_534;
const ECHO_PORT: u16 = 7_777;
/// A process between its start and its own program holds what this one holds: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());
const SECOND: Duration = Duration::from_secs(1);

/// This executable where every user may start it.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let folder = TempDir::with_prefix_in("squall-netns-", "/tmp").unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let copy = Self(folder);
        fs::copy(std::env::current_exe().unwrap(), copy.path()).unwrap();
        fs::set_permissions(copy.path(), Permissions::from_mode(0o755)).unwrap();
        copy
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("owner")
    }

    fn part(&self, part: &str, user: Option<u32>) -> Command {
        let mut command = play(self.path(), part);
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        command
    }
}

fn play(executable: PathBuf, part: &str) -> Command {
    let mut command = Command::new(executable);
    command
        .args(["--exact", "the_part_that_this_process_plays", "--nocapture"])
        .env(PART, part)
        .current_dir("/");
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Not a test of its own: what the others start.
#[test]
fn the_part_that_this_process_plays() {
    match std::env::var(PART).as_deref() {
        Ok("user") => user(),
        Ok("owner") => owner(),
        Ok("echo") => echo(),
        Ok("ping") => ping(),
        _ => {}
    }
}

/// Answers every packet until it is killed.
fn echo() {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, ECHO_PORT)).unwrap();
    let mut buffer = [0; 64];
    while let Ok((len, from)) = socket.recv_from(&mut buffer) {
        socket.send_to(&buffer[..len], from).unwrap();
    }
}

/// Says which of five pings, once the first was answered, came back.
fn ping() {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket
        .connect(SocketAddr::from(([198, 18, 0, 2], ECHO_PORT)))
        .unwrap();
    socket.set_read_timeout(Some(SECOND / 2)).unwrap();
    let comes_back = |byte: u8| {
        let _ = socket.send(&[byte]);
        socket.recv(&mut [0; 8]).is_ok()
    };
    // Refused until the other side listens.
    assert!((0..40).any(|_| {
        std::thread::sleep(SECOND / 20);
        comes_back(0)
    }));
    println!("\nGO");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let back: Vec<u8> = (1..=5).filter(|byte| comes_back(*byte)).collect();
    println!("\nBACK {back:?}");
}

/// An ordinary user: a link with a process on each side, and exactly the second packet lost.
fn user() {
    let mut link = match PacketLink::up(&Setup::new(1)) {
        Ok(link) => link,
        Err(error @ NetnsError::Refused { .. }) => return println!("\nEXPLAINED {error}"),
        Err(error) => panic!("{error}"),
    };
    println!("\nRIGHTS {:?}", link.rights());
    let this = std::env::current_exe().unwrap();
    let start = |side, part| {
        let mut command = play(this.clone(), part);
        link.enter_on_spawn(side, &mut command).unwrap();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut sink = start(Side::Sink, "echo");
    let mut client = start(Side::Client, "ping");
    let mut lines = BufReader::new(client.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    assert!(lines.any(|line| line == "GO"));
    let loss = Impairment::Loss(Loss::Exact { packets: vec![2] });
    link.start(1, Direction::Up, &loss).unwrap();
    client.stdin.take().unwrap().write_all(b"\n").unwrap();
    println!("{}", lines.find(|line| line.starts_with("BACK")).unwrap());
    println!("DROPPED {}", link.end(1).unwrap().1.dropped);
    assert!(client.wait().unwrap().success());
    sink.kill().unwrap();
    sink.wait().unwrap();
}

#[test]
fn an_unprivileged_user_has_a_link_or_is_told_what_to_allow() {
    let _alone = ALONE.lock();
    let copy = Copy::new();
    let user = is_root().then_some(NOBODY);
    let output = copy.part("user", user).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let erred = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{erred}");
    if said.contains("EXPLAINED") {
        assert!(said.contains("CAP_NET_ADMIN"), "{said}");
        skip::<()>(&format!(
            "no packet link without root here, as explained: {said}"
        ));
        return;
    }
    assert!(said.contains("RIGHTS Anybody"), "{said}");
    assert!(said.contains("BACK [1, 3, 4, 5]"), "{said}");
    assert!(said.contains("DROPPED 1"), "{said}");
}

/// Where no network namespace may be made, the message names the very switch.
#[test]
fn a_machine_that_forbids_it_is_explained() {
    let _alone = ALONE.lock();
    let copy = Copy::new();
    let forbid = "echo 0 > /proc/sys/user/max_net_namespaces && exec \"$0\" \"$@\"";
    let inner = copy.part("user", None);
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", forbid]);
    command
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(PART, "user")
        .current_dir("/");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let Ok(output) = command.output() else {
        skip::<()>("there is no unshare(1) to forbid namespaces with");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let erred = String::from_utf8_lossy(&output.stderr);
        skip::<()>(&format!(
            "user namespaces cannot be made here at all: {erred}"
        ));
        return;
    }
    assert!(
        said.contains("EXPLAINED no packet link: a new network namespace"),
        "{said}"
    );
    assert!(said.contains("sysctl user.max_net_namespaces="), "{said}");
}

/// Brings everything up, with every impairment and a process on each side, and waits to be killed.
fn owner() {
    let mut link = PacketLink::up(&Setup::new(1)).unwrap();
    let share = 0.5;
    let impairments = [
        Impairment::Delay(Delay::fixed(5_000_000)),
        Impairment::Loss(Loss::Independent { share }),
        Impairment::Reorder {
            share,
            by_ns: 1_000_000,
        },
        Impairment::Duplicate { share },
        Impairment::Corrupt { share },
        Impairment::Rate {
            bytes_per_second: 10_000,
            queue: Queue::Packets(10),
        },
        Impairment::Mtu { bytes: 1_000 },
        Impairment::Flap {
            up_ns: 1_000_000,
            down_ns: 1_000_000,
        },
        Impairment::Partition,
    ];
    for (id, impairment) in impairments.iter().enumerate() {
        link.start(id, Direction::Both, impairment).unwrap();
    }
    let mut said = format!("\nUP {}", std::process::id());
    let mut children = Vec::new();
    for side in [Side::Client, Side::Sink] {
        let mut command = Command::new("sleep");
        link.enter_on_spawn(side, command.arg("600")).unwrap();
        let child = command.spawn().unwrap();
        let door = link.door(side).net;
        let inside = fs::read_link(format!("/proc/{}/ns/net", child.id())).unwrap();
        assert_eq!(inside, fs::read_link(&door).unwrap());
        said += &format!(" {} {} {}", child.id(), inside.display(), door.display());
        children.push(child);
    }
    println!("{said}");
    std::thread::sleep(60 * SECOND);
}

/// An owner that is up, and what he said: pid, name of namespace and door of each side.
fn running_owner(copy: &Copy, user: Option<u32>) -> Option<(Child, Vec<String>)> {
    let mut owner = copy
        .part("owner", user)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let Some(line) = lines.find(|line| line.starts_with("UP")) else {
        owner.wait().unwrap();
        return skip("no packet link can be made here");
    };
    Some((owner, line.split(' ').skip(2).map(str::to_owned).collect()))
}

/// This test holds the sides' namespaces itself, or the kernel would give their numbers to the next
/// ones. That nobody else does is all that it takes for them to go. The middle has no number to look
/// for. But with it go its ends of the veth pairs, and with those the sides' interfaces.
#[test]
fn a_killed_owner_leaves_no_namespace_interface_or_process() {
    let _alone = ALONE.lock();
    let copy = Copy::new();
    let users: &[Option<u32>] = if is_root() {
        &[None, Some(NOBODY)]
    } else {
        &[None]
    };
    for user in users {
        let before = interfaces();
        let Some((mut owner, said)) = running_owner(&copy, *user) else {
            return;
        };
        let (processes, namespaces) = ([&said[0], &said[3]], [said[1].as_str(), said[4].as_str()]);
        let doors = [&said[2], &said[5]].map(|door| File::open(door).unwrap());
        // Owner and inhabitant of each.
        assert!(
            held(&namespaces).len() >= 4,
            "while it is up, it can be seen"
        );
        assert!(processes.iter().all(|pid| is_running(pid)));
        if is_root() {
            assert!(
                doors
                    .iter()
                    .all(|door| interfaces_in(door) == ["lo", "eth0"])
            );
        }
        owner.kill().unwrap();
        owner.wait().unwrap();
        std::thread::sleep(2 * SECOND);
        assert_eq!(held(&namespaces), Vec::<String>::new());
        assert!(
            !processes.iter().any(|pid| is_running(pid)),
            "{processes:?}"
        );
        assert_eq!(interfaces(), before);
        if is_root() {
            assert!(doors.iter().all(|door| interfaces_in(door) == ["lo"]));
        }
    }
}
