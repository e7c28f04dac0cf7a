//! A limit on CPU: the kernel's bandwidth control, or a duty cycle.

use std::io;
use std::time::{Duration, Instant};

use procfs::process::Process;

use super::cgroup::{Cgroup, Version, first};
use super::duty_cycle::DutyCycle;
use super::{Announce, Family, Limit};

/// The kernel's default period of bandwidth control.
const PERIOD_US: u64 = 100_000;
/// What a process may use beyond its limit and still count as held to it: a tenth, and the kernel's
/// accounting in ticks of 10 ms at both ends.
const TOLERANCE: f64 = 1.1;
const TICKS: Duration = Duration::from_millis(20);

/// Holds a family of processes together to `millicores` thousandths of a core.
///
/// # Errors
/// When the first of them has ended, or neither way is possible.
pub fn limit(
    family: Family<'_>,
    millicores: u32,
    announce: Announce<'_>,
) -> io::Result<Box<dyn Limit>> {
    let pid = first(family)?;
    let by_group = Cgroup::around(family, "cpu", announce, |group| {
        let quota_us = PERIOD_US * u64::from(millicores) / 1000;
        match group.version {
            Version::Two => group.write("cpu.max", &format!("{quota_us} {PERIOD_US}")),
            Version::One => {
                group.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
                group.write("cpu.cfs_quota_us", &quota_us.to_string())
            }
        }
    });
    let holder = match by_group {
        Ok(group) => Holder::Group(group),
        Err(_) => Holder::DutyCycle(DutyCycle::start(pid, millicores)?),
    };
    let mut limit = CpuLimit {
        pid,
        cores: f64::from(millicores) / 1000.0,
        begun: Instant::now(),
        used_before: Duration::ZERO,
        latest: None,
        holder,
    };
    limit.used_before = limit.used().unwrap_or_default();
    Ok(Box::new(limit))
}

/// CPU time that a process has used.
pub(super) fn used(pid: u32) -> Option<Duration> {
    let stat = Process::new(pid.cast_signed()).ok()?.stat().ok()?;
    let tick_ns = 1_000_000_000 / procfs::ticks_per_second();
    Some(Duration::from_nanos((stat.utime + stat.stime) * tick_ns))
}

#[derive(Debug)]
enum Holder {
    Group(Cgroup),
    DutyCycle(DutyCycle),
}

#[derive(Debug)]
struct CpuLimit {
    pid: u32,
    cores: f64,
    begun: Instant,
    used_before: Duration,
    /// How long it had been limited, and what it had used by then.
    latest: Option<(Duration, Duration)>,
    holder: Holder,
}

impl CpuLimit {
    /// By those who are held down: the whole group where the kernel counts that.
    fn used(&self) -> Option<Duration> {
        let of_group = match &self.holder {
            Holder::Group(group) => group.cpu_time(),
            Holder::DutyCycle(_) => None,
        };
        of_group.or_else(|| used(self.pid))
    }
}

impl Limit for CpuLimit {
    fn backend(&self) -> &'static str {
        match &self.holder {
            Holder::Group(_) => "cgroup",
            Holder::DutyCycle(_) => "duty cycle",
        }
    }

    fn observe(&mut self) {
        if let Some(used) = self.used() {
            let used = used.saturating_sub(self.used_before);
            self.latest = Some((self.begun.elapsed(), used));
        }
    }

    fn lift(mut self: Box<Self>) -> io::Result<Option<String>> {
        self.observe();
        let (held, what) = match &mut self.holder {
            Holder::Group(group) => {
                let held = group.number("cpu.stat", Some("nr_throttled "));
                group.remove()?;
                (held.unwrap_or(0), "throttled")
            }
            Holder::DutyCycle(cycle) => (cycle.end()?, "stopped"),
        };
        Ok(self
            .latest
            .and_then(|(length, used)| proof(self.cores, length, used, held, what)))
    }
}

/// It was held down, and kept to the limit.
fn proof(cores: f64, length: Duration, used: Duration, held: u64, what: &str) -> Option<String> {
    let allowed = length.mul_f64(cores * TOLERANCE) + TICKS;
    let share = used.as_secs_f64() / length.as_secs_f64();
    (held > 0 && used <= allowed)
        .then(|| format!("{share:.2} of {cores:.2} cores used, {what} {held} times"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_never_held_down_or_used_more_proves_nothing() {
        let seconds = Duration::from_secs;
        assert!(proof(0.2, seconds(10), seconds(2), 80, "throttled").is_some());
        assert_eq!(proof(0.2, seconds(10), seconds(2), 0, "throttled"), None);
        assert_eq!(proof(0.2, seconds(10), seconds(3), 80, "throttled"), None);
    }
}
