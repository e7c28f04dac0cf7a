//! Tests of the whole program: real runs of the built executable, judged by something else.

mod harness;
mod interrupts;
mod planted;
mod processes;
mod quickstart;
mod weather;
