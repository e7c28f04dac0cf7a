//! The receiver of a run: marks each item by its identity and keeps its delivery latency.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use super::content::Comparison;
use super::foreign::Foreign;
use super::plant::{Fate, Key, Plants, Reply, Verdict};
use super::traffic::{Traffic, lock};
use super::{Answer, Receiver, Request, Taken};
use crate::clock::RunClock;
use crate::evidence::{SinkEvidence, SinkSample, SinkSignal};
use crate::ids::PointKey;
use crate::journal::{self, Journal, POINTS_FILE, Point, PointsLine};
use crate::mapped::shelves::{Expected, Marks, Shelves};
use crate::mapped::timetable::Timetable;
use crate::mapped::{Arrivals, names};
use crate::otlp::Malformed;
use crate::otlp::identities::{Item, Runs};
use crate::otlp::known_points;
use crate::otlp::points::of_metric;
use crate::otlp::walk::{Found, walk};
use crate::plan::SinkPlan;
use crate::plan::windows::Segment;
use crate::signal::Signal;
use crate::stats::histogram::Latencies;

mod book;
mod due;
mod strangers;
mod struck;

use book::{Arrival, Book};

/// Samples over which the live percentile looks back: a second of them.
const RECENT_SAMPLES: usize = 10;

/// What a request holds, found before anything is locked.
#[derive(Debug, Default)]
struct Scratch {
    items: Runs,
    points: Vec<Point>,
}

