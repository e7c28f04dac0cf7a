//! Which faults are active on a link, and what each of them did: shared by all its lanes.
//!
//! A lane looks at the version, one atomic load, and takes the lock only when a fault has begun or
//! ended. It counts on its own what a fault did to it and hands the sum over when it lets go.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use super::fault::Admission;
use super::fault::shared_bandwidth::Line;
use super::tally::Tally;
use super::toxic::Toxic;
use crate::clock::monotonic_ns;
use crate::evidence::FaultProof;
use crate::plan::Direction;

/// Why a fault cannot begin or end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    #[error("fault {0} is active already")]
    AlreadyActive(usize),
    #[error("fault {0} is not active")]
    NotActive(usize),
}

/// The active faults of one link.
#[derive(Debug)]
pub struct Rules {
    seed: u64,
    version: AtomicU64,
    active: Mutex<Vec<Arc<Active>>>,
    changed: watch::Sender<()>,
}

/// One active fault.
#[derive(Debug)]
pub struct Active {
    pub id: usize,
    pub direction: Direction,
    pub toxic: Toxic,
    /// The share of lanes that it strikes.
    toxicity: f64,
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

impl Rules {
    /// No fault yet. Everything random is drawn from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            version: AtomicU64::new(0),
            active: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// Begins a fault on the `toxicity` share of all connections; returns the moment from which it
    /// is in force.
    ///
    /// # Errors
    /// When a fault of this number is active.
    pub fn start(
        &self,
        id: usize,
        direction: Direction,
        toxic: impl Into<Toxic>,
        toxicity: f64,
    ) -> Result<u64, FaultError> {
        let mut active = locked(&self.active);
        if active.iter().any(|other| other.id == id) {
            return Err(FaultError::AlreadyActive(id));
        }
        let fault = Arc::new(Active::new(id, direction, toxic.into(), toxicity));
        active.push(Arc::clone(&fault));
        let started_ns = self.in_force(&fault);
        drop(active);
        self.changed.send_replace(());
        Ok(started_ns)
    }

    /// Gives an active fault new settings in its place; returns once every lane has them.
    ///
    /// # Errors
    /// When no fault of this number is active.
    pub async fn change(&self, id: usize, toxic: Toxic, toxicity: f64) -> Result<(), FaultError> {
        let before = {
            let mut active = locked(&self.active);
            let place = active.iter_mut().find(|fault| fault.id == id);
            let place = place.ok_or(FaultError::NotActive(id))?;
            let fault = Arc::new(Active::new(id, place.direction, toxic, toxicity));
            let before = std::mem::replace(place, Arc::clone(&fault));
            self.in_force(&fault);
            before
        };
        self.changed.send_replace(());
        before.lanes.closed().await;
        Ok(())
    }

    /// Makes a fault known to the lanes, under the lock of the active ones.
    fn in_force(&self, fault: &Active) -> u64 {
        self.version.fetch_add(1, Ordering::SeqCst);
        let started_ns = monotonic_ns();
        fault.started_ns.store(started_ns, Ordering::SeqCst);
        started_ns
    }

    /// Ends a fault; returns when it ended and what it did, once every lane has told.
    ///
    /// # Errors
    /// When no fault of this number is active.
    pub async fn end(&self, id: usize) -> Result<(u64, FaultProof), FaultError> {
        let fault = {
            let mut active = locked(&self.active);
            let index = active.iter().position(|fault| fault.id == id);
            let fault = active.remove(index.ok_or(FaultError::NotActive(id))?);
            self.version.fetch_add(1, Ordering::SeqCst);
            fault
        };
        let ended_ns = monotonic_ns();
        self.changed.send_replace(());
        fault.lanes.closed().await;
        Ok((ended_ns, fault.proof()))
    }

    /// Changes whenever a fault begins or ends.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    /// Wakes whenever a fault begins or ends.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Calls `each` with the faults that apply to `direction`, in the order in which they began,
    /// and returns their version.
    pub fn visit(&self, direction: Direction, mut each: impl FnMut(&Arc<Active>)) -> u64 {
        let active = locked(&self.active);
        for fault in active.iter().filter(|fault| fault.covers(direction)) {
            each(fault);
        }
        self.version()
    }

    /// What the active faults do to a connection as a whole. Those that do it count the connection
    /// and are held through `holds`, so that their end waits until it has been dealt with.
    pub fn admit(&self, connection: u64, holds: &mut Vec<Hold>) -> Admission {
        let active = locked(&self.active);
        let verdict = active
            .iter()
            .map(|fault| fault.toxic.admission())
            .max()
            .unwrap_or(Admission::Serve);
        if verdict != Admission::Serve {
            for fault in active.iter() {
                if fault.toxic.admission() == verdict {
                    locked(&fault.total).connections.insert(connection);
                    holds.push(fault.hold());
                }
            }
        }
        verdict
    }

