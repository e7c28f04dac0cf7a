//! squall: a benchmark and chaos harness for OpenTelemetry (OTLP) pipelines.
//!
//! The executable is the product; this library is its inside, for its tests and benches. A map, in
//! the order in which a run goes through it (ARCHITECTURE.md tells more):
//!
//! | module | go there for |
//! |---|---|
//! | [`scenario`] | what a scenario file may say, and every problem that it can have |
//! | [`plan`] | what a run needs to know, made explicit; the schedule; the windows |
//! | [`topology`], [`drive`] | starting the roles, conducting the run, gathering the evidence |
//! | [`role`] | the child processes and what they say to their controller |
//! | [`load`], [`sdk`] | when and what is sent; the official SDK, watched |
//! | [`link`] | the proxy between client and sink, and its faults |
//! | [`tap`] | reading OTLP requests off a link as they pass |
//! | [`otlp`], [`sink`] | the wire format; receiving and accounting |
//! | [`target`] | a program under test, run from outside |
//! | [`raw`] | requests as bytes, laid out before the run: far more load than an SDK gives |
//! | [`capture`] | telemetry kept in files: recorded, read back, made fit to share |
//! | [`relay`] | a small forwarder with planted bugs, to judge squall by |
//! | [`observe`] | samples of processes and of the machine |
//! | [`evidence`], [`mapped`], [`journal`] | what was observed, and the files that survive a SIGKILL |
//! | [`ledger`], [`judge`] | where every item went; the verdict |
//! | [`capacity`] | the search for the highest rate that a line carries, and what gave out |
//! | [`record`], [`store`], [`report`] | what is kept of a run, and what is shown |
//! | [`stats`] | histograms, and whether two sides differ, by how much and how sure; change points |
//! | [`metric`], [`units`] | the registry of everything that an expectation can name; how values are shown |
//! | [`error_chain`] | an error with all that it comes from |
//! | [`cli`] | the commands |

// The documentation is for those who work on squall, private items included.
#![allow(rustdoc::private_intra_doc_links)]

pub mod capacity;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod dns;
pub mod drive;
pub mod error;
pub mod error_chain;
pub mod evidence;
pub mod fingerprint;
pub mod ids;
pub mod journal;
pub mod judge;
pub mod ledger;
pub mod limits;
pub mod link;
pub mod load;
pub mod mapped;
pub mod metric;
pub mod netns;
pub mod observe;
pub mod otlp;
pub mod plan;
pub mod raw;
pub mod record;
pub mod relay;
pub mod report;
pub mod role;
pub mod scenario;
pub mod sdk;
pub mod signal;
pub mod sink;
pub mod stats;
pub mod store;
pub mod tap;
pub mod target;
pub mod topology;
pub mod toxiproxy;
#[cfg(feature = "toxiproxy")]
pub mod toxiproxy_client;
pub mod units;
