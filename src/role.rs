//! The child processes: client, link and sink. Each is this executable, run as `squall role NAME`.
//!
//! A role reads one line of configuration and then commands from its standard input, and writes
//! reports to its standard output, all as lines of JSON (see [`control`]). When its input ends,
//! its controller is gone and the role exits at once.

pub mod client;
pub mod control;
pub mod link;
pub mod sink;
pub mod stdio;
pub mod target;
