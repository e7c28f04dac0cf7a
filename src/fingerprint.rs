//! What must match for two results to be comparable.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::plan::Plan;

/// Bytes of a digest that are shown: enough that two plans never meet by chance.
const SHOWN_BYTES: usize = 8;

/// The fingerprint of a run of `plan` with this executable on this machine: the plan without what
/// does not change a measurement (names, paths, checks), the schedule, the payload (whose digest the
/// load knows how to make), the versions and the machine.
pub fn of(plan: &Plan, payload: String) -> BTreeMap<String, String> {
    let mut measured = plan.clone();
    measured.scenario.clear();
    measured.description.clear();
    measured.source.clear();
    measured.sink.oracle = None;
    if let Some(command) = &mut measured.client.command {
        command.folder.clear();
    }
    // What is in the files has a digest beside their names.
    if let Some(replay) = &mut measured.client.replay {
        replay.files.iter_mut().for_each(|file| file.path.clear());
    }
    measured.expect.clear();
    measured.steady_state.clear();
    measured.abort_if.clear();
    // A plan of plain values cannot fail to become JSON.
    let plan_bytes = serde_json::to_vec(&measured).unwrap_or_default();
    BTreeMap::from([
        ("scenario".to_owned(), plan.scenario.clone()),
        ("seed".to_owned(), plan.seed.to_string()),
        ("plan".to_owned(), digest([plan_bytes])),
        ("schedule".to_owned(), schedule(plan)),
        ("payload".to_owned(), payload),
        ("squall".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("architecture".to_owned(), std::env::consts::ARCH.to_owned()),
        ("os".to_owned(), std::env::consts::OS.to_owned()),
        (
            "cores".to_owned(),
            std::thread::available_parallelism()
                .map_or(1, |cores| cores.get())
                .to_string(),
        ),
    ])
}

/// What of the environment, and of this executable, must be the same for what was measured on a
/// machine to hold for it again.
pub fn machine(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let kept = [
        "os",
        "arch",
        "kernel",
        "cpu_model",
        "cores",
        "memory_bytes",
        "squall_version",
        "build",
    ];
    let facts = kept.into_iter().filter_map(|name| {
        let value = environment.get(name)?;
        Some((name.to_owned(), value.clone()))
    });
    facts.collect()
}

/// Digest of every due time of every producer: the same seed gives the same schedule.
pub fn schedule(plan: &Plan) -> String {
    let times = plan.load.signals().flat_map(|signal| {
        let arrivals = plan.load.arrivals(signal);
        arrivals.into_iter().flat_map(move |arrivals| {
            let producers = 0..arrivals.producers.max(1);
            producers.flat_map(move |producer| plan.due_times_ns(signal, producer))
        })
    });
    digest(times.map(u64::to_le_bytes))
}

fn digest(parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher
        .finalize()
        .iter()
        .take(SHOWN_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
