//! Makes the files in which the roles keep what a SIGKILL must not erase.

use std::io;
use std::path::Path;

use crate::mapped::content::Contents;
use crate::mapped::{Arrivals, Bitmap, Words, names};
use crate::plan::{ArrivalProcess, Plan};
use crate::role::control::ExpectedProducer;
use crate::signal::Signal;

pub mod taps;

/// Arrivals per second for which a closed loop's producer has room. The files are sparse: room
/// that is not used takes no space.
const CLOSED_LOOP_ARRIVALS_PER_SECOND: u64 = 500_000;
/// The same for items, where an arrival makes many.
const CLOSED_LOOP_ITEMS_PER_SECOND: u64 = 10_000_000;

/// Makes every file that the plan needs and tells which producers the sink is to expect.
///
/// # Errors
/// When a file cannot be made.
pub(super) fn create(plan: &Plan, folder: &Path) -> io::Result<Vec<ExpectedProducer>> {
    std::fs::create_dir_all(folder)?;
    let mut expected = Vec::new();
    for signal in plan.load.signals() {
        let Some(arrivals) = plan.load.arrivals(signal) else {
            continue;
        };
        for producer in 0..arrivals.producers.max(1) {
            let path = folder.join(names::arrivals(signal, producer));
            let sparse = matches!(arrivals.process, ArrivalProcess::ClosedLoop { .. });
            let count = match arrivals.process {
                ArrivalProcess::ClosedLoop { .. } => {
                    let seconds = plan.run.duration_ns.div_ceil(1_000_000_000);
                    let items = u64::from(arrivals.items_per_arrival.max(1));
                    let room = seconds
                        * CLOSED_LOOP_ARRIVALS_PER_SECOND
                            .min(CLOSED_LOOP_ITEMS_PER_SECOND.div_ceil(items));
                    let room = usize::try_from(room).map_err(io::Error::other)?;
                    Arrivals::create_unscheduled(&path, room)?.len()
                }
                ArrivalProcess::Constant | ArrivalProcess::Poisson => {
                    let due = plan.due_times_ns(signal, producer);
                    Arrivals::create(&path, &due)?;
                    due.len()
                }
            };
            if !plan.is_scheduled(signal) {
                // An arrival is a measurement; data points are accounted by their own keys.
                continue;
            }
            let sequences = count as u64 * u64::from(arrivals.items_per_arrival.max(1));
            for name in [
                names::entered(signal, producer),
                names::sampled_out(signal, producer),
                names::received(signal, producer),
                names::received_again(signal, producer),
            ] {
                let path = folder.join(name);
                if sparse {
                    Bitmap::create_sparse(&path, sequences)?;
                } else {
                    Bitmap::create(&path, sequences)?;
                }
            }
            if plan.content.is_some() {
                let path = folder.join(names::content(signal, producer));
                match sparse {
                    true => Contents::create_sparse(&path, sequences)?,
                    false => Contents::create(&path, sequences)?,
                };
            }
            Words::create(&folder.join(names::extra_copies(signal, producer)), 2)?;
            expected.push(ExpectedProducer {
                signal,
                producer,
                sequences,
                items_per_arrival: arrivals.items_per_arrival,
                replayed: plan.client.replay.is_some(),
            });
        }
    }
    if let Some(metrics) = &plan.load.metrics
        && !plan.is_scheduled(Signal::Metrics)
    {
        let series = metrics.payload.instruments.len() * metrics.payload.series as usize;
        Words::create(&folder.join(names::recorded()), series)?;
    }
    Ok(expected)
}
