//! The view while a run goes on: a block of bars on a terminal, plain lines elsewhere.

use std::io::Write as _;
use std::time::Duration;

use indicatif::ProgressBar;

use crate::signal::Signal;

use super::text::{Align, columns, table};
use crate::units;

mod block;
pub mod receiving;

use block::{Lines, style};

/// Columns of the bar and of what stands between it and its text.
const BAR: usize = 30 + 1;
/// Columns of a terminal that does not tell, and the fewest that are made use of.
const USUAL_WIDTH: usize = 80;
const LEAST_WIDTH: usize = 40;
/// Between two figures of a line.
const GAP: &str = "   ";
/// Time between two plain lines.
const LINE_EVERY_NS: u64 = 1_000_000_000;

/// What is known at one moment of the run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveState {
    /// Nanoseconds since the run's start.
    pub at_ns: u64,
    pub phase: String,
    /// One entry per signal that is sent, in report order.
    pub signals: Vec<LiveSignal>,
    /// Over the last second, all signals; `None` while nothing has arrived.
    pub delivery_p99_ns: Option<u64>,
    pub roles: Vec<LiveRole>,
    /// Names of the faults in effect.
    pub active_faults: Vec<String>,
    /// Items in the exporter.
    pub in_flight: u64,
    /// Items in the client that have not reached its exporter.
    pub queue: u64,
    /// What targets said last of themselves.
    pub said: Vec<LiveSaid>,
}

/// The newest value of one series of a target's own.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveSaid {
    pub target: String,
    pub series: String,
    pub value: f64,
}

/// One signal's counters since the start and its rates over the last second, in items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LiveSignal {
    pub signal: Signal,
    pub offered: u64,
    pub generated: u64,
    pub acknowledged: u64,
    pub received: u64,
    pub offered_per_second: f64,
    pub generated_per_second: f64,
    pub acknowledged_per_second: f64,
    pub received_per_second: f64,
}

/// One role's process.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveRole {
    pub role: String,
    /// In cores.
    pub cpu: f64,
    pub rss_bytes: u64,
}

/// Shows [`LiveState`]s as they come. Dropping it takes the block off the terminal.
#[derive(Debug)]
pub struct LiveView {
    total: Duration,
    block: Option<Block>,
    lines: PlainLines,
}

impl LiveView {
    /// A view of a run that is planned to take `total`. `is_terminal` tells of standard error.
    pub fn new(is_terminal: bool, total: Duration) -> Self {
        Self {
            total,
            block: is_terminal.then(|| Block::new(total)),
            lines: PlainLines::default(),
        }
    }

