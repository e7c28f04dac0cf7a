//! The stress role: `squall role stress`. It burns a share of every core and holds memory.

use std::hint::black_box;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::control::{Setup, StressSetup};
use super::stdio::{RoleError, commands, set_up};

/// The share is kept in each such period.
const PERIOD: Duration = Duration::from_millis(50);
/// What the memory is filled with.
static PAGE: [u8; 1 << 16] = [1; 1 << 16];
/// Between two looks at the clock.
const SPINS: u32 = 2_000;

/// Plays the role until its controller ends it.
///
/// # Errors
/// When the set-up cannot be understood or threads cannot be started.
pub fn run() -> Result<(), RoleError> {
    let setup = match set_up()? {
        Setup::Stress(setup) => setup,
        other => return Err(RoleError::of_another(&other)),
    };
    // The end of the input exits the process; there is no command to obey.
    let mut commands = commands();
    let held = hold(setup)?;
    let cores = thread::available_parallelism()?.get();
    for _ in 0..cores {
        thread::Builder::new().spawn(move || burn(setup.cpu_permille))?;
    }
    while commands.blocking_recv().is_some() {}
    drop(black_box(held));
    Ok(())
}

/// Memory of which every page was written. If the machine runs out of it after all, this process is
/// the first to go.
fn hold(setup: StressSetup) -> Result<Vec<u8>, RoleError> {
    let bytes = usize::try_from(setup.memory_bytes).map_err(io::Error::other)?;
    let mut held = Vec::new();
    held.try_reserve_exact(bytes).map_err(io::Error::other)?;
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    while held.len() < bytes {
        held.extend_from_slice(&PAGE[..PAGE.len().min(bytes - held.len())]);
    }
    Ok(held)
}

/// Uses that many thousandths of a core's time, for ever.
fn burn(permille: u32) {
    let budget = PERIOD * permille / 1000;
    let mut work = 1_u64;
    loop {
        let begun = Instant::now();
        let used_before = cpu_time();
        while cpu_time().saturating_sub(used_before) < budget && begun.elapsed() < PERIOD {
            for _ in 0..SPINS {
                work = black_box(work.wrapping_mul(31).wrapping_add(7));
            }
        }
        thread::sleep(PERIOD.saturating_sub(begun.elapsed()));
    }
}

/// What this thread has used of its core.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
