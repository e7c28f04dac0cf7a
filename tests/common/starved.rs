//! How long the machine keeps this process from running: what a test must not hold against squall.

use std::time::Duration;

/// How long the threads of this process have been ready to run and waited for a processor, all
/// together; nothing where the kernel does not tell. A thread that waits for anything else, such as
/// a lock, adds nothing.
pub fn starved() -> Duration {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return Duration::ZERO;
    };
    let waited_ns = threads.flatten().filter_map(|thread| {
        // One that has just ended has no file.
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    Duration::from_nanos(waited_ns.sum())
}
