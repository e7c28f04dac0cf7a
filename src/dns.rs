//! Names over the wire: a small name server that can be told to misbehave, and the client's look-up.
//!
//! Both speak DNS over UDP (RFC 1035), so a look-up that fails has really failed. Answers have a
//! TTL of 0 and nothing is cached: a name is looked up for every connection.

pub mod lookup;
pub mod server;

/// Largest message over UDP without EDNS.
const MESSAGE_BYTES: usize = 512;

#[cfg(test)]
mod tests;
