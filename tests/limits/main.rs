//! Searches for limits. They take all of the machine that they can get, so they are a program of their own,
//! beside which no other test runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

// Each test uses its own part of it.
#[allow(dead_code)]
#[path = "../program/harness.rs"]
mod harness;

mod capacity;
mod selfcheck;

/// Keeps the others waiting. One that failed has said so itself.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
