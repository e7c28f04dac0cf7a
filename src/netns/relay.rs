//! One direction's thread: reads what the one side sent, asks the impairments, sends it to the other.
//!
//! The thread owns all that it works with. Others speak to it through a channel, and it looks there
//! between two batches.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::time::{ClockId, clock_gettime};

use super::LaneCounts;
use super::NetnsError;
use super::held::Held;
use super::impairment::Impairment;
use super::lane::{Fate, Lane};
use super::sys::{self, BATCH, Ring};
use super::tally::Tally;
use crate::clock::{monotonic_ns, unix_ns};

/// Length of an Ethernet header, which impairments do not count.
pub const ETHERNET_BYTES: usize = 14;
/// Requests that wait for the thread at most.
const REQUESTS_MAX: usize = 16;
/// Longest time between a packet's stamp and now that is believed; a wall clock may be set.
const TRANSIT_MAX_NS: u64 = 10_000_000_000;

enum Request {
    Start(usize, Impairment, SyncSender<u64>),
    End(usize, SyncSender<Option<(u64, Tally)>>),
    Sample(SyncSender<LaneSample>),
}

/// What a direction did, and what each of its active impairments did.
#[derive(Debug, Clone)]
pub struct LaneSample {
    pub counts: LaneCounts,
    pub impairments: Vec<(usize, Tally)>,
}

/// A running direction. It stops when this is dropped.
#[derive(Debug)]
pub struct Relay {
    requests: Option<SyncSender<Request>>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Passes frames on from `ring` to the socket `to`, holding `held_max_bytes` at most.
    ///
    /// # Errors
    /// When there are no threads or descriptors left.
    pub fn start(
        name: &str,
        ring: Ring,
        to: OwnedFd,
        seed: u64,
        held_max_bytes: usize,
    ) -> io::Result<Self> {
        let (requests, inbox) = sync_channel(REQUESTS_MAX);
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let worker = Worker {
            ring,
            to,
            inbox,
            wake: Arc::clone(&wake),
            lane: Lane::new(seed),
            held: Held::new(held_max_bytes),
            due: Vec::with_capacity(BATCH),
            fates: Vec::new(),
        };
        let builder = std::thread::Builder::new().name(name.to_owned());
        let thread = builder.spawn(move || worker.run())?;
        Ok(Self {
            requests: Some(requests),
            wake,
            thread: Some(thread),
        })
    }

    /// Begins an impairment; returns the time from which it is in force.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn begin(&self, id: usize, impairment: &Impairment) -> Result<u64, NetnsError> {
        self.ask(|reply| Request::Start(id, impairment.clone(), reply))
    }

    /// Ends an impairment; returns when, and what it did.
    ///
    /// # Errors
    /// When none of this number is active, or the thread has ended.
    pub fn end(&self, id: usize) -> Result<(u64, Tally), NetnsError> {
        self.ask(|reply| Request::End(id, reply))?
            .ok_or(NetnsError::NotActive { id })
    }

    /// What was counted so far.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn sample(&self) -> Result<LaneSample, NetnsError> {
        self.ask(Request::Sample)
    }

    fn ask<T>(&self, request: impl FnOnce(SyncSender<T>) -> Request) -> Result<T, NetnsError> {
        let (reply, answer) = sync_channel(1);
        let requests = self.requests.as_ref().ok_or(NetnsError::RelayGone)?;
        requests
            .send(request(reply))
            .map_err(|_| NetnsError::RelayGone)?;
        self.wake();
        answer.recv().map_err(|_| NetnsError::RelayGone)
    }

    fn wake(&self) {
        // It refuses only when it is full, and then the thread is awake already.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.requests.take());
        self.wake();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed, and is seen as `RelayGone`.
            let _ = thread.join();
        }
    }
}

struct Worker {
    ring: Ring,
    to: OwnedFd,
    inbox: Receiver<Request>,
    wake: Arc<OwnedFd>,
    lane: Lane,
    held: Held,
    /// What is being sent now; empty between two turns.
    due: Vec<(u64, Vec<u8>)>,
    fates: Vec<Fate>,
}

