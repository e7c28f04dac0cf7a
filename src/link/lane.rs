//! One direction of one connection: what it holds, and when it may go on. No sockets.
//!
//! Bytes wait in one ring. Faults release them from the front, in order; what is released may be
//! written unless the lane is silent. The end of the stream waits behind the last byte.

use std::collections::VecDeque;
use std::sync::Arc;

use super::active::{Active, Strikes};
use super::counters::Counters;
use super::fault::noop::Noop;
use super::fault::{Cut, End};
use super::observer::Watch;
use super::ring::Ring;
use super::rules::Rules;
use super::tally::Tally;
use super::turns::Turns;
use crate::clock::monotonic_ns;
use crate::plan::Direction;

mod attached;

use attached::Attached;

/// One read of the source, or what is left of it.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    arrived_ns: u64,
    bytes: usize,
    /// The turn of the connection to which it belongs.
    turn: u64,
}

/// The queue of one lane and the faults on it. All times are nanoseconds of the monotonic clock.
pub struct Lane {
    connection: u64,
    direction: Direction,
    /// The version of the rules that `attached` reflects.
    version: u64,
    attached: Vec<Attached>,
    silent: bool,
    /// Whether each slice is to be written on its own.
    separate: bool,
    /// How the connection ends because of a fault that has been removed.
    cut: Option<(Cut, u64)>,
    ring: Ring,
    /// Bytes at the front of the ring that the faults have let go.
    released: usize,
    /// The rest of the ring.
    chunks: VecDeque<Chunk>,
    /// When the faults let go of the last chunk, not counting their pace: the next is never earlier.
    left_ns: u64,
    end: Option<(End, u64)>,
    buffer_bytes: usize,
    window_bytes: usize,
    counters: Arc<Counters>,
    turns: Arc<Turns>,
    watch: Option<Box<dyn Watch>>,
}

impl Lane {
    /// An empty lane that holds at most `buffer_bytes`, more only for a fault's own window.
    pub fn new(
        connection: u64,
        direction: Direction,
        buffer_bytes: usize,
        counters: Arc<Counters>,
        turns: Arc<Turns>,
    ) -> Self {
        Self {
            connection,
            direction,
            version: 0,
            attached: Vec::new(),
            silent: false,
            separate: false,
            cut: None,
            ring: Ring::default(),
            released: 0,
            chunks: VecDeque::new(),
            left_ns: 0,
            end: None,
            buffer_bytes,
            window_bytes: 0,
            counters,
            turns,
            watch: None,
        }
    }

    /// The lane, looked at by `watch`.
    pub fn watched(mut self, watch: Option<Box<dyn Watch>>) -> Self {
        self.watch = watch;
        self
    }

    /// Takes up faults that have begun and lets go of those that have ended.
    pub fn refresh(&mut self, rules: &Rules, now_ns: u64) {
        let mut current: Vec<Arc<Active>> = Vec::new();
        let mut begun = Vec::new();
        let attached = &self.attached;
        self.version = rules.visit(self.direction, |active| {
            if !attached.iter().any(|one| Arc::ptr_eq(&one.active, active)) {
                // Held from under the rules' lock, so that an end that follows waits for this lane.
                begun.push((Arc::clone(active), active.hold()));
            }
            current.push(Arc::clone(active));
        });
        let (kept, ended): (Vec<_>, Vec<_>) = std::mem::take(&mut self.attached)
            .into_iter()
            .partition(|one| {
                current
                    .iter()
                    .any(|active| Arc::ptr_eq(active, &one.active))
            });
        self.attached = kept;
        for (active, hold) in begun {
            let turns = match active.strikes(self.connection, self.direction) {
                Strikes::Nothing => continue,
                Strikes::Everything => None,
                Strikes::Turns(seed) => Some(seed),
            };
            let before = ended.iter().find(|one| one.active.id() == active.id());
            let mut one = Attached {
                fault: Box::new(Noop),
                turns,
                awake: false,
                strikes: turns.is_none(),
                active,
                held_ns: 0,
                left_bytes: before.map_or(0, |one| one.left_bytes),
                tally: Tally::default(),
                _hold: hold,
            };
            if turns.is_none() || one.left_bytes > 0 {
                one.wake(self.connection, self.direction, now_ns);
            }
            self.attached.push(one);
        }
        // New settings stand where the old ones stood.
        self.attached.sort_by_key(|one| {
            current
                .iter()
                .position(|active| Arc::ptr_eq(active, &one.active))
        });
        for one in ended {
            self.cut_by(&one, now_ns);
            self.settle(one, now_ns);
        }
        self.sum_up();
    }

