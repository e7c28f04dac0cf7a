//! A timer of the kernel, as a descriptor that the runtime polls.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::clock::monotonic_ns;

/// The timer, and the moment for which it is set; 0 for none.
#[derive(Debug)]
pub struct KernelTimer {
    timer: AsyncFd<OwnedFd>,
    set_ns: u64,
}

impl KernelTimer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: an `OwnedFd` is open for as long as it lives and always names the same descriptor;
        // the `AsyncFd` owns it and nobody else has it.
        let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) };
        Ok(Self {
            timer: timer?,
            set_ns: 0,
        })
    }

    /// Ready at `wake_ns` of the monotonic clock. A timer that cannot be set is ready at once: its
    /// task then asks again.
    pub fn poll(&mut self, cx: &mut Context<'_>, wake_ns: u64) -> Poll<()> {
        if self.set_ns != wake_ns {
            if self.set(wake_ns).is_err() {
                return Poll::Ready(());
            }
            self.set_ns = wake_ns;
        }
        loop {
            match ready!(self.timer.poll_read_ready(cx)) {
                // The event may be one of an earlier setting. It need not be read: the next setting
                // makes the timer forget it, and the runtime is told of edges only.
                Ok(mut event) => event.clear_ready(),
                // The runtime is shutting down.
                Err(_) => return Poll::Ready(()),
            }
            if monotonic_ns() >= wake_ns {
                return Poll::Ready(());
            }
        }
    }

    fn set(&self, wake_ns: u64) -> io::Result<()> {
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let at = Itimerspec {
            it_interval: zero,
            it_value: Timespec {
                tv_sec: i64::try_from(wake_ns / 1_000_000_000).unwrap_or(i64::MAX),
                // Below 10^9, it fits.
                tv_nsec: (wake_ns % 1_000_000_000) as _,
            },
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &at)?;
        Ok(())
    }
}
