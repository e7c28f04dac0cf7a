//! What the sink can do to its answers and connections, and to TLS.

use serde::{Deserialize, Serialize};

/// What the sink does wrong with the requests, or the connections, that a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFault {
    /// Answered with an error; nothing is accepted.
    Status {
        status: AnswerStatus,
        /// How long the sender is asked to wait: `RetryInfo`, or `Retry-After`.
        retry_after_ns: Option<u64>,
    },
    /// The first `reject` items of each request are rejected by a partial success.
    PartialSuccess { reject: u64 },
    /// Accepted at once, and answered that much later.
    Slow { delay_ns: u64 },
    /// Accepted, and the sender does not learn it.
    LoseResponse { by: LostBy },
    /// Answered as usual; the connection takes no further requests (HTTP/2 GOAWAY).
    Goaway,
    /// The stream is reset instead of an answer (HTTP/2 RST_STREAM); nothing is accepted.
    ResetStream { reason: ResetReason },
    /// Accepted, and the gRPC answer ends without its trailers.
    NoTrailers,
    /// Accepted, and the answer's body is not what the protocol says.
    MalformedBody,
    /// The connection is closed once that many bytes of a request's body have come; nothing is
    /// accepted.
    CloseAtRequest { bytes: u64 },
    /// Accepted, and the connection is closed once that many bytes have gone back on it since.
    CloseAtResponse { bytes: u64 },
    /// Connections are read at that speed; at 0 not at all.
    SlowReader { bytes_per_second: u64 },
    /// Connections are accepted and never served; those that exist go silent.
    HalfOpen,
}

/// An error that the sink answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerStatus {
    Grpc(GrpcCode),
    /// 300 to 599.
    Http(u16),
}

/// How a response is lost after the request was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LostBy {
    /// The answer is UNAVAILABLE, or HTTP 503.
    Unavailable,
    /// The connection is reset instead of an answer.
    Reset,
}

/// Error codes of gRPC, by the names of its specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GrpcCode {
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl GrpcCode {
    /// The specification's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            GrpcCode::Cancelled => "CANCELLED",
            GrpcCode::Unknown => "UNKNOWN",
            GrpcCode::InvalidArgument => "INVALID_ARGUMENT",
            GrpcCode::DeadlineExceeded => "DEADLINE_EXCEEDED",
            GrpcCode::NotFound => "NOT_FOUND",
            GrpcCode::AlreadyExists => "ALREADY_EXISTS",
            GrpcCode::PermissionDenied => "PERMISSION_DENIED",
            GrpcCode::ResourceExhausted => "RESOURCE_EXHAUSTED",
            GrpcCode::FailedPrecondition => "FAILED_PRECONDITION",
            GrpcCode::Aborted => "ABORTED",
            GrpcCode::OutOfRange => "OUT_OF_RANGE",
            GrpcCode::Unimplemented => "UNIMPLEMENTED",
            GrpcCode::Internal => "INTERNAL",
            GrpcCode::Unavailable => "UNAVAILABLE",
            GrpcCode::DataLoss => "DATA_LOSS",
            GrpcCode::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

/// Codes of RST_STREAM that a server has reason to send. Source: RFC 9113, section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ResetReason {
    NoError = 0,
    ProtocolError = 1,
    InternalError = 2,
    RefusedStream = 7,
    Cancel = 8,
    EnhanceYourCalm = 11,
}

impl ResetReason {
    /// The RFC's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            ResetReason::NoError => "NO_ERROR",
            ResetReason::ProtocolError => "PROTOCOL_ERROR",
            ResetReason::InternalError => "INTERNAL_ERROR",
            ResetReason::RefusedStream => "REFUSED_STREAM",
            ResetReason::Cancel => "CANCEL",
            ResetReason::EnhanceYourCalm => "ENHANCE_YOUR_CALM",
        }
    }
}

/// What the sink does wrong in TLS handshakes. Connections that exist are closed when the fault
/// starts, so that it is met, and those made under it are closed when it ends.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TlsFault {
    /// The certificate is no longer valid.
    Expired,
    /// The certificate is another host's.
    WrongHost,
    /// An authority has signed it that nobody knows.
    UnknownCa,
    /// TCP connections are accepted, and the handshake is never answered.
    HandshakeStall,
}

impl AnswerFault {
    /// The name under which scenarios and results know it.
    pub const fn kind(&self) -> &'static str {
        match self {
            AnswerFault::Status { .. } => "status",
            AnswerFault::PartialSuccess { .. } => "partial_success",
            AnswerFault::Slow { .. } => "slow",
            AnswerFault::LoseResponse { .. } => "lose_response",
            AnswerFault::Goaway => "goaway",
            AnswerFault::ResetStream { .. } => "reset_stream",
            AnswerFault::NoTrailers => "no_trailers",
            AnswerFault::MalformedBody => "malformed_body",
            AnswerFault::CloseAtRequest { .. } => "close_at.request",
            AnswerFault::CloseAtResponse { .. } => "close_at.response",
            AnswerFault::SlowReader { .. } => "slow_reader",
            AnswerFault::HalfOpen => "half_open",
        }
    }

    /// Whether it strikes whole connections, whatever they carry, rather than requests.
    pub const fn strikes_connections(&self) -> bool {
        matches!(self, AnswerFault::SlowReader { .. } | AnswerFault::HalfOpen)
    }
}

impl TlsFault {
    /// The name under which scenarios and results know it.
    pub const fn kind(self) -> &'static str {
        match self {
            TlsFault::Expired => "expired",
            TlsFault::WrongHost => "wrong_host",
            TlsFault::UnknownCa => "unknown_ca",
            TlsFault::HandshakeStall => "handshake_stall",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_are_written() {
        for code in [GrpcCode::ResourceExhausted, GrpcCode::DataLoss] {
            let written = serde_json::to_string(&code).unwrap();
            assert_eq!(written, format!("{:?}", code.as_str()));
        }
        for reason in [ResetReason::EnhanceYourCalm, ResetReason::NoError] {
            let written = serde_json::to_string(&reason).unwrap();
            assert_eq!(written, format!("{:?}", reason.as_str()));
        }
        let written = serde_json::to_string(&TlsFault::WrongHost).unwrap();
        assert_eq!(written, format!("{:?}", TlsFault::WrongHost.kind()));
    }
}
