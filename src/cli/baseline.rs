//! `squall baseline`: what runs are compared with, kept under a name.

use std::path::{Path, PathBuf};

use super::{Outcome, compare, print, report as pages};
use crate::error::{CliError, Exit};
use crate::judge::comparable::{Comparable, Identity, comparable};
use crate::record::{Baseline, RunSummary};
use crate::report;
use crate::store::{self, StoreError};
use clap::Subcommand;
use miette::miette;

/// Arguments of `squall baseline`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep one run, or several of the same plan, under a name
    Save(SaveArgs),
    /// Show what a baseline holds
    Show(NamedArgs),
    /// List the baselines
    List(FolderArgs),
    /// Remove a baseline
    Remove(NamedArgs),
}

const SAVE_HELP: &str = "\
Examples:
  squall baseline save main                  the newest run
  squall baseline save main aaaaaa bbbbbb    two runs: how much they differ is kept as well
  squall baseline save main --last 12        the twelve newest runs of a scenario
  squall baseline save main latest --replace

A baseline is one file of sorted JSON, meant to be committed. Runs that failed the harness's own
checks are refused, and so are runs that are not of one plan, seed, version and machine.";

#[derive(Debug, clap::Args)]
#[command(after_help = SAVE_HELP)]
struct SaveArgs {
    /// Letters, digits, `.`, `_` and `-`
    name: String,
    /// Which runs: folders, names, unique beginnings or ends of them, or `latest`
    #[arg(value_name = "RUN", default_value = "latest")]
    runs: Vec<String>,
    /// The newest run, and those before it that can be compared with it: so many in all
    #[arg(long, value_name = "N", conflicts_with = "runs", value_parser = clap::value_parser!(u16).range(1..))]
    last: Option<u16>,
    /// Replace the baseline of that name
    #[arg(long)]
    replace: bool,
    /// Where runs are stored
    #[arg(long, value_name = "DIR", default_value = store::RUNS)]
    results: PathBuf,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Debug, clap::Args)]
struct NamedArgs {
    /// The baseline's name
    name: String,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Debug, clap::Args)]
struct FolderArgs {
    /// Where baselines are kept
    #[arg(long, value_name = "DIR", default_value = store::BASELINES)]
    baselines: PathBuf,
}

pub fn run(args: Args) -> Outcome {
    match args.command {
        Command::Save(args) => save(&args),
        Command::Show(args) => show(&args),
        Command::List(args) => list(&args.baselines),
        Command::Remove(args) => {
            let root = &args.folder.baselines;
            let path = store::remove_baseline(root, &args.name).map_err(CliError::usage)?;
            print(&format!("removed {}\n", path.display()))?;
            Ok(Exit::Pass)
        }
    }
}

fn save(args: &SaveArgs) -> Outcome {
    let runs = match args.last {
        Some(count) => last(usize::from(count), &args.results)?,
        None => {
            let runs = args.runs.iter();
            runs.map(|run| store::open_summary(run, &args.results))
                .collect::<Result<_, StoreError>>()
                .map_err(CliError::usage)?
        }
    };
    let baseline = compare::of_runs(&args.name, runs)?;
    let path = store::save_baseline(&args.folder.baselines, &baseline, args.replace)
        .map_err(CliError::usage)?;
    print(&format!("  {}\n", path.display()))?;
    Ok(Exit::Pass)
}

/// The newest run and those before it that can be compared with it, `count` in all.
fn last(count: usize, root: &Path) -> Result<Vec<RunSummary>, CliError> {
    let runs = store::index(root).map_err(CliError::usage)?.runs;
    let newest = runs.last().cloned();
    let of_it = runs.into_iter().rev().filter(|run| {
        let newest = newest.as_ref().map(Identity::of);
        newest.is_some_and(|newest| comparable(newest, Identity::of(run)) == Comparable::All)
    });
    let found: Vec<RunSummary> = of_it.take(count).collect();
    if found.len() < count {
        return Err(CliError::usage(miette!(
            help = "ask for fewer, or make more: `squall run SCENARIO --repeat N`",
            "there are only {} judged runs in {} that can be compared with the newest",
            found.len(),
            root.display()
        )));
    }
    Ok(found)
}

fn show(args: &NamedArgs) -> Outcome {
    let baseline =
        store::open_baseline(&args.folder.baselines, &args.name).map_err(CliError::usage)?;
    let (colour, width) = pages::page();
    print(&report::baseline::show(&baseline, colour, width))?;
    Ok(Exit::Pass)
}

/// A file that cannot be read is told in its line: the others can be listed all the same.
fn list(root: &Path) -> Outcome {
    let names = store::baseline_names(root).map_err(CliError::usage)?;
    let rows: Vec<(String, Result<Baseline, String>)> = names
        .into_iter()
        .map(|name| {
            let baseline = store::open_baseline(root, &name).map_err(|error| error.to_string());
            (name, baseline)
        })
        .collect();
    if rows.is_empty() {
        print(&format!(
            "no baselines in {}: `squall baseline save NAME RUN` makes one\n",
            root.display()
        ))?;
        return Ok(Exit::Pass);
    }
    print(&report::baseline::list(&rows))?;
    Ok(Exit::Pass)
}
