//! Systems that squall cannot observe: there is never a sample.

use crate::evidence::{MachineSample, ProcessSample};

/// Samples one process.
#[derive(Debug)]
pub struct ProcessSampler;

impl ProcessSampler {
    /// A sampler of the process `pid`.
    pub fn new(_pid: u32) -> Self {
        Self
    }

    /// Always `None` on this system.
    pub fn sample(&mut self, _at_ns: u64) -> Option<ProcessSample> {
        None
    }
}

/// Samples a program and all that it has started.
#[derive(Debug, Default)]
pub struct FamilySampler;

impl FamilySampler {
    /// Always `None` on this system.
    pub fn sample(
        &mut self,
        _at_ns: u64,
        _descendants: impl Fn() -> Vec<u32>,
    ) -> Option<ProcessSample> {
        None
    }
}

/// Not known on this system.
pub fn available_memory() -> Option<u64> {
    None
}

/// Samples the machine.
#[derive(Debug)]
pub struct MachineSampler;

impl MachineSampler {
    /// A sampler whose first sample covers the time since now.
    #[expect(
        clippy::new_without_default,
        reason = "as on systems that can be observed"
    )]
    pub fn new() -> Self {
        Self
    }

    /// Always `None` on this system.
    pub fn sample(&mut self, _at_ns: u64) -> Option<MachineSample> {
        None
    }
}