    /// What all faults of the lane make of it.
    fn sum_up(&mut self) {
        self.silent = self.attached.iter().any(|one| one.fault.is_silent());
        self.separate = self.attached.iter().any(|one| one.fault.separates());
        let windows = self.attached.iter().map(|one| one.fault.window_bytes());
        self.window_bytes = windows.sum();
    }

    /// Ends the connection where a fault that goes, or changes, has thrown away some of its bytes.
    fn cut_by(&mut self, gone: &Attached, now_ns: u64) {
        let stays = self
            .attached
            .iter()
            .any(|one| one.active.id() == gone.active.id());
        let cut = match gone.fault.cut_on_removal() {
            Some(Cut::AfterData) => Cut::AfterData,
            Some(cut) if !stays => cut,
            // New settings of the same throw away the rest as well.
            Some(_) | None => return,
        };
        self.cut.get_or_insert((cut, now_ns));
        // What waits comes after what is missing.
        self.counters.let_go(self.ring.len() - self.released);
        self.ring.truncate(self.released);
        self.chunks.clear();
    }

    /// Whether the rules have changed since [`Self::refresh`].
    pub fn is_stale(&self, rules: &Rules) -> bool {
        self.version != rules.version()
    }

    /// Whether a chunk may pass at once: no fault is active and nothing waits.
    pub fn is_straight(&self) -> bool {
        self.attached.is_empty() && self.ring.is_empty()
    }

    /// Whether the source should be read. Without a fault the lane holds one chunk at most.
    pub fn wants_more(&self) -> bool {
        if self.end.is_some() || self.cut.is_some() {
            return false;
        }
        if self.attached.is_empty() {
            return self.ring.is_empty();
        }
        // What remembers a chunk counts as well, or one-byte chunks would hold memory unseen.
        let waiting = self.ring.len() - self.released + self.chunks.len() * size_of::<Chunk>();
        // The window is for what is on its way, not for what the sink does not read.
        let window_bytes = if self.silent { 0 } else { self.window_bytes };
        self.released < self.buffer_bytes && waiting < self.buffer_bytes.max(window_bytes)
    }

    /// `bytes` were read from the source, into the room.
    pub fn received(&mut self, bytes: usize) {
        self.turns.came(self.direction);
        self.counters.received(self.direction, bytes);
    }

    /// Shows the `bytes` that were read into the room at `at_ns` to whoever looks.
    pub fn show(&mut self, bytes: usize, at_ns: u64) {
        if let Some(watch) = &mut self.watch {
            watch.up_read(self.ring.peek(bytes), at_ns);
        }
    }

    /// Where the source is read into; never empty.
    pub fn room(&mut self) -> &mut [u8] {
        self.ring.room()
    }

    /// The first `bytes` that were read into the room.
    pub fn read(&self, bytes: usize) -> &[u8] {
        self.ring.peek(bytes)
    }

    /// Of the first `bytes` that were read into the room, all but those that have `passed` straight
    /// are to be kept, as one chunk.
    pub fn keep(&mut self, passed: usize, bytes: usize, arrived_ns: u64) {
        self.ring.take(bytes);
        if passed > 0 {
            self.ring.drop_front(passed);
        }
        let bytes = bytes - passed;
        self.chunks.push_back(Chunk {
            arrived_ns,
            bytes,
            turn: self.turns.number(),
        });
        self.counters.hold(bytes);
    }

