//! What the API answers when it cannot do what was asked.

use serde::Serialize;

/// An error with its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    #[serde(rename = "error")]
    pub message: String,
    pub status: u16,
}

impl ApiError {
    /// Any error.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            status,
        }
    }

    /// The body is not what the route takes.
    pub fn bad_body(why: impl std::fmt::Display) -> Self {
        Self::new(400, format!("bad request body: {why}"))
    }

    /// A field that must be there is missing or empty.
    pub fn missing(field: impl std::fmt::Display) -> Self {
        Self::new(400, format!("missing required field: {field}"))
    }

    pub fn no_proxy() -> Self {
        Self::new(404, "proxy not found")
    }

    pub fn no_toxic() -> Self {
        Self::new(404, "toxic not found")
    }
}
