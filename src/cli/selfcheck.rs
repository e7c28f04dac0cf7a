//! `squall selfcheck`: what this machine can measure.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use miette::miette;

use super::amount::parse_duration;
use super::session::{About, Session, end};
use super::{Outcome, print, report as pages};
use crate::capacity::search::{Bounds, Search, Step};
use crate::capacity::{Ending, conclude, trial};
use crate::error::{CliError, Exit};
use crate::judge::{noise, words};
use crate::load::lateness::lateness;
use crate::observe::speed;
use crate::plan::Plan;
use crate::record::{
    CapacityEnd, CapacitySettings, ClientLimit, SELFCHECK_FORMAT, SelfcheckResult, TimerLateness,
    Trial,
};
use crate::{fingerprint, observe, scenario, store};

/// For each kind of client a load that it can send, over a link to the sink, with no fault; and from
/// which rate on it is tried.
const SCENARIOS: [(&str, &str, f64); 2] = [
    ("SDK", include_str!("selfcheck.yaml"), 16_000.0),
    ("raw", include_str!("selfcheck_raw.yaml"), 128_000.0),
];
const TRIAL: Duration = Duration::from_secs(2);
const TO_PER_S: f64 = 4e6;
const WITHIN: f64 = 0.15;
/// Runs at half of what was held.
const REPEATS: usize = 3;
const TIMERS_PER_S: [u32; 2] = [1000, 10_000];
const LOOK: Duration = Duration::from_secs(1);
/// Figures whose noise is told.
const NOISY: [&str; 3] = [
    "client.cpu.per_item",
    "sink.cpu.per_item",
    "delivery.latency.p50",
];

const EXAMPLES: &str = "\
It takes about a minute, and means what the machine was like meanwhile: let nothing else run.
`squall run` cites it for 30 days, where machine and squall are the same, and is inconclusive
at a rate that was not held here.

Exit codes:
  0 done, 2 it cannot be made or saved, 70 a bug in squall, 130 or 143 interrupted";

/// Arguments of `squall selfcheck`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where it is stored
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// How long the search for the clients' limits may go on; the last trial may begin just before
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    budget: Duration,
    /// Show no progress, only what was found
    #[arg(long, short)]
    quiet: bool,
}

pub fn run(args: Args) -> Outcome {
    if args.budget < TRIAL * SCENARIOS.len() as u32 {
        return Err(CliError::usage(miette!(
            help = format!("each kind of client needs several runs of {TRIAL:?}; 30s is usual"),
            "--budget {:?}: there is no time for a single run of each",
            args.budget
        )));
    }
    let tell = |what: &str| {
        if !args.quiet {
            // Where nobody can be told, the check goes on.
            let _ = writeln!(std::io::stderr(), "{what}");
        }
    };
    let mut plans = Vec::new();
    for (client, text, from_per_s) in SCENARIOS {
        let plan = scenario::load_text("selfcheck", text, &[]).map_err(CliError::problems)?;
        plans.push((client, plan, from_per_s));
    }
    let failed =
        |error: std::io::Error| CliError::usage(miette!("cannot measure the machine: {error}"));
    tell("clock, timers, loopback");
    let now = chrono::DateTime::<chrono::Utc>::from(SystemTime::now());
    let mut selfcheck = SelfcheckResult {
        format: SELFCHECK_FORMAT,
        made: now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        machine: fingerprint::machine(&observe::environment()),
        clock_cost_ns: speed::clock_cost_ns(),
        clock_resolution_ns: speed::clock_resolution_ns(),
        system_call_ns: speed::system_call_ns(),
        loopback_bytes_per_s: speed::loopback_bytes_per_s(LOOK).map_err(failed)?,
        timers: timers().map_err(failed)?,
        clients: Vec::new(),
        noise: Vec::new(),
        words: Vec::new(),
    };
    let mut runs = Runs {
        session: Session::start()?,
        folder: tempfile::tempdir().map_err(failed)?,
        interrupted: None,
    };
    let budget = args.budget / SCENARIOS.len() as u32;
    for (client, plan, from_per_s) in &plans {
        tell(&format!("{client} client, link and sink at their limit"));
        let limit = runs.limit(plan, *from_per_s, budget)?;
        selfcheck.clients.push(limit);
        if runs.interrupted.is_some() {
            break;
        }
    }
    let held = selfcheck.clients.first().and_then(|one| one.holds_per_s);
    if let (Some(holds), None, Some((_, plan, _))) = (held, runs.interrupted, plans.first()) {
        tell("the same run, again and again");
        let figures = runs.repeats(plan, holds / 2.0)?;
        let told = figures.iter();
        selfcheck.noise = told
            .filter_map(|(name, values)| noise(name, values))
            .collect();
    }
    if let Some(exit) = runs.interrupted {
        // Half of it would be believed as if it were all.
        return Ok(exit);
    }
    selfcheck.words = words(&selfcheck);
    let text: String = selfcheck
        .words
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    let path = store::save_selfcheck(&args.results, &selfcheck).map_err(CliError::usage)?;
    end(
        Exit::Pass,
        Vec::new(),
        print(&(text + &pages::listed(&[path]))),
    )
}

