//! Expectations, parsed: comparisons of a metric with a limit, each over a window of the run.

use serde::{Deserialize, Serialize};

use crate::metric::Unit;
use crate::signal::Signal;

/// One line of `expect`, `steady_state` or `abort_if`: comparisons that must all hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// As the user wrote it.
    pub text: String,
    /// Line in the scenario file, from 1.
    pub line: usize,
    pub all_of: Vec<Comparison>,
}

/// `metric op limit [window]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub metric: MetricRef,
    pub op: Op,
    pub limit: Limit,
    pub window: Window,
}

/// A registered metric, for one signal or for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricRef {
    /// `None`: every signal that is sent.
    pub signal: Option<Signal>,
    /// The registered name, without a signal.
    pub name: String,
}

impl std::fmt::Display for MetricRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.signal {
            Some(signal) => write!(f, "{signal}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterOrEqual,
    #[serde(rename = "==")]
    Equal,
}

impl Op {
    /// Whether `observed op limit` holds. `==` is exact.
    pub fn holds(self, observed: f64, limit: f64) -> bool {
        match self {
            Op::Less => observed < limit,
            Op::LessOrEqual => observed <= limit,
            Op::Greater => observed > limit,
            Op::GreaterOrEqual => observed >= limit,
            Op::Equal => observed == limit,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Op::Less => "<",
            Op::LessOrEqual => "<=",
            Op::Greater => ">",
            Op::GreaterOrEqual => ">=",
            Op::Equal => "==",
        }
    }
}

/// The right-hand side, in the base unit of its kind (see [`Unit`]).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// In the metric's own base unit.
    Absolute { value: f64, unit: Unit },
    /// A share of `generated`, 0 to 1, for ledger names.
    ShareOfGenerated { share: f64 },
}

/// Which part of the run a comparison looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    Whole,
    /// `in steady`
    In(Phase),
    /// `during NAME`: from the fault's start to its end.
    During(String),
    /// `after NAME`: from the fault's end to the next fault's start or the end of the load.
    After(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Warmup,
    Steady,
    /// Shortly before a fault (see `run.onset`): what is due then may meet it on the way.
    Onset,
    /// Within any fault's window.
    Fault,
    /// From a fault's end for as long as `run.recovery` says, or until the next fault.
    Recovery,
    /// After the load's end. No item is due there; rates and resources exist.
    Drain,
}

impl Phase {
    pub const ALL: [Phase; 6] = [
        Phase::Warmup,
        Phase::Steady,
        Phase::Onset,
        Phase::Fault,
        Phase::Recovery,
        Phase::Drain,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Warmup => "warmup",
            Phase::Steady => "steady",
            Phase::Onset => "onset",
            Phase::Fault => "fault",
            Phase::Recovery => "recovery",
            Phase::Drain => "drain",
        }
    }
}
