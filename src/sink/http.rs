//! OTLP over HTTP, protobuf and JSON. Source: the OTLP specification, section OTLP/HTTP.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};

use super::intake::{self, Refusal};
use super::required::MISSING;
use super::server::{AnswerBody, Door, Server};
use super::weather::{Effect, Line};
use super::{Answer, Receiver, UNSETTLED};
use crate::otlp::Encoding;
use crate::otlp::headers::{self, http_signal};
use crate::otlp::inflate::Compression;
use crate::otlp::status::{Code, Status, export_response};
use crate::plan::{AnswerStatus, ResetReason};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
/// What the sender of a struck request is told.
const FAULT: &str = "a fault of the scenario";

/// What neither protobuf nor JSON readers take.
const NONSENSE: [u8; 12] = [0xff; 12];

/// What goes out.
enum Reply {
    Success(Vec<u8>),
    Nothing(ResetReason),
}

/// An answer that is not a success.
struct Failure {
    http: StatusCode,
    /// Of `google.rpc.Code`.
    code: i32,
    why: String,
    /// How long the sender is asked to wait.
    retry_after: Option<Duration>,
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
    let encoding = encoding_of(request.headers());
    Ok(match export(server, line, request, encoding).await {
        Ok(Reply::Nothing(reason)) => return Err(reason),
        Ok(Reply::Success(body)) => {
            respond(StatusCode::OK, encoding.unwrap_or(Encoding::Protobuf), body)
        }
        Err(failure) => {
            if failure.malformed {
                let status = format!("http {}", failure.http.as_u16());
                server.traffic.malformed(&status, &failure.why);
            }
            // Where the request's encoding is not known, the specification's default.
            let encoding = encoding.unwrap_or(Encoding::Protobuf);
            let status = Status {
                code: failure.code,
                message: failure.why,
            };
            let mut response = respond(failure.http, encoding, status.to_body(encoding));
            if failure.http == StatusCode::METHOD_NOT_ALLOWED {
                let allowed = HeaderValue::from_static("POST");
                response.headers_mut().insert(ALLOW, allowed);
            }
            if let Some(wait) = failure.retry_after {
                let seconds = HeaderValue::from(wait.as_secs());
                response.headers_mut().insert(RETRY_AFTER, seconds);
            }
            response
        }
    })
}

