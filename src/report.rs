//! Reports: pure functions of one stored run. They format and thin out; no number is made here that
//! a judge could have made.
//!
//! | module | when to use it |
//! |---|---|
//! | [`html`] | one file that a person understands at a glance |
//! | [`terminal`] | the summary after a run |
//! | [`markdown`] | a comment on a change, a page of a wiki |
//! | [`junit`] | a CI system |
//! | [`explain`] | why items were lost or duplicated, with examples |
//! | [`capacity`] | how much a line carries, after a search for it |
//! | [`cost`] | what targets cost, after runs with and without them |
//! | [`live`] | the view while a run goes on |

pub mod baseline;
pub mod capacity;
pub mod compare;
mod conformance;
mod content;
pub mod cost;
pub mod explain;
pub mod history;
pub mod html;
pub mod junit;
mod line;
pub mod live;
pub mod markdown;
mod own_program;
mod plot;
pub mod terminal;
pub mod text;
mod view;
