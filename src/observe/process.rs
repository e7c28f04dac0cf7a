//! One process, from `/proc/PID`.

use std::collections::HashMap;

use procfs::process::Process;

use crate::evidence::ProcessSample;

/// Samples one process for as long as it lives; a later process of the same number is not mistaken
/// for it.
#[derive(Debug)]
pub struct ProcessSampler {
    /// `None` when there was no such process.
    process: Option<Process>,
    scheduled: Scheduled,
}

impl ProcessSampler {
    /// A sampler of the process `pid`.
    pub fn new(pid: u32) -> Self {
        let pid = i32::try_from(pid).ok();
        Self {
            process: pid.and_then(|pid| Process::new(pid).ok()),
            scheduled: Scheduled::default(),
        }
    }

    /// The process now, stamped with `at_ns`; `None` once it has ended.
    ///
    /// CPU time has the resolution of the kernel's tick for user space (10 ms), rounded down, and
    /// covers threads that have ended. Bytes are those of `read` and `write` calls, page cache
    /// included; what goes through `recv` and `send`, as Rust's sockets do, is not among them.
    pub fn sample(&mut self, at_ns: u64) -> Option<ProcessSample> {
        let process = self.process.as_ref()?;
        let stat = process.stat().ok()?;
        let status = process.status().ok()?;
        let io = process.io().ok()?;
        self.scheduled.see_all(process);
        let [voluntary, involuntary, waited_ns] = self.scheduled.total();
        let tick_ns = 1_000_000_000 / procfs::ticks_per_second();
        Some(ProcessSample {
            at_ns,
            cpu_user_ns: stat.utime * tick_ns,
            cpu_system_ns: stat.stime * tick_ns,
            // A process without memory of its own has ended, and waits to be reaped.
            rss_bytes: status.vmrss? * 1024,
            rss_peak_bytes: status.vmhwm? * 1024,
            threads: status.threads,
            fds: process.fd_count().ok()? as u64,
            context_switches_voluntary: voluntary,
            context_switches_involuntary: involuntary,
            cpu_waited_ns: waited_ns,
            read_bytes: io.rchar,
            written_bytes: io.wchar,
            stopped: stat.state == 'T',
            pss_bytes: None,
        })
    }
}

/// What the scheduler counts of every thread that was ever seen: its voluntary and involuntary context
/// switches, and the time that it waited for a core. The sums never go back; what a thread did between its
/// last sample and its end is lost.
#[derive(Debug, Default)]
pub(super) struct Scheduled {
    /// By thread.
    latest: HashMap<i32, [u64; 3]>,
    /// Of threads whose number now belongs to another thread.
    ended: [u64; 3],
}

impl Scheduled {
    /// Sees every thread of a process.
    pub(super) fn see_all(&mut self, process: &Process) {
        for task in process.tasks().into_iter().flatten().flatten() {
            // A thread that has ended meanwhile keeps what was last seen of it.
            if let Ok(status) = task.status() {
                let counts = [
                    status.voluntary_ctxt_switches.unwrap_or(0),
                    status.nonvoluntary_ctxt_switches.unwrap_or(0),
                    // Not every kernel keeps these.
                    task.schedstat().map_or(0, |told| told.run_delay),
                ];
                self.see(task.tid, counts);
            }
        }
    }

    fn see(&mut self, thread: i32, counts: [u64; 3]) {
        let Some(before) = self.latest.insert(thread, counts) else {
            return;
        };
        if before.iter().zip(&counts).any(|(before, now)| before > now) {
            self.ended = added(self.ended, before);
        }
    }

    pub(super) fn total(&self) -> [u64; 3] {
        self.latest
            .values()
            .fold(self.ended, |sum, counts| added(sum, *counts))
    }
}

