//! What a self-check of the machine means: for people, and for the runs that follow it.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::harness::check;
use super::names;
use crate::plan::{ClientKind, Plan};
use crate::record::{Calibration, CheckResult, ClientLimit, Noise, SelfcheckResult};
use crate::stats::median::{interval, median};
use crate::units;

/// Pairs for which the smallest effect is told.
const PAIRS: usize = 10;
/// Made-up sessions of so many pairs, of which the median is taken.
const SESSIONS: usize = 400;
const SEED: u64 = 0x5e1f_c4ec;

/// What runs with a client of that kind may rely on.
pub fn calibration(selfcheck: &SelfcheckResult, kind: ClientKind) -> Calibration {
    let client = selfcheck.clients.iter().find(|client| client.kind == kind);
    // Where none was held of those that were tried, nothing can be believed.
    let none_held = |client: &ClientLimit| client.gives_way_per_s.map(|_| 0.0);
    Calibration {
        made: selfcheck.made.clone(),
        client_holds_per_s: client
            .and_then(|client| client.holds_per_s.or_else(|| none_held(client))),
        words: selfcheck.words.clone(),
    }
}

/// How a run's reports cite it.
pub(super) fn cited(calibration: &Calibration) -> String {
    let holds = calibration.client_holds_per_s;
    let holds = holds.map_or_else(
        || "nothing is known of this client's limit".to_owned(),
        |per_s| {
            format!(
                "up to {}/s can be believed of this client",
                units::number(per_s)
            )
        },
    );
    format!("this machine was checked on {}: {holds}", calibration.made)
}

/// A run at a rate that nobody has seen this machine hold says nothing about the pipeline. `None`
/// where it is not known what the machine can do, or the load has no constant rate.
pub(super) fn within_limits(plan: &Plan, calibration: &Calibration) -> Option<CheckResult> {
    let limit = calibration.client_holds_per_s?;
    let peak = peak_rate(plan)?;
    let shown = |per_s: f64| format!("{}/s", units::number(per_s));
    Some(check(
        names::CALIBRATED,
        peak <= limit,
        shown(peak),
        format!("<= {}", shown(limit)),
        format!(
            "{} is more than this machine was seen to generate, carry and receive: {} (`squall selfcheck`)",
            shown(peak),
            shown(limit)
        ),
    ))
}

/// The highest rate of the load, looked at ten times a second.
fn peak_rate(plan: &Plan) -> Option<f64> {
    const STEP_NS: usize = 100_000_000;
    let arrivals: Vec<_> = plan
        .load
        .signals()
        .filter_map(|signal| plan.load.arrivals(signal))
        .collect();
    let closed = arrivals
        .iter()
        .any(|a| matches!(a.process, crate::plan::ArrivalProcess::ClosedLoop { .. }));
    if closed {
        return None;
    }
    let at = |at_ns| arrivals.iter().map(|a| a.profile.rate_at(at_ns)).sum();
    (0..plan.run.duration_ns)
        .step_by(STEP_NS)
        .map(at)
        .reduce(f64::max)
}

/// How much runs of one plan differ in one figure; `None` of fewer than three.
pub fn noise(figure: &str, values: &[f64]) -> Option<Noise> {
    let middle = median(values).filter(|middle| *middle > 0.0)?;
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    (values.len() >= 3).then(|| Noise {
        figure: figure.to_owned(),
        runs: u32::try_from(values.len()).unwrap_or(u32::MAX),
        spread: (high - low) / middle,
        smallest_effect: smallest_effect(values, middle),
    })
}

/// Half the width of the interval that pairs of such runs would have: what is larger stands out.
/// The pairs are drawn from the runs that there are, with the two of a pair different runs.
fn smallest_effect(values: &[f64], middle: f64) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let count = values.len();
    let mut halves: Vec<f64> = (0..SESSIONS)
        .filter_map(|_| {
            let costs: Vec<f64> = (0..PAIRS)
                .map(|_| {
                    let first = rng.random_range(0..count);
                    let second = (first + rng.random_range(1..count)) % count;
                    (values[first] - values[second]) / middle
                })
                .collect();
            interval(&costs).map(|(low, high, _)| (high - low) / 2.0)
        })
        .collect();
    halves.sort_by(f64::total_cmp);
    median(&halves).unwrap_or(f64::INFINITY)
}

