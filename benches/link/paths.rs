//! The ways to a peer: none between, a plain copy, the link, HAProxy.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use squall::link::Link;
use squall::plan::{Direction, LinkFault};
use tempfile::TempDir;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;

use super::peers::{Server, listen, on_thread};
use super::tap;

/// What `squall run` gives a link by default.
const LINK_BUFFER_BYTES: usize = 1 << 20;
const COPY_BUFFER_BYTES: usize = 64 << 10;
/// HAProxy starts in a fraction of it.
const START: Duration = Duration::from_secs(5);

/// A way to a peer.
pub struct Path {
    pub name: &'static str,
    pub address: SocketAddr,
    /// Where the kernel counts the CPU time of what is on the way.
    schedstat: Option<PathBuf>,
    _process: Option<HaProxy>,
}

impl Path {
    /// CPU time that what is on the way has used so far; `None` where nothing is, and where the
    /// kernel does not tell.
    pub fn cpu(&self) -> Option<Duration> {
        let text = std::fs::read_to_string(self.schedstat.as_ref()?).ok()?;
        let nanos = text.split_whitespace().next()?.parse().ok()?;
        Some(Duration::from_nanos(nanos))
    }
}

/// Every way to `upstream`, where OTLP is spoken with a tap as well; HAProxy's only where it is installed.
pub fn all(upstream: SocketAddr, otlp: bool) -> Vec<Path> {
    let direct = Path {
        name: "direct",
        address: upstream,
        schedstat: None,
        _process: None,
    };
    let copy = path("tokio copy", copy(upstream));
    let mut paths = vec![direct, copy, path("link", link(upstream, None))];
    if otlp {
        paths.push(path("link and tap", tap::link(upstream, LINK_BUFFER_BYTES)));
    }
    if let Some(process) = HaProxy::start(upstream) {
        paths.push(Path {
            name: "HAProxy",
            address: process.address,
            schedstat: Some(format!("/proc/{}/schedstat", process.child.id()).into()),
            _process: Some(process),
        });
    }
    paths
}

fn path(name: &'static str, proxy: Server) -> Path {
    Path {
        name,
        address: proxy.address,
        schedstat: Some(proxy.schedstat),
        _process: None,
    }
}

fn copy(upstream: SocketAddr) -> Server {
    listen(move |mut client| async move {
        let connected = TcpStream::connect(upstream).await;
        let mut server = connected.expect("the peer listens");
        server.set_nodelay(true).expect("a live socket");
        let bytes = COPY_BUFFER_BYTES;
        // It ends when either side goes away.
        let _ = copy_bidirectional_with_sizes(&mut client, &mut server, bytes, bytes).await;
    })
}

/// A link on a runtime as its role has it, under `fault` in both directions.
pub fn link(upstream: SocketAddr, fault: Option<LinkFault>) -> Server {
    on_thread(move || async move {
        let link = Link::bind(upstream, 1, LINK_BUFFER_BYTES).await;
        let link = link.expect("a free port");
        let address = link.local_addr();
        if let Some(fault) = fault {
            let begun = link.start_fault(0, Direction::Both, fault);
            begun.expect("the first fault");
        }
        // A link that is dropped stops.
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(link);
        });
        address
    })
}

/// A HAProxy of one thread. It is killed when it is dropped.
struct HaProxy {
    address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl HaProxy {
    /// `None`, and a line that says so, where it is not installed.
    fn start(upstream: SocketAddr) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("haproxy.cfg");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let config = format!(
            "global\n  nbthread 1\n  maxconn 256\n\
             defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 5m\n  timeout server 5m\n\
             listen peer\n  bind {address}\n  server peer {upstream}\n"
        );
        std::fs::write(&file, config).expect("a file in it");
        let started = Command::new("haproxy")
            // In the foreground, so that its process is ours to end.
            .args(["-db", "-f"])
            .arg(&file)
            .stdout(Stdio::null())
            .spawn();
        let child = match started {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("SKIPPED: HAProxy, because there is no program `haproxy`");
                return None;
            }
            Err(error) => panic!("haproxy: {error}"),
        };
        let process = Self {
            address,
            child,
            _folder: folder,
        };
        let begun = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < START, "haproxy does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Some(process)
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
