//! Temporary.
use crate::evidence::*;
pub struct ProcessSampler;
impl ProcessSampler {
    pub fn new(_: u32) -> Self {
        Self
    }
    pub fn sample(&mut self, _: u64) -> Option<ProcessSample> {
        None
    }
}
pub struct MachineSampler;
impl MachineSampler {
    pub fn new() -> Self {
        Self
    }
    pub fn sample(&mut self, _: u64) -> Option<MachineSample> {
        None
    }
}
