//! `squall compare`: two sides, stored or measured in turns, and what of them differs.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use miette::miette;

use super::{Outcome, print, report as pages};
use crate::error::{CliError, Exit};
use crate::judge::comparable::{Comparable, Identity, comparable, machine};
use crate::judge::compare::{Gate, compare_sides};
use crate::record::{Baseline, Comparison, Difference, RunSummary};
use crate::report;
use crate::stats::compare::Answer;
use crate::store::{self, StoreError};

mod pairs;

const EXAMPLES: &str = "\
Examples:
  squall compare main latest                 the newest run against the baseline `main`
  squall compare aaaaaa,bbbbbb cccccc,dddddd runs against runs
  squall compare --a a.yaml --b b.yaml       two scenarios, run in turns, pair by pair
  squall compare --a s.yaml --a-bin ./old/squall --b s.yaml

With --a and --b the runs are made in one session: within each pair the order is drawn by the seed, and
the session ends as soon as the answer is clear. A regression is a change for the worse that is
both sure and larger than the metric's threshold.

Exit codes:
  0 no regression, 2 wrong usage or sides that cannot be compared, 3 nobody can tell,
  4 a regression, 70 a bug in squall, 130 or 143 interrupted";

/// Arguments of `squall compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What is compared with: a baseline's name, a run, or several runs joined by commas
    #[arg(
        value_name = "BASELINE|RUN",
        required_unless_present = "a",
        conflicts_with = "a"
    )]
    baseline: Option<String>,
    /// What is compared, likewise
    #[arg(
        value_name = "RUN",
        required_unless_present = "a",
        conflicts_with = "a"
    )]
    candidate: Option<String>,
    #[command(flatten)]
    pairs: pairs::PairArgs,
    /// Show every metric, and tell why some were left out
    #[arg(long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Where runs are stored
    #[arg(long, value_name = "DIR", default_value = store::RUNS)]
    results: PathBuf,
    /// Where baselines are kept
    #[arg(long, value_name = "DIR", default_value = store::BASELINES)]
    baselines: PathBuf,
    /// Where the runs that are made in turns are stored, and what came of them
    #[arg(long, value_name = "DIR", default_value = store::COMPARISONS)]
    comparisons: PathBuf,
}

pub fn run(args: Args) -> Outcome {
    let (comparison, exit, saved) = match (&args.baseline, &args.candidate) {
        (Some(baseline), Some(candidate)) => {
            let baseline = side(baseline, &args)?;
            let candidate = side(candidate, &args)?;
            let comparison = compare_sides(&baseline, &candidate, &Gate::default(), false)
                .map_err(|differs| refused(&differs))?;
            let exit = exit_of(comparison.answer);
            (comparison, exit, None)
        }
        _ => {
            let (comparison, exit, path) = pairs::run(&args.pairs, &args.comparisons)?;
            (comparison, exit, Some(path))
        }
    };
    let mut text = shown(&comparison, &args)?;
    if !args.json {
        text.push_str(&pages::listed(saved.as_slice()));
    }
    print(&text)?;
    Ok(exit)
}

fn shown(comparison: &Comparison, args: &Args) -> Result<String, CliError> {
    if args.json {
        let json = serde_json::to_string_pretty(comparison)
            .map_err(|error| CliError::internal(miette!("{error}")))?;
        return Ok(json + "\n");
    }
    let (colour, width) = pages::page();
    Ok(report::compare::summary(
        comparison, args.all, colour, width,
    ))
}

/// A regression is 4, what nobody can tell is 3, everything else is fine.
pub(super) const fn exit_of(answer: Answer) -> Exit {
    match answer {
        Answer::Regression => Exit::Regression,
        Answer::TooNoisy => Exit::Inconclusive,
        Answer::Improvement | Answer::Change | Answer::NoDifference => Exit::Pass,
    }
}

pub(super) fn refused(differs: &[Difference]) -> CliError {
    CliError::usage(miette!(
        help = "compare results of one scenario, seed, version and build; two configurations are compared by `squall compare --a A.yaml --b B.yaml`",
        "the sides cannot be compared: {}",
        Difference::in_words(differs)
    ))
}

/// A baseline of that name, else runs.
fn side(name: &str, args: &Args) -> Result<Baseline, CliError> {
    let names = store::baseline_names(&args.baselines).map_err(CliError::usage)?;
    if names.iter().any(|known| known == name) {
        return store::open_baseline(&args.baselines, name).map_err(CliError::usage);
    }
    let runs = name
        .split(',')
        .map(|run| store::open_summary(run, &args.results));
    let runs: Vec<RunSummary> = runs
        .collect::<Result<_, StoreError>>()
        .map_err(CliError::usage)?;
    of_runs(name, runs)
}

/// Runs as one side, under a name: they must be sound, and of one thing.
pub(super) fn of_runs(name: &str, runs: Vec<RunSummary>) -> Result<Baseline, CliError> {
    if let Some(unsound) = runs.iter().find(|run| !run.unsound.is_empty()) {
        return Err(CliError::usage(miette!(
            help = "make a run that can be believed: `squall explain` tells more of this one",
            "the run {} cannot be compared: {}",
            unsound.run,
            unsound.unsound.join("; ")
        )));
    }
    let nothing = || CliError::usage(miette!("there is no run to compare"));
    let first = runs.first().ok_or_else(nothing)?;
    for (at, run) in runs.iter().enumerate() {
        if runs[..at].iter().any(|before| before.run == run.run) {
            return Err(CliError::usage(miette!(
                help = "name each run once",
                "the run {} is named twice",
                run.run
            )));
        }
        let differs = match comparable(Identity::of(first), Identity::of(run)) {
            Comparable::All => continue,
            Comparable::OnlyDeterministic(differs) | Comparable::Nothing(differs) => differs,
        };
        return Err(CliError::usage(miette!(
            help = "put together runs of one scenario, seed, version and machine",
            "the runs {} and {} are not of one thing: {}",
            first.run,
            run.run,
            Difference::in_words(&differs)
        )));
    }
    let machine = machine(&first.environment);
    Baseline::of(name, now(), machine, runs).ok_or_else(nothing)
}

fn now() -> String {
    chrono::DateTime::<chrono::Utc>::from(SystemTime::now())
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// A folder that is named in full, for a child whose working folder is ours.
fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
