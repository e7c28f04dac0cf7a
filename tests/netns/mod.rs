//! What the tests of the packet link share: a link, or a reason to skip; UDP and TCP across it.

// Each test file uses its own part of this.
#![allow(dead_code)]

pub mod left;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use squall::netns::{NetnsError, PacketLink, Rights, Setup, Side};

/// A running link that threads can enter. Without one the test is skipped, unless `SQUALL_REQUIRE`
/// names `netns`.
pub fn link(seed: u64) -> Option<PacketLink> {
    with(&Setup::new(seed))
}

pub fn with(setup: &Setup) -> Option<PacketLink> {
    match PacketLink::up(setup) {
        Ok(link) if link.rights() == Rights::Root => Some(link),
        Ok(_) => skip("these tests enter the sides with threads, which needs root"),
        Err(error @ NetnsError::Refused { .. }) => skip(&error.to_string()),
        Err(error) => panic!("{error}"),
    }
}

pub fn skip<T>(reason: &str) -> Option<T> {
    let required = std::env::var("SQUALL_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name.trim() == "netns"),
        "SQUALL_REQUIRE names netns, and it cannot be used: {reason}"
    );
    println!("SKIPPED: {reason}");
    None
}

/// One UDP socket per side, connected to each other.
pub struct Pair {
    pub client: UdpSocket,
    pub sink: UdpSocket,
}

impl Pair {
    pub fn of(link: &PacketLink) -> Self {
        let bind = |side| {
            let address = link.address(side);
            link.within(side, || UdpSocket::bind((address, 0)).unwrap())
                .unwrap()
        };
        let (client, sink) = (bind(Side::Client), bind(Side::Sink));
        client.connect(sink.local_addr().unwrap()).unwrap();
        sink.connect(client.local_addr().unwrap()).unwrap();
        for socket in [&client, &sink] {
            // So much that a receiver without a processor for a while loses nothing.
            set_socket_recv_buffer_size_force(socket, 32 << 20).unwrap();
        }
        Self { client, sink }
    }

    /// Sends numbers from 1 to `count` to the sink, `bytes` long each; returns those that arrived,
    /// in the order of arrival. The sender waits every 50 so that only the link loses packets.
    pub fn numbers(&self, count: u64, bytes: usize) -> Vec<u64> {
        self.paced(count, bytes, 50, Duration::from_micros(500))
    }

    pub fn paced(&self, count: u64, bytes: usize, burst: u64, pause: Duration) -> Vec<u64> {
        self.sink
            .set_read_timeout(Some(Duration::from_millis(400)))
            .unwrap();
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| {
                let (mut arrived, mut buffer) = (Vec::new(), vec![0; 65_536]);
                loop {
                    match self.sink.recv(&mut buffer) {
                        Ok(_) => arrived.push(u64::from_le_bytes(buffer[..8].try_into().unwrap())),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => return arrived,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
            let mut payload = vec![0xA5; bytes.max(8)];
            for number in 1..=count {
                payload[..8].copy_from_slice(&number.to_le_bytes());
                self.client.send(&payload).unwrap();
                if number % burst == 0 {
                    std::thread::sleep(pause);
                }
            }
            receiving.join().unwrap()
        })
    }

    /// Median round-trip time of `count` pings that the sink answers.
    pub fn round_trip(&self, count: usize) -> Duration {
        self.client
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        self.sink
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut buffer = [0; 64];
                for _ in 0..count {
                    let len = self.sink.recv(&mut buffer).unwrap();
                    self.sink.send(&buffer[..len]).unwrap();
                }
            });
            let mut times: Vec<Duration> = (0..count)
                .map(|_| {
                    let begun = Instant::now();
                    self.client.send(b"ping").unwrap();
                    self.client.recv(&mut [0; 64]).unwrap();
                    begun.elapsed()
                })
                .collect();
            times.sort_unstable();
            times[count / 2]
        })
    }
}

/// The numbers from 1 to `count` that are missing.
pub fn missing(arrived: &[u64], count: u64) -> Vec<u64> {
    let arrived: BTreeSet<u64> = arrived.iter().copied().collect();
    (1..=count)
        .filter(|number| !arrived.contains(number))
        .collect()
}

/// A TCP connection from the client side to the sink side.
pub fn tcp(link: &PacketLink) -> (TcpStream, TcpStream) {
    let address = link.address(Side::Sink);
    let listener = link
        .within(Side::Sink, || TcpListener::bind((address, 0)).unwrap())
        .unwrap();
    let to = listener.local_addr().unwrap();
    let client = link
        .within(Side::Client, || TcpStream::connect(to).unwrap())
        .unwrap();
    (client, listener.accept().unwrap().0)
}
