//! How far a search is: a bar on a terminal, plain lines elsewhere.

use std::io::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::rate;
use crate::record::Trial;

/// Refreshes per second on a terminal.
const REFRESH_HZ: u8 = 5;

/// Shows each trial as it begins and as it ends. Dropping it takes the bar off the terminal.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    trials: usize,
}

impl Progress {
    /// Of a search that may take `budget`. `is_terminal` tells of standard error.
    pub fn new(is_terminal: bool, budget: Duration) -> Self {
        let bar = is_terminal.then(|| {
            let length = u64::try_from(budget.as_millis()).unwrap_or(u64::MAX);
            let target = ProgressDrawTarget::stderr_with_hz(REFRESH_HZ);
            let bar = ProgressBar::with_draw_target(Some(length), target);
            let style =
                ProgressStyle::with_template("{spinner} {bar:30.cyan/black.bright} {wide_msg}");
            // The template is a constant; a bar without it still moves.
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, trials: 0 }
    }

    /// A trial begins. `edge`: the highest rate that was held so far, and the lowest that was not.
    pub fn begin(&mut self, at: Duration, rate_per_s: f64, edge: (Option<f64>, Option<f64>)) {
        self.trials += 1;
        let known = match edge {
            (Some(held), Some(not)) => format!("between {} and {}", rate(held), rate(not)),
            (Some(held), None) => format!("above {}", rate(held)),
            (None, Some(not)) => format!("below {}", rate(not)),
            (None, None) => "nothing known".to_owned(),
        };
        if let Some(bar) = &self.bar {
            bar.set_position(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
            bar.set_message(format!(
                "trial {}: {} ({known})",
                self.trials,
                rate(rate_per_s)
            ));
        }
    }

    /// A trial has ended.
    pub fn end(&self, trial: &Trial) {
        let line = match trial.gave_out.first() {
            _ if trial.held => "held".to_owned(),
            Some(gave_out) => format!("gave way ({})", gave_out.name),
            None => "gave way".to_owned(),
        };
        let line = format!("trial {}: {} {line}", self.trials, rate(trial.rate_per_s));
        match &self.bar {
            Some(bar) => bar.println(line),
            // Where nobody can be told, the search goes on.
            None => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
