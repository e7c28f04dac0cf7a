//! What small things cost on this machine: reading the clock, a system call, bytes over loopback.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::clock::monotonic_ns;

/// Calls of which the mean is taken.
const CALLS: u32 = 200_000;
/// What is written at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Mean time of reading the clock, in nanoseconds.
pub fn clock_cost_ns() -> f64 {
    mean_ns(|| {
        std::hint::black_box(monotonic_ns());
    })
}

/// The smallest step that the clock was seen to take, in nanoseconds.
pub fn clock_resolution_ns() -> u64 {
    let mut last_ns = monotonic_ns();
    let steps = (0..CALLS).filter_map(|_| {
        let now_ns = monotonic_ns();
        let step_ns = now_ns - std::mem::replace(&mut last_ns, now_ns);
        (step_ns > 0).then_some(step_ns)
    });
    steps.min().unwrap_or(0)
}

/// Mean time of the cheapest system call, in nanoseconds.
pub fn system_call_ns() -> f64 {
    mean_ns(|| {
        std::hint::black_box(rustix::process::getppid());
    })
}

fn mean_ns(call: impl Fn()) -> f64 {
    let begun = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    begun.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

/// Bytes per second from one thread to another over one TCP connection of this machine.
///
/// # Errors
/// When there is no such connection to be had.
pub fn loopback_bytes_per_s(length: Duration) -> io::Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || -> io::Result<u64> {
            let mut buffer = vec![0; CHUNK_BYTES];
            let mut all = 0;
            loop {
                match far.read(&mut buffer)? {
                    0 => return Ok(all),
                    bytes => all += bytes as u64,
                }
            }
        });
        let chunk = vec![7; CHUNK_BYTES];
        let begun = Instant::now();
        let mut written = Ok(());
        while written.is_ok() && begun.elapsed() < length {
            written = near.write_all(&chunk);
        }
        drop(near);
        let read = reading
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the reader panicked")));
        written?;
        Ok(read? as f64 / begun.elapsed().as_secs_f64())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_those_of_a_machine() {
        assert!((1.0..100_000.0).contains(&clock_cost_ns()));
        assert!((1.0..1_000_000.0).contains(&system_call_ns()));
        assert!((1..10_000_000).contains(&clock_resolution_ns()));
        let speed = loopback_bytes_per_s(Duration::from_millis(50)).unwrap();
        assert!(speed > 1e6, "{speed}");
    }
}