thread_local! {
    /// Kept from one request to the next for its memory.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What a run's sink keeps.
#[derive(Debug)]
pub struct Accounting {
    clock: OnceLock<RunClock>,
    /// Changes only when a fault begins that waited for a condition.
    segments: RwLock<Arc<[Segment]>>,
    shelves: Shelves<Marks>,
    /// How the data points of a raw client or a replay are known, and when what is replayed was due.
    timetable: Timetable,
    books: [Mutex<Book>; 3],
    points: Journal,
    oracle: Option<File>,
    recent: Mutex<VecDeque<Latencies>>,
    failure: OnceLock<String>,
    content: Option<Comparison>,
    /// Where items have ids that are not squall's.
    foreign: Option<Foreign>,
}

impl Accounting {
    /// Opens what the controller has made in `evidence`.
    ///
    /// # Errors
    /// When a file is missing or cannot be opened.
    pub fn open(
        plan: &SinkPlan,
        seed: u64,
        expected: &[Expected],
        segments: Vec<Segment>,
        evidence: &Path,
    ) -> io::Result<Self> {
        let book = |signal: Signal| {
            let plants = plan.plant.iter().filter(|plant| plant.signal == signal);
            let plants = Plants::new(seed, plants.map(|plant| plant.kind));
            Mutex::new(Book::new(segments.len(), plants))
        };
        let oracle = plan.oracle.as_ref().map(|path| {
            let mut options = OpenOptions::new();
            let opened = options.create(true).append(true).open(path);
            opened.map_err(|error| {
                let text = format!("sink.oracle, {path}: {error}");
                io::Error::new(error.kind(), text)
            })
        });
        let journal = evidence.join(POINTS_FILE);
        let points = Journal::open(&journal)?;
        let books = Signal::ALL.map(book);
        // A sink that is started again knows the points that the one before has seen.
        let seen: Vec<PointsLine> = journal::read(&journal)?;
        lock(&books[Signal::Metrics.index()])
            .points
            .extend(seen.iter().flat_map(|line| &line.points).map(|p| p.key));
        Ok(Self {
            clock: OnceLock::new(),
            shelves: Shelves::open(expected, |one| {
                let file =
                    |name: fn(Signal, u16) -> String| evidence.join(name(one.signal, one.producer));
                Marks::open(
                    &file(names::received),
                    &file(names::received_again),
                    &file(names::extra_copies),
                )
            })?,
            timetable: Timetable::open(expected, |signal, producer| {
                Arrivals::open(&evidence.join(names::arrivals(signal, producer)))
            })?,
            books,
            segments: RwLock::new(segments.into()),
            points,
            oracle: oracle.transpose()?,
            recent: Mutex::new(VecDeque::new()),
            failure: OnceLock::new(),
            content: None,
            foreign: None,
        })
    }

    /// Compares the content of what arrives as well.
    #[must_use]
    pub fn comparing(mut self, content: Option<Comparison>) -> Self {
        self.content = content;
        self
    }

    /// The run begins. Only the first call counts.
    pub fn start(&self, clock: RunClock) {
        let _ = self.clock.set(clock);
    }

    /// From now on nothing is counted. What is being counted is finished first.
    pub fn freeze(&self) {
        for book in &self.books {
            lock(book).frozen = true;
        }
        if let Some(content) = &self.content {
            content.freeze();
        }
    }

    /// The timeline from now on, of which what is new begins at `from_ns`.
    ///
    /// # Errors
    /// When that has passed: then something may have been recorded in the wrong window.
    pub fn split(&self, segments: Vec<Segment>, from_ns: u64) -> Result<(), String> {
        let segments: Arc<[Segment]> = segments.into();
        let mut books = self.books.each_ref().map(lock);
        let old = self.timeline();
        for book in &mut books {
            book.latency.split(&old, &segments);
        }
        *self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner) = segments;
        let now_ns = self.clock.get().map_or(0, RunClock::now_ns);
        if now_ns < from_ns {
            return Ok(());
        }
        let late_ms = (now_ns - from_ns) / 1_000_000;
        Err(format!("a fault's window was heard of {late_ms} ms late"))
    }

    /// To be read with a book locked, so that the two belong together.
    fn timeline(&self) -> Arc<[Segment]> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&segments)
    }

    /// Why evidence can no longer be written, if it cannot: then nothing more is accepted.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// The live counters. To be called ten times a second; `None` before the start.
    pub fn sample(&self, traffic: &Traffic) -> Option<SinkSample> {
        let clock = self.clock.get()?;
        let mut latest = Latencies::default();
        let mut received = [0; 3];
        for (book, received) in self.books.iter().zip(&mut received) {
            let mut book = lock(book);
            *received = book.received;
            latest.merge(&book.latency.recent);
            if book.latency.recent.count() > 0 {
                book.latency.recent = Latencies::default();
            }
        }
        let mut recent = lock(&self.recent);
        recent.push_back(latest);
        if recent.len() > RECENT_SAMPLES {
            recent.pop_front();
        }
        let mut second = Latencies::default();
        recent.iter().for_each(|sample| second.merge(sample));
        Some(SinkSample {
            at_ns: clock.now_ns(),
            received,
            requests: traffic.requests(),
            wire_bytes: traffic.wire_bytes(),
            in_flight: traffic.in_flight(),
            connections_open: traffic.connections_open(),
            worked_ns: traffic.worked_ns(),
            delivery_p99_ns: second.quantile_ns(0.99).unwrap_or(0),
        })
    }

    /// Everything that was seen, identities aside.
    pub fn evidence(&self, traffic: &Traffic) -> SinkEvidence {
        let mut unexpected_examples = Vec::new();
        let signals = Signal::ALL
            .into_iter()
            .map(|signal| {
                let book = lock(&self.books[signal.index()]);
                unexpected_examples.extend(book.unexpected_examples.iter().cloned());
                SinkSignal {
                    signal,
                    copies: book.copies,
                    unexpected: book.unexpected,
                    by_segment: book.latency.by_segment.clone(),
                    by_due_bin: book.latency.by_due_bin.clone(),
                }
            })
            .collect();
        let (failed_handshakes, handshake_failure) = traffic.failed_handshakes();
        SinkEvidence {
            signals,
            malformed: traffic.malformed_count(),
            malformed_examples: traffic.malformed_examples(),
            requests: traffic.requests(),
            wire_bytes: traffic.wire_bytes(),
            unexpected_examples,
            content: self.content.as_ref().map(Comparison::evidence),
            unauthenticated: traffic.unauthenticated_count(),
            failed_handshakes,
            handshake_failure,
            foreign: self
                .foreign
                .as_ref()
                .map(Foreign::evidence)
                .unwrap_or_default(),
        }
    }

    fn take_items(&self, signal: Signal, items: &Runs, arrival: Arrival<'_>) -> io::Result<Reply> {
        let mut book = lock(&self.books[signal.index()]);
        if book.frozen {
            return Ok(Reply::Unavailable);
        }
        if !book.plants.is_empty() {
            return self.take_planted(&mut book, signal, items, arrival);
        }
        let timeline = self.timeline();
        for run in items.iter() {
            let due_unix_ns = run.first.time_unix_ns;
            if let Some((_, sequences, marks)) =
                self.shelves.find_run(signal, run.first.span_id, run.count)
            {
                book.copies += run.count;
                let firsts = marks.mark_run(sequences);
                book.first_copies(&timeline, due_unix_ns, arrival, firsts);
                continue;
            }
            for item in run.items() {
                match self.shelves.find(signal, item.span_id) {
                    None => book.unexpected(signal, item),
                    Some((identity, marks)) => {
                        book.copies += 1;
                        let firsts = u64::from(marks.mark(identity.sequence));
                        book.first_copies(&timeline, due_unix_ns, arrival, firsts);
                    }
                }
            }
        }
        Ok(Reply::Accepted)
    }

    /// Takes items one by one, each as the plants want it.
    fn take_planted(
        &self,
        book: &mut Book,
        signal: Signal,
        items: &Runs,
        arrival: Arrival<'_>,
    ) -> io::Result<Reply> {
        let items: Vec<Item> = items.items().collect();
        let timeline = self.timeline();
        let verdict = self.judge(book, signal, items.len(), |index| {
            let (identity, _) = self.shelves.find(signal, items[index].span_id)?;
            Some(((0, items[index].span_id), identity.to_string()))
        })?;
        for (index, item) in items.iter().enumerate() {
            match self.shelves.find(signal, item.span_id) {
                None => book.unexpected(signal, *item),
                Some((identity, marks)) => {
                    let copies = copies(verdict.as_ref(), index);
                    book.copies += copies as u64;
                    for _ in 0..copies {
                        let firsts = u64::from(marks.mark(identity.sequence));
                        book.first_copies(&timeline, item.time_unix_ns, arrival, firsts);
                    }
                }
            }
        }
        Ok(reply(verdict))
    }

    fn take_points(&self, points: &mut Vec<Point>, arrival: Arrival<'_>) -> io::Result<Reply> {
        let mut book = lock(&self.books[Signal::Metrics.index()]);
        if book.frozen {
            return Ok(Reply::Unavailable);
        }
        let timeline = self.timeline();
        let verdict = self.judge(&mut book, Signal::Metrics, points.len(), |index| {
            let PointKey {
                series,
                time_unix_ns,
            } = points[index].key;
            Some(((series, time_unix_ns), format!("{series}@{time_unix_ns}")))
        })?;
        if verdict.is_some() {
            let judged = std::mem::take(points);
            for (index, point) in judged.into_iter().enumerate() {
                let copies = copies(verdict.as_ref(), index);
                points.extend(std::iter::repeat_n(point, copies));
            }
        }
        if points.is_empty() {
            return Ok(reply(verdict));
        }
        let line = PointsLine {
            at_ns: arrival.at_ns,
            points: std::mem::take(points),
        };
        let written = self.points.append(&line);
        *points = line.points;
        written?;
        book.copies += points.len() as u64;
        for point in points.iter() {
            let firsts = u64::from(book.points.insert(point.key));
            book.first_copies(&timeline, point.key.time_unix_ns, arrival, firsts);
        }
        Ok(reply(verdict))
    }

    /// Asks the plants, if there are any, and writes down what they touch before anybody can know.
    fn judge(
        &self,
        book: &mut Book,
        signal: Signal,
        items: usize,
        name: impl Fn(usize) -> Option<(Key, String)>,
    ) -> io::Result<Option<Verdict>> {
        if book.plants.is_empty() {
            return Ok(None);
        }
        let named: Vec<Option<(Key, String)>> = (0..items).map(name).collect();
        let keys: Vec<Option<Key>> = named
            .iter()
            .map(|item| item.as_ref().map(|(key, _)| *key))
            .collect();
        let verdict = book.plants.judge(&keys);
        if let Some(oracle) = &self.oracle {
            let lines: String = verdict
                .touched
                .iter()
                .filter_map(|(index, class)| {
                    let (_, name) = named[*index].as_ref()?;
                    Some(format!("{class} {signal} {name}\n"))
                })
                .collect();
            let mut oracle = oracle;
            oracle.write_all(lines.as_bytes())?;
        }
        Ok(Some(verdict))
    }
}

