//! `squall capacity`: the highest rate that the line of a scenario carries, and what gives out first.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use super::amount::{parse_duration, parse_rate, parse_share};
use super::session::{About, Done, Session, end};
use super::{Outcome, print, replay, report as pages};
use crate::capacity::search::{Bounds, End, Search, Step};
use crate::capacity::{Ending, conclude, trial};
use crate::error::{CliError, Exit};
use crate::plan::Plan;
use crate::record::{CapacityAnswer, CapacityEnd, CapacityResult, CapacitySettings, Trial};
use crate::report::capacity::{Progress, page, summary};
use crate::store::{self, CapacityFolder, StoreError};
use crate::{observe, scenario};

/// Shortest trial that tells a growing backlog from a batch.
const TRIAL_MIN: Duration = Duration::from_secs(2);
/// No rates are nearer to each other than two trials of one rate are.
const WITHIN_MIN: f64 = 0.005;
const WITHIN_MAX: f64 = 0.5;

/// Share of the machine's cores in use from which on there is none to spare.
const BUSY: f64 = 0.95;

const EXAMPLES: &str = "\
Examples:
  squall capacity scenarios/capacity.yaml
  squall capacity scenario.yaml --from 5k/s --expect 10k/s
  squall capacity scenario.yaml --trial 10s --within 2% --budget 10m

A trial is a run of the scenario with its rates scaled alike. From the first rate on they are
doubled until one is not held, then the edge is narrowed by halves, and at last its two rates are
tried again: two of three trials decide. README.md says when a rate is held, and how it is known
what gave out.

Ctrl-C ends the trial that is under way; what was found before it is saved and shown.

Exit codes:
  0 the limit of the target was found (without a target: of the client), or --expect is carried,
  1 --expect is not carried, or nothing is, 2 wrong usage, or a scenario without a rate to scale,
  3 the line carries at least what is told, and something else gave out first, or nobody can tell,
  70 a bug in squall, 130 or 143 interrupted";

/// Arguments of `squall capacity`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A scenario with constant rates, or a stored run of one
    #[arg(value_name = "SCENARIO|RUN")]
    scenario: PathBuf,
    /// The first rate, of all signals together; default: the scenario's own
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    from: Option<f64>,
    /// The highest rate to try
    #[arg(long, value_name = "RATE", default_value = "1M/s", value_parser = parse_rate)]
    to: f64,
    /// Length of a trial's load
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    trial: Duration,
    /// How near the two rates at the edge are to be
    #[arg(long, value_name = "SHARE", default_value = "3%", value_parser = parse_share)]
    within: f64,
    /// How long all trials together may take
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = parse_duration)]
    budget: Duration,
    /// The load that is expected of the line: tells the headroom above it
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    expect: Option<f64>,
    /// Override a value of the scenario, such as `client.compression=gzip`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where the search and its runs are stored
    #[arg(long, value_name = "DIR", default_value = store::RUNS)]
    results: PathBuf,
    /// Show no progress, only the summary
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum CapacityUsage {
    #[error("--trial {}: too short to tell a growing backlog from a batch", seconds(*.0))]
    #[diagnostic(help("give it at least {}", seconds(TRIAL_MIN)))]
    Trial(Duration),
    #[error("--within {}: it must be between {} and {}", percent(*.0), percent(WITHIN_MIN), percent(WITHIN_MAX))]
    #[diagnostic(help("3% is usual; two runs at one rate differ by about half a percent"))]
    Within(f64),
    #[error("--from {from}/s is above --to {to}/s")]
    #[diagnostic(help(
        "the search goes up from the first rate: give it a lower one, or a higher end"
    ))]
    FromAboveTo { from: f64, to: f64 },
    #[error("--budget {}: there is no time for a single trial of {}", seconds(*.budget), seconds(*.trial))]
    #[diagnostic(help("a search takes about 15 trials, each some seconds longer than its load"))]
    Budget { budget: Duration, trial: Duration },
}

fn seconds(duration: Duration) -> String {
    crate::units::seconds(duration.as_secs_f64())
}

fn percent(share: f64) -> String {
    format!("{}%", crate::units::number(share * 100.0))
}

/// What the trials came to.
struct Made {
    search: Search,
    trials: Vec<Trial>,
    ended: CapacityEnd,
    /// The signal that ended them, as an exit.
    interrupted: Option<Exit>,
    unsaved: Vec<StoreError>,
    failed: Option<CliError>,
}

