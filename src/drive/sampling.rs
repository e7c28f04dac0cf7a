//! Samples every role's process, the controller and the machine, each tick.

use std::collections::BTreeMap;

use super::live::Live;
use crate::evidence::ProcessSample;
use crate::observe::{MachineSampler, ProcessSampler};
use crate::plan::RoleName;
use crate::topology::Topology;

/// Name under which the controller's own process is sampled.
pub const CONTROLLER: &str = "controller";

/// Who is sampled.
pub struct Sampling {
    processes: Vec<(&'static str, u32, ProcessSampler)>,
    machine: MachineSampler,
}

impl Sampling {
    pub fn of(topology: &Topology) -> Self {
        let roles = [
            (RoleName::Client.as_str(), topology.client.pid),
            (RoleName::Link.as_str(), topology.link.pid),
            (RoleName::Sink.as_str(), topology.sink.pid),
            (CONTROLLER, std::process::id()),
        ];
        Self {
            processes: roles
                .into_iter()
                .map(|(name, pid)| (name, pid, ProcessSampler::new(pid)))
                .collect(),
            machine: MachineSampler::new(),
        }
    }

    /// The pid of each sampled process, by name.
    pub fn pids(&self) -> BTreeMap<&'static str, u32> {
        self.processes
            .iter()
            .map(|(name, pid, _)| (*name, *pid))
            .collect()
    }

    /// Takes one sample of each. A process that has ended gives none.
    pub fn sample(&mut self, now_ns: u64, live: &mut Live) {
        for (name, _, sampler) in &mut self.processes {
            if let Some(sample) = sampler.sample(now_ns) {
                let samples: &mut Vec<ProcessSample> = live.processes.entry(name).or_default();
                samples.push(sample);
            }
        }
        live.series.machine.extend(self.machine.sample(now_ns));
    }
}
