//! Whoever looks at what passes through a link towards the sink, without touching it.

use std::fmt::Debug;

/// Looks at the connections of a link.
pub trait Observer: Debug + Send + Sync {
    /// A connection was accepted.
    fn connection(&self) -> Box<dyn Watch>;
}

/// Looks at one connection. Called once the bytes are on their way, and before those that follow them
/// are read, so it must not wait. Times are nanoseconds of the monotonic clock.
pub trait Watch: Send {
    /// These bytes were read from the client's side.
    fn up_read(&mut self, bytes: &[u8], at_ns: u64);

    /// These bytes were written towards the sink.
    fn up_written(&mut self, bytes: &[u8], at_ns: u64);
}