/// What can be believed on this machine.
pub fn words(selfcheck: &SelfcheckResult) -> Vec<String> {
    let seconds = units::seconds;
    let rate = |per_s: f64| format!("{}/s", units::number(per_s));
    let percent = |share: f64| format!("{} %", units::number(share * 100.0));
    let mut words = vec![format!(
        "the clock costs {} a reading and steps by {}; a system call costs {}; loopback carries {}/s",
        seconds(selfcheck.clock_cost_ns / 1e9),
        seconds(selfcheck.clock_resolution_ns as f64 / 1e9),
        seconds(selfcheck.system_call_ns / 1e9),
        units::bytes(selfcheck.loopback_bytes_per_s),
    )];
    for timer in &selfcheck.timers {
        words.push(format!(
            "an idle producer of {} is {} late (p50), {} (p99)",
            rate(f64::from(timer.per_s)),
            seconds(timer.p50_s),
            seconds(timer.p99_s)
        ));
    }
    for client in &selfcheck.clients {
        let name = match client.kind {
            ClientKind::Sdk => "the SDK client",
            ClientKind::Raw => "a raw client",
            ClientKind::Command => "a program of one's own",
            ClientKind::Replay => "a replay",
        };
        let gave_out = match &client.gave_out {
            Some(gave_out) => format!("; {} gave out", gave_out.name),
            None => String::new(),
        };
        words.push(match (client.holds_per_s, client.gives_way_per_s) {
            (Some(holds), Some(not)) => format!(
                "{name} can be believed up to {} spans, and not at {}{gave_out}",
                rate(holds),
                rate(not)
            ),
            (Some(holds), None) => {
                format!(
                    "{name} can be believed up to {} spans at least",
                    rate(holds)
                )
            }
            (None, _) => format!("{name} held no rate that was tried"),
        });
    }
    for noise in &selfcheck.noise {
        words.push(format!(
            "{}: runs differ by {}; the smallest effect that ten pairs could tell is about {}",
            noise.figure,
            percent(noise.spread),
            percent(noise.smallest_effect)
        ));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::plan;
    use crate::record::Verdict;

    #[test]
    fn the_smallest_effect_grows_with_the_noise() {
        let quiet = noise("a", &[100.0, 101.0, 99.0, 100.5]).unwrap();
        let loud = noise("a", &[100.0, 110.0, 90.0, 105.0]).unwrap();
        assert!((quiet.spread - 0.02).abs() < 0.001, "{quiet:?}");
        assert!(quiet.smallest_effect > 0.0 && quiet.smallest_effect <= 0.02);
        let ratio = loud.smallest_effect / quiet.smallest_effect;
        assert!((5.0..20.0).contains(&ratio), "{ratio}");
        assert_eq!(noise("a", &[1.0, 2.0]), None);
    }

    #[test]
    fn where_no_rate_was_held_nothing_can_be_believed() {
        let tried = |gives_way_per_s| SelfcheckResult {
            format: 1,
            made: String::new(),
            machine: std::collections::BTreeMap::new(),
            clock_cost_ns: 0.0,
            clock_resolution_ns: 0,
            system_call_ns: 0.0,
            loopback_bytes_per_s: 0.0,
            timers: Vec::new(),
            clients: vec![ClientLimit {
                kind: ClientKind::Sdk,
                holds_per_s: None,
                gives_way_per_s,
                gave_out: None,
                cpu_per_item_s: std::collections::BTreeMap::new(),
            }],
            noise: Vec::new(),
            words: Vec::new(),
        };
        let verdict = |gives_way, kind| {
            let known = calibration(&tried(gives_way), kind);
            within_limits(&plan(), &known).map(|check| check.verdict)
        };
        assert_eq!(
            verdict(Some(62.5), ClientKind::Sdk),
            Some(Verdict::Inconclusive)
        );
        assert_eq!(verdict(None, ClientKind::Sdk), None, "nothing was tried");
        assert_eq!(verdict(Some(62.5), ClientKind::Raw), None);
    }

    #[test]
    fn a_rate_beyond_what_was_seen_is_inconclusive() {
        let with = |holds| Calibration {
            made: String::new(),
            client_holds_per_s: holds,
            words: Vec::new(),
        };
        // The plan sends 100 a second.
        let verdict = |holds| within_limits(&plan(), &with(holds)).map(|check| check.verdict);
        assert_eq!(verdict(Some(100.0)), Some(Verdict::Pass));
        assert_eq!(verdict(Some(99.0)), Some(Verdict::Inconclusive));
        assert_eq!(verdict(None), None);
    }
}
