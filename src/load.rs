//! The load: what is sent and when, as pure functions of the plan and the seed, and the loops that
//! release it on time.
//!
//! - [`mix`]: the one source of variety, a hash of (seed, what for, which).
//! - [`lateness`]: how late the loops are on a machine that has nothing else to do.
//! - [`pace`]: whether an arrival waits, is released or is missed.
//! - [`producer`]: the open and the closed loop around a release.
//! - [`shape`]: who is whose parent within a trace.
//! - [`payload`]: names, attributes, bodies and values, built before the run.
//!
//! Nothing here knows how telemetry is exported.

pub mod attribute;
pub mod lateness;
pub mod mix;
pub mod pace;
pub mod payload;
pub mod producer;
pub mod shape;
