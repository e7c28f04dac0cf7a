//! Names of the checks that others look for in a result.

pub const KEPT_SCHEDULE: &str = "the generator kept its schedule";
pub const NOTHING_MISSED: &str = "nothing was missed";
pub const DRAINED: &str = "the pipeline drained";
pub const SINK_NOT_SATURATED: &str = "the sink was not saturated";
pub const CALIBRATED: &str = "the rate is one that this machine was seen to hold";
