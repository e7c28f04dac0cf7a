//! The crate `toxiproxy_rust`, which nobody here wrote, drives `squall proxy` with all that it has.
#![cfg(feature = "toxiproxy")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use common::proxy::Proxy as Server;
use toxiproxy_rust::client::Client;
use toxiproxy_rust::proxy::{Proxy, ProxyPack};

mod common;

/// The crate obeys these, and the proxy is on this machine.
const VARIABLES: [&str; 6] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// A server, the crate's client of it, and a proxy before an echo.
struct Driven {
    _server: Server,
    client: Client,
    listen: SocketAddr,
}

/// Sends everything back, for as long as the test runs.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut copy = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut copy, &mut stream);
                let _ = stream.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    address
}

impl Driven {
    fn start() -> Self {
        for name in VARIABLES {
            assert!(std::env::var_os(name).is_none(), "{name} is set");
        }
        let server = Server::start(&[]);
        let client = Client::new(server.api);
        let pack =
            |name: &str| ProxyPack::new(name.into(), "127.0.0.1:0".into(), echo().to_string());
        let proxies = client.populate(vec![pack("echo"), pack("other")]).unwrap();
        assert_eq!(proxies.len(), 2);
        let listen = proxies[0].proxy_pack.listen.parse().unwrap();
        Self {
            _server: server,
            client,
            listen,
        }
    }

    fn proxy(&self) -> Proxy {
        self.client.find_proxy("echo").unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.listen).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        stream
    }

    /// How long so many bytes take there and back, over a new connection.
    fn round_trip(&self, bytes: usize) -> Duration {
        let mut stream = self.connect();
        let began = Instant::now();
        stream.write_all(&vec![7; bytes]).unwrap();
        stream.read_exact(&mut vec![0; bytes]).unwrap();
        began.elapsed()
    }
}

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn the_client_finds_lists_and_resets() {
    let driven = Driven::start();
    let client = &driven.client;
    assert!(client.is_running());
    assert!(client.version().unwrap().contains("2.12.0"));
    let all = client.all().unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all["echo"].proxy_pack.listen, driven.listen.to_string());
    assert!(all["echo"].proxy_pack.enabled);
    assert!(client.find_proxy("nowhere").is_err());
    // An empty list is an error with Toxiproxy, which answers `null`.
    assert_eq!(client.populate(Vec::new()).unwrap().len(), 0);
    // The same again is returned as it is.
    let again = &all["echo"].proxy_pack;
    let again = ProxyPack::new(
        again.name.clone(),
        again.listen.clone(),
        again.upstream.clone(),
    );
    assert_eq!(client.populate(vec![again]).unwrap().len(), 1);

    let proxy = driven.proxy();
    proxy.with_latency("upstream".into(), 200, 0, 1.0);
    proxy.disable().unwrap();
    assert!(!driven.proxy().proxy_pack.enabled);
    let refused = TcpStream::connect(driven.listen).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    client.reset().unwrap();
    assert!(driven.proxy().proxy_pack.enabled);
    assert!(proxy.toxics().unwrap().is_empty());
    assert!(driven.round_trip(100) < SHORT);

    proxy.with_latency("upstream".into(), 200, 0, 1.0);
    proxy.disable().unwrap();
    let reset = client.find_and_reset_proxy("echo").unwrap();
    assert!(reset.toxics().unwrap().is_empty());
    assert!(driven.round_trip(100) < SHORT);

    client.find_proxy("other").unwrap().delete().unwrap();
    assert_eq!(client.all().unwrap().len(), 1);
}

#[test]
fn latency_applies_while_it_is_applied() {
    let driven = Driven::start();
    let proxy = driven.proxy();
    assert!(driven.round_trip(100) < SHORT);
    proxy
        .with_latency("downstream".into(), 150, 0, 1.0)
        .apply(|| assert!(driven.round_trip(100) >= Duration::from_millis(150)))
        .unwrap();
    assert!(driven.round_trip(100) < SHORT);
}

#[test]
fn bandwidth_paces_both_ways() {
    let driven = Driven::start();
    assert!(driven.round_trip(100_000) < Duration::from_millis(200));
    let proxy = driven.proxy();
    proxy
        .with_bandwidth("upstream".into(), 200, 1.0)
        .with_bandwidth("downstream".into(), 400, 1.0);
    let toxics = proxy.toxics().unwrap();
    let rates: Vec<(&str, u32)> = toxics
        .iter()
        .map(|toxic| (toxic.stream.as_str(), toxic.attributes["rate"]))
        .collect();
    assert_eq!(rates, [("upstream", 200), ("downstream", 400)]);
    let took = driven.round_trip(100_000);
    assert!(took >= Duration::from_millis(350), "{took:?}");
    proxy.delete_all_toxics().unwrap();
    assert!(driven.round_trip(100_000) < Duration::from_millis(200));
}

#[test]
fn slow_close_delays_the_end_alone() {
    let driven = Driven::start();
    let end = || {
        let mut stream = driven.connect();
        stream.write_all(b"ping").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        let began = Instant::now();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
        began.elapsed()
    };
    assert!(end() < SHORT);
    driven
        .proxy()
        .with_slow_close("upstream".into(), 250, 1.0)
        .apply(|| assert!(end() >= Duration::from_millis(250)))
        .unwrap();
    assert!(end() < SHORT);
}

#[test]
fn timeout_swallows_and_closes() {
    let driven = Driven::start();
    driven
        .proxy()
        .with_timeout("upstream".into(), 200, 1.0)
        .apply(|| {
            let mut stream = driven.connect();
            let began = Instant::now();
            stream.write_all(b"swallowed").unwrap();
            assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
            assert!(began.elapsed() >= Duration::from_millis(150));
        })
        .unwrap();
    assert!(driven.round_trip(100) < SHORT);
}

#[test]
fn slicer_and_limit_data() {
    let driven = Driven::start();
    let proxy = driven.proxy();
    // 2 kB in pieces of about 100 B, each 10 ms late.
    proxy
        .with_slicer("upstream".into(), 100, 20, 10_000, 1.0)
        .apply(|| assert!(driven.round_trip(2_000) >= Duration::from_millis(100)))
        .unwrap();
    assert!(driven.round_trip(2_000) < SHORT);

    proxy
        .with_limit_data("downstream".into(), 1_000, 1.0)
        .apply(|| {
            let mut stream = driven.connect();
            stream.write_all(&[7; 2_000]).unwrap();
            let mut back = Vec::new();
            stream.read_to_end(&mut back).unwrap();
            assert_eq!(back.len(), 1_000);
        })
        .unwrap();
    assert!(driven.round_trip(2_000) < SHORT);
}

#[test]
fn down_refuses_and_comes_up_again() {
    let driven = Driven::start();
    let mut before = driven.connect();
    before.write_all(b"ping").unwrap();
    before.read_exact(&mut [0; 4]).unwrap();
    driven
        .proxy()
        .with_down(|| {
            assert_eq!(before.read(&mut [0; 1]).unwrap_or(0), 0);
            let refused = TcpStream::connect(driven.listen).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        })
        .unwrap();
    assert!(driven.round_trip(100) < SHORT);
}

#[test]
fn toxicity_of_zero_strikes_nobody() {
    let driven = Driven::start();
    driven
        .proxy()
        .with_latency("upstream".into(), 500, 0, 0.0)
        .apply(|| assert!(driven.round_trip(100) < Duration::from_millis(250)))
        .unwrap();
}
