//! Wakes a task at a moment of the monotonic clock, within some 100 µs where the system can.
//!
//! The runtime's own timer counts in milliseconds, which would make every delay longer by one to
//! two. On Linux a timer of the kernel does it, made when it is first needed; where there is none,
//! or no descriptor is left for it, the runtime's serves.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::clock::monotonic_ns;

#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
use kernel::KernelTimer;

/// One task's timer.
#[derive(Debug, Default)]
pub struct Timer {
    with: Option<With>,
}

#[derive(Debug)]
enum With {
    #[cfg(target_os = "linux")]
    Kernel(KernelTimer),
    Runtime(Pin<Box<Sleep>>),
}

impl Timer {
    /// Ready at `wake_ns` of [`monotonic_ns`]; until then the task is woken no later than then.
    pub fn poll(&mut self, cx: &mut Context<'_>, wake_ns: u64) -> Poll<()> {
        let wait_ns = wake_ns.saturating_sub(monotonic_ns());
        if wait_ns == 0 {
            return Poll::Ready(());
        }
        match self.with.get_or_insert_with(With::new) {
            #[cfg(target_os = "linux")]
            With::Kernel(timer) => timer.poll(cx, wake_ns),
            With::Runtime(sleep) => {
                let at = Instant::now() + Duration::from_nanos(wait_ns);
                sleep.as_mut().reset(at);
                sleep.as_mut().poll(cx)
            }
        }
    }
}

impl With {
    fn new() -> Self {
        #[cfg(target_os = "linux")]
        if let Ok(timer) = KernelTimer::new() {
            return With::Kernel(timer);
        }
        With::Runtime(Box::pin(tokio::time::sleep(Duration::ZERO)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test]
    async fn it_is_never_early_and_can_be_used_again() {
        let mut timer = Timer::default();
        for wait_ns in [3_000_000, 700_000, 0, 5_000_000] {
            let wake_ns = monotonic_ns() + wait_ns;
            poll_fn(|cx| timer.poll(cx, wake_ns)).await;
            assert!(monotonic_ns() >= wake_ns);
        }
    }

    #[tokio::test]
    async fn a_nearer_moment_takes_the_place_of_a_farther_one() {
        let mut timer = Timer::default();
        let far_ns = monotonic_ns() + 3_600_000_000_000;
        let far = poll_fn(|cx| Poll::Ready(timer.poll(cx, far_ns))).await;
        assert!(far.is_pending());
        let near_ns = monotonic_ns() + 2_000_000;
        let near = poll_fn(|cx| timer.poll(cx, near_ns));
        tokio::time::timeout(Duration::from_secs(20), near)
            .await
            .unwrap();
    }
}
