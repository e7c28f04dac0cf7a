//! Which faults are active on a link, and what each of them did: shared by all its lanes.
//!
//! A lane looks at the version, one atomic load, and takes the lock only when a fault has begun or
//! ended. It counts on its own what a fault did to it and hands the sum over when it lets go.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::active::{Active, Asking, Begin, Hold};
use super::fault::Admission;
use super::toxic::Toxic;
use crate::clock::monotonic_ns;
use crate::evidence::FaultProof;
use crate::plan::{Direction, Toxicity};

/// Why a fault cannot begin or end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    #[error("fault {0} is active already")]
    AlreadyActive(usize),
    #[error("fault {0} is not active")]
    NotActive(usize),
    #[error("{0} cannot be done to a stream of bytes")]
    NotOfBytes(&'static str),
}

/// The active faults of one link.
#[derive(Debug)]
pub struct Rules {
    seed: u64,
    version: AtomicU64,
    active: Mutex<Vec<Arc<Active>>>,
    changed: watch::Sender<()>,
}

/// What came of a change: when it was in force, and the faults that ended with it, as they were named.
#[derive(Debug)]
pub struct Changed {
    pub at_ns: u64,
    ended: Vec<Arc<Active>>,
}

impl Changed {
    /// What the ended faults did, once every lane has told.
    pub async fn proofs(self) -> Vec<FaultProof> {
        let mut proofs = Vec::new();
        for fault in self.ended {
            fault.let_go().await;
            proofs.push(fault.proof());
        }
        proofs
    }
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

    /// Ends some faults and begins others behind those that stay, all at one moment: no chunk meets
    /// some of it and not the rest. One that ends and begins again has new settings.
    ///
    /// # Errors
    /// When a fault that is to end is not active, or one that is to begin is; then nothing changes.
    pub fn change(&self, end: &[usize], begin: Vec<Begin>) -> Result<Changed, FaultError> {
        let mut active = locked(&self.active);
        let mut next = active.clone();
        let mut ended = Vec::new();
        for id in end {
            let index = next.iter().position(|fault| fault.id() == *id);
            ended.push(next.remove(index.ok_or(FaultError::NotActive(*id))?));
        }
        let staying = next.len();
        for begin in begin {
            if next.iter().any(|other| other.id() == begin.id) {
                return Err(FaultError::AlreadyActive(begin.id));
            }
            next.push(Arc::new(Active::new(begin, self.seed)));
        }
        *active = next;
        let at_ns = self.in_force(&active[staying..]);
        drop(active);
        self.changed.send_replace(());
        Ok(Changed { at_ns, ended })
    }

    /// Gives an active fault new settings in its place; returns once every lane has them.
    ///
    /// # Errors
    /// When no fault of this number is active.
    pub async fn settle(
        &self,
        id: usize,
        toxic: Toxic,
        toxicity: Toxicity,
    ) -> Result<(), FaultError> {
        let before = {
            let mut active = locked(&self.active);
            let place = active.iter_mut().find(|fault| fault.id() == id);
            let place = place.ok_or(FaultError::NotActive(id))?;
            let begin = Begin {
                toxic,
                toxicity,
                ..place.begin().clone()
            };
            let fault = Arc::new(Active::new(begin, self.seed));
            let before = std::mem::replace(place, Arc::clone(&fault));
            self.in_force(&[fault]);
            before
        };
        self.changed.send_replace(());
        before.let_go().await;
        Ok(())
    }

    /// Makes faults known to the lanes, under the lock of the active ones.
    fn in_force(&self, faults: &[Arc<Active>]) -> u64 {
        self.version.fetch_add(1, Ordering::SeqCst);
        let started_ns = monotonic_ns();
        for fault in faults {
            fault.in_force(started_ns);
        }
        started_ns
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
    pub fn admit(&self, asking: Asking, holds: &mut Vec<Hold>) -> Admission {
        let active = locked(&self.active);
        let verdicts: Vec<Admission> = active.iter().map(|one| one.admission(asking)).collect();
        let verdict = verdicts.iter().copied().max().unwrap_or(Admission::Serve);
        if verdict != Admission::Serve {
            for (fault, own) in active.iter().zip(verdicts) {
                if own == verdict {
                    // One that waits is counted when it has waited.
                    if !matches!(own, Admission::Wait { .. }) {
                        fault.count_connection(asking.connection);
                    }
                    holds.push(fault.hold());
                }
            }
        }
        verdict
    }
}

/// No code panics while it holds one of these locks, and counters are good even if one did.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(id: usize, direction: Direction, toxic: Toxic) -> Vec<Begin> {
        vec![Begin::all(id, direction, toxic)]
    }

    #[tokio::test]
    async fn a_fault_begins_once_and_ends_once() {
        let rules = Rules::new(1);
        rules
            .change(&[], begin(3, Direction::Up, Toxic::Silence))
            .unwrap();
        let again = rules.change(&[], begin(3, Direction::Down, Toxic::Silence));
        assert_eq!(again.unwrap_err(), FaultError::AlreadyActive(3));
        let other = rules.change(&[4], vec![]);
        assert_eq!(other.unwrap_err(), FaultError::NotActive(4));
        let ended = rules.change(&[3], vec![]).unwrap().proofs().await;
        assert_eq!(ended.len(), 1);
        let again = rules.change(&[3], vec![]);
        assert_eq!(again.unwrap_err(), FaultError::NotActive(3));
    }

    #[tokio::test]
    async fn a_change_is_of_all_or_of_nothing() {
        let rules = Rules::new(1);
        rules
            .change(&[], begin(0, Direction::Up, Toxic::Noop))
            .unwrap();
        let before = rules.version();
        let three = [1, 2, 0].map(|id| Begin::all(id, Direction::Up, Toxic::Noop));
        let refused = rules.change(&[], three.to_vec());
        assert_eq!(refused.unwrap_err(), FaultError::AlreadyActive(0));
        assert_eq!(rules.version(), before, "nothing has changed");
        rules.change(&[0], three.to_vec()).unwrap();
        assert_eq!(rules.version(), before + 1, "all of it at once");
        let mut ids = Vec::new();
        rules.visit(Direction::Up, |fault| ids.push(fault.id()));
        assert_eq!(ids, [1, 2, 0]);
    }

    #[tokio::test]
    async fn a_direction_sees_its_own_faults_only() {
        let rules = Rules::new(1);
        let before = rules.version();
        rules
            .change(&[], begin(0, Direction::Up, Toxic::Silence))
            .unwrap();
        rules
            .change(&[], begin(1, Direction::Both, Toxic::Noop))
            .unwrap();
        let seen = |direction| {
            let mut ids = Vec::new();
            rules.visit(direction, |fault| ids.push(fault.id()));
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
        let admit = |connection: u64, holds: &mut Vec<Hold>| {
            let asking = Asking {
                connection,
                accepted_ns: None,
                now_ns: 0,
            };
            rules.admit(asking, holds)
        };
        assert_eq!(admit(1, &mut holds), Admission::Serve);
        rules
            .change(&[], begin(0, Direction::Up, Toxic::Silence))
            .unwrap();
        assert_eq!(admit(1, &mut holds), Admission::Hold);
        rules
            .change(&[], begin(1, Direction::Both, Toxic::Reset))
            .unwrap();
        assert_eq!(admit(1, &mut holds), Admission::Reset);
        assert_eq!(admit(2, &mut holds), Admission::Reset);
        drop(holds);
        let proofs = rules.change(&[0, 1], vec![]).unwrap().proofs().await;
        assert_eq!((proofs[0].connections, proofs[1].connections), (1, 2));
    }
}
