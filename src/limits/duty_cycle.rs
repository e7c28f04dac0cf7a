//! CPU held down by stopping and continuing a process, where control groups cannot be made.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::cpu::used;

/// Between two looks at what the process has used.
const STEP: Duration = Duration::from_millis(5);
/// What a process may save up of its share while it needs less.
const BURST: Duration = Duration::from_millis(100);

/// Watches a process from a thread of its own: it runs while it has CPU time to its credit.
#[derive(Debug)]
pub struct DutyCycle {
    over: Arc<AtomicBool>,
    stops: Arc<AtomicU64>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl DutyCycle {
    /// # Errors
    /// When the process has ended, or no thread can be started.
    pub fn start(pid: u32, millicores: u32) -> io::Result<Self> {
        let number = Pid::from_raw(pid.cast_signed());
        let number = number.ok_or_else(|| io::Error::other("no process has that number"))?;
        // A handle, not a number: it never means another process.
        let process = pidfd_open(number, PidfdFlags::empty())?;
        let over = Arc::new(AtomicBool::new(false));
        let stops = Arc::new(AtomicU64::new(0));
        let (until, count) = (Arc::clone(&over), Arc::clone(&stops));
        let thread = thread::Builder::new()
            .name("duty cycle".to_owned())
            .spawn(move || cycle(&process, pid, millicores, &until, &count))?;
        Ok(Self {
            over,
            stops,
            thread: Some(thread),
        })
    }

    /// Lets the process run, and tells how often it was stopped.
    pub fn end(&mut self) -> io::Result<u64> {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            ended.unwrap_or_else(|_| Err(io::Error::other("the duty cycle panicked")))?;
        }
        Ok(self.stops.load(Ordering::Relaxed))
    }
}

impl Drop for DutyCycle {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.end();
    }
}

fn cycle(
    process: &OwnedFd,
    pid: u32,
    millicores: u32,
    over: &AtomicBool,
    stops: &AtomicU64,
) -> io::Result<()> {
    let share = f64::from(millicores) / 1000.0;
    let burst_s = BURST.as_secs_f64() * share;
    let mut credit_s = 0.0_f64;
    let mut looked = Instant::now();
    let mut used_before = used(pid).unwrap_or_default();
    let mut stopped = false;
    while !over.load(Ordering::Relaxed) {
        thread::sleep(STEP);
        let Some(used_now) = used(pid) else { break };
        credit_s += looked.elapsed().as_secs_f64() * share;
        looked = Instant::now();
        credit_s -= used_now.saturating_sub(used_before).as_secs_f64();
        credit_s = credit_s.min(burst_s);
        used_before = used_now;
        let must_stop = credit_s < 0.0;
        if must_stop != stopped {
            let signal = if must_stop {
                Signal::STOP
            } else {
                Signal::CONT
            };
            if pidfd_send_signal(process, signal).is_err() {
                break;
            }
            stopped = must_stop;
            stops.fetch_add(u64::from(stopped), Ordering::Relaxed);
        }
    }
    match pidfd_send_signal(process, Signal::CONT) {
        // A process that has ended is not stopped.
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    const LENGTH: Duration = Duration::from_secs(2);

    fn busy() -> Child {
        Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .unwrap()
    }

    /// What a busy process uses within a while, with or without a duty cycle of 0.1 cores.
    fn used_within(limited: bool) -> (Duration, u64) {
        let mut child = busy();
        let pid = child.id();
        let mut cycle = limited.then(|| DutyCycle::start(pid, 100).unwrap());
        thread::sleep(LENGTH);
        let total = used(pid).unwrap();
        let stops = cycle.as_mut().map_or(0, |cycle| cycle.end().unwrap());
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!state.contains(") T "), "left stopped: {state}");
        (total, stops)
    }

    #[test]
    fn a_busy_process_keeps_to_its_share_and_is_left_running() {
        let (limited, stops) = used_within(true);
        assert!(limited <= LENGTH.mul_f64(0.11) + Duration::from_millis(20));
        assert!(stops > 5, "{stops}");
        // The same without: it takes what the machine gives.
        let (free, _) = used_within(false);
        assert!(free > limited, "{free:?}, limited {limited:?}");
    }
}
