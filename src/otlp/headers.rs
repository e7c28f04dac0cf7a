//! What the headers of an OTLP request say, and the prefix of a gRPC message.
//!
//! Sources: the OTLP specification, sections OTLP/gRPC and OTLP/HTTP; gRPC over HTTP/2.

use std::time::Duration;

use http::header::{HeaderMap, RETRY_AFTER};

use super::Encoding;
use crate::signal::Signal;

/// A gRPC message's prefix: whether it is compressed, and its length, big-endian.
pub const PREFIX_BYTES: usize = 5;

/// Whose method this path names.
pub fn grpc_signal(path: &str) -> Option<Signal> {
    Signal::ALL
        .into_iter()
        .find(|signal| grpc_path(*signal) == path)
}

/// The path of a signal's only gRPC method.
pub const fn grpc_path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

/// When a peer wants to be asked again. Only in seconds: a date needs a clock that both ends agree on.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

/// Whose telemetry is posted to this path.
pub fn http_signal(path: &str) -> Option<Signal> {
    Signal::ALL
        .into_iter()
        .find(|signal| signal.http_path() == path)
}

/// How a body of this content type is written; parameters and case do not matter.
pub fn encoding(content_type: &str) -> Option<Encoding> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-protobuf") {
        Some(Encoding::Protobuf)
    } else if essence.eq_ignore_ascii_case("application/json") {
        Some(Encoding::Json)
    } else {
        None
    }
}

/// The only message of a gRPC body, and whether it is compressed.
///
/// # Errors
/// When the body is something else; in words.
pub fn unframe(body: &[u8]) -> Result<(bool, &[u8]), String> {
    let Some(([flag, len @ ..], message)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err("the body is too short to hold a gRPC message".to_owned());
    };
    let len = u32::from_be_bytes(*len);
    if message.len() as u64 != u64::from(len) {
        let found = message.len();
        return Err(format!(
            "the gRPC message is said to have {len} bytes, and {found} came"
        ));
    }
    match flag {
        0 => Ok((false, message)),
        1 => Ok((true, message)),
        other => Err(format!("the gRPC message has the unknown flag {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_of_a_content_type_do_not_matter() {
        assert_eq!(
            encoding("application/json; charset=utf-8"),
            Some(Encoding::Json)
        );
        assert_eq!(encoding("Application/X-Protobuf"), Some(Encoding::Protobuf));
        assert_eq!(encoding("text/plain"), None);
    }

    #[test]
    fn a_whole_message_is_unframed() {
        assert_eq!(unframe(&[1, 0, 0, 0, 2, 8, 9]), Ok((true, &[8, 9][..])));
        assert_eq!(unframe(&[0, 0, 0, 0, 0]), Ok((false, &[][..])));
    }

    #[test]
    fn a_broken_frame_is_told_in_words() {
        let why = |body: &[u8]| unframe(body).unwrap_err();
        assert!(why(&[0, 0]).contains("too short"));
        assert!(why(&[0, 0, 0, 0, 9, 1]).contains("9 bytes, and 1 came"));
        assert!(why(&[7, 0, 0, 0, 0]).contains("flag 7"));
    }
}
