//! What a replay sends, and when: captured requests at their own pace, or at the load's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::schedule::due_times_ns;
use super::{ArrivalPlan, Pacer, RatePoint, RateProfile};
use crate::signal::Signal;

/// Resolution of a replay's rate over time.
const BIN_NS: u64 = 1_000_000_000;

/// How a replay sends. Each item is an arrival; those of one request are due one nanosecond after the
/// other, so that a due time tells an item, and are released together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayPlan {
    /// The capture: one file, or one of each signal.
    pub files: Vec<CaptureFile>,
    pub on_broken_line: OnBrokenLine,
    /// Lines or messages that could not be read, and are left out.
    pub skipped: u64,
    pub pace: Pace,
    /// Whether it begins again at its end, for as long as the load lasts.
    pub repeat: bool,
    /// How long the capture is at its own pace: after that it begins again.
    pub length_ns: u64,
    /// What of it is sent.
    pub holds: BTreeMap<Signal, Holding>,
    pub connections: u16,
    /// Most requests that are under way at once, over all connections.
    pub in_flight: u32,
    /// Most requests that are due and wait until one of those is answered; what is due beyond is dropped.
    pub queue: u32,
    /// Longest wait for an answer.
    pub timeout_ns: u64,
    pub pacer: Pacer,
    /// The requests of each signal in the order of the capture, by [`Signal::index`]. A stored plan has
    /// none until the capture was read again.
    #[serde(skip)]
    pub timeline: Timeline,
}

/// Requests by [`Signal::index`].
pub type Timeline = [Vec<CapturedRequest>; 3];

/// One file of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureFile {
    /// From where squall was started.
    pub path: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// What one round through a capture has of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    pub requests: u64,
    pub items: u64,
    /// Items of the largest request.
    pub most_items: u32,
}

/// When a request was due and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapturedRequest {
    /// Since the capture's first request, at its own pace; never less than that of the one before.
    pub at_ns: u64,
    /// At least one.
    pub items: u32,
}

/// What to do about a line or message of a capture that cannot be read.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OnBrokenLine {
    /// It is an error of the scenario.
    #[default]
    Fail,
    /// It is left out.
    Skip,
}

/// What says when requests are due.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// The capture: 2 is twice as fast as it was.
    Own { factor: f64 },
    /// The load's rates.
    Load,
}

impl ReplayPlan {
    /// When the items of a signal are due: in order, no two at the same time, all before `duration_ns`.
    pub fn due_times_ns(
        &self,
        signal: Signal,
        arrivals: &ArrivalPlan,
        seed: u64,
        duration_ns: u64,
    ) -> Vec<u64> {
        self.requests_due(signal, arrivals, seed, duration_ns)
            .into_iter()
            .flat_map(|(due_ns, items)| due_ns..due_ns + u64::from(items))
            .collect()
    }

    /// When the first item of each request is due, and how many follow it. What does not fit whole
    /// before the end is not sent.
    fn requests_due(
        &self,
        signal: Signal,
        arrivals: &ArrivalPlan,
        seed: u64,
        duration_ns: u64,
    ) -> Vec<(u64, u32)> {
        let requests = &self.timeline[signal.index()];
        if requests.is_empty() {
            return Vec::new();
        }
        let rounds = if self.repeat { u64::MAX } else { 1 };
        let all = (0..rounds).flat_map(|round| requests.iter().map(move |one| (round, one)));
        match self.pace {
            Pace::Own { factor } => one_after_the_other(
                all.map(|(round, one)| {
                    let at_ns = round
                        .saturating_mul(self.length_ns)
                        .saturating_add(one.at_ns);
                    ((at_ns as f64 / factor) as u64, one.items)
                }),
                duration_ns,
            ),
            Pace::Load => {
                let times = due_times_ns(arrivals, 0, seed, duration_ns);
                let mut before = 0;
                let timed = all.map_while(|(_, one)| {
                    let due_ns = *times.get(before)?;
                    before += one.items as usize;
                    (before <= times.len()).then_some((due_ns, one.items))
                });
                one_after_the_other(timed, duration_ns)
            }
        }
    }

    /// The rate that a signal comes to at the capture's own pace, second by second.
    pub fn own_rate(
        &self,
        signal: Signal,
        arrivals: &ArrivalPlan,
        duration_ns: u64,
    ) -> RateProfile {
        let mut items: Vec<u64> = vec![0; duration_ns.div_ceil(BIN_NS).max(1) as usize];
        for (due_ns, count) in self.requests_due(signal, arrivals, 0, duration_ns) {
            if let Some(bin) = items.get_mut((due_ns / BIN_NS) as usize) {
                *bin += u64::from(count);
            }
        }
        let mut points: Vec<RatePoint> = Vec::new();
        for (bin, items) in (0_u64..).zip(items) {
            let at_ns = bin * BIN_NS;
            let length_ns = BIN_NS.min(duration_ns - at_ns);
            let rate = items as f64 * 1e9 / length_ns as f64;
            if points.last().is_none_or(|last| last.rate != rate) {
                points.push(RatePoint { at_ns, rate });
            }
        }
        RateProfile::Recorded { points }
    }

    /// About how many items of a signal become due at the capture's own pace.
    pub fn own_items(&self, signal: Signal, duration_ns: u64) -> f64 {
        let items = self.holds.get(&signal).map_or(0, |holds| holds.items) as f64;
        match self.pace {
            Pace::Own { factor } if self.repeat => {
                items * (duration_ns as f64 * factor / self.length_ns.max(1) as f64).max(1.0)
            }
            _ => items,
        }
    }
}

