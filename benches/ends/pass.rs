//! One row in one round: counters and CPU times of two processes, over a second of full load.

use std::fs;
use std::process::Child;

/// Until everything is warm and flows.
const WARM_NS: u64 = 400_000_000;
const MEASURED_NS: u64 = 1_000_000_000;

/// What two ends did.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    /// Items that were acknowledged.
    pub items_per_s: f64,
    /// The same as protobuf.
    pub bytes_per_s: f64,
    /// CPU seconds per item.
    pub generator_s: f64,
    pub sink_s: f64,
}

/// What a generator tells ten times a second.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub at_ns: u64,
    /// Items that were acknowledged so far.
    pub items: u64,
}

impl Pass {
    /// Of a generator that tells how far it is, and a sink.
    pub fn measure(
        request_bytes: usize,
        request_items: u32,
        [generator, sink]: [u32; 2],
        mut next: impl FnMut() -> Sample,
    ) -> Self {
        let mut seen = |from_ns: u64| loop {
            let sample = next();
            if sample.at_ns >= from_ns && sample.items > 0 {
                return (sample, cpu_ns(generator), cpu_ns(sink));
            }
        };
        let first = seen(WARM_NS);
        let last = seen(first.0.at_ns + MEASURED_NS);
        let items = (last.0.items - first.0.items) as f64;
        let items_per_s = items * 1e9 / (last.0.at_ns - first.0.at_ns) as f64;
        Self {
            items_per_s,
            bytes_per_s: items_per_s * request_bytes as f64 / f64::from(request_items),
            generator_s: (last.1 - first.1) as f64 / 1e9 / items,
            sink_s: (last.2 - first.2) as f64 / 1e9 / items,
        }
    }
}

/// CPU time of all the threads that a process has.
fn cpu_ns(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a live process");
    let of = |thread: std::io::Result<fs::DirEntry>| -> Option<u64> {
        // A thread may have ended meanwhile.
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    threads.filter_map(of).sum()
}

/// A process that is killed when it is dropped.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
