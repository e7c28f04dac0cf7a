//! One active fault of a link: what it is, what it strikes, and what its lanes say that it did.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::fault::Admission;
use super::fault::shared_bandwidth::Line;
use super::rules::locked;
use super::tally::Tally;
use super::toxic::Toxic;
use crate::evidence::FaultProof;
use crate::plan::{Direction, Per, Toxicity};

/// A fault that is to begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Begin {
    pub id: usize,
    /// Faults of one group strike the same connections and requests.
    pub group: usize,
    pub direction: Direction,
    pub toxic: Toxic,
    pub toxicity: Toxicity,
}

impl Begin {
    /// A fault of its own that strikes everything.
    pub fn all(id: usize, direction: Direction, toxic: Toxic) -> Self {
        Self {
            id,
            group: id,
            direction,
            toxic,
            toxicity: Toxicity::default(),
        }
    }
}

/// A connection as it asks whether it may go on.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    pub connection: u64,
    /// When it was accepted; `None` once it has been dialled.
    pub accepted_ns: Option<u64>,
    pub now_ns: u64,
}

/// What of one lane a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strikes {
    Nothing,
    Everything,
    /// Some turns, drawn from this seed.
    Turns(u64),
}

/// One active fault.
#[derive(Debug)]
pub struct Active {
    begin: Begin,
    /// From which everything random of this link is drawn.
    seed: u64,
    /// What its lanes share, where they share anything.
    pub line: Line,
    /// Set once every lane can know of the fault: what passes after this moment has leaked.
    started_ns: AtomicU64,
    total: Mutex<Total>,
    /// Open for as long as a lane is under this fault.
    lanes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Total {
    tally: Tally,
    connections: HashSet<u64>,
}

/// Kept by a lane, or a connection, for as long as the fault applies to it.
#[derive(Debug)]
pub struct Hold {
    // Only its being dropped matters.
    _lane: watch::Receiver<()>,
}

impl Active {
    /// On a link whose draws begin at `seed`; not yet in force.
    pub fn new(begin: Begin, seed: u64) -> Self {
        Self {
            begin,
            seed,
            line: Line::default(),
            started_ns: AtomicU64::new(u64::MAX),
            total: Mutex::default(),
            lanes: watch::Sender::new(()),
        }
    }

    pub const fn id(&self) -> usize {
        self.begin.id
    }

    pub const fn begin(&self) -> &Begin {
        &self.begin
    }

    pub const fn toxic(&self) -> &Toxic {
        &self.begin.toxic
    }

    /// Where the draws of one lane begin.
    pub fn lane_seed(&self, connection: u64, direction: Direction) -> u64 {
        lane_seed(self.seed, self.begin.id, connection, direction)
    }

    /// What it strikes of one lane: one draw, which stays the same for new settings.
    pub fn strikes(&self, connection: u64, direction: Direction) -> Strikes {
        let share = self.begin.toxicity.share;
        let seed = |direction| lane_seed(self.seed, self.begin.group, connection, direction);
        match self.begin.toxicity.per {
            _ if share >= 1.0 => Strikes::Everything,
            // A request and its answer are one.
            Per::Request => Strikes::Turns(seed(Direction::Up)),
            Per::Connection if drawn(seed(direction)) < share => Strikes::Everything,
            Per::Connection => Strikes::Nothing,
        }
    }

    /// Whether it strikes this turn of a lane whose turns are drawn from `seed`.
    pub fn strikes_turn(&self, seed: u64, turn: u64) -> bool {
        drawn(seed ^ mix(turn.wrapping_add(1))) < self.begin.toxicity.share
    }

    /// What it does to a connection as a whole, which does not come in two directions.
    pub fn admission(&self, asking: Asking) -> Admission {
        let strikes = || self.strikes(asking.connection, Direction::Up) == Strikes::Everything;
        let admission = self.toxic().admission();
        if admission != Admission::Serve {
            return if strikes() {
                admission
            } else {
                Admission::Serve
            };
        }
        let wait_ns = self
            .toxic()
            .wait_ns(self.lane_seed(asking.connection, Direction::Up));
        let accepted_ns = asking.accepted_ns.filter(|at| *at >= self.started_ns());
        let Some(accepted_ns) = accepted_ns.filter(|_| wait_ns > 0 && strikes()) else {
            return Admission::Serve;
        };
        let until_ns = accepted_ns.saturating_add(wait_ns);
        if asking.now_ns < until_ns {
            return Admission::Wait { until_ns };
        }
        let mut total = locked(&self.total);
        if total.connections.insert(asking.connection) {
            total.tally.held(0, asking.now_ns - accepted_ns);
        }
        Admission::Serve
    }

    /// It has reset a connection, or keeps it waiting.
    pub fn count_connection(&self, connection: u64) {
        locked(&self.total).connections.insert(connection);
    }

    /// Whether it applies to `direction`, which is not [`Direction::Both`].
    pub const fn covers(&self, direction: Direction) -> bool {
        match direction {
            Direction::Up => self.begin.direction.covers_up(),
            Direction::Down | Direction::Both => self.begin.direction.covers_down(),
        }
    }

    /// It is in force from now on.
    pub fn in_force(&self, started_ns: u64) {
        self.started_ns.store(started_ns, Ordering::SeqCst);
    }

    /// From when on the fault is in force.
    pub fn started_ns(&self) -> u64 {
        self.started_ns.load(Ordering::SeqCst)
    }

