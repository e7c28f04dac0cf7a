//! Requests that get no answer.

use crate::plan::ResetReason;

/// What a service returns instead of an answer. Where the connection still stands, HTTP/2 resets the
/// stream with the reason, and HTTP/1 closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("a fault left this request without an answer")]
pub struct Unanswered {
    /// From which hyper takes the reason.
    #[source]
    reset: h2::Error,
}

impl From<ResetReason> for Unanswered {
    fn from(reason: ResetReason) -> Self {
        Self {
            reset: h2::Reason::from(reason as u32).into(),
        }
    }
}
