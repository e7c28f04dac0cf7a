//! Toxiproxy's HTTP API on our own links, so that its clients in every language work unchanged.
//!
//! A request takes this way: `http` reads it, `routes` knows what it asks for, `answers` does
//! it under one lock. `proxies` and `proxy` are the state; `attributes` turns a toxic of the
//! API into one of the link.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Mutex;

mod answers;
mod attributes;
mod error;
mod extras;
mod fields;
mod http;
mod listen;
mod metrics;
mod proxies;
mod proxy;
mod routes;

pub use error::ApiError;
use proxies::Proxies;
use routes::Call;

/// The version of Toxiproxy whose API this is, as `GET /version` tells it: clients compare it.
pub const API_VERSION: &str = "2.12.0";

/// A fault proxy with its API.
#[derive(Debug)]
pub struct Server {
    /// One lock for everything: what one request does, no other sees half done. Nothing under it
    /// waits longer than a second.
    proxies: Mutex<Proxies>,
    serves_metrics: bool,
}

impl Server {
    /// No proxies yet. Everything random is drawn from `seed`; `/metrics` is there on demand.
    pub fn new(seed: u64, serves_metrics: bool) -> Self {
        Self {
            proxies: Mutex::new(Proxies::new(seed)),
            serves_metrics,
        }
    }

    /// Creates the proxies of a configuration: a JSON array, as `POST /populate` takes it. Returns
    /// how many are there now.
    ///
    /// # Errors
    /// When it is not such an array, or a proxy cannot listen; those before it stay.
    pub async fn populate(&self, config: &[u8]) -> Result<usize, ApiError> {
        let (names, result) = self.proxies.lock().await.populate(config).await;
        result.map(|()| names.len())
    }

    /// Does with a body what each call does that takes one, as far as that opens no socket: the way
    /// in for fuzzing.
    #[doc(hidden)]
    pub async fn try_body(&self, body: &[u8]) {
        const STOPPED: &[u8] =
            br#"{"name":"p","listen":"127.0.0.1:0","upstream":"127.0.0.1:1","enabled":false}"#;
        const TOXIC: &[u8] = br#"{"name":"t","type":"latency"}"#;
        let proxy = || "p".to_owned();
        self.answer(Call::CreateProxy, STOPPED).await;
        self.answer(Call::CreateToxic(proxy()), TOXIC).await;
        let toxic = "t".to_owned();
        self.answer(Call::UpdateToxic(proxy(), toxic), body).await;
        self.answer(Call::CreateToxic(proxy()), body).await;
        self.answer(Call::ReplaceToxics(proxy()), body).await;
        let fields = fields::Fields::parse(body);
        if fields.is_ok_and(|fields| fields.truth("enabled") == Ok(Some(false))) {
            self.answer(Call::CreateProxy, body).await;
        }
        self.answer(Call::Proxies, b"").await;
    }

    /// Serves the API until `stop` is ready; then closes every connection and every proxy.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let server = Arc::new(self);
        http::serve(&server, listener, stop).await;
        server.proxies.lock().await.stop_all().await;
    }
}
