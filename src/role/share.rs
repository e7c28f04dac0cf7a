//! What a role that moves requests takes of the machine.

use std::thread::available_parallelism;

/// Blocks up to this size come from the heap, where they are kept; the most that the allocator takes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BLOCK_BYTES: i32 = 32 << 20;
/// What may lie unused at the heap's end.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: i32 = 256 << 20;

/// Threads that a sink or a generator may use: half of the cores, for there are others. More than that are
/// slower as well: a request that changes cores is read out of another one's cache.
pub fn threads() -> usize {
    available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

/// Has the allocator keep what is freed: with each request as large as the one before, what goes back to the
/// system has to be asked for, and cleared, again. Other allocators than glibc's are left as they are.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (setting, value) in [
        (libc::M_MMAP_THRESHOLD, KEPT_BLOCK_BYTES),
        (libc::M_TRIM_THRESHOLD, KEPT_BYTES),
    ] {
        // SAFETY: these are settings with values in their range, and the call takes the allocator's lock.
        // Where it refuses, all is as before.
        let _ = unsafe { libc::mallopt(setting, value) };
    }
}