fn timers() -> std::io::Result<Vec<TimerLateness>> {
    let timers = TIMERS_PER_S.into_iter().map(|per_s| {
        let late = lateness(per_s, LOOK)?;
        let seconds = |ns: Option<u64>| ns.unwrap_or(0) as f64 / 1e9;
        Ok(TimerLateness {
            per_s,
            p50_s: seconds(late.quantile_ns(0.5)),
            p99_s: seconds(late.quantile_ns(0.99)),
            max_s: seconds(late.max_ns()),
        })
    });
    timers.collect()
}

/// A run's metrics by name.
type Metrics = BTreeMap<String, f64>;

/// Short runs, whose folders are gone afterwards.
struct Runs {
    session: Session,
    folder: tempfile::TempDir,
    /// The exit of the signal that ended one.
    interrupted: Option<Exit>,
}

impl Runs {
    /// The most that the plan's client sends through a link to the sink.
    fn limit(
        &mut self,
        plan: &Plan,
        from_per_s: f64,
        budget: Duration,
    ) -> Result<ClientLimit, CliError> {
        let settings = CapacitySettings {
            from_per_s,
            to_per_s: TO_PER_S,
            within: WITHIN,
            trial_s: TRIAL.as_secs_f64(),
            budget_s: budget.as_secs_f64(),
            expect_per_s: None,
        };
        let mut search = Search::new(Bounds {
            from: from_per_s,
            to: TO_PER_S,
            within: WITHIN,
        });
        let mut trials: Vec<Trial> = Vec::new();
        let begun = Instant::now();
        while let (Step::Try(rate), true) = (search.next(), begun.elapsed() < budget) {
            let Some((made, _)) = self.once(plan, rate)? else {
                break;
            };
            search.record(rate, made.held);
            trials.push(made);
        }
        let ending = Ending {
            started: String::new(),
            settings,
            ended: CapacityEnd::Budget,
            notes: Vec::new(),
            environment: BTreeMap::new(),
        };
        let found = conclude(plan, &search, trials, ending);
        let held = |trial: &&Trial| trial.held && Some(trial.rate_per_s) == found.holds_per_s;
        let per_item = found
            .trials
            .iter()
            .rfind(held)
            .into_iter()
            .flat_map(|trial| {
                let cpu = trial.figures.iter();
                cpu.filter_map(|(name, cores)| {
                    let role = name.strip_suffix(".cpu")?;
                    Some((role.to_owned(), cores / trial.rate_per_s))
                })
            });
        Ok(ClientLimit {
            kind: plan.client.kind,
            cpu_per_item_s: per_item.collect(),
            holds_per_s: found.holds_per_s,
            gives_way_per_s: found.gives_way_per_s,
            gave_out: found.gave_out,
        })
    }

    /// The same run again and again: each figure with its values.
    fn repeats(
        &mut self,
        plan: &Plan,
        rate: f64,
    ) -> Result<Vec<(&'static str, Vec<f64>)>, CliError> {
        let mut figures: Vec<(&str, Vec<f64>)> = NOISY.map(|name| (name, Vec::new())).to_vec();
        for _ in 0..REPEATS {
            let Some((_, metrics)) = self.once(plan, rate)? else {
                break;
            };
            for (name, values) in &mut figures {
                values.extend(metrics.get(*name));
            }
        }
        Ok(figures)
    }

    /// One run at a rate, and its metrics; `None` when it was interrupted, or cannot be made at that rate.
    fn once(&mut self, plan: &Plan, rate: f64) -> Result<Option<(Trial, Metrics)>, CliError> {
        let trial_ns = u64::try_from(TRIAL.as_nanos()).unwrap_or(u64::MAX);
        // A rate too low for a trial to tell anything is not worth one.
        let Ok(plan) = plan.at_rate(rate, trial_ns) else {
            return Ok(None);
        };
        let about = About {
            results: &self.folder.path().join("runs"),
            replay_of: None,
            notes: Vec::new(),
            quiet: true,
        };
        let done = self.session.once(plan, about)?;
        if done.interrupted {
            self.interrupted = Some(Exit::from_code(done.record.result.exit_code));
            return Ok(None);
        }
        Ok(Some((
            trial(&done.record, rate),
            done.record.result.metrics,
        )))
    }
}
