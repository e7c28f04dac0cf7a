//! Systems on which squall cannot limit a process.

use std::io;

use super::{Announce, Family, Limit};

fn unsupported() -> io::Result<Box<dyn Limit>> {
    Err(io::Error::other("processes can be limited on Linux only"))
}

/// # Errors
/// Always, on this system.
pub fn cpu(
    _family: Family<'_>,
    _millicores: u32,
    _announce: Announce<'_>,
) -> io::Result<Box<dyn Limit>> {
    unsupported()
}

/// # Errors
/// Always, on this system.
pub fn memory(
    _family: Family<'_>,
    _bytes: u64,
    _announce: Announce<'_>,
) -> io::Result<Box<dyn Limit>> {
    unsupported()
}

/// # Errors
/// Always, on this system.
pub fn descriptors(_pid: u32, _left: u64) -> io::Result<Box<dyn Limit>> {
    unsupported()
}

/// # Errors
/// Always, on this system.
pub fn probe(_controller: &str) -> io::Result<()> {
    unsupported().map(drop)
}