async fn export<R: Receiver>(
    server: &Server<R>,
    line: &Line,
    request: Request<Incoming>,
    encoding: Option<Encoding>,
) -> Result<Reply, Failure> {
    let path = request.uri().path();
    let signal = http_signal(path).ok_or_else(|| {
        let why = format!("nothing is served at {path:?}");
        malformed(StatusCode::NOT_FOUND, Code::NotFound, why)
    })?;
    if request.method() != Method::POST {
        let why = format!(
            "{} is not how telemetry is sent: use POST",
            request.method()
        );
        return Err(malformed(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::Unimplemented,
            why,
        ));
    }
    let unsupported = |why| {
        malformed(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::InvalidArgument,
            why,
        )
    };
    let encoding = encoding
        .ok_or_else(|| unsupported(format!("the content type is neither {PROTOBUF} nor {JSON}")))?;
    let compression = match request.headers().get(CONTENT_ENCODING) {
        None => Some(Compression::None),
        Some(name) => name.to_str().ok().and_then(Compression::from_name),
    }
    .ok_or_else(|| unsupported("the content encoding is neither gzip nor zstd".to_owned()))?;

    let (head, body) = request.into_parts();
    let limits = &server.limits;
    let max_bytes = limits.max_request_bytes;
    if !server.required.met_by(&head.headers) {
        server.traffic.unauthenticated();
        // Read to its end: an answer before that would look like a broken connection to some.
        let _ = intake::read(body, max_bytes, None, limits.body_timeout).await;
        let why = MISSING.to_owned();
        return Err(unwanted(
            StatusCode::UNAUTHORIZED,
            Code::Unauthenticated,
            why,
        ));
    }
    let strike = server.weather.strike(signal);
    let stops_at = strike.as_ref().and_then(|strike| strike.stops_at());
    let timeout = limits.body_timeout;
    let read = intake::read(body, max_bytes, stops_at, timeout).await;
    let arrived = match (read, strike.as_ref()) {
        (Err(Refusal::Stopped), Some(strike)) => return Ok(Reply::Nothing(strike.stop(line))),
        (read, _) => read.map_err(refused)?,
    };
    server.traffic.add_wire_bytes(arrived.body.len());
    let receiver = &*server.receiver;
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
    let effect = match strike {
        None => Effect::AsItIs,
        Some(strike) => strike.meet(line, Door::Http, &taken, arrived_ns).await,
    };
    match effect {
        // HTTP/1 has no trailers to leave out.
        Effect::AsItIs | Effect::NoTrailers => {}
        Effect::Status {
            status,
            retry_after_ns,
        } => {
            let mut failure = unwanted(status_of(status), Code::Unavailable, FAULT.to_owned());
            failure.retry_after = retry_after_ns.map(Duration::from_nanos);
            return Err(failure);
        }
        Effect::Nonsense => return Ok(Reply::Success(NONSENSE.to_vec())),
        Effect::Nothing(reason) => return Ok(Reply::Nothing(reason)),
    }
    let body = |rejected, why: &str| {
        let body = export_response(signal, encoding, rejected, why);
        Ok(Reply::Success(body))
    };
    match taken.answer {
        Answer::Accepted => body(0, ""),
        Answer::Partial { rejected, why } => body(rejected, &why),
        Answer::Unavailable(why) => {
            let http = StatusCode::SERVICE_UNAVAILABLE;
            Err(unwanted(http, Code::Unavailable, why))
        }
        Answer::Told(told) => Err(Failure {
            http: StatusCode::from_u16(told.http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: told.grpc as i32,
            why: told.why,
            retry_after: told.retry_after,
            malformed: false,
        }),
        Answer::Pending(_) => {
            let http = StatusCode::INTERNAL_SERVER_ERROR;
            Err(unwanted(http, Code::Unavailable, UNSETTLED.to_owned()))
        }
        Answer::Refused(why) => {
            let http = StatusCode::BAD_REQUEST;
            Err(unwanted(http, Code::InvalidArgument, why))
        }
    }
}

/// The code of a fault.
fn status_of(status: AnswerStatus) -> StatusCode {
    match status {
        AnswerStatus::Http(code) => StatusCode::from_u16(code),
        // The same failure in HTTP's words; scenarios name a code of the protocol that is spoken.
        AnswerStatus::Grpc(_) => Ok(StatusCode::SERVICE_UNAVAILABLE),
    }
    // Scenarios name codes in the range of errors only.
    .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    headers::encoding(headers.get(CONTENT_TYPE)?.to_str().ok()?)
}

fn unwanted(http: StatusCode, code: Code, why: String) -> Failure {
    Failure {
        http,
        code: code as i32,
        why,
        retry_after: None,
        malformed: false,
    }
}

fn malformed(http: StatusCode, code: Code, why: String) -> Failure {
    Failure {
        malformed: true,
        ..unwanted(http, code, why)
    }
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Malformed(why) => malformed(StatusCode::BAD_REQUEST, Code::InvalidArgument, why),
        Refusal::TooLarge(why) => {
            malformed(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, why)
        }
        Refusal::BrokenOff(why) => unwanted(StatusCode::REQUEST_TIMEOUT, Code::Unavailable, why),
        Refusal::Stopped => {
            let why = refusal.to_string();
            unwanted(StatusCode::REQUEST_TIMEOUT, Code::Unavailable, why)
        }
    }
}

fn respond(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response<AnswerBody> {
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed_unsync());
    *response.status_mut() = status;
    let content_type = match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    };
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
