//! OTLP over HTTP, protobuf and JSON. Source: the OTLP specification, section OTLP/HTTP.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::inflate::Compression;
use super::intake::{self, Refusal};
use super::server::{AnswerBody, Server};
use super::{Answer, Receiver};
use crate::otlp::Encoding;
use crate::otlp::status::{Code, Status, export_response};
use crate::signal::Signal;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// An answer that is not a success.
struct Failure {
    http: StatusCode,
    code: Code,
    why: String,
    /// The request was not valid OTLP, rather than not wanted or cut off.
    malformed: bool,
}

/// Answers one request.
pub async fn answer<R: Receiver>(
    server: &Server<R>,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let _in_flight = server.traffic.begin();
    let encoding = encoding_of(request.headers());
    match export(server, request, encoding).await {
        Ok(body) => respond(StatusCode::OK, encoding.unwrap_or(Encoding::Protobuf), body),
        Err(failure) => {
            if failure.malformed {
                let status = format!("http {}", failure.http.as_u16());
                server.traffic.malformed(&status, &failure.why);
            }
            // Where the request's encoding is not known, the specification's default.
            let encoding = encoding.unwrap_or(Encoding::Protobuf);
            let status = Status::new(failure.code, failure.why);
            let mut response = respond(failure.http, encoding, status.to_body(encoding));
            if failure.http == StatusCode::METHOD_NOT_ALLOWED {
                let allowed = HeaderValue::from_static("POST");
                response.headers_mut().insert(ALLOW, allowed);
            }
            response
        }
    }
}

async fn export<R: Receiver>(
    server: &Server<R>,
    request: Request<Incoming>,
    encoding: Option<Encoding>,
) -> Result<Vec<u8>, Failure> {
    let path = request.uri().path();
    let signal = Signal::ALL
        .into_iter()
        .find(|signal| signal.http_path() == path)
        .ok_or_else(|| {
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

    let limits = &server.limits;
    let max_bytes = limits.max_request_bytes;
    let arrived = intake::read(request.into_body(), max_bytes, limits.body_timeout)
        .await
        .map_err(refused)?;
    server.traffic.add_wire_bytes(arrived.body.len());
    let receiver = &*server.receiver;
    let answer = intake::take(receiver, signal, encoding, compression, arrived, max_bytes)
        .map_err(refused)?;
    match answer {
        Answer::Accepted => Ok(export_response(signal, encoding, 0, "")),
        Answer::Partial { rejected, why } => Ok(export_response(signal, encoding, rejected, &why)),
        Answer::Unavailable(why) => Err(Failure {
            http: StatusCode::SERVICE_UNAVAILABLE,
            code: Code::Unavailable,
            why,
            malformed: false,
        }),
        Answer::Refused(why) => Err(Failure {
            http: StatusCode::BAD_REQUEST,
            code: Code::InvalidArgument,
            why,
            malformed: false,
        }),
    }
}

fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(PROTOBUF) {
        Some(Encoding::Protobuf)
    } else if essence.eq_ignore_ascii_case(JSON) {
        Some(Encoding::Json)
    } else {
        None
    }
}

fn malformed(http: StatusCode, code: Code, why: String) -> Failure {
    Failure {
        http,
        code,
        why,
        malformed: true,
    }
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Malformed(why) => malformed(StatusCode::BAD_REQUEST, Code::InvalidArgument, why),
        Refusal::TooLarge(why) => {
            malformed(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, why)
        }
        Refusal::BrokenOff(why) => Failure {
            http: StatusCode::REQUEST_TIMEOUT,
            code: Code::Unavailable,
            why,
            malformed: false,
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_of_a_content_type_do_not_matter() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(text));
            encoding_of(&headers)
        };
        assert_eq!(of("application/json; charset=utf-8"), Some(Encoding::Json));
        assert_eq!(of("Application/X-Protobuf"), Some(Encoding::Protobuf));
        assert_eq!(of("text/plain"), None);
        assert_eq!(encoding_of(&HeaderMap::new()), None);
    }
}
