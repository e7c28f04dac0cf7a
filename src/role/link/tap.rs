//! Notes which items enter the link and which leave it towards the sink.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::clock::RunClock;
use crate::evidence::{Side, TapEvidence};
use crate::journal::{Journal, Point, PointsLine};
use crate::link::observer::{Observer, Watch};
use crate::mapped::shelves::{Expected, Marks, Shelves};
use crate::mapped::timetable::Timetable;
use crate::mapped::{Arrivals, Words, names};
use crate::otlp::identities::Runs;
use crate::otlp::known_points;
use crate::otlp::points::of_metric;
use crate::otlp::walk::{Found, walk};
use crate::role::control::TapSetup;
use crate::signal::Signal;
use crate::tap::{Decoder, Sight, Unreadable};

/// Reasons that are kept in words, per side; further ones are only counted.
const EXAMPLES_MAX: usize = 10;

/// The tap of one link.
#[derive(Debug)]
pub struct Tap {
    max_request_bytes: u64,
    clock: OnceLock<RunClock>,
    sides: [SideTap; 2],
    failure: OnceLock<String>,
}

/// What it keeps on one side.
#[derive(Debug)]
struct SideTap {
    shelves: Shelves<Noted>,
    /// As at the sink.
    timetable: Timetable,
    points: Journal,
    book: Mutex<Book>,
}

/// Where one producer's items are noted.
#[derive(Debug)]
struct Noted {
    marks: Marks,
    /// When each was first seen.
    first: Words,
}

#[derive(Debug)]
struct Book {
    counts: TapEvidence,
    // Kept from one request to the next for their memory.
    items: Runs,
    points: Vec<Point>,
}

impl Tap {
    /// Opens what the controller has made.
    ///
    /// # Errors
    /// When a file is missing or cannot be opened.
    pub fn open(setup: &TapSetup) -> io::Result<Self> {
        let expected: Vec<Expected> = setup.expected.iter().map(Expected::from).collect();
        let [entry, exit] = Side::ALL.map(|side| SideTap::open(setup, &expected, side));
        Ok(Self {
            max_request_bytes: setup.max_request_bytes,
            clock: OnceLock::new(),
            sides: [entry?, exit?],
            failure: OnceLock::new(),
        })
    }

    /// The run begins. Only the first call counts.
    pub fn start(&self, clock: RunClock) {
        let _ = self.clock.set(clock);
    }

    /// Why evidence can no longer be written, if it cannot.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// What it counted on both sides, identities aside.
    pub fn counts(&self) -> Vec<TapEvidence> {
        let of = |side: &SideTap| side.book().counts.clone();
        self.sides.iter().map(of).collect()
    }

    fn side(&self, side: Side) -> &SideTap {
        &self.sides[side as usize]
    }

    /// Reads on in what passed one side of a connection at `at_ns` of the monotonic clock.
    fn read(&self, side: Side, decoder: &mut Decoder, bytes: &[u8], at_ns: u64) {
        // Nothing passes before the start.
        let Some(clock) = self.clock.get() else {
            return;
        };
        let at_ns = at_ns.saturating_sub(clock.start_monotonic_ns);
        let side = self.side(side);
        let fed = decoder.feed(bytes, &mut |sight| match sight {
            Sight::Request { signal, body } => {
                if let Err(error) = side.note(signal, body, at_ns, clock) {
                    let why = format!("the tap's evidence cannot be written: {error}");
                    // The first reason is the one that is told.
                    let _ = self.failure.set(why);
                }
            }
            Sight::Unread(why) => side.book().unread(why),
        });
        if let Err(unreadable) = fed {
            side.book().given_up(&unreadable);
        }
    }
}

impl SideTap {
    fn open(setup: &TapSetup, expected: &[Expected], side: Side) -> io::Result<Self> {
        type Name = fn(usize, Side, Signal, u16) -> String;
        let link = setup.link;
        let shelves = Shelves::open(expected, |one| {
            let file = |name: Name| {
                let name = name(link, side, one.signal, one.producer);
                setup.evidence.join(name)
            };
            Ok(Noted {
                marks: Marks::open(
                    &file(names::tapped),
                    &file(names::tapped_again),
                    &file(names::tapped_extra_copies),
                )?,
                first: Words::open(&file(names::tapped_first))?,
            })
        })?;
        let points = setup.evidence.join(names::tapped_points(link, side));
        Ok(Self {
            shelves,
            timetable: Timetable::open(expected, |signal, producer| {
                Arrivals::open(&setup.evidence.join(names::arrivals(signal, producer)))
            })?,
            points: Journal::open(&points)?,
            book: Mutex::new(Book {
                counts: TapEvidence::new(link, side),
                items: Runs::default(),
                points: Vec::new(),
            }),
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the items of one request.
    fn note(&self, signal: Signal, body: &[u8], at_ns: u64, clock: &RunClock) -> io::Result<()> {
        let mut book = self.book();
        let Book {
            counts,
            items,
            points,
        } = &mut *book;
        items.clear();
        points.clear();
        let walked = walk(signal, body, &mut |found| match found {
            Found::Span(item, _) | Found::LogRecord(item, _) => items.push(item),
            Found::Metric(bytes) if !self.timetable.has_points() => of_metric(bytes, points),
            Found::Metric(bytes) => {
                known_points::of_metric(bytes, &self.timetable, clock, items);
            }
            Found::Resource(_) => {}
        });
        if let Err(malformed) = walked {
            book.unread(malformed.to_string());
            return Ok(());
        }
        counts.requests += 1;
        for item in items.items() {
            match self.shelves.find(signal, item.span_id) {
                None => counts.unexpected += 1,
                Some((identity, noted)) => {
                    if noted.marks.mark(identity.sequence)
                        && let Ok(index) = usize::try_from(identity.sequence)
                    {
                        noted.first.set_first(index, at_ns + 1);
                    }
                }
            }
        }
        if points.is_empty() {
            return Ok(());
        }
        let line = PointsLine {
            at_ns,
            points: std::mem::take(points),
        };
        let written = self.points.append(&line);
        *points = line.points;
        written
    }
}

impl Book {
    fn unread(&mut self, why: String) {
        self.counts.unread_requests += 1;
        self.example(why);
    }

    fn given_up(&mut self, why: &Unreadable) {
        self.counts.unread_connections += 1;
        self.example(why.to_string());
    }

    fn example(&mut self, why: String) {
        if self.counts.unread_examples.len() < EXAMPLES_MAX {
            self.counts.unread_examples.push(why);
        }
    }
}

/// The tap as the link knows it.
#[derive(Debug)]
pub struct Tapping(pub Arc<Tap>);

impl Observer for Tapping {
    fn connection(&self) -> Box<dyn Watch> {
        let decoder = || Decoder::new(self.0.max_request_bytes);
        Box::new(Tapped {
            tap: Arc::clone(&self.0),
            entry: decoder(),
            exit: decoder(),
        })
    }
}

/// One connection of the link.
struct Tapped {
    tap: Arc<Tap>,
    entry: Decoder,
    exit: Decoder,
}

impl Watch for Tapped {
    fn up_read(&mut self, bytes: &[u8], at_ns: u64) {
        self.tap.read(Side::Entry, &mut self.entry, bytes, at_ns);
    }

    fn up_written(&mut self, bytes: &[u8], at_ns: u64) {
        self.tap.read(Side::Exit, &mut self.exit, bytes, at_ns);
    }
}
