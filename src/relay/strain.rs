//! Bugs that waste the machine: leaked memory and burnt processor time.

use std::thread;
use std::time::{Duration, Instant};

use super::bug::Bug;

/// How often a little more is leaked.
const LEAK_EVERY: Duration = Duration::from_millis(50);
/// One turn of burning and resting.
const BURN_PERIOD: Duration = Duration::from_millis(10);

/// Begins whatever of them is asked for, on threads that end with the process.
pub fn begin(bugs: &[Bug]) {
    for bug in bugs {
        match *bug {
            Bug::Leak { bytes_per_second } => {
                thread::spawn(move || leak(bytes_per_second));
            }
            Bug::BurnCpu { cores } => {
                for index in 0..cores.ceil() as u32 {
                    let share = (cores - f64::from(index)).clamp(0.0, 1.0);
                    thread::spawn(move || burn(share));
                }
            }
            _ => {}
        }
    }
}

/// In step with the clock, however late a sleep ends.
fn leak(bytes_per_second: u64) {
    let start = Instant::now();
    let mut held: Vec<Vec<u8>> = Vec::new();
    let mut leaked_bytes = 0;
    loop {
        let due_bytes = (start.elapsed().as_secs_f64() * bytes_per_second as f64) as u64;
        // Written to, so that it is resident and not only promised.
        held.push(vec![1; (due_bytes - leaked_bytes) as usize]);
        leaked_bytes = due_bytes;
        thread::sleep(LEAK_EVERY);
    }
}

/// In step with the clock, whatever others leave of the processor meanwhile.
fn burn(share: f64) {
    let start = Instant::now();
    loop {
        while used() < start.elapsed().mul_f64(share) {
            std::hint::spin_loop();
        }
        thread::sleep(BURN_PERIOD.mul_f64(1.0 - share));
    }
}

/// Processor time of this thread.
fn used() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(used.tv_sec as u64, used.tv_nsec as u32)
}
