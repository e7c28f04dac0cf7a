//! Requests of HTTP/1.1, one after the other. Source: RFC 9112.

use super::Unreadable;
use super::body::Body;
use super::chunked::{Chunked, Piece};
use super::request::{Finished, Heading, Wanted};

/// Bytes that a request's head may have.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Lines that it may have.
const HEADERS_MAX: usize = 128;

/// The requests of one connection.
#[derive(Debug)]
pub struct Http1 {
    max_request_bytes: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// What has come of a head.
    Head(Vec<u8>),
    Body(Incoming),
}

/// A request whose head has come.
#[derive(Debug)]
struct Incoming {
    wanted: Option<Wanted>,
    body: Body,
    length: Length,
}

#[derive(Debug)]
enum Length {
    /// Bytes that are still to come.
    Known(u64),
    Chunked(Chunked),
}

impl Http1 {
    pub const fn new(max_request_bytes: u64) -> Self {
        Self {
            max_request_bytes,
            state: State::Head(Vec::new()),
        }
    }

    /// Takes the next bytes.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        finished: &mut dyn FnMut(Finished),
    ) -> Result<(), Unreadable> {
        loop {
            let used = match &mut self.state {
                State::Head(head) => {
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    let before = head.len();
                    let room = HEAD_BYTES_MAX - before;
                    let some = &bytes[..bytes.len().min(room)];
                    head.extend_from_slice(some);
                    // A head ends with a line.
                    let parsed = if some.contains(&b'\n') {
                        parse(head)?
                    } else {
                        None
                    };
                    match parsed {
                        Some((len, incoming)) => {
                            self.state = State::Body(incoming);
                            len.saturating_sub(before)
                        }
                        None if head.len() >= HEAD_BYTES_MAX => {
                            return Err(not_http("the head has more than 64 KiB"));
                        }
                        None => some.len(),
                    }
                }
                State::Body(incoming) => {
                    let (used, ended) = incoming.take(bytes, self.max_request_bytes)?;
                    if !ended {
                        return Ok(());
                    }
                    let next = State::Head(Vec::new());
                    if let State::Body(Incoming {
                        wanted: Some(wanted),
                        body,
                        ..
                    }) = std::mem::replace(&mut self.state, next)
                    {
                        finished(Finished { wanted, body });
                    }
                    used
                }
            };
            bytes = &bytes[used..];
        }
    }
}

impl Incoming {
    /// Takes what belongs to it; how many bytes that is, and whether it ends there.
    fn take(&mut self, bytes: &[u8], max_bytes: u64) -> Result<(usize, bool), Unreadable> {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            match &mut self.length {
                Length::Known(left) => {
                    let some =
                        usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                    *left -= some as u64;
                    let room = max_bytes.saturating_sub(self.body.len());
                    self.body.push(&rest[..some], room);
                    return Ok((used + some, *left == 0));
                }
                Length::Chunked(chunked) => {
                    let Some((len, piece)) = chunked.next(rest).map_err(not_http)? else {
                        return Ok((bytes.len(), false));
                    };
                    match piece {
                        Piece::Data => {
                            let room = max_bytes.saturating_sub(self.body.len());
                            self.body.push(&rest[..len], room);
                        }
                        Piece::End => return Ok((used + len, true)),
                        Piece::Framing => {}
                    }
                    used += len;
                }
            }
        }
    }
}

/// The head at the beginning of these bytes and its length; `None` while it is not whole.
fn parse(bytes: &[u8]) -> Result<Option<(usize, Incoming)>, Unreadable> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let len = match request.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(not_http(&error.to_string())),
    };
    let method = request.method.unwrap_or_default();
    if method == "CONNECT" {
        return Err(not_http("a tunnel"));
    }
    let mut heading = Heading::default();
    heading.line(
        method.as_bytes(),
        request.path.unwrap_or_default().as_bytes(),
    );
    let mut length = Length::Known(0);
    for header in request.headers.iter() {
        heading.header(header.name.as_bytes(), header.value);
        let value = || std::str::from_utf8(header.value).unwrap_or_default().trim();
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !value().eq_ignore_ascii_case("chunked") {
                return Err(not_http("an unknown transfer encoding"));
            }
            length = Length::Chunked(Chunked::default());
        } else if header.name.eq_ignore_ascii_case("content-length")
            && let Length::Known(_) = length
        {
            let bytes = value().parse();
            length = Length::Known(bytes.map_err(|_| not_http("the length is not a number"))?);
        }
    }
    let wanted = heading.wanted();
    let incoming = Incoming {
        body: Body::new(wanted.is_some()),
        wanted,
        length,
    };
    Ok(Some((len, incoming)))
}

fn not_http(why: &str) -> Unreadable {
    Unreadable::NotHttp(why.to_owned())
}
