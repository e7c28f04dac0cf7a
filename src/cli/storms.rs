//! `squall storms`: the library of storms, and the timeline that one draws.

use miette::miette;

use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::plan::taxonomy::{TAXONOMY, Trouble};
use crate::plan::{FaultPlan, Plan};
use crate::report::text::{Align, table, wrap};
use crate::scenario::problem::did_you_mean;
use crate::scenario::{self, storms::LIBRARY};
use crate::units;

/// A scenario with nothing in it but one storm, to see what it draws.
const ALONE: &str = "scenario: alone\nrun: { duration: 1h }\nload: { traces: { rate: 1/s } }\n";

/// Columns of a description.
const WIDTH: usize = 96;

/// Arguments of `squall storms`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  squall storms
  squall storms flaky-wifi --seed 42
  squall storms --faults

In a scenario: `storms: [ { use: flaky-wifi, at: 5s } ]`")]
pub struct Args {
    /// Show the timeline of this storm (or of a storm file's path)
    name: Option<String>,
    /// Everything random comes from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// List single faults instead: what users call them, what injects each, and how it looks
    #[arg(long, conflicts_with = "name")]
    faults: bool,
}

pub fn run(args: Args) -> Outcome {
    let text = match args.name {
        None if args.faults => faults(),
        None => list()?,
        Some(name) => timeline(&name, args.seed)?,
    };
    print(&text)?;
    Ok(Exit::Pass)
}

fn list() -> Result<String, CliError> {
    let mut text = String::new();
    for (name, _) in LIBRARY {
        let plan = alone(name, 1)?;
        let storm = scenario::storms::description(name).unwrap_or_default();
        text.push_str(&format!("{name}\n  {}\n", wrap(&storm, WIDTH, "  ")));
        let mut rows: Vec<Vec<String>> = Vec::new();
        for fault in &plan.faults {
            let own = format!("    {}", fault.name);
            if rows.iter().any(|row| row[0] == own) {
                continue;
            }
            let times = match occurrences(&plan, fault) {
                1 => String::new(),
                times => format!("{times} times"),
            };
            rows.push(vec![own, fault.kind.name(), times]);
        }
        for line in table(&rows, &[Align::Left; 3]) {
            text.push_str(&format!("{}\n", line.trim_end()));
        }
        text.push('\n');
    }
    text.push_str("In a scenario: `storms: [ { use: NAME, at: 5s } ]`. `squall storms NAME` shows a timeline.\n");
    Ok(text)
}

fn faults() -> String {
    let width = |of: fn(&Trouble) -> &str| TAXONOMY.iter().map(|row| of(row).len()).max();
    let names = width(|row| row.name).unwrap_or(0);
    let keys = width(|row| row.injected_by).unwrap_or(0);
    let mut text = String::new();
    for row in TAXONOMY {
        text.push_str(&format!(
            "{:names$}  {:keys$}  scenarios/{}.yaml\n  {}\n",
            row.name, row.injected_by, row.scenario, row.looks
        ));
    }
    text
}

/// Every start and end, in order.
fn timeline(name: &str, seed: u64) -> Result<String, CliError> {
    let plan = alone(name, seed)?;
    let mut faults: Vec<&FaultPlan> = plan.faults.iter().collect();
    faults.sort_by_key(|fault| fault.start_ns);
    let label = |fault: &FaultPlan| {
        units::occurrence(&fault.name, fault.occurrence, occurrences(&plan, fault))
    };
    let width = faults.iter().map(|fault| label(fault).len()).max();
    let width = width.unwrap_or(0);
    let mut text = format!("seed {seed}; times from the storm's start\n\n");
    for fault in faults {
        let seconds = |ns: u64| format!("{:.3} s", ns as f64 / 1e9);
        let end = fault.end_ns.map_or("without an end".to_owned(), seconds);
        text.push_str(&format!(
            "{:>9} to {end:>9}  {:width$}  {}\n",
            seconds(fault.start_ns),
            label(fault),
            fault.kind.name()
        ));
    }
    Ok(text)
}

fn occurrences(plan: &Plan, fault: &FaultPlan) -> u32 {
    let named = plan.faults.iter().filter(|other| other.name == fault.name);
    u32::try_from(named.count()).unwrap_or(u32::MAX)
}

/// The plan of a run in which nothing happens but that storm, from the run's start.
fn alone(name: &str, seed: u64) -> Result<Plan, CliError> {
    let is_path = scenario::storms::is_path(name);
    let names = LIBRARY.map(|(name, _)| name);
    if !is_path && !names.contains(&name) {
        return Err(CliError::usage(miette!(
            help = did_you_mean(name, &names),
            "there is no storm `{name}`"
        )));
    }
    let quoted = serde_json::Value::from(name);
    let text = format!("{ALONE}seed: {seed}\nstorms: [ {{ use: {quoted} }} ]\n");
    scenario::load_text("", &text, &[]).map_err(CliError::problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_and_a_timeline_read_well() {
        let timeline = timeline("rolling-restart", 42).unwrap();
        insta::assert_snapshot!(format!("{}\n---\n{timeline}", list().unwrap()));
    }
}
