//! What a receiver sees, on a terminal: `squall sink`.

use std::collections::VecDeque;

use super::block::Lines;
use crate::report::text::{Align, table};
use crate::signal::Signal;
use crate::units;

/// How far back rates look, in nanoseconds.
const WINDOW_NS: u64 = 1_000_000_000;
/// Moments that are remembered, however often there is news.
const MOMENTS_MAX: usize = 64;

/// What is known at one moment. Counters are since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receiving {
    /// Nanoseconds since the start.
    pub at_ns: u64,
    /// One slot per [`Signal::index`].
    pub signals: [Received; 3],
    /// Of bodies as they came.
    pub wire_bytes: u64,
    /// Requests being answered now.
    pub in_flight: u64,
    pub malformed: u64,
    pub last_error: Option<String>,
    /// More to tell, a line each.
    pub more: Vec<String>,
}

/// What came of one signal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    pub requests: u64,
    pub items: u64,
    /// Without compression.
    pub bytes: u64,
}

/// Shows [`Receiving`] as it changes. Dropping it takes the block off the terminal.
#[derive(Debug)]
pub struct ReceivingView {
    lines: Option<Lines>,
    moments: VecDeque<Receiving>,
}

impl ReceivingView {
    /// A view on standard error, which is a terminal.
    pub fn on_terminal() -> Self {
        Self {
            lines: Some(Lines::new()),
            moments: VecDeque::new(),
        }
    }

    /// Shows the state; the terminal is refreshed a few times a second, however often this is called.
    pub fn update(&mut self, now: Receiving) {
        let text = lines(&now, self.moments.front());
        self.moments.push_back(now);
        while self.moments.len() > MOMENTS_MAX || self.is_front_too_old() {
            self.moments.pop_front();
        }
        if let Some(block) = &mut self.lines {
            block.show(&text);
        }
    }

    /// Whether the second moment is a window ago as well.
    fn is_front_too_old(&self) -> bool {
        match (self.moments.get(1), self.moments.back()) {
            (Some(second), Some(last)) => last.at_ns.saturating_sub(second.at_ns) >= WINDOW_NS,
            _ => false,
        }
    }
}

impl Drop for ReceivingView {
    fn drop(&mut self) {
        if let Some(lines) = self.lines.take() {
            lines.clear();
        }
    }
}

/// The block, with rates since `before`.
fn lines(now: &Receiving, before: Option<&Receiving>) -> Vec<String> {
    let nothing = Receiving::default();
    let before = before.unwrap_or(&nothing);
    let seconds = now.at_ns.saturating_sub(before.at_ns).max(1) as f64 / 1e9;
    let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
    let header = ["", "items", "items/s", "requests", "requests/s", "bytes/s"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for signal in Signal::ALL {
        let now = now.signals[signal.index()];
        let before = before.signals[signal.index()];
        if now.requests == 0 {
            continue;
        }
        rows.push(vec![
            signal.to_string(),
            units::count(now.items),
            units::count(rate(now.items, before.items).round() as u64),
            units::count(now.requests),
            units::count(rate(now.requests, before.requests).round() as u64),
            units::bytes(rate(now.bytes, before.bytes)),
        ]);
    }
    let right = Align::Right;
    let mut lines = table(&rows, &[Align::Left, right, right, right, right, right]);
    lines.push(format!(
        "{:.1} s   on the wire {}/s   in flight {}   malformed {}",
        now.at_ns as f64 / 1e9,
        units::bytes(rate(now.wire_bytes, before.wire_bytes)),
        units::count(now.in_flight),
        units::count(now.malformed),
    ));
    lines.extend(now.more.iter().cloned());
    if let Some(error) = &now.last_error {
        lines.push(format!("last error: {}", error.replace('\n', " ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tenths: u64) -> Receiving {
        let mut state = Receiving {
            at_ns: tenths * 100_000_000,
            wire_bytes: 20_000 * tenths,
            in_flight: 3,
            malformed: tenths / 10,
            last_error: (tenths >= 10).then(|| "grpc INVALID_ARGUMENT: field 2\nis bad".to_owned()),
            more: vec!["recorded 12 requests, 3.4 kB".to_owned()],
            ..Receiving::default()
        };
        state.signals[0] = Received {
            requests: 10 * tenths,
            items: 5120 * tenths,
            bytes: 200_000 * tenths,
        };
        state
    }

    #[test]
    fn the_block_is_a_small_table() {
        insta::assert_snapshot!(lines(&at(25), Some(&at(15))).join("\n"));
    }

    #[test]
    fn rates_look_back_a_second() {
        let mut view = ReceivingView {
            lines: None,
            moments: VecDeque::new(),
        };
        for tenths in 0..100 {
            view.update(at(tenths));
        }
        let looked = view.moments.back().unwrap().at_ns - view.moments.front().unwrap().at_ns;
        assert!(
            (WINDOW_NS..WINDOW_NS + 200_000_000).contains(&looked),
            "{looked}"
        );
        for _ in 0..1000 {
            view.update(at(100));
        }
        assert!(view.moments.len() <= MOMENTS_MAX);
    }
}
