//! File descriptors used up: a limit where the process's own are.

use std::collections::BTreeSet;
use std::io;

use procfs::process::Process;
use rustix::process::Resource;

use super::Limit;
use super::rlimit::Lowered;

/// Leaves a process `left` descriptors more than it has open now.
///
/// # Errors
/// When the process has ended, or the system refuses.
pub fn limit(pid: u32, left: u64) -> io::Result<Box<dyn Limit>> {
    let process = Process::new(pid.cast_signed()).map_err(io::Error::other)?;
    let limits = process.limits().map_err(io::Error::other)?;
    let allowed = number_after(&open(pid)?, left);
    let mut limit = Box::new(Descriptors {
        pid,
        allowed,
        lowered: Lowered::to(allowed, pid, Resource::Nofile, &limits.max_open_files)?,
        looks: 0,
        exhausted: 0,
    });
    limit.observe();
    Ok(limit)
}

/// The descriptors that a process has open.
fn open(pid: u32) -> io::Result<BTreeSet<u64>> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/fd"))?;
    Ok(folder
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

/// A new descriptor gets the lowest free number, which must be below the limit: the number below
/// which exactly `left` are free.
fn number_after(open: &BTreeSet<u64>, left: u64) -> u64 {
    let mut free = (0..).filter(|number| !open.contains(number));
    // There is always another number.
    free.nth(usize::try_from(left).unwrap_or(usize::MAX))
        .unwrap_or(u64::MAX)
}

#[derive(Debug)]
struct Descriptors {
    pid: u32,
    allowed: u64,
    lowered: Lowered,
    looks: u64,
    /// Looks at which no descriptor was left.
    exhausted: u64,
}

impl Limit for Descriptors {
    fn backend(&self) -> &'static str {
        "rlimit"
    }

    fn observe(&mut self) {
        if let Ok(open) = open(self.pid) {
            self.looks += 1;
            self.exhausted += u64::from(number_after(&open, 0) >= self.allowed);
        }
    }

    fn lift(mut self: Box<Self>) -> io::Result<Option<String>> {
        self.observe();
        self.lowered.lift()?;
        Ok((self.exhausted > 0).then(|| {
            format!(
                "every descriptor below {} in use in {} of {} looks",
                self.allowed, self.exhausted, self.looks
            )
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_numbers_are_free_as_are_left() {
        let open = BTreeSet::from([0, 1, 2, 4, 5, 9]);
        assert_eq!(number_after(&open, 0), 3);
        assert_eq!(number_after(&open, 1), 6);
        assert_eq!(number_after(&open, 4), 10);
    }
}
