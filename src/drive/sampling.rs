//! Samples every role's process, the controller and the machine, each tick.

use std::collections::BTreeMap;

use super::continued;
use super::live::Live;
use crate::evidence::ProcessSample;
use crate::observe::{MachineSampler, ProcessSampler};
use crate::plan::RoleName;
use crate::topology::Topology;

/// Name under which the controller's own process is sampled.
pub const CONTROLLER: &str = "controller";

/// Who is sampled.
pub struct Sampling {
    processes: Vec<Sampled>,
    machine: MachineSampler,
}

struct Sampled {
    name: &'static str,
    pid: u32,
    sampler: ProcessSampler,
    /// What the processes of this name before it have used.
    before: ProcessSample,
}

impl Sampling {
    pub fn of(topology: &Topology) -> Self {
        // A program is sampled by its own role, which knows what belongs to it.
        let roles = topology
            .roles()
            .filter(|role| !role.looks_after_program())
            .map(|role| (role.role.as_str(), role.pid))
            .chain(std::iter::once((CONTROLLER, std::process::id())));
        Self {
            processes: roles
                .map(|(name, pid)| Sampled {
                    name,
                    pid,
                    sampler: ProcessSampler::new(pid),
                    before: ProcessSample::default(),
                })
                .collect(),
            machine: MachineSampler::new(),
        }
    }

    /// The pid of each sampled process, by name.
    pub fn pids(&self) -> BTreeMap<&'static str, u32> {
        self.processes
            .iter()
            .map(|sampled| (sampled.name, sampled.pid))
            .collect()
    }

    /// Follows a role to a new process; what is sampled of it goes on from what was.
    pub fn follow(&mut self, role: RoleName, pid: u32, live: &Live) {
        let followed = self.processes.iter_mut();
        for sampled in followed.filter(|s| s.name == role.as_str() && s.pid != pid) {
            let last = live.processes.get(sampled.name).and_then(|all| all.last());
            sampled.before = last.copied().unwrap_or_default();
            sampled.pid = pid;
            sampled.sampler = ProcessSampler::new(pid);
        }
    }

    /// Takes one sample of each. A process that has ended gives none.
    pub fn sample(&mut self, now_ns: u64, live: &mut Live) {
        for sampled in &mut self.processes {
            if let Some(sample) = sampled.sampler.sample(now_ns) {
                let samples = live.processes.entry(sampled.name).or_default();
                samples.push(continued::process(sample, &sampled.before));
            }
        }
        live.series.machine.extend(self.machine.sample(now_ns));
    }
}
