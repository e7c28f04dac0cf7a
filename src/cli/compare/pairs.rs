//! Two scenarios, or two builds of squall, run in turns until the answer is clear.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Instant, SystemTime};

use miette::miette;

use super::super::session::{About, Session};
use super::{exit_of, machine, now, whole};
use crate::error::{CliError, Exit};
use crate::judge::compare::{Gate, compare_configurations};
use crate::plan::Plan;
use crate::record::{Baseline, Comparison, RunSummary};
use crate::stats::compare::FALSE_ALARMS;
use crate::stats::sequential::{First, looks, order, pairs_min};
use crate::store::{self, PairsFolder};
use crate::{scenario, units};

/// So many times as many pairs as are wanted are tried, where some have to be left out.
const TRIES: usize = 2;
const PAIRS_MAX: i64 = 1000;

/// Arguments of a comparison in turns.
#[derive(Debug, clap::Args)]
pub struct PairArgs {
    /// The scenario of the first side
    #[arg(long, value_name = "SCENARIO", requires = "b")]
    pub a: Option<PathBuf>,
    /// The scenario of the second side
    #[arg(long, value_name = "SCENARIO", requires = "a")]
    pub b: Option<PathBuf>,
    /// Another squall that runs the first side
    #[arg(long, value_name = "PATH", requires = "a")]
    a_bin: Option<PathBuf>,
    /// Another squall that runs the second side
    #[arg(long, value_name = "PATH", requires = "b")]
    b_bin: Option<PathBuf>,
    /// Override a value of the first side's scenario; may be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "a")]
    a_set: Vec<String>,
    /// Override a value of the second side's scenario; may be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "b")]
    b_set: Vec<String>,
    /// At most so many pairs
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=PAIRS_MAX))]
    pairs: u16,
    /// So many pairs first that do not count
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=PAIRS_MAX))]
    warm_up: u16,
    /// Seed of the order within the pairs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// One side: what it runs, and with which squall.
struct Side<'a> {
    letter: char,
    path: &'a Path,
    set: &'a [String],
    plan: Plan,
    /// `None` for this one.
    bin: Option<&'a Path>,
}

/// What came of one run.
struct Made {
    summary: RunSummary,
    interrupted: Option<Exit>,
}

/// What became of a session.
struct Pairs {
    /// Sound pairs, in order.
    runs: Vec<(RunSummary, RunSummary)>,
    /// What the last look may spend.
    level: f64,
    interrupted: Option<Exit>,
    /// Pairs that cannot be compared, each with why.
    left_out: Vec<String>,
}

/// Runs the pairs, compares them, and saves the comparison beside the runs.
pub fn run(args: &PairArgs, root: &Path) -> Result<(Comparison, Exit, PathBuf), CliError> {
    let (a, b) = (side('A', args)?, side('B', args)?);
    let gate = Gate::default();
    let gated = gate.metrics.len();
    let wanted = usize::from(args.pairs);
    let least = pairs_min(gated, FALSE_ALARMS);
    if wanted < least {
        return Err(CliError::usage(miette!(
            help = "ask for more: --pairs 20 is the default",
            "{wanted} pairs can prove nothing about {gated} metrics: it takes at least {least}"
        )));
    }
    let mut session = Session::start()?;
    let folder =
        PairsFolder::create(root, &a.plan.scenario, SystemTime::now()).map_err(CliError::usage)?;
    let pairs = pairs(&mut session, &a, &b, args, &gate, &folder.runs())
        .inspect_err(|_| folder.discard_empty())?;
    let comparison = compared(&a, &b, &pairs, &gate);
    let Some(mut comparison) = comparison else {
        return Err(CliError {
            exit: pairs.interrupted.unwrap_or(Exit::Inconclusive),
            reports: vec![miette!(
                help = "the runs' own reports tell why",
                "no pair of runs in {} can be compared",
                folder.runs().display()
            )],
        });
    };
    comparison.left_out.extend(pairs.left_out);
    let path = folder.save(&comparison).map_err(CliError::usage)?;
    let exit = pairs.interrupted.unwrap_or(exit_of(comparison.answer));
    Ok((comparison, exit, path))
}

fn side(letter: char, args: &PairArgs) -> Result<Side<'_>, CliError> {
    let (path, set, bin) = match letter {
        'A' => (&args.a, &args.a_set, &args.a_bin),
        _ => (&args.b, &args.b_set, &args.b_bin),
    };
    let path = path
        .as_deref()
        .ok_or_else(|| CliError::usage(miette!("both sides need a scenario")))?;
    let plan = scenario::load(path, set).map_err(CliError::problems)?;
    if let Some(bin) = bin
        && !bin.is_file()
    {
        return Err(CliError::usage(miette!(
            help = "name an executable of squall",
            "there is no file {}",
            bin.display()
        )));
    }
    Ok(Side {
        letter,
        path,
        set,
        plan,
        bin: bin.as_deref(),
    })
}

