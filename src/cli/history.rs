//! `squall history`: metrics over the stored runs of a scenario.

use std::path::{Path, PathBuf};

use miette::miette;

use super::{Outcome, print, report as pages};
use crate::error::{CliError, Exit};
use crate::judge::history::history;
use crate::record::{History, RunSummary};
use crate::store::{self, Index};
use crate::{report, scenario};

/// What is shown where no metric is named, as far as the runs have it.
const OVERVIEW: [&str; 9] = [
    "delivery.latency.p50",
    "delivery.latency.p99",
    "client.cpu.per_item",
    "client.rss.max",
    "sink.cpu.per_item",
    "target.cpu.per_item",
    "wire.bytes.per_item",
    "received.rate",
    "lost",
];
/// Names offered when none fits.
const NEAREST: usize = 3;

const EXAMPLES: &str = "\
Examples:
  squall history quickstart
  squall history scenarios/quickstart.yaml delivery.latency.p99
  squall history quickstart --html history.html

Shown are the runs that can be compared with the newest: of the same plan, seed and version, on
the same class of machine. Changes of level are found by E-divisive means with a permutation test.";

/// Arguments of `squall history`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A scenario's name, or its file
    scenario: String,
    /// One metric, or the most important ones
    metric: Option<String>,
    /// Write a page with plots to this file instead
    #[arg(long, value_name = "PATH", conflicts_with = "json")]
    html: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Seed of the permutations
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where runs are stored
    #[arg(long, value_name = "DIR", default_value = store::RUNS)]
    results: PathBuf,
}

pub fn run(args: Args) -> Outcome {
    let index = store::index(&args.results).map_err(CliError::usage)?;
    let name = name_of(&args.scenario)?;
    let runs = of_scenario(&index, &name, &args.results)?;
    let histories: Vec<History> = metrics(&args, &runs)?
        .into_iter()
        .map(|metric| history(&name, metric, &runs, args.seed))
        .collect();
    if args.json {
        let json = serde_json::to_string_pretty(&histories)
            .map_err(|error| CliError::internal(miette!("{error}")))?;
        print(&format!("{json}\n"))?;
        return Ok(Exit::Pass);
    }
    if let Some(path) = &args.html {
        pages::write_elsewhere(path, &report::history::page(&histories))
            .map_err(CliError::usage)?;
        print(&pages::listed(std::slice::from_ref(path)))?;
        return Ok(Exit::Pass);
    }
    let (colour, width) = pages::page();
    let mut text = match (&args.metric, histories.first()) {
        (Some(_), Some(one)) => report::history::chart(one, colour, width),
        _ => report::history::overview(&histories, colour, width),
    };
    for error in &index.unreadable {
        text.push_str(&format!("  not read: {error}\n"));
    }
    print(&text)?;
    Ok(Exit::Pass)
}

/// A scenario's name, also of its file.
fn name_of(given: &str) -> Result<String, CliError> {
    let path = Path::new(given);
    if !path.is_file() {
        return Ok(given.to_owned());
    }
    let plan = scenario::load(path, &[]).map_err(CliError::problems)?;
    Ok(plan.scenario)
}

fn of_scenario(index: &Index, name: &str, root: &Path) -> Result<Vec<RunSummary>, CliError> {
    let runs: Vec<RunSummary> = index
        .runs
        .iter()
        .filter(|run| run.scenario == name)
        .cloned()
        .collect();
    if !runs.is_empty() {
        return Ok(runs);
    }
    let known = index.runs.iter().map(|run| run.scenario.as_str());
    Err(CliError::usage(miette!(
        help = offer("the scenarios with runs there are like it", name, known),
        "no judged run of `{name}` in {}",
        root.display()
    )))
}

fn metrics<'a>(args: &'a Args, runs: &'a [RunSummary]) -> Result<Vec<&'a str>, CliError> {
    let is_measured = |metric: &str| runs.iter().any(|run| run.metrics.contains_key(metric));
    match &args.metric {
        None => Ok(OVERVIEW.into_iter().filter(|m| is_measured(m)).collect()),
        Some(metric) if is_measured(metric) => Ok(vec![metric]),
        Some(metric) => {
            let known = runs.iter().flat_map(|run| run.metrics.keys());
            Err(CliError::usage(miette!(
                help = offer(
                    "`squall metrics` lists all",
                    metric,
                    known.map(String::as_str)
                ),
                "no run of it has measured `{metric}`"
            )))
        }
    }
}

/// Words, and the names that are most like the one that was given.
fn offer<'a>(words: &str, given: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let likeness = |name: &str| strsim::jaro_winkler(given, name);
    known.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    known.truncate(NEAREST);
    if known.is_empty() {
        "`squall run SCENARIO` makes a run, and `--results DIR` names another folder".to_owned()
    } else {
        format!("{words}; the nearest are {}", known.join(", "))
    }
}
