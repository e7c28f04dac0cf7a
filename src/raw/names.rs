//! Where names lead to: each new connection looks its peer up over the wire, or goes to the link that
//! stands before it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

use crate::dns::lookup::addresses;

/// Who knows where a name leads to; the system, where nobody is named.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    pub server: Option<SocketAddr>,
    pub leads_to: Option<SocketAddr>,
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let names = *self;
        Box::pin(async move {
            // The URL's port takes the place of this one.
            let found: Vec<SocketAddr> = match (names.leads_to, names.server) {
                (Some(link), _) => vec![link],
                (None, Some(server)) => addresses(server, name.as_str())
                    .await
                    .map_err(io::Error::other)?
                    .into_iter()
                    .map(|address| SocketAddr::new(address, 0))
                    .collect(),
                (None, None) => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            Ok(found.into_iter())
        })
    }
}
