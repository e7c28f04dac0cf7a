//! The child processes: client, link and sink. Each is this executable, run as `squall role NAME`.
//!
//! A role reads one line of configuration and then commands from its standard input, and writes
//! reports to its standard output, all as lines of JSON (see [`control`]). When its input ends,
//! its controller is gone and the role exits at once. Two more serve faults: `stress` competes with
//! the others for the machine, and `guard` cleans up after a controller that was killed. A `keeper` cleans up after a
//! role, outside of squall's own processes.

pub mod client;
pub mod control;
pub mod guard;
#[cfg(feature = "containers")]
pub mod keeper;
pub mod link;
pub mod share;
pub mod sink;
pub mod stdio;
pub mod stress;
pub mod target;
