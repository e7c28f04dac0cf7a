//! A program under test, run from outside: started from a command with working files, watched until
//! it is ready, its output kept, its whole family ended.
//!
//! [`probe`] tells when it is ready,
//! [`output`] keeps what it says within bounds, [`made`] listens for how many items it makes, [`family`] finds what it started, and
//! [`supervised`] holds all of it together. [`container`] does the same in a container. [`disk`] is a
//! small one for its data; [`scrape`] and [`prometheus`] read what it says of itself.

pub mod container;
pub mod disk;
pub mod family;
pub mod made;
pub mod output;
pub mod probe;
pub mod prometheus;
pub mod scrape;
pub mod supervised;