    /// The source has ended. A reset overrules an end that has not been passed on yet.
    pub fn finish(&mut self, end: End, now_ns: u64) {
        if self.end.is_none_or(|(known, _)| known < end) {
            self.end = Some((end, now_ns));
        }
    }

    /// Lets go of everything that is due; returns when more may be, `None` when no time will tell.
    pub fn release(&mut self, now_ns: u64) -> Option<u64> {
        if self.silent {
            return None;
        }
        while let Some(chunk) = self.chunks.front().copied() {
            if self.separate && self.released > 0 {
                // What was let go is written first; then this is asked again.
                return None;
            }
            self.meet(chunk.turn, now_ns);
            let mut at_ns = chunk.arrived_ns;
            for one in struck(&mut self.attached) {
                let due_ns = one.fault.due_ns(at_ns);
                one.held_ns = due_ns - at_ns;
                at_ns = due_ns;
            }
            // A chunk with a short draw does not overtake one with a long draw.
            at_ns = at_ns.max(self.left_ns);
            if at_ns > now_ns {
                return (at_ns < u64::MAX).then_some(at_ns);
            }
            let left_ns = at_ns;
            let slice = struck(&mut self.attached)
                .fold(chunk.bytes, |bytes, one| one.fault.slice_bytes(bytes));
            for one in struck(&mut self.attached) {
                let due_ns = one.fault.slice_due_ns(at_ns, slice, now_ns);
                one.held_ns += due_ns - at_ns;
                at_ns = due_ns;
            }
            if at_ns > now_ns {
                return (at_ns < u64::MAX).then_some(at_ns);
            }
            self.left_ns = left_ns;
            self.leave(chunk, slice, now_ns);
        }
        None
    }

    /// Finds out which faults strike what belongs to a turn, and wakes those that do so first.
    fn meet(&mut self, turn: u64, now_ns: u64) {
        let mut woken = false;
        for one in &mut self.attached {
            let Some(seed) = one.turns else { continue };
            one.strikes = one.active.strikes_turn(seed, turn);
            if one.strikes && !one.awake {
                one.wake(self.connection, self.direction, now_ns);
                woken = true;
            }
        }
        if woken {
            self.sum_up();
        }
    }

    /// Moves the first `slice` bytes of the first chunk to what may be written, unless a fault
    /// throws them away: then those behind it never see them.
    fn leave(&mut self, chunk: Chunk, slice: usize, now_ns: u64) {
        let whole = slice == chunk.bytes;
        let swallowing = self
            .attached
            .iter()
            .position(|one| one.strikes && one.fault.swallows());
        let seen = swallowing.map_or(self.attached.len(), |index| index + 1);
        for one in struck(&mut self.attached[..seen]) {
            let coming = self.released..self.released + slice;
            for part in self.ring.parts_mut(coming) {
                one.fault.alter(part);
            }
            one.slice_left(chunk.arrived_ns, slice, whole, now_ns);
        }
        if swallowing.is_some() {
            self.ring.drop_range(self.released..self.released + slice);
            self.counters.let_go(slice);
        } else {
            self.released += slice;
        }
        if whole {
            self.chunks.pop_front();
        } else if let Some(first) = self.chunks.front_mut() {
            first.bytes -= slice;
        }
    }

    /// What may be written now.
    pub fn writable(&self) -> &[u8] {
        if self.silent {
            return &[];
        }
        let front = self.ring.front();
        &front[..self.released.min(front.len())]
    }

    /// The first `bytes` of [`Self::writable`] were written, in a call that began at `began_ns`.
    pub fn written(&mut self, bytes: usize, began_ns: u64) {
        if let Some(watch) = &mut self.watch {
            watch.up_written(&self.ring.front()[..bytes], monotonic_ns());
        }
        self.ring.drop_front(bytes);
        self.released -= bytes;
        self.counters.let_go(bytes);
        self.passed(bytes, began_ns);
        if self.is_straight() {
            self.ring.shrink();
        }
    }

