//! Which requests are OTLP, and what is in them.

use bytes::Bytes;

use super::Sight;
use super::body::Body;
use crate::otlp::headers::{self, PREFIX_BYTES, grpc_signal, http_signal, unframe};
use crate::otlp::inflate::{Compression, inflate};
use crate::otlp::{Encoding, to_protobuf};
use crate::signal::Signal;

/// What the headers say, as far as it matters here.
#[derive(Debug, Default)]
pub struct Heading {
    post: bool,
    path: String,
    encoding: Option<Encoding>,
    grpc: bool,
    /// `content-encoding`.
    compression: Named,
    /// `grpc-encoding`.
    message_compression: Named,
}

/// A compression by its name; `None` for one that is not known.
#[derive(Debug, Clone, Copy)]
struct Named(Option<Compression>);

impl Default for Named {
    fn default() -> Self {
        Self(Some(Compression::None))
    }
}

impl Heading {
    /// Takes the request's line.
    pub fn line(&mut self, method: &[u8], path: &[u8]) {
        self.post = method == b"POST";
        // With a host before it, or a query behind it, it is the same path.
        let uri = hyper::Uri::try_from(path);
        self.path = uri.map_or_else(|_| String::new(), |uri| uri.path().to_owned());
    }

    /// Takes one header, or pseudo-header of HTTP/2.
    pub fn header(&mut self, name: &[u8], value: &[u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let text = || std::str::from_utf8(value).unwrap_or_default();
        if is(":method") {
            self.post = value == b"POST";
        } else if is(":path") {
            self.line(if self.post { b"POST" } else { b"" }, value);
        } else if is("content-type") {
            self.grpc = value.starts_with(b"application/grpc");
            self.encoding = headers::encoding(text());
        } else if is("content-encoding") {
            self.compression = Named(Compression::from_name(text()));
        } else if is("grpc-encoding") {
            self.message_compression = Named(Compression::from_name(text()));
        }
    }

    /// How the request's body is to be read; `None` for a request that is not OTLP.
    pub fn wanted(&self) -> Option<Wanted> {
        if !self.post {
            return None;
        }
        let (signal, encoding, compression) = if self.grpc {
            let signal = grpc_signal(&self.path)?;
            (signal, None, self.message_compression)
        } else {
            let signal = http_signal(&self.path)?;
            (signal, Some(self.encoding?), self.compression)
        };
        Some(Wanted {
            signal,
            encoding,
            compression,
        })
    }
}

/// How the body of an OTLP request is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    signal: Signal,
    /// `None`: one gRPC message.
    encoding: Option<Encoding>,
    compression: Named,
}

/// A request of which the last byte was seen.
#[derive(Debug)]
pub struct Finished {
    pub wanted: Wanted,
    pub body: Body,
}

impl Finished {
    /// Tells of it.
    pub fn tell(self, max_bytes: u64, tell: &mut dyn FnMut(Sight<'_>)) {
        let signal = self.wanted.signal;
        match self.unpack(max_bytes) {
            Ok((encoding, body)) => match to_protobuf(signal, encoding, &body) {
                Ok(body) => tell(Sight::Request {
                    signal,
                    body: &body,
                }),
                Err(malformed) => tell(malformed.into()),
            },
            Err(why) => tell(Sight::Unread(why)),
        }
    }

    fn unpack(self, max_bytes: u64) -> Result<(Encoding, Bytes), String> {
        let body = match self.body {
            Body::Kept(body) => Bytes::from(body),
            Body::Forgotten => return Err("too many requests at once on a connection".to_owned()),
            Body::Unwanted | Body::TooLarge => {
                return Err(format!(
                    "more than {max_bytes} bytes of requests would have to be kept"
                ));
            }
        };
        let unknown = || "its compression is neither gzip nor zstd".to_owned();
        let compression = self.wanted.compression.0;
        let (encoding, compression, body) = match self.wanted.encoding {
            Some(encoding) => (encoding, compression.ok_or_else(unknown)?, body),
            None => {
                let (compressed, _) = unframe(&body)?;
                let message = body.slice(PREFIX_BYTES..);
                let compression = if compressed {
                    compression.ok_or_else(unknown)?
                } else {
                    Compression::None
                };
                (Encoding::Protobuf, compression, message)
            }
        };
        let inflated = inflate(compression, body, max_bytes).map_err(|error| error.to_string())?;
        Ok((encoding, inflated))
    }
}
