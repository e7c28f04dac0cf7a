//! What the machine tells of processes and of itself. Linux only: elsewhere nothing is observed.
//!
//! No threads and no timers: who conducts a run decides when to sample.

mod environment;

#[cfg(target_os = "linux")]
mod family;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod process;
pub mod speed;

#[cfg(not(target_os = "linux"))]
mod absent;

pub use environment::environment;

#[cfg(not(target_os = "linux"))]
pub use absent::{FamilySampler, MachineSampler, ProcessSampler, available_memory};
#[cfg(target_os = "linux")]
pub use family::FamilySampler;
#[cfg(target_os = "linux")]
pub use machine::{MachineSampler, available_memory};
#[cfg(target_os = "linux")]
pub use process::ProcessSampler;
