//! Run folders: what a run leaves on disk, written atomically and read back whole.
//!
//! Only this module writes under `results/`. Writers are strict: what could not be read back is not
//! written. Readers are tolerant: fields that they do not know are ignored.

mod atomic;
mod baseline;
mod capacity;
mod clean;
mod cost;
mod error;
mod find;
mod folder;
mod index;
mod pairs;
mod read;
mod selfcheck;

pub use baseline::{baseline_names, open_baseline, remove_baseline, save_baseline};
pub use capacity::CapacityFolder;
pub use clean::{Cleaning, Removal, clean, cleaning};
pub use cost::save_cost;
pub use error::StoreError;
pub use find::names as run_names;
pub use folder::RunFolder;
pub use index::{Index, index};
pub use pairs::PairsFolder;
pub use read::{locate, open, open_summary, read_evidence};
pub use selfcheck::{save_selfcheck, selfcheck_for};

/// Where runs are kept unless the user says otherwise, relative to the working folder.
pub const RUNS: &str = "results/runs";

/// Where baselines are kept, likewise. Meant to be committed.
pub const BASELINES: &str = "results/baselines";

/// Where comparisons in turns are kept with their runs, likewise.
pub const COMPARISONS: &str = "results/comparisons";
/// What came of one.
pub const COMPARISON_FILE: &str = "comparison.json";

/// Where it is kept what targets cost, likewise.
pub const COSTS: &str = "results/costs";
/// What the targets of a scenario cost.
pub const COST_FILE: &str = "cost.json";

/// What history keeps of every run, in the folder of the runs.
pub const INDEX_FILE: &str = "index.jsonl";

/// What this machine can measure, beside the folder of the runs.
pub const SELFCHECK_FILE: &str = "selfcheck.json";
/// How much a line carries.
pub const CAPACITY_FILE: &str = "capacity.json";
/// The runs of the search for it, below its folder.
pub const TRIALS_FOLDER: &str = "trials";

/// Save 0: the plan, before anything is started.
pub const PLAN_FILE: &str = "plan.json";
/// Save 1: what was observed, before anybody judges it.
pub const EVIDENCE_FILE: &str = "evidence.json.zst";
/// Save 2: the judgment.
pub const RESULT_FILE: &str = "result.json";
/// Samples over time.
pub const SERIES_FILE: &str = "series.json.zst";
/// Whole distributions.
pub const HISTOGRAMS_FILE: &str = "histograms.json";
/// Folder of the roles' standard error streams.
pub const LOGS_FOLDER: &str = "logs";
