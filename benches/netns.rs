//! The packet link's speed: UDP packets from side to side, as fast as they go and at a fixed rate,
//! with the relay's CPU time per packet. Prints a table; asserts nothing.

use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("packet links need Linux");
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match linux::all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("SKIPPED: {error}");
            ExitCode::SUCCESS
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::time::{Duration, Instant};

    use squall::netns::impairment::Impairment;
    use squall::netns::{NetnsError, PacketLink, Setup, Side};
    use squall::plan::Direction;
    use squall::plan::{Delay, Loss};

    const LENGTH: Duration = Duration::from_secs(3);
    /// Packets sent between two looks at the clock.
    const BURST: u64 = 16;
    /// What the project aims at, in packets per second.
    const AIM: f64 = 250_000.0;

    pub fn all() -> Result<(), NetnsError> {
        let delay = Impairment::Delay(Delay::fixed(20_000_000));
        let loss = Impairment::Loss(Loss::Independent { share: 0.01 });
        round_trips()?;
        bulk()?;
        println!(
            "{:<34} {:>10} {:>10} {:>8} {:>8} {:>10} {:>9} {:>9} {:>9}",
            "",
            "offered/s",
            "passed/s",
            "missed",
            "vanished",
            "ns/packet",
            "late p50",
            "late p99",
            "max (ms)"
        );
        row("64 bytes, flood", 64, None, &[])?;
        row("1400 bytes, flood", 1_400, None, &[])?;
        row("64 bytes, 250,000/s", 64, Some(AIM), &[])?;
        row("64 bytes, 100,000/s", 64, Some(100_000.0), &[])?;
        row(
            "64 bytes, 1 % loss, flood",
            64,
            None,
            std::slice::from_ref(&loss),
        )?;
        row(
            "64 bytes, 20 ms, 1 %, 100,000/s",
            64,
            Some(100_000.0),
            &[delay, loss],
        )
    }

    /// The median time there and back, with and without 20 ms each way, and how long set-up takes.
    fn round_trips() -> Result<(), NetnsError> {
        let begun = Instant::now();
        let mut link = PacketLink::up(&Setup::new(1))?;
        println!("set up in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
        let (client, sink) = sockets(&link)?;
        let median = || {
            let mut times: Vec<f64> = (0..101)
                .filter_map(|_| {
                    let begun = Instant::now();
                    client.send(b"ping").ok()?;
                    let (len, from) = sink.recv_from(&mut [0; 8]).ok()?;
                    sink.send_to(&[0; 8][..len], from).ok()?;
                    client.recv(&mut [0; 8]).ok()?;
                    Some(begun.elapsed().as_secs_f64() * 1e3)
                })
                .collect();
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let without = median();
        link.start(
            1,
            Direction::Both,
            &Impairment::Delay(Delay::fixed(20_000_000)),
        )?;
        println!(
            "round trip {without:.3} ms, with 20 ms each way {:.3} ms",
            median()
        );
        Ok(())
    }

    /// What one TCP connection carries.
    fn bulk() -> Result<(), NetnsError> {
        let link = PacketLink::up(&Setup::new(1))?;
        let address = link.address(Side::Sink);
        let failed = |_| NetnsError::RelayGone;
        let listener = link
            .within(Side::Sink, || TcpListener::bind((address, 0)))?
            .map_err(failed)?;
        let to = listener.local_addr().map_err(failed)?;
        let mut client = link
            .within(Side::Client, || TcpStream::connect(to))?
            .map_err(failed)?;
        let (mut sink, _) = listener.accept().map_err(failed)?;
        let receiving = std::thread::spawn(move || {
            let (mut buffer, mut bytes) = (vec![0; 1 << 18], 0);
            while let Ok(len @ 1..) = sink.read(&mut buffer) {
                bytes += len;
            }
            bytes
        });
        let begun = Instant::now();
        let chunk = vec![0; 1 << 18];
        while begun.elapsed() < LENGTH && client.write_all(&chunk).is_ok() {}
        drop(client);
        let bytes = receiving.join().unwrap_or(0);
        let gigabits = bytes as f64 * 8e-9 / begun.elapsed().as_secs_f64();
        let (up, congestion) = (link.sample()?.up, link.congestion().client.clone());
        println!(
            "one TCP connection ({congestion}): {gigabits:.2} Gbit/s, {} packets missed",
            up.missed
        );
        Ok(())
    }

    /// Packets that came to the interface of the side this runs on.
    fn arrived() -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("eth0:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .unwrap_or(0)
    }

    /// A socket on each side; the client's is connected to the sink's.
    fn sockets(link: &PacketLink) -> Result<(UdpSocket, UdpSocket), NetnsError> {
        let failed = |_| NetnsError::RelayGone;
        let (from, to) = (link.address(Side::Client), link.address(Side::Sink));
        let sink = link
            .within(Side::Sink, || UdpSocket::bind((to, 0)))?
            .map_err(failed)?;
        let client = link
            .within(Side::Client, || UdpSocket::bind((from, 0)))?
            .map_err(failed)?;
        client
            .connect(sink.local_addr().map_err(failed)?)
            .map_err(failed)?;
        Ok((client, sink))
    }

    /// Sends UDP packets of so many bytes for a while, and prints what came of them.
    fn row(
        name: &str,
        bytes: usize,
        per_second: Option<f64>,
        impairments: &[Impairment],
    ) -> Result<(), NetnsError> {
        let mut link = PacketLink::up(&Setup::new(1))?;
        for (id, impairment) in impairments.iter().enumerate() {
            link.start(id, Direction::Up, impairment)?;
        }
        // Nobody reads: the packets are counted by the relay, and by the sink side's interface.
        let (client, _sink) = sockets(&link)?;
        let (offered, elapsed) = send(&client, &vec![0; bytes], per_second);
        std::thread::sleep(Duration::from_millis(100));
        let up = link.sample()?.up;
        let arrived = link.within(Side::Sink, arrived)?;
        let seconds = elapsed.as_secs_f64();
        let late_ms = |q| up.lateness.quantile_ns(q).unwrap_or(0) as f64 / 1e6;
        println!(
            "{name:<34} {:>10.0} {:>10.0} {:>8} {:>8} {:>10.0} {:>9.3} {:>9.3} {:>9.3}",
            offered as f64 / seconds,
            up.sent as f64 / seconds,
            up.missed + up.unsent + up.overflowed,
            up.sent.saturating_sub(arrived),
            up.cpu_ns as f64 / up.received.max(1) as f64,
            late_ms(0.5),
            late_ms(0.99),
            late_ms(1.0),
        );
        Ok(())
    }

    fn send(client: &UdpSocket, payload: &[u8], per_second: Option<f64>) -> (u64, Duration) {
        let begun = Instant::now();
        let mut sent = 0;
        while begun.elapsed() < LENGTH {
            let due = per_second.map_or(f64::MAX, |rate| begun.elapsed().as_secs_f64() * rate);
            if (sent as f64) < due {
                for _ in 0..BURST {
                    // A full queue of the interface is the link's limit, which is measured.
                    sent += u64::from(client.send(payload).is_ok());
                }
            } else {
                std::thread::yield_now();
            }
        }
        (sent, begun.elapsed())
    }
}
