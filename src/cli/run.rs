//! `squall run`: the whole line, from a scenario to a verdict.

use std::path::PathBuf;

use super::session::{About, Session, end};
use super::{Outcome, print, replay, report};
use crate::error::{CliError, Exit};
use crate::{scenario, store};

const EXAMPLES: &str = "\
Examples:
  squall run scenarios/quickstart.yaml
  squall run scenario.yaml --set load.traces.rate=5k/s --set faults.0.at=3s
  squall run results/runs/NAME/plan.json     the same run again: same seed, faults and draws
  squall run latest                          the newest run again

Ctrl-C ends the load and drains for three seconds; a second one ends the run at
once. Either way what was measured is saved and reported.

Exit codes:
  0 pass, 1 an expectation failed, 2 the run could not begin, 3 inconclusive,
  5 aborted by an abort condition, 70 a bug in squall, 130 or 143 interrupted";

/// Arguments of `squall run`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A scenario file, or a stored run to do again: its plan.json, folder, name, part of one, or `latest`
    #[arg(value_name = "SCENARIO|RUN")]
    scenario: PathBuf,
    /// Override a value of the scenario, such as `load.traces.rate=5k/s`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where runs are stored
    #[arg(long, value_name = "DIR", default_value = store::RUNS)]
    results: PathBuf,
    /// Show no progress, only the summary
    #[arg(long, short)]
    quiet: bool,
}

pub fn run(args: Args) -> Outcome {
    let source = replay::source(&args.scenario, &args.results, &args.set)?;
    let plan = scenario::load(&source.path, &args.set).map_err(CliError::problems)?;
    let about = About {
        results: &args.results,
        replay_of: source.replay_of,
        notes: Vec::new(),
        quiet: args.quiet,
    };
    let done = Session::start()?.once(plan, about)?;
    let record = &done.record;
    let shown = print(&(report::terminal_summary(record) + &report::listed(&done.reports)));
    end(
        Exit::from_code(record.result.exit_code),
        done.unsaved,
        shown,
    )
}
