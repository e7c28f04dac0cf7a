//! Tests of the whole program: real runs of the built executable, judged by something else.

mod answers;
mod harness;
mod interrupts;
#[cfg(target_os = "linux")]
mod packets;
mod planted;
mod processes;
mod quickstart;
mod weather;
