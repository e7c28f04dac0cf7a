//! squall: a benchmark and chaos harness for OpenTelemetry (OTLP) pipelines.

pub mod cli;
pub mod clock;
pub mod drive;
pub mod error;
pub mod evidence;
pub mod ids;
pub mod journal;
pub mod judge;
pub mod ledger;
pub mod link;
pub mod load;
pub mod mapped;
pub mod metric;
pub mod observe;
pub mod otlp;
pub mod plan;
pub mod record;
pub mod report;
pub mod role;
pub mod scenario;
pub mod sdk;
pub mod signal;
pub mod sink;
pub mod stats;
pub mod store;
pub mod topology;
