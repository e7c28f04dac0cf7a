//! OTLP over gRPC: one unary method per signal.
//!
//! The framing is our own, a prefix of five bytes. It leaves the message as bytes, lets the arrival
//! be taken before anything is decoded, bounds decompression, and tells a sender that went away
//! (weather) from one that sent nonsense (malformed), which a generated service does not.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::intake::{self, Refusal};
use super::required::MISSING;
use super::server::{AnswerBody, Door, Server};
use super::weather::{Effect, Line};
use super::{Answer, Receiver, UNSETTLED};
use crate::otlp::Encoding;
use crate::otlp::headers::{PREFIX_BYTES, grpc_signal, unframe};
use crate::otlp::inflate::Compression;
use crate::otlp::status::export_response;
use crate::plan::{AnswerStatus, ResetReason};

const GRPC: &str = "application/grpc";
/// What the sender of a struck request is told.
const FAULT: &str = "a fault of the scenario";

/// A message that no protobuf reader takes: a tag that never ends.
const NONSENSE: [u8; 12] = [0xff; 12];

/// What goes out.
enum Reply {
    Success(Vec<u8>),
    /// A message without the trailers that must follow.
    Unfinished(Vec<u8>),
    Nothing(ResetReason),
}

/// An answer that is not a success.
struct Failure {
    status: Status,
    /// The request was not valid OTLP, rather than not wanted or cut off.
    malformed: bool,
}

/// Answers one request.
///
/// # Errors
/// When a fault leaves it without an answer; with the reason for which its stream is reset.
pub async fn answer<R: Receiver>(
    server: &Server<R>,
    line: &Line,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, ResetReason> {
    let _in_flight = server.traffic.begin();
    if let Err((status, why)) = speaks_grpc(&request) {
        let words = format!("http {}", status.as_u16());
        server.traffic.malformed(&words, why);
        let mut response = Response::new(Full::new(Bytes::from(why)).boxed_unsync());
        *response.status_mut() = status;
        return Ok(response);
    }
    Ok(match export(server, line, request).await {
        Ok(Reply::Success(message)) => success(&message, true),
        Ok(Reply::Unfinished(message)) => success(&message, false),
        Ok(Reply::Nothing(reason)) => return Err(reason),
        Err(failure) => {
            if failure.malformed {
                let words = format!("grpc {}", name(failure.status.code()));
                server.traffic.malformed(&words, failure.status.message());
            }
            failure
                .status
                .into_http::<Full<Bytes>>()
                .map(BodyExt::boxed_unsync)
        }
    })
}

fn speaks_grpc(request: &Request<Incoming>) -> Result<(), (StatusCode, &'static str)> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let is_grpc = content_type.is_some_and(|value| value.as_bytes().starts_with(GRPC.as_bytes()));
    if !is_grpc {
        let why = "this port speaks gRPC, and the content type is another";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    if request.version() != Version::HTTP_2 {
        let why = "gRPC needs HTTP/2";
        return Err((StatusCode::HTTP_VERSION_NOT_SUPPORTED, why));
    }
    if request.method() != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "gRPC uses POST"));
    }
    Ok(())
}