    /// Where one lane's draws for one fault begin: differs by each of the four.
    pub fn lane_seed(&self, fault: usize, connection: u64, direction: Direction) -> u64 {
        let lane = connection * 2 + u64::from(direction == Direction::Down);
        let mixed = self.seed ^ mix(lane.wrapping_add(1));
        mixed ^ mix((fault as u64).wrapping_add(1) << 32)
    }
}

impl Active {
    fn new(id: usize, direction: Direction, toxic: Toxic, toxicity: f64) -> Self {
        Self {
            id,
            direction,
            toxic,
            toxicity,
            line: Line::default(),
            started_ns: AtomicU64::new(u64::MAX),
            total: Mutex::default(),
            lanes: watch::Sender::new(()),
        }
    }

    /// Whether it strikes the lane of this seed: one draw, which stays the same for new settings.
    pub fn strikes(&self, lane_seed: u64) -> bool {
        if self.toxicity >= 1.0 {
            return true;
        }
        let draw: f64 = ChaCha8Rng::seed_from_u64(mix(lane_seed)).random();
        draw < self.toxicity
    }

    /// Whether it applies to `direction`, which is not [`Direction::Both`].
    fn covers(&self, direction: Direction) -> bool {
        match direction {
            Direction::Up => self.direction.covers_up(),
            Direction::Down | Direction::Both => self.direction.covers_down(),
        }
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

    /// Adds what the fault did to one lane of `connection`.
    pub fn add(&self, connection: u64, tally: &Tally) {
        let mut total = locked(&self.total);
        total.tally.merge(tally);
        if tally.applied() {
            total.connections.insert(connection);
        }
    }

    fn proof(&self) -> FaultProof {
        let total = locked(&self.total);
        FaultProof {
            chunks: total.tally.chunks,
            bytes: total.tally.bytes,
            connections: total.connections.len() as u64,
            held_max_ns: total.tally.held_max_ns,
            held_total_ns: total.tally.held_total_ns,
            leaked_bytes: total.tally.leaked_bytes,
        }
    }
}

/// No code panics while it holds one of these locks, and counters are good even if one did.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    use crate::plan::LinkFault;

    #[tokio::test]
    async fn a_fault_begins_once_and_ends_once() {
        let rules = Rules::new(1);
        let silence = LinkFault::PartitionSilence;
        rules.start(3, Direction::Up, silence.clone(), 1.0).unwrap();
        let again = rules.start(3, Direction::Down, silence, 1.0);
        assert_eq!(again, Err(FaultError::AlreadyActive(3)));
        assert_eq!(rules.end(4).await, Err(FaultError::NotActive(4)));
        rules.end(3).await.unwrap();
        assert_eq!(rules.end(3).await, Err(FaultError::NotActive(3)));
    }

    #[tokio::test]
    async fn a_direction_sees_its_own_faults_only() {
        let rules = Rules::new(1);
        let before = rules.version();
        rules
            .start(0, Direction::Up, LinkFault::PartitionSilence, 1.0)
            .unwrap();
        rules
            .start(
                1,
                Direction::Both,
                LinkFault::SlowClose { delay_ns: 1 },
                1.0,
            )
            .unwrap();
        let seen = |direction| {
            let mut ids = Vec::new();
            rules.visit(direction, |fault| ids.push(fault.id));
            ids
        };
        assert_eq!(seen(Direction::Up), [0, 1]);
        assert_eq!(seen(Direction::Down), [1]);
        assert_ne!(rules.version(), before);
    }

    #[tokio::test]
    async fn the_strictest_fault_decides_on_connections() {
        let rules = Rules::new(1);
        let mut holds = Vec::new();
        assert_eq!(rules.admit(1, &mut holds), Admission::Serve);
        rules
            .start(0, Direction::Up, LinkFault::PartitionSilence, 1.0)
            .unwrap();
        assert_eq!(rules.admit(1, &mut holds), Admission::Hold);
        rules
            .start(1, Direction::Both, LinkFault::PartitionReset, 1.0)
            .unwrap();
        assert_eq!(rules.admit(1, &mut holds), Admission::Reset);
        assert_eq!(rules.admit(2, &mut holds), Admission::Reset);
        drop(holds);
        assert_eq!(rules.end(0).await.unwrap().1.connections, 1);
        assert_eq!(rules.end(1).await.unwrap().1.connections, 2);
    }

    #[test]
    fn every_lane_and_fault_has_its_own_seed() {
        let rules = Rules::new(7);
        let mut seeds = HashSet::new();
        for fault in 0..20 {
            for connection in 0..200 {
                seeds.insert(rules.lane_seed(fault, connection, Direction::Up));
                seeds.insert(rules.lane_seed(fault, connection, Direction::Down));
            }
        }
        assert_eq!(seeds.len(), 20 * 200 * 2);
        // A run again, or a replay of it, draws for each lane what the first one drew.
        let of = |seed| Rules::new(seed).lane_seed(3, 5, Direction::Up);
        assert_eq!(of(7), rules.lane_seed(3, 5, Direction::Up));
        assert_ne!(of(8), of(7));
    }

    #[test]
    fn toxicity_is_the_share_of_lanes_and_one_draw_for_all_settings() {
        let rules = Rules::new(7);
        let struck = |toxicity: f64| -> Vec<u64> {
            let fault = Active::new(0, Direction::Up, Toxic::Noop, toxicity);
            let seed = |connection| rules.lane_seed(0, connection, Direction::Up);
            let all = 0..10_000;
            all.filter(|connection| fault.strikes(seed(*connection)))
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
}
