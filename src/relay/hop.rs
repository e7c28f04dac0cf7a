//! A connection to the next hop, and messages over it as the bytes that they are.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::otlp::headers::grpc_path;
use crate::signal::Signal;

/// A channel that connects when there is something to send. `ca` and `identity` (a certificate and
/// its key) are PEM, and count for `https://` alone.
///
/// # Errors
/// When the endpoint or a certificate makes no sense; in words.
pub fn channel(
    url: &str,
    connect_timeout: Duration,
    ca: Option<&str>,
    identity: Option<(&str, &str)>,
) -> Result<Channel, String> {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err("it must begin with http:// or https://".to_owned());
    }
    let mut endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(|error| error.to_string())?
        .connect_timeout(connect_timeout);
    if url.starts_with("https://") {
        let mut tls = ClientTlsConfig::new();
        if let Some(ca) = ca {
            tls = tls.ca_certificate(Certificate::from_pem(ca));
        }
        if let Some((cert, key)) = identity {
            tls = tls.identity(Identity::from_pem(cert, key));
        }
        endpoint = endpoint
            .tls_config(tls)
            .map_err(|error| error.to_string())?;
    }
    Ok(endpoint.connect_lazy())
}

/// The method of that signal.
pub fn path(signal: Signal) -> PathAndQuery {
    PathAndQuery::from_static(grpc_path(signal))
}

/// Sends and receives messages as the bytes that they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let bytes = from.remaining();
        Ok(Some(from.copy_to_bytes(bytes)))
    }
}
