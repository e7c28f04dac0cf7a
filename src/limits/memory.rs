//! A limit on memory: a control group's, or one on the address space.
//!
//! Both limit what the process may still take: what it holds already stays where it was counted.

use std::io;

use procfs::process::Process;
use rustix::process::Resource;

use super::cgroup::{Cgroup, Version, first};
use super::rlimit::Lowered;
use super::{Announce, Family, Limit};
use crate::units;

/// Least that a process may still take: below it the kernel could not even run it to its end.
const ROOM_MIN: u64 = 1 << 20;
/// Share of the allowed address space from which the limit counts as reached.
const REACHED: f64 = 0.95;

/// Holds a family of processes to `bytes` of resident memory in all. Who takes more is killed by the kernel
/// (control group), or its allocation fails (address space).
///
/// # Errors
/// When the first of them has ended, or neither way is possible.
pub fn limit(family: Family<'_>, bytes: u64, announce: Announce<'_>) -> io::Result<Box<dyn Limit>> {
    let pid = first(family)?;
    let before = Sizes::of(pid)?;
    let sizes = family().into_iter().map(Sizes::of);
    let resident: u64 = sizes.flatten().map(|sizes| sizes.resident).sum();
    let room = bytes.saturating_sub(resident).max(ROOM_MIN);
    let by_group = Cgroup::around(family, "memory", announce, |group| {
        let (file, text) = match group.version {
            Version::Two => ("memory.max", room.to_string()),
            Version::One => ("memory.limit_in_bytes", room.to_string()),
        };
        group.write(file, &text)
    });
    Ok(match by_group {
        Ok(group) => Box::new(GroupLimit {
            group,
            bytes,
            hits: 0,
        }),
        Err(_) => Box::new(AddressSpace::start(pid, bytes, before.address + room)?),
    })
}

struct Sizes {
    resident: u64,
    address: u64,
}

impl Sizes {
    fn of(pid: u32) -> io::Result<Self> {
        let process = Process::new(pid.cast_signed()).map_err(io::Error::other)?;
        let status = process.status().map_err(io::Error::other)?;
        let kib = |size: Option<u64>| size.map_or(0, |kib| kib * 1024);
        Ok(Self {
            resident: kib(status.vmrss),
            address: kib(status.vmsize),
        })
    }
}

#[derive(Debug)]
struct GroupLimit {
    group: Cgroup,
    bytes: u64,
    hits: u64,
}

impl Limit for GroupLimit {
    fn backend(&self) -> &'static str {
        "cgroup"
    }

    fn observe(&mut self) {
        let hits = match self.group.version {
            Version::Two => self.group.number("memory.events", Some("max ")),
            Version::One => self.group.number("memory.failcnt", None),
        };
        self.hits = self.hits.max(hits.unwrap_or(0));
    }

    fn lift(mut self: Box<Self>) -> io::Result<Option<String>> {
        self.observe();
        self.group.remove()?;
        Ok((self.hits > 0).then(|| {
            let limit = units::bytes(self.bytes as f64);
            format!("the limit of {limit} was hit {} times", self.hits)
        }))
    }
}

#[derive(Debug)]
struct AddressSpace {
    pid: u32,
    bytes: u64,
    allowed: u64,
    lowered: Lowered,
    most: u64,
}

impl AddressSpace {
    fn start(pid: u32, bytes: u64, allowed: u64) -> io::Result<Self> {
        let process = Process::new(pid.cast_signed()).map_err(io::Error::other)?;
        let limits = process.limits().map_err(io::Error::other)?;
        Ok(Self {
            pid,
            bytes,
            allowed,
            lowered: Lowered::to(allowed, pid, Resource::As, &limits.max_address_space)?,
            most: 0,
        })
    }
}

impl Limit for AddressSpace {
    fn backend(&self) -> &'static str {
        "rlimit"
    }

    fn observe(&mut self) {
        if let Ok(sizes) = Sizes::of(self.pid) {
            self.most = self.most.max(sizes.address);
        }
    }

    fn lift(mut self: Box<Self>) -> io::Result<Option<String>> {
        self.observe();
        self.lowered.lift()?;
        let reached = self.most as f64 >= self.allowed as f64 * REACHED;
        Ok(reached.then(|| {
            let limit = units::bytes(self.bytes as f64);
            format!("the address space came up to the limit that {limit} of memory make")
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// How `head` ends, which takes as much memory as the line that it looks for is long.
    fn ends_well(limited: bool) -> bool {
        let mut child = Command::new("sh")
            .args([
                "-c",
                "read go; head -c 200000000 /dev/zero | tail -n 1 >/dev/null",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let sizes = Sizes::of(child.id()).unwrap();
        let limit = limited.then(|| {
            let allowed = sizes.address + (20 << 20);
            AddressSpace::start(child.id(), 20 << 20, allowed).unwrap()
        });
        drop(child.stdin.take());
        let ended = child.wait().unwrap();
        drop(limit);
        ended.success()
    }

    #[test]
    fn an_address_space_that_is_limited_cannot_grow() {
        assert!(!ends_well(true));
        assert!(ends_well(false));
    }
}