    /// Keeps the fault's end waiting until the hold is dropped.
    pub fn hold(&self) -> Hold {
        Hold {
            _lane: self.lanes.subscribe(),
        }
    }

    /// Waits until no lane is under it any more.
    pub async fn let_go(&self) {
        self.lanes.closed().await;
    }

    /// Adds what the fault did to one lane of `connection`.
    pub fn add(&self, connection: u64, tally: &Tally) {
        let mut total = locked(&self.total);
        total.tally.merge(tally);
        if tally.applied() {
            total.connections.insert(connection);
        }
    }

    /// What it did.
    pub fn proof(&self) -> FaultProof {
        let total = locked(&self.total);
        FaultProof {
            chunks: total.tally.chunks,
            bytes: total.tally.bytes,
            connections: total.connections.len() as u64,
            held_max_ns: total.tally.held_max_ns,
            held_total_ns: total.tally.held_total_ns,
            leaked_bytes: total.tally.leaked_bytes,
            acts: total.tally.acts,
        }
    }
}

/// Where one lane's draws for one fault begin: differs by each of the four.
fn lane_seed(seed: u64, fault: usize, connection: u64, direction: Direction) -> u64 {
    let lane = connection * 2 + u64::from(direction == Direction::Down);
    seed ^ mix(lane.wrapping_add(1)) ^ mix((fault as u64).wrapping_add(1).rotate_left(32))
}

/// One draw, from 0 up to but not including 1, that belongs to this seed.
fn drawn(seed: u64) -> f64 {
    const STEPS: u64 = 1 << 53;
    (mix(mix(seed).wrapping_add(0x9e37_79b9_7f4a_7c15)) % STEPS) as f64 / STEPS as f64
}

/// The finaliser of SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", 2014.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Delay;

    fn active(toxic: Toxic, share: f64, per: Per) -> Active {
        let toxicity = Toxicity { share, per };
        let begin = Begin {
            toxicity,
            ..Begin::all(0, Direction::Up, toxic)
        };
        Active::new(begin, 7)
    }

    #[test]
    fn every_lane_and_fault_has_its_own_seed() {
        let mut seeds = HashSet::new();
        for fault in (0..10).chain((1 << 53)..(1 << 53) + 10) {
            for connection in 0..200 {
                seeds.insert(lane_seed(7, fault, connection, Direction::Up));
                seeds.insert(lane_seed(7, fault, connection, Direction::Down));
            }
        }
        assert_eq!(seeds.len(), 20 * 200 * 2);
    }

    #[test]
    fn toxicity_is_the_share_of_lanes_and_one_draw_for_all_settings() {
        let struck = |share: f64| -> Vec<u64> {
            let fault = active(Toxic::Noop, share, Per::Connection);
            let all = 0..10_000;
            all.filter(|number| fault.strikes(*number, Direction::Up) == Strikes::Everything)
                .collect()
        };
        assert_eq!(struck(0.0).len(), 0);
        assert_eq!(struck(1.0).len(), 10_000);
        let third = struck(0.3);
        // Five standard deviations of a binomial.
        assert!(third.len().abs_diff(3_000) < 230, "{}", third.len());
        assert_eq!(third, struck(0.3));
        let half = struck(0.5);
        assert!(third.iter().all(|connection| half.contains(connection)));
    }

    #[test]
    fn of_requests_a_share_is_struck_the_same_in_both_directions() {
        let fault = active(Toxic::Noop, 0.3, Per::Request);
        let Strikes::Turns(seed) = fault.strikes(4, Direction::Up) else {
            panic!("by request");
        };
        assert_eq!(fault.strikes(4, Direction::Down), Strikes::Turns(seed));
        assert_ne!(fault.strikes(5, Direction::Up), Strikes::Turns(seed));
        let struck = (0..10_000).filter(|turn| fault.strikes_turn(seed, *turn));
        let struck = struck.count();
        assert!(struck.abs_diff(3_000) < 230, "{struck}");
    }

    #[test]
    fn a_group_strikes_together() {
        let part = |id| {
            let begin = Begin {
                id,
                ..active(Toxic::Noop, 0.5, Per::Connection).begin
            };
            let part = Active::new(begin, 7);
            let all = (0..100).map(move |number| part.strikes(number, Direction::Down));
            all.collect::<Vec<_>>()
        };
        assert_eq!(part(0), part(1));
    }

    #[test]
    fn a_new_connection_waits_and_one_that_was_there_does_not() {
        let fault = active(
            Toxic::ConnectLatency(Delay::fixed(50)),
            1.0,
            Per::Connection,
        );
        fault.in_force(100);
        let ask = |accepted_ns, now_ns| {
            fault.admission(Asking {
                connection: 3,
                accepted_ns,
                now_ns,
            })
        };
        assert_eq!(ask(Some(120), 121), Admission::Wait { until_ns: 170 });
        assert_eq!(ask(Some(99), 121), Admission::Serve, "came before");
        assert_eq!(ask(None, 121), Admission::Serve, "is dialled");
        assert_eq!(fault.proof().connections, 0);
        assert_eq!(ask(Some(120), 171), Admission::Serve);
        assert_eq!(ask(Some(120), 172), Admission::Serve, "counted once");
        let proof = fault.proof();
        assert_eq!((proof.connections, proof.held_total_ns), (1, 51));
    }
}