impl Receiver for Accounting {
    fn accept(&self, request: Request<'_>) -> Result<Taken, Malformed> {
        match &self.foreign {
            Some(foreign) => self.take_foreign(foreign, &request),
            None => SCRATCH.with_borrow_mut(|scratch| self.accept_with(scratch, request)),
        }
    }
}

impl Accounting {
    fn accept_with(&self, scratch: &mut Scratch, request: Request<'_>) -> Result<Taken, Malformed> {
        let Scratch { items, points } = scratch;
        items.clear();
        points.clear();
        walk(request.signal, request.body, &mut |found| match found {
            Found::Span(item, _) | Found::LogRecord(item, _) => {
                items.push(self.timed(request.signal, item));
            }
            Found::Metric(bytes) if !self.timetable.has_points() => of_metric(bytes, points),
            Found::Metric(bytes) => {
                // Before the start nothing is taken.
                if let Some(clock) = self.clock.get() {
                    known_points::of_metric(bytes, &self.timetable, clock, items);
                }
            }
            Found::Resource(_) => {}
        })?;
        let first = items
            .first()
            .and_then(|item| self.shelves.find(request.signal, item.span_id))
            .map(|(identity, _)| (identity.producer, identity.sequence));
        let count = items.len() + points.len() as u64;
        let told = |answer| Taken {
            answer,
            first,
            items: count,
        };
        let unavailable = |why: &str| Ok(told(Answer::Unavailable(why.to_owned())));
        let Some(clock) = self.clock.get() else {
            return unavailable("the run has not begun");
        };
        if let Some(why) = self.failure() {
            return unavailable(why);
        }
        let arrival = Arrival {
            clock,
            at_ns: request
                .arrived_monotonic_ns
                .saturating_sub(clock.start_monotonic_ns),
        };
        if let Some(Err(error)) = self
            .content
            .as_ref()
            .map(|content| content.compare(request.signal, request.body, points))
        {
            let why = error.to_string();
            let _ = self.failure.set(why.clone());
            return unavailable(&why);
        }
        let taken = self.strike(&request, items, points).and_then(|kept_out| {
            let reply = match request.signal {
                Signal::Metrics if !self.timetable.has_points() => {
                    self.take_points(points, arrival)
                }
                signal => self.take_items(signal, items, arrival),
            }?;
            Ok((reply, kept_out))
        });
        Ok(told(match taken {
            Ok((Reply::Accepted, 0)) => Answer::Accepted,
            Ok((Reply::Accepted, rejected)) => Answer::Partial {
                rejected,
                why: "rejected by a fault".to_owned(),
            },
            Ok((Reply::Partial { rejected }, _)) => Answer::Partial {
                rejected,
                why: "rejected by a plant".to_owned(),
            },
            Ok((Reply::Unavailable, _)) => {
                Answer::Unavailable("response lost by a plant".to_owned())
            }
            Ok((Reply::Refused, _)) => Answer::Refused("refused by a plant".to_owned()),
            Err(error) => {
                let why = format!("evidence cannot be written: {error}");
                let _ = self.failure.set(why.clone());
                Answer::Unavailable(why)
            }
        }))
    }
}

fn copies(verdict: Option<&Verdict>, index: usize) -> usize {
    match verdict.map_or(Fate::Received, |verdict| verdict.fates[index]) {
        Fate::Received => 1,
        Fate::ReceivedTwice => 2,
        Fate::Forgotten | Fate::Rejected => 0,
    }
}

fn reply(verdict: Option<Verdict>) -> Reply {
    verdict.map_or(Reply::Accepted, |verdict| verdict.reply)
}

#[cfg(test)]
mod tests;
