//! `squall clean`: makes room, and keeps what baselines and history need.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::report::text::{Align, table};
use crate::store::{self, Cleaning, StoreError};
use crate::units;

const HELP: &str = "\
Examples:
  squall clean                  says what would be removed
  squall clean --remove         removes it
  squall clean --keep 5

The newest runs of each scenario, and every run of a baseline, stay whole. Of older ones the
reports, evidence, series, histograms and logs are removed; their plan and result stay, which
history is made from. Runs that were abandoned before they were judged are removed whole once
they are a day old.";

/// Arguments of `squall clean`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// How many of the newest runs of each scenario stay whole
    #[arg(long, value_name = "N", default_value_t = 20)]
    keep: usize,
    /// Remove, instead of only saying what would be
    #[arg(long)]
    remove: bool,
    /// Where runs are stored
    #[arg(long, value_name = "DIR", default_value = store::RUNS)]
    results: PathBuf,
    /// Where baselines are kept
    #[arg(long, value_name = "DIR", default_value = store::BASELINES)]
    baselines: PathBuf,
}

pub fn run(args: Args) -> Outcome {
    let protected = of_baselines(&args.baselines).map_err(CliError::usage)?;
    let index = store::index(&args.results).map_err(CliError::usage)?;
    let now = SystemTime::now();
    let cleaning = store::cleaning(&args.results, &index, &protected, args.keep, now)
        .map_err(CliError::usage)?;
    print(&said(&cleaning, args.remove))?;
    if args.remove {
        store::clean(&args.results, &cleaning).map_err(CliError::usage)?;
    }
    Ok(Exit::Pass)
}

/// The runs of all baselines. One that cannot be read is an error: its runs must not go.
fn of_baselines(root: &Path) -> Result<BTreeSet<String>, StoreError> {
    let mut runs = BTreeSet::new();
    for name in store::baseline_names(root)? {
        let baseline = store::open_baseline(root, &name)?;
        runs.extend(baseline.runs.into_iter().map(|run| run.run));
    }
    Ok(runs)
}

fn said(cleaning: &Cleaning, removes: bool) -> String {
    let all = units::bytes(cleaning.bytes_before as f64);
    if cleaning.removals.is_empty() {
        return format!("nothing to remove; the runs take {all}\n");
    }
    let rows: Vec<Vec<String>> = cleaning
        .removals
        .iter()
        .map(|removal| {
            let what = if removal.whole {
                "the whole run, which was never judged"
            } else {
                "all but its plan and result"
            };
            vec![
                units::bytes(removal.bytes as f64),
                removal.run.clone(),
                what.to_owned(),
            ]
        })
        .collect();
    let bytes: u64 = cleaning.removals.iter().map(|removal| removal.bytes).sum();
    let mut text = table(&rows, &[Align::Right, Align::Left, Align::Left]).join("\n");
    let bytes = units::bytes(bytes as f64);
    text.push_str(&match removes {
        true => format!("\n{bytes} of {all} removed\n"),
        false => format!("\n{bytes} of {all} would be removed: `squall clean --remove` does it\n"),
    });
    text
}
