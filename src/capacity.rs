//! The highest rate that a line carries, and what gives out first.
//!
//! Pure: [`search`] says which rate to try, [`trial`] makes of a run's record whether the rate was held
//! and what gave out where it was not, and [`conclude`] makes of all trials the answer. Who runs the
//! trials, and how long they may take, is the caller's matter.

mod blame;
mod conclusion;
pub mod search;
mod seen;
mod trial;

pub use conclusion::{Ending, conclude};
pub use trial::{SATURATION, trial};
