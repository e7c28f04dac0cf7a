//! Faults of the sink's answers as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::{GrpcCode, LostBy, ResetReason};
use crate::scenario::units::{ByteRate, Bytes, Time};

/// What the sink does wrong with the requests, or connections, that are struck.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFile {
    /// An error instead of acceptance.
    Status(StatusFile),
    /// The first items of each request are rejected by a partial success.
    PartialSuccess(PartialSuccessFile),
    /// Accepted, and answered so much later.
    Slow(Time),
    /// Accepted, and the sender does not learn it.
    LoseResponse(LostBy),
    /// The connection takes no further requests. Only gRPC.
    Goaway,
    /// The stream is reset instead of an answer. Only gRPC.
    ResetStream(ResetReason),
    /// The answer ends without its trailers. Only gRPC.
    NoTrailers,
    /// The answer's body is nonsense.
    MalformedBody,
    /// The connection is closed at a byte.
    CloseAt(CloseAtFile),
    /// Connections are read at this speed; 0B/s: not at all.
    SlowReader(ByteRate),
    /// Connections are accepted and never served; those that exist go silent.
    HalfOpen,
}

/// `grpc` or `http`, as the client speaks.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusFile {
    /// By its name: UNAVAILABLE, RESOURCE_EXHAUSTED and so on.
    pub grpc: Option<GrpcCode>,
    /// 300 to 599.
    #[schemars(range(min = 300, max = 599))]
    pub http: Option<u16>,
    /// How long the sender is asked to wait: RetryInfo, or Retry-After in whole seconds.
    pub retry_after: Option<Time>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartialSuccessFile {
    /// Items of each request.
    #[schemars(required, range(min = 1))]
    pub reject: Option<u64>,
}

/// Bytes of a request's body that have come, or bytes that have gone back since it was struck.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseAtFile {
    Request(Bytes),
    Response(Bytes),
}
