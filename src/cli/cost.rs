//! `squall cost`: what the targets of a scenario cost, by runs with them and without them.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use miette::miette;

use super::session::{About, Done, Session, end};
use super::{Outcome, print, replay, report as pages};
use crate::error::{CliError, Exit};
use crate::judge::{cost, cost_run};
use crate::plan::{Bare, Plan};
use crate::record::CostRun;
use crate::report;
use crate::{scenario, store};

const PAIRS_MAX: i64 = 1000;

const EXAMPLES: &str = "\
Examples:
  squall cost scenarios/target-cost.yaml
  squall cost scenario.yaml --pairs 6 --set run.duration=30s

Each pair is one run with the targets and one without them, right after each other, in
turned order from pair to pair. Six pairs are the fewest that give an interval.

Ctrl-C ends the run that is under way; the pairs that are complete are saved and shown.

Exit codes:
  0 all runs can be compared, 2 wrong usage, or a scenario without a target,
  3 a run failed the harness's own checks, 70 a bug in squall, 130 or 143 interrupted";

/// Arguments of `squall cost`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A scenario with a target, or a stored run of one
    #[arg(value_name = "SCENARIO|RUN")]
    scenario: PathBuf,
    /// How many pairs of runs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=PAIRS_MAX))]
    pairs: u32,
    /// Override a value of the scenario, such as `load.traces.rate=5k/s`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where the runs are stored
    #[arg(long, value_name = "DIR", default_value = store::RUNS)]
    results: PathBuf,
    /// Where the costs are stored
    #[arg(long, value_name = "DIR", default_value = store::COSTS)]
    costs: PathBuf,
    /// Show no progress, only the summary
    #[arg(long, short)]
    quiet: bool,
}

pub fn run(args: Args) -> Outcome {
    let source = replay::source(&args.scenario, &args.results, &args.set)?;
    let plan = scenario::load(&source.path, &args.set).map_err(CliError::problems)?;
    let Some(bare) = plan.without_targets() else {
        return Err(CliError::usage(miette!(
            help = "add one, such as `target: { relay: [] }`, or use `squall run`",
            "`{}` has no target, so there is no cost to tell",
            plan.scenario
        )));
    };
    let mut session = Session::start()?;
    let started = SystemTime::now();
    let mut runs: Vec<CostRun> = Vec::new();
    let mut unsaved = Vec::new();
    let mut exit = Exit::Pass;
    let mut failed = None;
    for (pair, with_targets) in order(args.pairs) {
        if !args.quiet {
            progress(pair, args.pairs, with_targets);
        }
        let about = About {
            results: &args.results,
            replay_of: source.replay_of.clone(),
            notes: vec![note(pair, args.pairs, with_targets, &bare)],
            quiet: args.quiet,
        };
        let side = if with_targets { &plan } else { &bare.plan };
        let done: Done = match session.once(side.clone(), about) {
            Ok(done) => done,
            Err(error) => {
                failed = Some(error);
                break;
            }
        };
        unsaved.extend(done.unsaved);
        let mut made = cost_run(&done.record, pair, with_targets);
        if done.interrupted {
            made.unsound.push("it was interrupted".to_owned());
        }
        let is_sound = made.unsound.is_empty();
        runs.push(made);
        if done.interrupted {
            exit = Exit::from_code(done.record.result.exit_code);
            break;
        }
        if !is_sound {
            exit = Exit::Inconclusive;
        }
    }
    if let (Some(error), true) = (&mut failed, runs.is_empty()) {
        return Err(CliError {
            exit: error.exit,
            reports: std::mem::take(&mut error.reports),
        });
    }
    let result = cost(&plan, args.pairs, runs, notes(&plan, &bare));
    let mut text = {
        let (colour, width) = pages::page();
        report::cost::summary(&result, colour, width)
    };
    match store::save_cost(&args.costs, &result, started) {
        Ok(path) => text.push_str(&pages::listed(&[path])),
        Err(error) => unsaved.push(error),
    }
    let outcome = end(exit, unsaved, print(&text));
    match failed {
        // What was measured before it is told all the same.
        Some(mut error) => {
            error
                .reports
                .extend(outcome.err().into_iter().flat_map(|e| e.reports));
            Err(error)
        }
        None => outcome,
    }
}

/// With, without; then without, with: what slowly changes on the machine favours neither.
fn order(pairs: u32) -> impl Iterator<Item = (u32, bool)> {
    (1..=pairs).flat_map(|pair| {
        let first = pair % 2 == 1;
        [(pair, first), (pair, !first)]
    })
}

fn side(with_targets: bool) -> &'static str {
    if with_targets {
        "with the targets"
    } else {
        "without the targets"
    }
}

fn progress(pair: u32, pairs: u32, with_targets: bool) {
    let line = format!("pair {pair} of {pairs}, {}\n", side(with_targets));
    // Where nobody can be told, the runs go on.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// What a run's own reports say of why it was made.
fn note(pair: u32, pairs: u32, with_targets: bool, bare: &Bare) -> String {
    let mut note = format!(
        "a run {} to tell their cost: pair {pair} of {pairs}",
        side(with_targets)
    );
    if !with_targets && !bare.left_out.is_empty() {
        note.push_str(&format!("; left out: {}", bare.left_out.join("; ")));
    }
    note
}

fn notes(plan: &Plan, bare: &Bare) -> Vec<String> {
    let mut notes = Vec::new();
    if !bare.left_out.is_empty() {
        notes.push(format!(
            "the runs without the targets are without: {}",
            bare.left_out.join("; ")
        ));
    }
    let more = plan.links.len().saturating_sub(1);
    if more > 0 {
        notes.push(format!(
            "the added latency is that of the targets and of {more} more link{}",
            if more == 1 { "" } else { "s" }
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_turns_from_pair_to_pair() {
        let order: Vec<(u32, bool)> = order(3).collect();
        assert_eq!(
            order,
            [
                (1, true),
                (1, false),
                (2, false),
                (2, true),
                (3, true),
                (3, false)
            ]
        );
    }
}
