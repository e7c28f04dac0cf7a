//! Statistics over what was measured. Pure: no clock, no files.
//!
//! | module | what it says |
//! |---|---|
//! | [`histogram`], [`bootstrap`] | latencies, stored whole; percentiles of them with intervals |
//! | [`median`], [`slope`] | the median of a few values; how fast a series grows |
//! | [`autocorrelation`] | how many independent values a series is worth |
//! | [`signed_rank`], [`rank_sum`], [`shift`] | by how much two sides differ, how sure, and what could have been seen |
//! | [`holm`], [`sequential`] | many metrics and many looks without more false alarms; the order in pairs |
//! | [`compare`] | the answer: regression, improvement, no difference seen, too noisy to tell |
//! | [`change_points`] | at which nights a history changed |
//! | [`normal`] | the normal distribution |

pub mod autocorrelation;
pub mod bootstrap;
pub mod change_points;
pub mod compare;
#[cfg(test)]
mod fixture;
pub mod histogram;
pub mod holm;
pub mod median;
pub mod normal;
pub mod rank_sum;
pub mod sequential;
pub mod shift;
pub mod signed_rank;
pub mod slope;
