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
    use std::net::UdpSocket;
    use std::time::{Duration, Instant};

    use squall::netns::impairment::{Delay, Impairment, Loss};
    use squall::netns::{NetnsError, PacketLink, Setup, Side};
    use squall::plan::Direction;

    const LENGTH: Duration = Duration::from_secs(3);
    /// Packets sent between two looks at the clock.
    const BURST: u64 = 16;
    /// What the project aims at, in packets per second.
    const AIM: f64 = 250_000.0;

    pub fn all() -> Result<(), NetnsError> {
        let delay = Impairment::Delay(Delay::fixed(20_000_000));
        let loss = Impairment::Loss(Loss::Independent { share: 0.01 });
        println!(
            "{:<34} {:>10} {:>10} {:>8} {:>10} {:>9} {:>9} {:>9}",
            "", "offered/s", "passed/s", "missed", "ns/packet", "late p50", "late p99", "max (ms)"
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
        let (from, to) = (link.address(Side::Client), link.address(Side::Sink));
        // Nobody reads: the packets are counted by the relay, and by the sink side's interface.
        let sink = link.within(Side::Sink, || UdpSocket::bind((to, 0)))?;
        let client = link.within(Side::Client, || UdpSocket::bind((from, 0)))?;
        let (Ok(sink), Ok(client)) = (sink, client) else {
            return Err(NetnsError::RelayGone);
        };
        let to = sink.local_addr().map_err(|_| NetnsError::RelayGone)?;
        client.connect(to).map_err(|_| NetnsError::RelayGone)?;
        let (offered, elapsed) = send(&client, &vec![0; bytes], per_second);
        std::thread::sleep(Duration::from_millis(100));
        let up = link.sample()?.up;
        let seconds = elapsed.as_secs_f64();
        let late_ms = |q| up.lateness.quantile_ns(q).unwrap_or(0) as f64 / 1e6;
        println!(
            "{name:<34} {:>10.0} {:>10.0} {:>8} {:>10.0} {:>9.3} {:>9.3} {:>9.3}",
            offered as f64 / seconds,
            up.sent as f64 / seconds,
            up.missed + up.unsent + up.overflowed,
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
