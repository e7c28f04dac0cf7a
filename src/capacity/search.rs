//! Which rate to try next: a coarse climb, then bisection, then repeats at the edge.
//!
//! Every trial is a vote on its rate. One vote decides while the search is coarse; the two rates
//! between which the limit is found at last need a majority of three. Where repeats overturn a first
//! vote, the search goes on from what the other rates say. A rate has at most three votes, so the
//! search ends.

/// Between what, and how finely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The first rate that is tried, in items per second.
    pub from: f64,
    /// No higher one is.
    pub to: f64,
    /// How far apart the rates at the edge may be, as a share of the lower one.
    pub within: f64,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    Try(f64),
    Done(End),
}

/// How a search comes to its end of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The limit lies between two rates that are near enough.
    Narrow,
    /// The highest rate that may be tried was held.
    Top,
    /// No rate was held that is worth the name.
    Bottom,
}

/// Votes that decide at the edge.
const MAJORITY: u32 = 2;
/// From one rate of the climb to the next.
const CLIMB: f64 = 2.0;
/// How far below the first rate a search goes down before it gives up.
const DESCENT: f64 = 256.0;

#[derive(Debug, Clone, Copy)]
struct Tried {
    rate: f64,
    held: u32,
    gave_way: u32,
}

impl Tried {
    fn is_tied(&self) -> bool {
        self.held == self.gave_way
    }

    fn holds(&self) -> bool {
        self.held > self.gave_way
    }

    fn is_confirmed(&self) -> bool {
        self.held.max(self.gave_way) >= MAJORITY
    }
}

/// What has been tried so far. Neither runs anything nor knows the time.
#[derive(Debug, Clone)]
pub struct Search {
    bounds: Bounds,
    /// Sorted by rate.
    tried: Vec<Tried>,
}

impl Search {
    pub fn new(bounds: Bounds) -> Self {
        let tried = Vec::new();
        Self { bounds, tried }
    }

    /// A trial at `rate` held, or did not.
    pub fn record(&mut self, rate: f64, held: bool) {
        let place = self.tried.partition_point(|tried| tried.rate < rate);
        if self.tried.get(place).is_none_or(|tried| tried.rate != rate) {
            let new = Tried {
                rate,
                held: 0,
                gave_way: 0,
            };
            self.tried.insert(place, new);
        }
        if held {
            self.tried[place].held += 1;
        } else {
            self.tried[place].gave_way += 1;
        }
    }

    /// The lowest rate that was not held.
    pub fn gives_way(&self) -> Option<f64> {
        self.upper().map(|tried| tried.rate)
    }

    /// The highest rate that was held, below any that was not.
    pub fn holds(&self) -> Option<f64> {
        self.lower().map(|tried| tried.rate)
    }

    fn upper(&self) -> Option<&Tried> {
        let mut decided = self.tried.iter().filter(|tried| !tried.is_tied());
        decided.find(|tried| !tried.holds())
    }

    fn lower(&self) -> Option<&Tried> {
        let limit = self.gives_way().unwrap_or(f64::INFINITY);
        let mut below = self.tried.iter().rev().filter(|tried| tried.rate < limit);
        below.find(|tried| tried.holds())
    }

    /// The next trial, or the end.
    pub fn next(&self) -> Step {
        if let Some(tied) = self.tried.iter().find(|tried| tried.is_tied()) {
            return Step::Try(tied.rate);
        }
        let Bounds { from, to, within } = self.bounds;
        let confirmed = |tried: &Tried, end: End| match tried.is_confirmed() {
            true => Step::Done(end),
            false => Step::Try(tried.rate),
        };
        match (self.lower(), self.upper()) {
            (None, None) => Step::Try(from.min(to)),
            (Some(lower), None) if lower.rate >= to => confirmed(lower, End::Top),
            (Some(lower), None) => Step::Try(tidy(lower.rate * CLIMB).min(to)),
            (None, Some(upper)) if upper.rate <= from / DESCENT => confirmed(upper, End::Bottom),
            (None, Some(upper)) => Step::Try(tidy(upper.rate / CLIMB)),
            (Some(lower), Some(upper)) => {
                let middle = tidy((lower.rate * upper.rate).sqrt());
                let is_between = lower.rate < middle && middle < upper.rate;
                if upper.rate <= lower.rate * (1.0 + within) || !is_between {
                    let both = [upper, lower];
                    let unsure = both.into_iter().find(|tried| !tried.is_confirmed());
                    return unsure.map_or(Step::Done(End::Narrow), |tried| Step::Try(tried.rate));
                }
                Step::Try(middle)
            }
        }
    }
}

/// Four digits: what is shown is what was tried.
fn tidy(rate: f64) -> f64 {
    let scale = 10_f64.powf(rate.log10().floor() - 3.0);
    (rate / scale).round() * scale
}

#[cfg(test)]
mod tests;
