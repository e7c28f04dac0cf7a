//! Limits on a running process, and what lifts them again: CPU, memory, file descriptors.
//!
//! Control groups are used where this user may make them, version 2 or 1. Elsewhere CPU is held
//! down by stopping and continuing the process (a duty cycle), and memory by the limit on its
//! address space; both reach the named process alone. Only ever called for children of the caller that it has not reaped, so a process
//! number cannot mean anybody else. Dropped, a limit is lifted.

use std::io;
use std::path::Path;

#[cfg(not(target_os = "linux"))]
mod absent;
#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod cpu;
#[cfg(target_os = "linux")]
mod descriptors;
#[cfg(target_os = "linux")]
mod duty_cycle;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod rlimit;

#[cfg(not(target_os = "linux"))]
pub use absent::{cpu, descriptors, memory, probe};
#[cfg(target_os = "linux")]
pub use cgroup::probe;
#[cfg(target_os = "linux")]
pub use cpu::limit as cpu;
#[cfg(target_os = "linux")]
pub use descriptors::limit as descriptors;
#[cfg(target_os = "linux")]
pub use memory::limit as memory;

/// How the names of our control groups begin.
const GROUP_PREFIX: &str = "squall-";

/// Tells the processes that are to be limited together: the first one is the one that was named.
pub type Family<'a> = &'a dyn Fn() -> Vec<u32>;

/// A limit in force on one process, or on a family of them.
pub trait Limit: std::fmt::Debug {
    /// What holds the process down: `cgroup`, `duty cycle` or `rlimit`.
    fn backend(&self) -> &'static str;

    /// Looks at the process, for the proof. To be called now and then while the limit is in force.
    fn observe(&mut self);

    /// Lifts the limit; what proves that it took effect, in words, if anything does.
    ///
    /// # Errors
    /// When it cannot be lifted. A process that has ended needs no lifting.
    fn lift(self: Box<Self>) -> io::Result<Option<String>>;
}

/// Told of each control group before it is made, so that somebody can remove it if we are killed.
pub type Announce<'a> = &'a mut dyn FnMut(&Path) -> io::Result<()>;

/// Whether a folder is a control group that squall made.
pub fn is_own_group(folder: &Path) -> bool {
    folder
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(GROUP_PREFIX))
}