    /// Shows the state. Call it as often as there is news: the view itself limits what it prints.
    pub fn update(&mut self, state: &LiveState) {
        if let Some(block) = &mut self.block {
            block.show(state);
        } else {
            for line in self.lines.next(state, self.total) {
                // A run goes on when nobody watches.
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }

    /// Takes the block off the terminal and gives the cursor back.
    pub fn finish(&mut self) {
        if let Some(block) = self.block.take() {
            block.clear();
        }
    }
}

impl Drop for LiveView {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The block on a terminal: the timeline, and lines of text under it.
#[derive(Debug)]
struct Block {
    timeline: ProgressBar,
    lines: Lines,
}

impl Block {
    fn new(total: Duration) -> Self {
        let total_ms = u64::try_from(total.as_millis()).unwrap_or(u64::MAX);
        let lines = Lines::new();
        let timeline = lines.add(ProgressBar::new(total_ms));
        timeline.set_style(style("{bar:30.cyan/black.bright} {wide_msg}").progress_chars("━━─"));
        Self { timeline, lines }
    }

    fn show(&mut self, state: &LiveState) {
        self.timeline.set_position(state.at_ns / 1_000_000);
        let total = Duration::from_millis(self.timeline.length().unwrap_or(0));
        let width = width();
        let (head, mut lines) = headlines(state, total, width);
        self.timeline.set_message(head);
        lines.extend(block_lines(state, width));
        self.lines.show(&lines);
    }

    fn clear(self) {
        self.timeline.finish_and_clear();
        self.lines.clear();
    }
}

/// Which lines are due where there is no terminal.
#[derive(Debug, Default)]
struct PlainLines {
    phase: String,
    faults: Vec<String>,
    next_ns: u64,
}

impl PlainLines {
    fn next(&mut self, state: &LiveState, total: Duration) -> Vec<String> {
        let at = units::seconds(state.at_ns as f64 / 1e9);
        let mut lines = Vec::new();
        if self.phase != state.phase {
            lines.push(format!("{at}: phase {}", state.phase));
            self.phase.clone_from(&state.phase);
        }
        for name in state
            .active_faults
            .iter()
            .filter(|name| !self.faults.contains(name))
        {
            lines.push(format!("{at}: fault {name} begins"));
        }
        for name in self
            .faults
            .iter()
            .filter(|name| !state.active_faults.contains(name))
        {
            lines.push(format!("{at}: fault {name} has ended"));
        }
        self.faults.clone_from(&state.active_faults);
        if state.at_ns >= self.next_ns {
            self.next_ns = (state.at_ns / LINE_EVERY_NS + 1) * LINE_EVERY_NS;
            lines.push(plain_line(state, total));
        }
        lines
    }
}

/// `12.0 of 20 s  fault  cut`, and `20 + 1.5 s  drain` once the load is over.
fn headline(state: &LiveState, total: Duration) -> String {
    let faults = state.active_faults.join(", ");
    let at_s = state.at_ns as f64 / 1e9;
    let total_s = total.as_secs_f64();
    let head = if at_s > total_s && state.phase == "drain" {
        format!("{total_s} + {:.1} s  {}", at_s - total_s, state.phase)
    } else {
        format!("{at_s:5.1} of {total_s} s  {}", state.phase)
    };
    if faults.is_empty() {
        head
    } else {
        format!("{head}  ⚡ {faults}")
    }
}

fn p99(state: &LiveState) -> String {
    let known = state
        .delivery_p99_ns
        .map(|p99_ns| units::seconds(p99_ns as f64 / 1e9));
    known.unwrap_or_else(|| units::UNKNOWN.to_owned())
}

fn plain_line(state: &LiveState, total: Duration) -> String {
    let mut parts = vec![headline(state, total)];
    for signal in &state.signals {
        parts.push(format!(
            "{} offered {} acknowledged {} received {}",
            signal.signal,
            units::count(signal.offered),
            units::count(signal.acknowledged),
            units::count(signal.received)
        ));
    }
    parts.push(format!("p99 {}", p99(state)));
    parts.push(format!(
        "queue {} in flight {}",
        units::count(state.queue),
        units::count(state.in_flight)
    ));
    for role in &state.roles {
        parts.push(format!(
            "{} {:.2} cores {}",
            role.role,
            role.cpu,
            units::bytes(role.rss_bytes as f64)
        ));
    }
    parts.extend(said(state));
    parts.join(" | ")
}

/// Columns of the terminal on standard error.
fn width() -> usize {
    let told = rustix::termios::tcgetwinsize(std::io::stderr())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|width| *width > 0);
    told.unwrap_or(USUAL_WIDTH).max(LEAST_WIDTH)
}

/// The text beside the bar, and lines for the faults that have no room there.
fn headlines(state: &LiveState, total: Duration, width: usize) -> (String, Vec<String>) {
    let whole = headline(state, total);
    if BAR + columns(&whole) <= width {
        return (whole, Vec::new());
    }
    let calm = LiveState {
        at_ns: state.at_ns,
        phase: state.phase.clone(),
        ..LiveState::default()
    };
    let faults = state.active_faults.iter();
    let faults: Vec<String> = faults.map(|name| format!("⚡ {name}")).collect();
    (headline(&calm, total), flowed(&faults, width))
}

/// As many of the parts on each line as have room there.
fn flowed(parts: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if columns(line) + GAP.len() + columns(part) <= width => {
                line.push_str(GAP);
                line.push_str(part);
            }
            _ => lines.push(part.clone()),
        }
    }
    lines
}

/// What each signal has come to: all of it where that has room, else without what was generated, then
/// without rates.
fn signals(state: &LiveState, width: usize) -> Vec<String> {
    let rated = |items: u64, rate: f64| match rate {
        rate if rate < 9_999.5 => format!("{} ({rate:.0}/s)", units::count(items)),
        rate => format!("{} ({}k/s)", units::count(items), units::number(rate / 1e3)),
    };
    let made = |generated: bool, rates: bool| {
        let cell = |items: u64, rate: f64| match rates {
            true => rated(items, rate),
            false => units::count(items),
        };
        let head = ["", "offered", "generated", "acknowledged", "received"].map(str::to_owned);
        let signals = state.signals.iter().map(|signal| {
            [
                signal.signal.to_string(),
                cell(signal.offered, signal.offered_per_second),
                cell(signal.generated, signal.generated_per_second),
                cell(signal.acknowledged, signal.acknowledged_per_second),
                cell(signal.received, signal.received_per_second),
            ]
        });
        let rows: Vec<Vec<String>> = std::iter::once(head)
            .chain(signals)
            .map(|row| {
                let cells = row.into_iter().enumerate();
                cells
                    .filter(|(column, _)| generated || *column != 2)
                    .map(|(_, cell)| cell)
                    .collect()
            })
            .collect();
        let mut aligns = vec![Align::Right; rows[0].len()];
        aligns[0] = Align::Left;
        table(&rows, &aligns)
    };
    let fits = |lines: &Vec<String>| lines.iter().all(|line| columns(line) <= width);
    let mut candidates = [(true, true), (false, true), (true, false)]
        .into_iter()
        .map(|(generated, rates)| made(generated, rates));
    candidates.find(fits).unwrap_or_else(|| made(false, false))
}

