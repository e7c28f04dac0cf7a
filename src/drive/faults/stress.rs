//! Pressure on the machine by a process of squall's own.

use std::io;
use std::time::{Duration, Instant};

use crate::observe::{MachineSampler, ProcessSampler};
use crate::role::control::StressSetup;
use crate::topology::{StressProcess, Topology};

/// Share of the CPU that it was to take and must be seen to take, unless the machine had no more.
const ENOUGH: f64 = 0.8;
/// Share of the machine's time in use from which it has no more to give.
const FULL: f64 = 0.95;

/// A stress process under way.
#[derive(Debug)]
pub struct Stress {
    process: StressProcess,
    sampler: ProcessSampler,
    machine: MachineSampler,
    setup: StressSetup,
    begun: Instant,
    /// CPU time used, how long that took, and the most memory seen.
    seen: (Duration, Duration, u64),
}

impl Stress {
    /// # Errors
    /// When the process cannot be started.
    pub async fn start(setup: StressSetup, topology: &Topology) -> io::Result<Self> {
        let process = topology.stress(setup).await?;
        Ok(Self {
            sampler: ProcessSampler::new(process.pid),
            machine: MachineSampler::new(),
            process,
            setup,
            begun: Instant::now(),
            seen: Default::default(),
        })
    }

    pub fn observe(&mut self) {
        if let Some(sample) = self.sampler.sample(0) {
            let used = Duration::from_nanos(sample.cpu_user_ns + sample.cpu_system_ns);
            let most = self.seen.2.max(sample.rss_bytes);
            self.seen = (used, self.begun.elapsed(), most);
        }
    }

    /// Ends the process; what proves that it took what it was to, in words.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn end(mut self) -> io::Result<Option<String>> {
        self.observe();
        let (setup, seen) = (self.setup, self.seen);
        let busy = self.machine.sample(0).map_or(0.0, |sample| sample.busy);
        self.process.end().await?;
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        Ok(proof(setup, cores, seen, busy))
    }
}

fn proof(
    setup: StressSetup,
    cores: usize,
    (used, length, memory): (Duration, Duration, u64),
    busy: f64,
) -> Option<String> {
    let asked = f64::from(setup.cpu_permille) / 1000.0 * cores as f64;
    let took = used.as_secs_f64() / length.as_secs_f64().max(f64::MIN_POSITIVE);
    let all_it_could = took >= asked * ENOUGH || (took > 0.0 && busy >= FULL);
    (all_it_could && memory >= setup.memory_bytes).then(|| {
        let memory = crate::units::bytes(memory as f64);
        let busy = busy * 100.0;
        format!("{took:.2} of {asked:.2} cores burnt, {memory} resident, machine {busy:.0} % busy")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_proves_nothing() {
        let setup = StressSetup {
            cpu_permille: 500,
            memory_bytes: 1000,
        };
        let seen = |used_s, memory| (Duration::from_secs(used_s), Duration::from_secs(10), memory);
        assert!(proof(setup, 2, seen(9, 1000), 0.5).is_some());
        assert_eq!(proof(setup, 2, seen(4, 1000), 0.5), None);
        assert_eq!(proof(setup, 2, seen(9, 999), 0.5), None);
        // Where others had the rest of the machine, it pressed them.
        assert!(proof(setup, 2, seen(4, 1000), 1.0).is_some());
        assert_eq!(proof(setup, 2, seen(0, 1000), 1.0), None);
    }
}
