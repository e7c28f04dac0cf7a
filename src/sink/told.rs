//! An answer that comes from further down the line, in the words of both protocols.
//!
//! Sources: the OTLP specification, sections Failures and OTLP/HTTP Response; gRPC's mapping of HTTP
//! status codes. What may be tried again in one protocol may be tried again in the other.

use std::time::Duration;

use tonic::Code;

/// An answer that is not a success, as the next hop gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub grpc: Code,
    /// A status of 400 or above.
    pub http: u16,
    pub why: String,
    /// How long the sender is asked to wait.
    pub retry_after: Option<Duration>,
}

impl Told {
    /// What was said over gRPC.
    pub fn over_grpc(code: Code, why: String, retry_after: Option<Duration>) -> Self {
        let http = match code {
            Code::InvalidArgument | Code::FailedPrecondition | Code::AlreadyExists => 400,
            Code::Unauthenticated => 401,
            Code::PermissionDenied => 403,
            Code::NotFound => 404,
            Code::Unimplemented => 501,
            // Without a time to wait it is not to be tried again.
            Code::ResourceExhausted if retry_after.is_none() => 413,
            Code::ResourceExhausted => 429,
            Code::DeadlineExceeded => 504,
            Code::Cancelled
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => 503,
            Code::Ok | Code::Unknown | Code::Internal => 500,
        };
        Self {
            grpc: code,
            http,
            why,
            retry_after,
        }
    }

    /// What was said over HTTP.
    pub fn over_http(status: u16, why: String, retry_after: Option<Duration>) -> Self {
        let grpc = match status {
            400 => Code::InvalidArgument,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 | 405 | 501 => Code::Unimplemented,
            413 => Code::ResourceExhausted,
            429 | 502 | 503 => Code::Unavailable,
            504 => Code::DeadlineExceeded,
            500 => Code::Internal,
            _ => Code::Unknown,
        };
        Self {
            grpc,
            http: status.max(400),
            why,
            retry_after,
        }
    }

    /// Nothing was said: the next hop cannot be reached, or did not answer in time.
    pub fn nothing(why: String) -> Self {
        Self::over_grpc(Code::Unavailable, why, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: the OTLP specification's tables of retryable codes.
    fn grpc_retries(told: &Told) -> bool {
        match told.grpc {
            Code::ResourceExhausted => told.retry_after.is_some(),
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => true,
            _ => false,
        }
    }

    fn http_retries(told: &Told) -> bool {
        [429, 502, 503, 504].contains(&told.http)
    }

    #[test]
    fn what_may_be_tried_again_may_be_so_in_the_other_protocol() {
        for wait in [None, Some(Duration::from_secs(1))] {
            for code in 1..17 {
                let told = Told::over_grpc(Code::from_i32(code), String::new(), wait);
                assert_eq!(grpc_retries(&told), http_retries(&told), "{told:?}");
            }
        }
        for status in 400..600 {
            let told = Told::over_http(status, String::new(), None);
            assert_eq!(grpc_retries(&told), http_retries(&told), "{told:?}");
        }
    }
}
