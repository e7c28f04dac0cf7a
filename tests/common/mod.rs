//! What several tests of the whole program share.

// Each test file uses its own part of this.
#![allow(dead_code)]

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use squall::signal::Signal;

pub mod blank;
pub mod http;
pub mod next_hop;
pub mod proxy;
pub mod python;
pub mod relay;
pub mod role;
pub mod sender;
pub mod sink;
pub mod starved;

/// A request as prost writes it: what was made of JSON says the same and may be longer.
pub fn canonical(signal: Signal, body: &[u8]) -> Vec<u8> {
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(body).map(|one| one.encode_to_vec()),
        Signal::Metrics => ExportMetricsServiceRequest::decode(body).map(|one| one.encode_to_vec()),
        Signal::Logs => ExportLogsServiceRequest::decode(body).map(|one| one.encode_to_vec()),
    }
    .unwrap()
}

/// A test that could not be run on this machine.
#[derive(Debug)]
pub struct Skipped;

/// Says that a test is skipped, and why; fails instead where `SQUALL_REQUIRE` (a comma list) names
/// `what`, so that a machine which should have it cannot skip it silently.
pub fn require(what: &str, reason: &str) -> Skipped {
    let required = std::env::var("SQUALL_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name.trim() == what),
        "SQUALL_REQUIRE names {what}, and it cannot be used: {reason}"
    );
    println!("SKIPPED: {reason}");
    Skipped
}
