//! A resource limit of another process, lowered for a while.

use std::io;

use procfs::process::{Limit as Known, LimitValue};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// The soft limit, lowered. Dropped, it is what it was.
#[derive(Debug)]
pub struct Lowered {
    pid: u32,
    resource: Resource,
    before: Rlimit,
}

impl Lowered {
    /// Sets the soft limit of a process to `current`; `before` is what it is now.
    ///
    /// # Errors
    /// When the process has ended, or the system refuses.
    pub fn to(current: u64, pid: u32, resource: Resource, before: &Known) -> io::Result<Self> {
        let value = |limit: &LimitValue| match limit {
            LimitValue::Unlimited => None,
            LimitValue::Value(value) => Some(*value),
        };
        let lowered = Self {
            pid,
            resource,
            before: Rlimit {
                current: value(&before.soft_limit),
                maximum: value(&before.hard_limit),
            },
        };
        lowered.set(Some(current))?;
        Ok(lowered)
    }

    fn set(&self, current: Option<u64>) -> io::Result<()> {
        let maximum = self.before.maximum;
        let pid = Pid::from_raw(self.pid.cast_signed());
        prlimit(pid, self.resource, Rlimit { current, maximum })?;
        Ok(())
    }

    /// Sets it to what it was. A process that has ended has no limits.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn lift(&self) -> io::Result<()> {
        match self.set(self.before.current) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {
                Ok(())
            }
            result => result,
        }
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        // Lifted already, or the process is about to end.
        let _ = self.lift();
    }
}
