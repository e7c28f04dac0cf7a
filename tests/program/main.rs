//! Tests of the whole program: real runs of the built executable, judged by something else.

mod answers;
#[path = "../common/blank.rs"]
mod blank;
#[cfg(target_os = "linux")]
mod command;
mod conformance;
mod content;
mod cost;
mod external;
mod fan;
mod growth;
mod harness;
mod interrupts;
mod left_behind;
mod names;
#[cfg(target_os = "linux")]
mod packets;
mod planted;
mod processes;
mod quickstart;
mod raw;
#[path = "../common/relay.rs"]
mod relay;
mod replay;
mod secured;
#[allow(dead_code)]
#[path = "../common/sink.rs"]
mod sink;
mod tap;
#[cfg(target_os = "linux")]
mod targets;
mod timeline;
mod weather;
