//! Statistics over what was measured. Pure: no clock, no files.

pub mod histogram;
pub mod median;
pub mod slope;
