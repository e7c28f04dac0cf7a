//! Tests of the whole program: real runs of the built executable, judged by something else.

mod conformance;
mod harness;
mod interrupts;
mod names;
mod planted;
mod quickstart;
mod weather;