/// Requests when they are wanted, or as soon as those before them leave room.
fn one_after_the_other(
    wanted: impl Iterator<Item = (u64, u32)>,
    duration_ns: u64,
) -> Vec<(u64, u32)> {
    let mut due = Vec::new();
    let mut free_ns = 0;
    for (wanted_ns, items) in wanted {
        let due_ns = wanted_ns.max(free_ns);
        free_ns = due_ns.saturating_add(u64::from(items));
        if free_ns > duration_ns {
            break;
        }
        due.push((due_ns, items));
    }
    due
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::ArrivalProcess;

    const S: u64 = 1_000_000_000;

    fn replay(requests: &[(u64, u32)], length_ns: u64, pace: Pace, repeat: bool) -> ReplayPlan {
        let requests: Vec<CapturedRequest> = requests
            .iter()
            .map(|&(at_ns, items)| CapturedRequest { at_ns, items })
            .collect();
        let holding = Holding {
            requests: requests.len() as u64,
            items: requests.iter().map(|one| u64::from(one.items)).sum(),
            most_items: requests.iter().map(|one| one.items).max().unwrap_or(0),
        };
        ReplayPlan {
            files: Vec::new(),
            on_broken_line: OnBrokenLine::Fail,
            skipped: 0,
            pace,
            repeat,
            length_ns,
            holds: BTreeMap::from([(Signal::Logs, holding)]),
            connections: 1,
            in_flight: 1,
            queue: 1,
            timeout_ns: 1,
            pacer: Pacer::Sleep,
            timeline: [Vec::new(), Vec::new(), requests],
        }
    }

    fn arrivals(rate: f64) -> ArrivalPlan {
        ArrivalPlan {
            process: ArrivalProcess::Constant,
            profile: RateProfile::Constant { rate },
            items_per_arrival: 1,
            producers: 1,
        }
    }

    fn due(replay: &ReplayPlan, rate: f64, duration_ns: u64) -> Vec<u64> {
        replay.due_times_ns(Signal::Logs, &arrivals(rate), 1, duration_ns)
    }

    #[test]
    fn at_its_own_pace_a_capture_comes_as_it_came() {
        let own = |factor| Pace::Own { factor };
        let requests = [(0, 2), (S, 1), (S, 1)];
        let once = replay(&requests, 2 * S, own(1.0), false);
        assert_eq!(due(&once, 0.0, 9 * S), [0, 1, S, S + 1]);
        let twice_as_fast = replay(&requests, 2 * S, own(2.0), true);
        let expected = [0, 1, S / 2, S / 2 + 1, S, S + 1, 3 * S / 2, 3 * S / 2 + 1];
        assert_eq!(due(&twice_as_fast, 0.0, 2 * S), expected);
        // The last does not fit before the end.
        assert_eq!(due(&twice_as_fast, 0.0, 2 * S - S / 2 + 1), expected[..7]);
        assert!(due(&replay(&[], S, own(1.0), true), 0.0, S).is_empty());
        let RateProfile::Recorded { points } =
            twice_as_fast.own_rate(Signal::Logs, &arrivals(0.0), 5 * S / 2)
        else {
            panic!("its own rate is recorded")
        };
        let points: Vec<(u64, f64)> = points.iter().map(|p| (p.at_ns, p.rate)).collect();
        assert_eq!(points, [(0, 4.0)]);
    }

    #[test]
    fn at_the_rate_of_the_load_the_capture_says_only_what() {
        let requests = [(0, 2), (77 * S, 3)];
        let repeated = replay(&requests, 100 * S, Pace::Load, true);
        let ms = S / 1000;
        let expected = [0, 0, 200, 200, 200, 500, 500, 700, 700, 700];
        // The schedule's sums of doubles are off by a nanosecond.
        let shown = |due: Vec<u64>| -> Vec<u64> { due.iter().map(|due| (due + 9) / ms).collect() };
        assert_eq!(shown(due(&repeated, 10.0, S)), expected);
        // What does not fit whole is not sent.
        assert_eq!(shown(due(&repeated, 10.0, 850 * ms)), expected[..7]);
        let once = replay(&requests, 100 * S, Pace::Load, false);
        assert_eq!(shown(due(&once, 10.0, S)), expected[..5]);
    }

    proptest! {
        #[test]
        fn no_two_items_are_due_at_the_same_time(
            gaps in prop::collection::vec((0..2_000_u64, 1..50_u32), 1..20),
            factor in 0.001..1000.0_f64,
            load: bool,
            repeat: bool,
            duration_ns in 1..100_000_u64,
        ) {
            let mut at = 0;
            let requests: Vec<(u64, u32)> = gaps.iter().map(|(gap, items)| { at += gap; (at, *items) }).collect();
            let pace = if load { Pace::Load } else { Pace::Own { factor } };
            let replay = replay(&requests, at + 1, pace, repeat);
            let due = due(&replay, 1e8, duration_ns);
            prop_assert!(due.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(due.last().is_none_or(|last| *last < duration_ns));
            // Whole requests, round after round.
            let sizes = requests.iter().map(|(_, items)| *items as usize).cycle();
            let mut left = due.len();
            for items in sizes {
                if left < items { break; }
                left -= items;
            }
            prop_assert_eq!(left, 0);
        }
    }
}