async fn export<R: Receiver>(
    server: &Server<R>,
    line: &Line,
    request: Request<Incoming>,
) -> Result<Reply, Failure> {
    let signal = grpc_signal(request.uri().path()).ok_or_else(|| {
        let why = format!("there is no method {:?}", request.uri().path());
        malformed(Status::unimplemented(why))
    })?;
    let announced = compression_of(request.headers()).ok_or_else(|| {
        let why = "the message's encoding is neither gzip nor zstd";
        let mut status = Status::unimplemented(why);
        let spoken = tonic::metadata::MetadataValue::from_static("identity,gzip,zstd");
        status.metadata_mut().insert("grpc-accept-encoding", spoken);
        malformed(status)
    })?;
    let (head, body) = request.into_parts();
    let limits = &server.limits;
    let max_bytes = limits.max_request_bytes;
    if !server.required.met_by(&head.headers) {
        server.traffic.unauthenticated();
        // Read to its end: an answer before that would look like a broken connection to some.
        let _ = intake::read(body, max_bytes, None, limits.body_timeout).await;
        return Err(Failure {
            status: Status::unauthenticated(MISSING),
            malformed: false,
        });
    }
    let strike = server.weather.strike(signal);
    let stops_at = strike.as_ref().and_then(|strike| strike.stops_at());
    let read = intake::read(
        body,
        max_bytes.saturating_add(PREFIX_BYTES as u64),
        stops_at,
        limits.body_timeout,
    )
    .await;
    let mut arrived = match (read, strike.as_ref()) {
        (Err(Refusal::Stopped), Some(strike)) => return Ok(Reply::Nothing(strike.stop(line))),
        (read, _) => read.map_err(refused)?,
    };
    server.traffic.add_wire_bytes(arrived.body.len());
    let (compressed, _) = unframe(&arrived.body).map_err(|why| refused(Refusal::Malformed(why)))?;
    arrived.body = arrived.body.slice(PREFIX_BYTES..);
    let compression = if compressed {
        announced
    } else {
        Compression::None
    };
    let receiver = &*server.receiver;
    let encoding = Encoding::Protobuf;
    let arrived_ns = arrived.monotonic_ns;
    let _at_work = server.traffic.work(arrived_ns);
    let treatment = strike.as_ref().and_then(|strike| strike.treatment());
    let taken = intake::take(
        receiver,
        signal,
        encoding,
        compression,
        arrived,
        limits,
        treatment,
    )
    .map_err(refused)?;
    server.take_time(taken.items).await;
    let taken = intake::settle(receiver, signal, taken, &head.headers).await;
    let unwanted = |status| Failure {
        status,
        malformed: false,
    };
    let effect = match strike {
        None => Effect::AsItIs,
        Some(strike) => strike.meet(line, Door::Grpc, &taken, arrived_ns).await,
    };
    match effect {
        Effect::AsItIs => {}
        Effect::Status {
            status,
            retry_after_ns,
        } => return Err(unwanted(status_of(status, retry_after_ns))),
        Effect::NoTrailers => {
            let message = export_response(signal, encoding, 0, "");
            return Ok(Reply::Unfinished(message));
        }
        Effect::Nonsense => return Ok(Reply::Success(NONSENSE.to_vec())),
        Effect::Nothing(reason) => return Ok(Reply::Nothing(reason)),
    }
    let message = |rejected, why: &str| {
        let message = export_response(signal, encoding, rejected, why);
        Ok(Reply::Success(message))
    };
    match taken.answer {
        Answer::Accepted => message(0, ""),
        Answer::Partial { rejected, why } => message(rejected, &why),
        Answer::Unavailable(why) => Err(unwanted(Status::unavailable(why))),
        Answer::Told(told) => Err(unwanted(with_wait(told.grpc, told.why, told.retry_after))),
        Answer::Pending(_) => Err(unwanted(Status::internal(UNSETTLED))),
        Answer::Refused(why) => Err(unwanted(Status::invalid_argument(why))),
    }
}

/// The error of a fault, with `RetryInfo` where it asks the sender to wait.
fn status_of(status: AnswerStatus, retry_after_ns: Option<u64>) -> Status {
    let code = match status {
        AnswerStatus::Grpc(code) => Code::from_i32(code as i32),
        // The same failure in gRPC's words; scenarios name a code of the protocol that is spoken.
        AnswerStatus::Http(_) => Code::Unavailable,
    };
    let wait = retry_after_ns.map(Duration::from_nanos);
    with_wait(code, FAULT.to_owned(), wait)
}

/// A status, with `RetryInfo` where the sender is asked to wait.
fn with_wait(code: Code, why: String, wait: Option<Duration>) -> Status {
    match wait {
        None => Status::new(code, why),
        Some(wait) => {
            let details = ErrorDetails::with_retry_info(Some(wait));
            Status::with_error_details(code, why, details)
        }
    }
}

fn compression_of(headers: &HeaderMap) -> Option<Compression> {
    match headers.get("grpc-encoding") {
        None => Some(Compression::None),
        Some(name) => name.to_str().ok().and_then(Compression::from_name),
    }
}

fn success(message: &[u8], finished: bool) -> Response<AnswerBody> {
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    frame.extend_from_slice(&[0]);
    // An answer is a few bytes long.
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    let trailers = finished.then(|| {
        let status = (
            HeaderName::from_static("grpc-status"),
            HeaderValue::from_static("0"),
        );
        Ok(HeaderMap::from_iter([status]))
    });
    let body = Full::new(frame.freeze()).with_trailers(std::future::ready(trailers));
    let mut response = Response::new(body.boxed_unsync());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    response
}

fn malformed(status: Status) -> Failure {
    Failure {
        status,
        malformed: true,
    }
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Malformed(why) => malformed(Status::invalid_argument(why)),
        Refusal::TooLarge(why) => malformed(Status::resource_exhausted(why)),
        Refusal::BrokenOff(why) => broken_off(why),
        Refusal::Stopped => broken_off(refusal.to_string()),
    }
}

fn broken_off(why: String) -> Failure {
    Failure {
        status: Status::cancelled(why),
        malformed: false,
    }
}

/// The name that the gRPC specification gives to a status that is answered here.
fn name(code: Code) -> &'static str {
    match code {
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::Unimplemented => "UNIMPLEMENTED",
        other => other.description(),
    }
}
