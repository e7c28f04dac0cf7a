//! `squall run`: the whole line, from a scenario to a verdict.

use std::io::Write as _;
use std::path::PathBuf;

use super::session::{About, Done, Session, end};
use super::{Outcome, compare, print, replay, report as pages};
use crate::error::{CliError, Exit};
use crate::judge::compare::{Gate, compare_sides};
use crate::plan::Plan;
use crate::record::{Baseline, RunSummary};
use crate::{report, scenario, store};

const REPEAT_MAX: i64 = 1000;

const EXAMPLES: &str = "\
Examples:
  squall run scenarios/quickstart.yaml
  squall run scenario.yaml --set load.traces.rate=5k/s --set faults.0.at=3s
  squall run results/runs/NAME/plan.json     the same run again: same seed, faults and draws
  squall run latest                          the newest run again
  squall run scenario.yaml --repeat 12 --baseline main

Ctrl-C ends the load and drains for three seconds; a second one ends the run at
once. Either way what was measured is saved and reported.

Exit codes:
  0 pass, 1 an expectation failed, 2 the run could not begin, 3 inconclusive,
  4 worse than the baseline, 5 aborted by an abort condition, 70 a bug in squall, 130 or 143 interrupted";

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
    /// Run it so many times, one after another
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=REPEAT_MAX))]
    repeat: u16,
    /// Compare with this baseline, and exit with 4 if it has become worse
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Where runs are stored
    #[arg(long, value_name = "DIR", default_value = store::RUNS)]
    results: PathBuf,
    /// Where baselines are kept
    #[arg(long, value_name = "DIR", default_value = store::BASELINES)]
    baselines: PathBuf,
    /// Show no progress, only the summary
    #[arg(long, short)]
    quiet: bool,
}

pub fn run(args: Args) -> Outcome {
    let source = replay::source(&args.scenario, &args.results, &args.set)?;
    let plan = scenario::load(&source.path, &args.set).map_err(CliError::problems)?;
    // A baseline that cannot be read is told before anything runs.
    let baseline = args.baseline.as_deref();
    let baseline = baseline
        .map(|name| store::open_baseline(&args.baselines, name))
        .transpose()
        .map_err(CliError::usage)?;
    let mut session = Session::start()?;
    let mut exit = Exit::Pass;
    let mut runs = Vec::new();
    for nth in 1..=args.repeat {
        if args.repeat > 1 && !args.quiet {
            progress(nth, args.repeat);
        }
        let about = About {
            results: &args.results,
            replay_of: source.replay_of.clone(),
            notes: Vec::new(),
            quiet: args.quiet,
        };
        let (done, ended) = once(&mut session, &plan, about)?;
        exit = exit.or(ended);
        runs.push(RunSummary::of(&done.record.run, &done.record.result));
        if done.interrupted {
            return Ok(exit);
        }
    }
    match (baseline, exit) {
        (Some(baseline), Exit::Pass) => against(&baseline, &runs),
        // It is shown all the same, and what the runs say of themselves comes first.
        (Some(baseline), exit) => against(&baseline, &runs).map(|_| exit),
        (None, exit) => Ok(exit),
    }
}

/// One run, with its summary.
fn once(session: &mut Session, plan: &Plan, about: About<'_>) -> Result<(Done, Exit), CliError> {
    let mut done = session.once(plan.clone(), about)?;
    let record = &done.record;
    let text = pages::terminal_summary(record) + &pages::listed(&done.reports);
    let shown = print(&text);
    let judged = Exit::from_code(record.result.exit_code);
    let exit = end(judged, std::mem::take(&mut done.unsaved), shown)?;
    Ok((done, exit))
}

/// How the runs stand against the baseline, told. Runs that failed the harness's own checks do not count.
fn against(baseline: &Baseline, runs: &[RunSummary]) -> Outcome {
    let sound = runs.iter().filter(|run| run.unsound.is_empty()).cloned();
    let sound: Vec<RunSummary> = sound.collect();
    if sound.is_empty() {
        return Ok(Exit::Inconclusive);
    }
    let name = match sound.as_slice() {
        [one] => one.run.clone(),
        _ => "these runs".to_owned(),
    };
    let candidate = compare::of_runs(&name, sound)?;
    let comparison = compare_sides(baseline, &candidate, &Gate::default(), false)
        .map_err(|differs| compare::refused(&differs))?;
    let (colour, width) = pages::page();
    print(&("\n".to_owned() + &report::compare::summary(&comparison, false, colour, width)))?;
    Ok(compare::exit_of(comparison.answer))
}

fn progress(nth: u16, of: u16) {
    // Where nobody can be told, the runs go on.
    let _ = std::io::stderr().write_all(format!("run {nth} of {of}\n").as_bytes());
}
