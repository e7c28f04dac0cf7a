//! So many items a second and no more, one request after the other.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Turns of requests, each as long as its items take at the rate.
#[derive(Debug)]
pub struct Throttle {
    /// When the last turn that was given ends.
    free_at: Mutex<Instant>,
    items_per_s: f64,
}

/// When a request begins to be worked on, and when it is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub begins: Instant,
    pub ends: Instant,
}

impl Throttle {
    /// Of that many items per second, which are more than none.
    pub fn new(items_per_s: f64) -> Self {
        Self {
            free_at: Mutex::new(Instant::now()),
            items_per_s,
        }
    }

    /// The next turn, for a request of so many items that is there now. What was not used before it is
    /// lost.
    pub fn turn(&self, items: u64, now: Instant) -> Turn {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = (*free_at).max(now);
        let ends = begins + Duration::from_secs_f64(items as f64 / self.items_per_s);
        *free_at = ends;
        Turn { begins, ends }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_each_other_and_idle_time_is_not_saved_up() {
        let throttle = Throttle::new(1000.0);
        let now = Instant::now();
        let ms = Duration::from_millis;
        let (first, second) = (throttle.turn(500, now), throttle.turn(100, now + ms(1)));
        assert_eq!((first.begins, first.ends), (now, now + ms(500)));
        assert_eq!((second.begins, second.ends), (now + ms(500), now + ms(600)));
        let late = now + ms(5000);
        assert_eq!(throttle.turn(1, late).begins, late);
    }
}