/// Slot by slot.
pub(super) fn added(mut sum: [u64; 3], more: [u64; 3]) -> [u64; 3] {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    fn own() -> ProcessSampler {
        ProcessSampler::new(std::process::id())
    }

    #[test]
    fn burnt_cpu_grows() {
        let mut sampler = own();
        let before = sampler.sample(1).unwrap();
        let begun = Instant::now();
        let mut after = before;
        let mut work = 0_u64;
        // However little of a busy machine this thread gets, five ticks of it come.
        while after.cpu_user_ns < before.cpu_user_ns + 50_000_000 {
            for _ in 0..1_000_000 {
                work = std::hint::black_box(work.wrapping_mul(31).wrapping_add(1));
            }
            after = sampler.sample(2).unwrap();
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "no CPU time seen"
            );
        }
        assert!(after.cpu_system_ns >= before.cpu_system_ns);
        assert_eq!(after.at_ns, 2);
    }

    #[test]
    fn open_files_written_bytes_and_memory_grow() {
        let mut sampler = own();
        let before = sampler.sample(0).unwrap();
        // Other tests open and close files as well, by far not as many.
        let files: Vec<File> = (0..300).map(|_| File::open("/dev/null").unwrap()).collect();
        let memory = vec![1_u8; 32 << 20];
        let mut written = File::create("/dev/null").unwrap();
        std::io::Write::write_all(&mut written, &memory).unwrap();
        let after = sampler.sample(0).unwrap();
        assert!(after.fds >= before.fds + 200, "{before:?} {after:?}");
        assert!(after.rss_peak_bytes >= before.rss_bytes + (24 << 20));
        assert!(after.rss_peak_bytes >= after.rss_bytes);
        assert!(after.written_bytes >= before.written_bytes + (32 << 20));
        assert!(after.threads >= 1 && !after.stopped);
        drop((files, memory));
    }

    #[test]
    fn waiting_is_a_voluntary_switch() {
        let mut sampler = own();
        let before = sampler.sample(0).unwrap();
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let after = sampler.sample(0).unwrap();
        assert!(after.context_switches_voluntary >= before.context_switches_voluntary + 20);
    }

    #[test]
    fn a_stopped_child_shows_as_stopped_and_an_ended_one_not_at_all() {
        let mut child = Command::new("sleep")
            .arg("60")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let mut sampler = ProcessSampler::new(child.id());
        assert!(!sampler.sample(0).unwrap().stopped);
        for (signal, stopped) in [(Signal::STOP, true), (Signal::CONT, false)] {
            kill_process(pid, signal).unwrap();
            let begun = Instant::now();
            while sampler.sample(0).unwrap().stopped != stopped {
                assert!(begun.elapsed() < Duration::from_secs(10), "{signal:?}");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(sampler.sample(0), None);
    }

    #[test]
    fn a_process_that_never_was_has_no_sample() {
        assert_eq!(ProcessSampler::new(u32::MAX).sample(0), None);
        assert_eq!(ProcessSampler::new(i32::MAX as u32).sample(0), None);
    }

    #[test]
    fn more_threads_than_cores_wait() {
        let mut sampler = own();
        let before = sampler.sample(0).unwrap();
        let threads = 2 * std::thread::available_parallelism().unwrap().get();
        let begun = Instant::now();
        let done = std::sync::atomic::AtomicBool::new(false);
        let after = std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            // Seen while they live.
            let mut after = sampler.sample(1).unwrap();
            while after.cpu_waited_ns < before.cpu_waited_ns + 50_000_000
                && begun.elapsed() < Duration::from_secs(30)
            {
                std::thread::sleep(Duration::from_millis(20));
                after = sampler.sample(1).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            after
        });
        assert!(after.cpu_waited_ns >= before.cpu_waited_ns + 50_000_000);
    }

    #[test]
    fn counts_of_ended_threads_stay_in_the_sum() {
        let mut scheduled = Scheduled::default();
        scheduled.see(1, [10, 1, 100]);
        scheduled.see(2, [5, 5, 0]);
        scheduled.see(1, [11, 1, 200]);
        assert_eq!(scheduled.total(), [16, 6, 200]);
        // Thread 2 ended, and another one got its number.
        scheduled.see(2, [1, 0, 7]);
        assert_eq!(scheduled.total(), [17, 6, 207]);
    }
}
