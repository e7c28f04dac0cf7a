//! Transports that find their peer by name: each new connection looks it up over the wire, or goes to
//! the link that stands before it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::TcpStream;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint, Uri};

use super::SdkError;
use crate::dns::lookup::addresses;

/// Who knows where a name leads to.
#[derive(Debug, Clone, Copy)]
pub enum Names {
    /// This name server.
    Asked(SocketAddr),
    /// Every name leads there.
    Always(SocketAddr),
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = *self;
        Box::pin(async move {
            let found = match names {
                Names::Asked(server) => addresses(server, name.as_str()).await?,
                Names::Always(link) => vec![link.ip()],
            };
            // The URL's port takes the place of this one.
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}

impl Names {
    /// A gRPC channel as the SDK makes its own, but for the look-up.
    ///
    /// # Errors
    /// When the endpoint or the TLS settings are not usable.
    pub fn channel(
        self,
        endpoint: &str,
        tls: Option<ClientTlsConfig>,
        timeout: Duration,
    ) -> Result<Channel, SdkError> {
        let wrong = |error: tonic::transport::Error| SdkError::Endpoint(error.to_string());
        let mut endpoint = Endpoint::from_shared(endpoint.to_owned())
            .map_err(wrong)?
            .timeout(timeout);
        if let Some(tls) = tls {
            endpoint = endpoint.tls_config(tls).map_err(wrong)?;
        }
        let connector = tower::service_fn(move |uri: Uri| connect(self, uri));
        Ok(endpoint.connect_with_connector_lazy(connector))
    }
}

/// Connects to the first address that takes it.
async fn connect(names: Names, uri: Uri) -> io::Result<TokioIo<TcpStream>> {
    let found: Vec<SocketAddr> = match names {
        Names::Always(link) => vec![link],
        Names::Asked(server) => {
            let name = uri.host().unwrap_or_default();
            let port = uri.port_u16().unwrap_or(4317);
            let found = addresses(server, name).await.map_err(io::Error::other)?;
            let found = found.into_iter();
            found
                .map(|address| SocketAddr::new(address, port))
                .collect()
        }
    };
    let stream = TcpStream::connect(found.as_slice()).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(stream))
}
