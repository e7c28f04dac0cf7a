//! Connects: each new connection looks its peer up over the wire, or goes to the link that stands before
//! it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tower::Service;

use crate::dns::lookup::addresses;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Who knows where an endpoint is; the system, where nobody is named.
#[derive(Debug, Clone, Copy)]
pub struct Dial {
    /// The name server.
    pub name_server: Option<SocketAddr>,
    /// Where everything leads to, whatever the world says.
    pub leads_to: Option<SocketAddr>,
}

impl Service<Uri> for Dial {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dial = *self;
        Box::pin(async move {
            let connected = tokio::time::timeout(CONNECT_TIMEOUT, async {
                TcpStream::connect(dial.find(&uri).await?.as_slice()).await
            });
            let stream = connected.await.map_err(|_| io::ErrorKind::TimedOut)??;
            // Without it, Nagle and delayed acknowledgements add 40 ms to a request.
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}

impl Dial {
    async fn find(&self, uri: &Uri) -> io::Result<Vec<SocketAddr>> {
        if let Some(link) = self.leads_to {
            return Ok(vec![link]);
        }
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let default = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = uri.port_u16().unwrap_or(default);
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let Some(server) = self.name_server else {
            return Ok(lookup_host((host, port)).await?.collect());
        };
        let found = addresses(server, host).await.map_err(io::Error::other)?;
        let found = found.into_iter();
        Ok(found
            .map(|address| SocketAddr::new(address, port))
            .collect())
    }
}