/// The lines under the timeline.
fn block_lines(state: &LiveState, width: usize) -> Vec<String> {
    let mut lines = signals(state, width);
    lines.extend(flowed(
        &[
            format!("delivery p99 {}", p99(state)),
            format!("queue {}", units::count(state.queue)),
            format!("in flight {}", units::count(state.in_flight)),
        ],
        width,
    ));
    let roles: Vec<String> = state
        .roles
        .iter()
        .map(|role| {
            format!(
                "{} {:.2} cores {}",
                role.role,
                role.cpu,
                units::bytes(role.rss_bytes as f64)
            )
        })
        .collect();
    lines.extend(flowed(&roles, width));
    let said: Vec<String> = said(state).collect();
    lines.extend(flowed(&said, width));
    lines
}

/// `relay says queue 120`; nothing of what is nothing.
fn said(state: &LiveState) -> impl Iterator<Item = String> + '_ {
    let said = state.said.iter().filter(|said| said.value != 0.0);
    said.map(|said| {
        let value = units::number(said.value);
        format!("{} says {} {value}", said.target, said.series)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(at_ms: u64, phase: &str, faults: &[&str]) -> LiveState {
        LiveState {
            at_ns: at_ms * 1_000_000,
            phase: phase.to_owned(),
            signals: vec![LiveSignal {
                signal: Signal::Traces,
                offered: 12_000,
                generated: 12_000,
                acknowledged: 11_488,
                received: 11_400,
                offered_per_second: 1000.0,
                generated_per_second: 1000.0,
                acknowledged_per_second: 512.0,
                received_per_second: 512.0,
            }],
            delivery_p99_ns: Some(12_300_000),
            roles: vec![LiveRole {
                role: "client".to_owned(),
                cpu: 0.25,
                rss_bytes: 34_500_000,
            }],
            active_faults: faults.iter().map(|name| (*name).to_owned()).collect(),
            in_flight: 512,
            queue: 1024,
            said: vec![LiveSaid {
                target: "relay".to_owned(),
                series: "queue".to_owned(),
                value: 1200.0,
            }],
        }
    }

    #[test]
    fn plain_lines_come_once_a_second_and_at_every_change() {
        let total = Duration::from_secs(20);
        let mut lines = PlainLines::default();
        let mut text = Vec::new();
        for (at_ms, phase, faults) in [
            (0, "warmup", &[][..]),
            (200, "warmup", &[]),
            (1000, "steady", &[]),
            (1500, "fault", &["cut"]),
            (2100, "fault", &["cut"]),
            (2200, "recovery", &[]),
        ] {
            text.extend(lines.next(&state(at_ms, phase, faults), total));
        }
        insta::assert_snapshot!(text.join("\n"));
    }

    #[test]
    fn the_block_is_a_small_table() {
        insta::assert_snapshot!(block_lines(&state(1000, "steady", &[]), 120).join("\n"));
    }

    #[test]
    fn nothing_is_cut_off_where_there_is_little_room() {
        let mut state = state(1000, "fault", &["collector-killed-for-good", "slow-link"]);
        let role = state.roles[0].clone();
        state.roles = vec![role; 5];
        let zero = LiveSaid {
            series: "dropped".to_owned(),
            value: 0.0,
            ..state.said[0].clone()
        };
        state.said.push(zero);
        for width in [40, 80, 120, 300] {
            let (head, mut lines) = headlines(&state, Duration::from_secs(20), width);
            assert!(BAR + columns(&head) <= width.max(60), "{head}");
            lines.extend(block_lines(&state, width));
            let wide: Vec<_> = lines.iter().filter(|line| columns(line) > width).collect();
            assert!(wide.is_empty(), "{width}: {wide:?}");
            let all = format!("{head} {}", lines.join("\n"));
            assert_eq!(all.matches("client 0.25 cores").count(), 5);
            assert!(all.contains("slow-link") && all.contains("says queue"));
            assert!(!all.contains("dropped"));
        }
    }

    #[test]
    fn nothing_known_yet_is_shown_as_such() {
        let nothing = LiveState::default();
        assert!(plain_line(&nothing, Duration::ZERO).contains("p99 –"));
        let mut view = LiveView::new(true, Duration::ZERO);
        view.update(&nothing);
        view.finish();
    }
}