impl Worker {
    fn run(mut self) {
        // Without it the kernel may wake us 50 µs late. Where it refuses, lateness tells.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        while self.answer_requests() {
            if self.pass_on() == 0 {
                self.wait();
            }
        }
    }

    /// Says no when nobody is left who could ask.
    fn answer_requests(&mut self) -> bool {
        loop {
            // Who asked may have gone without waiting; that is his affair.
            match self.inbox.try_recv() {
                Ok(Request::Start(id, impairment, reply)) => {
                    let now_ns = monotonic_ns();
                    self.lane.start(id, &impairment, now_ns);
                    let _ = reply.send(now_ns);
                }
                Ok(Request::End(id, reply)) => {
                    let ended = self.lane.end(id);
                    let _ = reply.send(ended.map(|tally| (monotonic_ns(), tally)));
                }
                Ok(Request::Sample(reply)) => {
                    let _ = reply.send(self.sample());
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn sample(&mut self) -> LaneSample {
        let missed = sys::missed_packets(self.ring.socket()).unwrap_or(0);
        let cpu = clock_gettime(ClockId::ThreadCPUTime);
        let counts = self.lane.counts();
        counts.missed += missed;
        counts.held = self.held.len() as u64;
        counts.held_bytes = self.held.bytes(ETHERNET_BYTES);
        counts.cpu_ns = cpu.tv_sec as u64 * 1_000_000_000 + cpu.tv_nsec as u64;
        LaneSample {
            counts: counts.clone(),
            impairments: self.lane.tallies(),
        }
    }

    /// One batch: sends what is due, reads what has come. Returns how much there was to do.
    fn pass_on(&mut self) -> usize {
        let now_ns = monotonic_ns();
        let ahead_ns = unix_ns().saturating_sub(now_ns);
        let sent = self.send_due(now_ns);
        let read = self.read(now_ns, ahead_ns);
        // What has just come may be due at once, only not by the short way.
        sent + read
            + if self.held.is_empty() {
                0
            } else {
                self.send_due(now_ns)
            }
    }

    /// Reads a batch. What may pass at once, unchanged and with nobody before it, is sent from where
    /// the kernel put it; the rest is copied and waits.
    fn read(&mut self, now_ns: u64, ahead_ns: u64) -> usize {
        let (mut at_once, mut dues): ([&[u8]; BATCH], [u64; BATCH]) = ([&[]; BATCH], [0; BATCH]);
        let (mut read, mut passing) = (0, 0);
        while read < BATCH {
            let Some(frame) = self.ring.peek(read) else {
                break;
            };
            read += 1;
            if frame.is_cut || frame.bytes.len() < ETHERNET_BYTES {
                self.lane.counts().missed += 1;
                continue;
            }
            let stamped_ns = frame.arrival_unix_ns.saturating_sub(ahead_ns);
            let is_plausible = stamped_ns <= now_ns && now_ns - stamped_ns < TRANSIT_MAX_NS;
            let arrival_ns = if is_plausible { stamped_ns } else { now_ns };
            let bytes = (frame.bytes.len() - ETHERNET_BYTES) as u64;
            self.lane.judge(arrival_ns, bytes, &mut self.fates);
            if let [fate] = self.fates[..]
                && fate.due_ns <= now_ns
                && fate.flip[0].is_none()
                && self.held.is_empty()
            {
                (at_once[passing], dues[passing]) = (frame.bytes, fate.due_ns);
                passing += 1;
                continue;
            }
            for fate in &self.fates {
                let flip = |frame: &mut [u8]| flip_bits(frame, fate);
                if !self.held.push(fate.due_ns, frame.bytes, flip) {
                    self.lane.counts().overflowed += 1;
                }
            }
        }
        send(
            &self.to,
            &at_once[..passing],
            &dues[..passing],
            self.lane.counts(),
        );
        self.ring.release(read);
        read
    }

    /// Sends a batch of what waited and is due.
    fn send_due(&mut self, now_ns: u64) -> usize {
        self.held.pop_due(now_ns, BATCH, &mut self.due);
        let (mut frames, mut dues): ([&[u8]; BATCH], [u64; BATCH]) = ([&[]; BATCH], [0; BATCH]);
        for (i, (due_ns, frame)) in self.due.iter().enumerate() {
            (frames[i], dues[i]) = (frame, *due_ns);
        }
        let count = self.due.len();
        send(
            &self.to,
            &frames[..count],
            &dues[..count],
            self.lane.counts(),
        );
        self.held.reuse(&mut self.due);
        count
    }

    /// Sleeps until a packet comes, one is due, or somebody asks.
    fn wait(&self) {
        let timeout = self.held.next_due_ns().map(|due_ns| {
            let ns = due_ns.saturating_sub(monotonic_ns());
            Timespec {
                tv_sec: (ns / 1_000_000_000) as i64,
                tv_nsec: (ns % 1_000_000_000) as i64,
            }
        });
        let socket = self.ring.socket();
        let mut waited = [
            PollFd::from_borrowed_fd(socket, PollFlags::IN),
            PollFd::from_borrowed_fd(self.wake.as_fd(), PollFlags::IN),
        ];
        if poll(&mut waited, timeout.as_ref()).is_err() {
            return;
        }
        if waited[0].revents().contains(PollFlags::ERR) {
            // The interface went down: reading the error clears it, or we would not sleep again.
            let _ = rustix::net::sockopt::socket_error(socket);
        }
        if waited[1].revents().contains(PollFlags::IN) {
            // Only its being readable matters, not how often somebody asked.
            let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
        }
    }
}

/// Sends frames and records how late each was.
fn send(to: &OwnedFd, frames: &[&[u8]], dues: &[u64], counts: &mut LaneCounts) {
    let mut done = 0;
    while done < frames.len() {
        match sys::send_frames(to.as_fd(), &frames[done..]) {
            Ok(sent) => {
                let now_ns = monotonic_ns();
                for at in done..done + sent {
                    counts.sent_bytes += (frames[at].len() - ETHERNET_BYTES) as u64;
                    counts
                        .lateness
                        .record_ns(now_ns.saturating_sub(dues[at]), 1);
                }
                counts.sent += sent as u64;
                done += sent;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                counts.unsent += 1;
                done += 1;
            }
        }
    }
}

/// Flips the bits of a fate in a frame.
fn flip_bits(frame: &mut [u8], fate: &Fate) {
    for bit in fate.flip.into_iter().flatten() {
        if let Some(byte) = frame.get_mut(ETHERNET_BYTES + (bit / 8) as usize) {
            *byte ^= 1 << (bit % 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netns::lane::FLIPS_MAX;

    #[test]
    fn bits_are_flipped_behind_the_ethernet_header() {
        let mut flip = [None; FLIPS_MAX];
        flip[0] = Some(9);
        let mut frame = [0; 20];
        flip_bits(&mut frame, &Fate { due_ns: 0, flip });
        assert_eq!(
            frame.iter().position(|byte| *byte != 0),
            Some(ETHERNET_BYTES + 1)
        );
        assert_eq!(frame[ETHERNET_BYTES + 1], 2);
    }
}