pub fn run(args: Args) -> Outcome {
    let source = replay::source(&args.scenario, &args.results, &args.set)?;
    let plan = scenario::load(&source.path, &args.set).map_err(CliError::problems)?;
    let settings = settings(&args, &plan)?;
    let mut session = Session::start()?;
    let now = SystemTime::now();
    let folder =
        CapacityFolder::create(&args.results, &plan.scenario, now).map_err(CliError::usage)?;
    let mut made = search(&args, &plan, &settings, &mut session, &folder);
    if made.trials.is_empty() {
        folder.discard();
        if let Some(error) = made.failed {
            return Err(error);
        }
        if let Some(exit) = made.interrupted {
            return Ok(exit);
        }
    }
    let ending = Ending {
        started: chrono::DateTime::<chrono::Utc>::from(now)
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        settings,
        ended: made.ended,
        notes: busy(&made.trials).into_iter().collect(),
        environment: observe::environment(),
    };
    let result = conclude(&plan, &made.search, made.trials, ending);
    let (colour, width) = pages::page();
    let mut text = summary(&result, colour, width);
    match folder.save(&result, &page(&result)) {
        Ok(paths) => text.push_str(&pages::listed(&paths)),
        Err(error) => made.unsaved.push(error),
    }
    let exit = made.interrupted.unwrap_or_else(|| exit(&result));
    let outcome = end(exit, made.unsaved, print(&text));
    match made.failed {
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

/// What is to be said of a machine on which there was no CPU to spare.
fn busy(trials: &[Trial]) -> Option<String> {
    let full = |trial: &&Trial| {
        let busy = trial.figures.get("machine.busy.mean");
        busy.is_some_and(|busy| *busy >= BUSY)
    };
    let count = trials.iter().filter(full).count();
    (count > 0).then(|| {
        format!(
            "in {count} of {} trials all cores of the machine were busy: what gave out may have had too little CPU",
            trials.len()
        )
    })
}

fn settings(args: &Args, plan: &Plan) -> Result<CapacitySettings, CliError> {
    let own = plan.total_rate().map_err(CliError::usage)?;
    let from = args.from.unwrap_or(own);
    let problem = if args.trial < TRIAL_MIN {
        Some(CapacityUsage::Trial(args.trial))
    } else if !(WITHIN_MIN..=WITHIN_MAX).contains(&args.within) {
        Some(CapacityUsage::Within(args.within))
    } else if from > args.to {
        let to = args.to;
        Some(CapacityUsage::FromAboveTo { from, to })
    } else if args.budget < args.trial {
        let (budget, trial) = (args.budget, args.trial);
        Some(CapacityUsage::Budget { budget, trial })
    } else {
        None
    };
    if let Some(problem) = problem {
        return Err(CliError::usage(problem));
    }
    for rate in [from, args.to] {
        plan.at_rate(rate, trial_ns(args))
            .map_err(CliError::usage)?;
    }
    Ok(CapacitySettings {
        from_per_s: from,
        to_per_s: args.to,
        within: args.within,
        trial_s: args.trial.as_secs_f64(),
        budget_s: args.budget.as_secs_f64(),
        expect_per_s: args.expect,
    })
}

fn trial_ns(args: &Args) -> u64 {
    u64::try_from(args.trial.as_nanos()).unwrap_or(u64::MAX)
}

/// Makes trials until the search, the time or the user has had enough.
fn search(
    args: &Args,
    plan: &Plan,
    settings: &CapacitySettings,
    session: &mut Session,
    folder: &CapacityFolder,
) -> Made {
    let mut made = Made {
        search: Search::new(Bounds {
            from: settings.from_per_s,
            to: settings.to_per_s,
            within: settings.within,
        }),
        trials: Vec::new(),
        ended: CapacityEnd::Budget,
        interrupted: None,
        unsaved: Vec::new(),
        failed: None,
    };
    let mut progress =
        (!args.quiet).then(|| Progress::new(std::io::stderr().is_terminal(), args.budget));
    let results = folder.trials();
    let begun = Instant::now();
    let mut longest = args.trial;
    loop {
        let rate = match made.search.next() {
            Step::Try(rate) => rate,
            Step::Done(end) => {
                made.ended = match end {
                    End::Narrow => CapacityEnd::Narrow,
                    End::Top => CapacityEnd::Top,
                    End::Bottom => CapacityEnd::Bottom,
                };
                return made;
            }
        };
        let at = begun.elapsed();
        if at + longest > args.budget {
            return made;
        }
        if let Some(progress) = &mut progress {
            progress.begin(at, rate, (made.search.holds(), made.search.gives_way()));
        }
        let about = About {
            results: &results,
            replay_of: None,
            notes: vec![format!(
                "a trial of a search for capacity, at {}/s",
                crate::units::number(rate)
            )],
            quiet: true,
        };
        let scaled = plan.at_rate(rate, trial_ns(args)).map_err(CliError::usage);
        let done: Done = match scaled.and_then(|plan| session.once(plan, about)) {
            Ok(done) => done,
            Err(error) => {
                made.failed = Some(error);
                made.ended = CapacityEnd::Failed;
                return made;
            }
        };
        made.unsaved.extend(done.unsaved);
        if done.interrupted {
            made.interrupted = Some(Exit::from_code(done.record.result.exit_code));
            made.ended = CapacityEnd::Interrupted;
            return made;
        }
        let trial = trial(&done.record, rate);
        if let Some(progress) = &progress {
            progress.end(&trial);
        }
        made.search.record(rate, trial.held);
        made.trials.push(trial);
        longest = longest.max(begun.elapsed() - at);
    }
}

/// The exit that an answer stands for.
fn exit(result: &CapacityResult) -> Exit {
    let expected = result.settings.expect_per_s;
    match (result.answer, expected) {
        (CapacityAnswer::Unknown, _) => Exit::Inconclusive,
        (CapacityAnswer::Nothing, _) => Exit::Fail,
        (_, Some(expected)) if result.holds_per_s >= Some(expected) => Exit::Pass,
        (CapacityAnswer::Limit, Some(expected)) if result.gives_way_per_s <= Some(expected) => {
            Exit::Fail
        }
        (CapacityAnswer::Limit | CapacityAnswer::AtLeast, Some(_)) => Exit::Inconclusive,
        (CapacityAnswer::Limit, None) => Exit::Pass,
        (CapacityAnswer::AtLeast, None) if result.ended == CapacityEnd::Top => Exit::Pass,
        (CapacityAnswer::AtLeast, None) => Exit::Inconclusive,
    }
}
