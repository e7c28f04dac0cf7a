//! The machine as a whole, from `/proc`.

use procfs::{
    CpuPressure, CpuTime, Current, CurrentSI, IoPressure, KernelStats, LoadAverage, MemoryPressure,
};

use crate::evidence::MachineSample;

/// Ticks of all cores that a share needs to mean something: less than a tenth of a second has.
const TICKS_MIN: u64 = 8;

/// Samples the machine; shares of CPU time are of the time since the sample before.
#[derive(Debug)]
pub struct MachineSampler {
    before: Option<CpuTicks>,
}

/// CPU time of all cores since boot, in ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct CpuTicks {
    total: u64,
    idle: u64,
    steal: u64,
}

impl MachineSampler {
    /// A sampler whose first sample covers the time since now.
    #[expect(clippy::new_without_default, reason = "it reads the machine's state")]
    pub fn new() -> Self {
        Self {
            before: CpuTicks::now(),
        }
    }

    /// The machine now, stamped with `at_ns`. Pressure is absent where the kernel does not tell it.
    /// `None` too soon after the last sample: a share of a few ticks says nothing.
    pub fn sample(&mut self, at_ns: u64) -> Option<MachineSample> {
        let now = CpuTicks::now()?;
        let before = *self.before.get_or_insert(now);
        if now.total.saturating_sub(before.total) < TICKS_MIN {
            return None;
        }
        self.before = Some(now);
        let share = |of: u64| share_of(of, now.total.saturating_sub(before.total));
        let idle = share(now.idle.saturating_sub(before.idle));
        let steal = share(now.steal.saturating_sub(before.steal));
        Some(MachineSample {
            at_ns,
            load_1m: f64::from(LoadAverage::current().ok()?.one),
            steal: steal.unwrap_or(0.0),
            busy: idle.map_or(0.0, |idle| 1.0 - idle),
            pressure_cpu: CpuPressure::current().ok().map(|psi| ratio(psi.some.avg10)),
            pressure_memory: MemoryPressure::current()
                .ok()
                .map(|psi| ratio(psi.some.avg10)),
            pressure_io: IoPressure::current().ok().map(|psi| ratio(psi.some.avg10)),
        })
    }
}

/// Memory that programs can have without anybody being put out of it, in bytes.
pub fn available_memory() -> Option<u64> {
    procfs::Meminfo::current().ok()?.mem_available
}

impl CpuTicks {
    fn now() -> Option<Self> {
        KernelStats::current()
            .ok()
            .map(|stats| Self::of(&stats.total))
    }

    /// Guest time is part of user time already.
    fn of(time: &CpuTime) -> Self {
        let idle = time.idle + time.iowait.unwrap_or(0);
        let steal = time.steal.unwrap_or(0);
        let interrupts = time.irq.unwrap_or(0) + time.softirq.unwrap_or(0);
        Self {
            total: time.user + time.nice + time.system + interrupts + steal + idle,
            idle,
            steal,
        }
    }
}

/// `None` when no time has passed.
fn share_of(part: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| (part as f64 / total as f64).min(1.0))
}

/// The kernel gives per cent with two decimals.
fn ratio(per_cent: f32) -> f64 {
    (f64::from(per_cent) * 100.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn work_is_seen_and_shares_are_shares() {
        let mut sampler = MachineSampler::new();
        let begun = Instant::now();
        let mut work = 0_u64;
        while begun.elapsed() < Duration::from_millis(100) {
            work = std::hint::black_box(work.wrapping_mul(31).wrapping_add(1));
        }
        let sample = sampler.sample(9).unwrap();
        assert_eq!(sample.at_ns, 9);
        assert!(sample.busy > 0.0 && sample.busy <= 1.0, "{sample:?}");
        let shares = [
            Some(sample.steal),
            sample.pressure_cpu,
            sample.pressure_memory,
            sample.pressure_io,
        ];
        for share in shares.into_iter().flatten() {
            assert!((0.0..=1.0).contains(&share), "{sample:?}");
        }
        assert!(sample.load_1m >= 0.0);
    }

    #[test]
    fn shares_are_of_the_time_that_passed() {
        assert_eq!(share_of(5, 20), Some(0.25));
        assert_eq!(share_of(0, 0), None);
        assert_eq!(ratio(8.42), 0.0842);
        assert_eq!(ratio(100.0), 1.0);
    }
}