fn pairs(
    session: &mut Session,
    a: &Side<'_>,
    b: &Side<'_>,
    args: &PairArgs,
    gate: &Gate,
    into: &Path,
) -> Result<Pairs, CliError> {
    let wanted = usize::from(args.pairs);
    let warm_up = usize::from(args.warm_up);
    let looks = looks(wanted, gate.metrics.len(), gate.level);
    let mut pairs = Pairs {
        runs: Vec::new(),
        level: looks.last().map_or(gate.level, |look| look.level),
        interrupted: None,
        left_out: Vec::new(),
    };
    let began = Instant::now();
    let order = order(warm_up + TRIES * wanted, args.seed);
    for (nth, first) in order.into_iter().enumerate() {
        if pairs.runs.len() >= wanted {
            break;
        }
        progress(nth, warm_up, pairs.runs.len(), wanted, began);
        let (one, other) = match first {
            First::A => (a, b),
            First::B => (b, a),
        };
        let one = once(session, one, into)?;
        pairs.interrupted = one.interrupted;
        if pairs.interrupted.is_some() {
            break;
        }
        let other = once(session, other, into)?;
        pairs.interrupted = other.interrupted;
        if pairs.interrupted.is_some() {
            break;
        }
        if nth < warm_up {
            continue;
        }
        let (ours, theirs) = match first {
            First::A => (one.summary, other.summary),
            First::B => (other.summary, one.summary),
        };
        if let Some(why) = [&ours, &theirs].into_iter().find_map(why_unsound) {
            pairs.left_out.push(why);
            continue;
        }
        pairs.runs.push((ours, theirs));
        let Some(look) = looks.iter().find(|look| look.pairs == pairs.runs.len()) else {
            continue;
        };
        pairs.level = look.level;
        if compared(a, b, &pairs, gate).is_some_and(|so_far| so_far.is_settled()) {
            break;
        }
    }
    Ok(pairs)
}

fn why_unsound(run: &RunSummary) -> Option<String> {
    let why = run.unsound.join("; ");
    (!why.is_empty()).then(|| format!("a pair, for {}: {why}", run.run))
}

/// The comparison of the pairs so far; `None` without one.
fn compared(a: &Side<'_>, b: &Side<'_>, pairs: &Pairs, gate: &Gate) -> Option<Comparison> {
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs.runs.iter().cloned().unzip();
    let gate = Gate {
        level: pairs.level,
        ..gate.clone()
    };
    Some(compare_configurations(
        &of_side(a, ours)?,
        &of_side(b, theirs)?,
        &gate,
    ))
}

fn of_side(side: &Side<'_>, runs: Vec<RunSummary>) -> Option<Baseline> {
    let machine = machine(&runs.first()?.environment);
    let name = format!("{} {}", side.letter, side.plan.scenario);
    Baseline::of(&name, now(), machine, runs)
}

fn once(session: &mut Session, side: &Side<'_>, into: &Path) -> Result<Made, CliError> {
    match side.bin {
        None => here(session, side, into),
        Some(bin) => elsewhere(session, side, bin, into),
    }
}

fn here(session: &mut Session, side: &Side<'_>, into: &Path) -> Result<Made, CliError> {
    let about = About {
        results: into,
        replay_of: None,
        notes: vec![format!("side {} of a comparison in pairs", side.letter)],
        quiet: true,
    };
    let done = session.once(side.plan.clone(), about)?;
    if let Some(error) = done.unsaved.into_iter().next() {
        return Err(CliError::usage(error));
    }
    let exit = Exit::from_code(done.record.result.exit_code);
    Ok(Made {
        summary: RunSummary::of(&done.record.run, &done.record.result),
        interrupted: done.interrupted.then_some(exit),
    })
}

fn elsewhere(
    session: &mut Session,
    side: &Side<'_>,
    bin: &Path,
    into: &Path,
) -> Result<Made, CliError> {
    let before = store::run_names(into).map_err(CliError::usage)?;
    let mut arguments: Vec<OsString> = vec!["run".into(), whole(side.path).into()];
    for set in side.set {
        arguments.extend(["--set".into(), set.into()]);
    }
    arguments.extend(["--results".into(), whole(into).into(), "--quiet".into()]);
    let status = session.other(&whole(bin), &arguments)?;
    let after = store::run_names(into).map_err(CliError::usage)?;
    let Some(run) = after.into_iter().find(|run| !before.contains(run)) else {
        return Err(CliError::usage(miette!(
            help = "run it by hand to see why",
            "{} made no run of {}: {status}",
            bin.display(),
            side.path.display()
        )));
    };
    Ok(Made {
        summary: store::open_summary(&run, into).map_err(CliError::usage)?,
        interrupted: interruption(status),
    })
}

/// Whether a child was told to end.
fn interruption(status: ExitStatus) -> Option<Exit> {
    match u8::try_from(status.code()?).ok()? {
        code @ (130 | 143) => Some(Exit::from_code(code)),
        _ => None,
    }
}

/// The pair that begins, and how long all of them may still take.
fn progress(nth: usize, warm_up: usize, sound: usize, wanted: usize, began: Instant) {
    let line = if nth < warm_up {
        format!("warm-up {} of {warm_up}\n", nth + 1)
    } else {
        let each = began.elapsed().as_secs_f64() / nth.max(1) as f64;
        let left = each * (wanted - sound) as f64;
        let left = match nth {
            0 => String::new(),
            _ => format!(", at most {} left", units::seconds(left)),
        };
        format!("pair {} of at most {wanted}{left}\n", sound + 1)
    };
    // Where nobody can be told, the runs go on.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