    /// The first `bytes` that were read into the room were written at once, in a call that began at
    /// `began_ns` and ended at `ended_ns`.
    pub fn passed_straight(&mut self, bytes: usize, began_ns: u64, ended_ns: u64) {
        if let Some(watch) = &mut self.watch {
            watch.up_written(self.ring.peek(bytes), ended_ns);
        }
        self.passed(bytes, began_ns);
    }

    /// `bytes` were written, in a call that began at `began_ns`: what a silence let through leaked.
    pub fn passed(&mut self, bytes: usize, began_ns: u64) {
        self.counters.passed(self.direction, bytes);
        for one in &mut self.attached {
            if one.fault.is_silent() && one.active.started_ns() <= began_ns {
                one.tally.leaked_bytes += bytes as u64;
            }
        }
    }

    /// Whether nothing waits to be written.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// How the stream ends and when that may be passed on; `None` while it goes on or is silent.
    pub fn end_due(&self) -> Option<(End, u64)> {
        let came = self.end.filter(|_| !self.silent)?;
        let turn = self.turns.number();
        let strike = self.attached.iter().filter(|one| one.strikes_turn(turn));
        let passed = strike.fold(came, |(end, at_ns), one| {
            (one.fault.end_as(end), one.fault.end_due_ns(end, at_ns))
        });
        Some(passed)
    }

    /// How and when a fault here ends the whole connection, the earliest first.
    pub fn cut_due(&self) -> Option<(Cut, u64)> {
        let cuts = self.attached.iter().filter_map(|one| one.fault.cut());
        cuts.chain(self.cut).min_by_key(|(_, at_ns)| *at_ns)
    }

    /// The end has been passed on: a fault that held it counts it as a chunk without bytes.
    pub fn end_passed(&mut self) {
        let Some((end, _)) = self.end else { return };
        let turn = self.turns.number();
        self.counters.ended(self.direction);
        for one in &mut self.attached {
            if !one.strikes_turn(turn) {
                continue;
            }
            let held_ns = one.fault.end_due_ns(end, 0);
            if held_ns > 0 {
                one.tally.held(0, held_ns);
            }
        }
        self.end = None;
    }

    /// Hands over what a fault did here, what it still holds included.
    fn settle(&self, mut one: Attached, now_ns: u64) {
        let started_ns = one.active.started_ns();
        let since = |arrived_ns: u64| now_ns.saturating_sub(arrived_ns.max(started_ns));
        let most_ns = one.fault.hold_most_ns();
        if most_ns > 0 {
            if one.fault.is_silent() && self.released > 0 {
                one.tally.held(self.released, since(0));
            }
            for chunk in &self.chunks {
                if !one.strikes_turn(chunk.turn) {
                    continue;
                }
                one.tally
                    .held(chunk.bytes, since(chunk.arrived_ns).min(most_ns));
            }
        }
        if let Some((end, arrived_ns)) = self.end {
            let held_ns = one.fault.end_due_ns(end, 0);
            if one.fault.is_silent() {
                one.tally.held(0, since(arrived_ns));
            } else if held_ns > 0 && self.ring.is_empty() {
                one.tally.held(0, since(arrived_ns).min(held_ns));
            }
        }
        one.tally.acts += one.fault.acts(now_ns);
        one.active.add(self.connection, &one.tally);
    }
}

/// Those that strike the chunk that is next.
fn struck(attached: &mut [Attached]) -> impl Iterator<Item = &mut Attached> {
    attached.iter_mut().filter(|one| one.strikes)
}

impl Drop for Lane {
    fn drop(&mut self) {
        let now_ns = monotonic_ns();
        for one in std::mem::take(&mut self.attached) {
            self.settle(one, now_ns);
        }
        self.counters.let_go(self.ring.len());
    }
}

#[cfg(test)]
mod tests;
