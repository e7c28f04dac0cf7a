//! Reads OTLP requests out of the bytes that pass through a link, without touching them.
//!
//! [`Decoder`] is fed what one connection carries towards the sink, in chunks of any size, and tells
//! of each request when its last byte was seen. `http1` and `http2` know the two protocols; `request`
//! knows which of their requests are OTLP and unpacks them. No clock, no sockets.

use crate::otlp::Malformed;
use crate::signal::Signal;

mod body;
mod chunked;
mod http1;
mod http2;
mod request;

use http1::Http1;
use http2::Http2;
use request::Finished;

/// What opens a connection of HTTP/2. Source: RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// First byte of a TLS connection: a handshake record. Source: RFC 8446, section 5.1.
const TLS_HANDSHAKE: u8 = 0x16;

/// Why a connection cannot be read any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the connection is encrypted (TLS)")]
    Encrypted,
    #[error("not HTTP: {0}")]
    NotHttp(String),
    #[error("not HTTP/2: {0}")]
    NotHttp2(String),
}

/// What was seen on a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Sight<'a> {
    /// An export request, inflated, as protobuf that has not been validated.
    Request { signal: Signal, body: &'a [u8] },
    /// A request came whole and cannot be read; why, in words. The connection can be read on.
    Unread(String),
}

/// Reads one connection, in the direction towards the sink.
///
/// Holds the bytes of requests that are not whole yet, at most those of the largest request, and a
/// header. A connection that it cannot read is given up; then feeding it costs nothing.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    max_request_bytes: u64,
}

#[derive(Debug)]
enum State {
    /// As much as has come of what may be a preface.
    Start(usize),
    Http1(Box<Http1>),
    Http2(Box<Http2>),
    GivenUp,
}

impl Decoder {
    /// For requests of at most `max_request_bytes`, compressed or not.
    pub const fn new(max_request_bytes: u64) -> Self {
        Self {
            state: State::Start(0),
            max_request_bytes,
        }
    }

    /// Takes the next bytes of the connection and tells what is whole with them.
    ///
    /// # Errors
    /// When the connection cannot be read any further; told once.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        tell: &mut dyn FnMut(Sight<'_>),
    ) -> Result<(), Unreadable> {
        let fed = self.take(bytes, tell);
        if fed.is_err() {
            self.state = State::GivenUp;
        }
        fed
    }

    fn take(
        &mut self,
        mut bytes: &[u8],
        tell: &mut dyn FnMut(Sight<'_>),
    ) -> Result<(), Unreadable> {
        let max = self.max_request_bytes;
        let mut finished = |finished: Finished| finished.tell(max, &mut *tell);
        if let State::Start(seen) = self.state {
            let rest = &PREFACE[seen..];
            let same = rest.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            if seen + same < PREFACE.len() && same == bytes.len() {
                self.state = State::Start(seen + same);
                return Ok(());
            }
            if seen == 0 && bytes.first() == Some(&TLS_HANDSHAKE) {
                return Err(Unreadable::Encrypted);
            }
            if seen + same == PREFACE.len() {
                self.state = State::Http2(Box::new(Http2::new(max)));
                bytes = &bytes[same..];
            } else {
                let mut http1 = Http1::new(max);
                // What looked like a preface was the beginning of a request.
                http1.feed(&PREFACE[..seen], &mut finished)?;
                self.state = State::Http1(Box::new(http1));
            }
        }
        match &mut self.state {
            State::Http1(http1) => http1.feed(bytes, &mut finished),
            State::Http2(http2) => http2.feed(bytes, &mut finished),
            State::Start(_) | State::GivenUp => Ok(()),
        }
    }
}

impl From<Malformed> for Sight<'_> {
    fn from(malformed: Malformed) -> Self {
        Sight::Unread(malformed.to_string())
    }
}

#[cfg(test)]
mod tests;
