//! The OpenTelemetry SDK under test, with every item's fate noted on its way.
//!
//! - [`identity`]: the id generator that puts identities into span ids.
//! - [`processor`]: marks what enters the batch processors.
//! - [`exporter`]: journals every batch handed over and how it ended.
//! - [`spread`]: several exporters as one, which batches go round in turn.
//! - [`attempt`]: the batch that this thread is exporting, its requests and answers.
//! - [`outcome`]: refused or given up, by the rules of OTLP.
//! - [`http`], [`transport`]: the transports, watched.
//! - [`names`]: the same by name, looked up for every connection.
//! - [`events`]: what the SDK says only through its own log.
//! - [`content`]: what the items say, where a run checks that.
//! - [`points`], [`ranges`]: batches as identities.
//! - [`recorder`]: where all of this is kept.
//! - [`build`]: the three providers.
//!
//! The SDK's own counters are never used. Nothing here knows what the items mean.

pub mod attempt;
pub mod build;
pub mod content;
pub mod events;
pub mod exporter;
pub mod http;
pub mod identity;
pub mod names;
pub mod outcome;
pub mod points;
pub mod processor;
pub mod ranges;
pub mod recorder;
pub mod spread;
pub mod transport;

/// Why the SDK could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SdkError {
    #[error("evidence file {path}: {error}")]
    Evidence { path: String, error: std::io::Error },
    #[error("the {signal} exporter: {why}")]
    Exporter {
        signal: crate::signal::Signal,
        why: String,
    },
    #[error("the endpoint: {0}")]
    Endpoint(String),
    #[error("header {0:?} cannot be sent")]
    Header(String),
    #[error("TLS: {0}")]
    Tls(String),
}
