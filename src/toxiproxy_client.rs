//! Drives a real Toxiproxy: one proxy on it, and the toxics of that proxy.
//!
//! The crate `toxiproxy_rust` does what it can, on a thread of its own (`thread`). It is blocking, it
//! panics where a connection fails, and it takes every answer for a good one. So each call has a
//! limit, and after each change the server is asked what it made of it. What the crate lacks goes
//! through `http`.

use std::net::SocketAddr;
use std::time::Duration;

use toxiproxy_rust::proxy::ProxyPack;

use crate::plan::toxiproxy::ToxicSpec;

pub mod http;
mod seen;
mod thread;

use seen::{ProxySeen, ToxicSeen};
use thread::CrateThread;

/// How long one call may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Why Toxiproxy did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(
        "the Toxiproxy server at {server} does not answer ({what}, {} s): it may hang, a known defect when a latency toxic is removed after a disconnect with data in flight; restart it",
        TIME_LIMIT.as_secs()
    )]
    Hangs { server: SocketAddr, what: String },
    #[error("the Toxiproxy server at {server} cannot be reached ({what}): {why}")]
    Unreachable {
        server: SocketAddr,
        what: String,
        why: String,
    },
    #[error("the Toxiproxy server at {server} refused {what}: {status} {body}")]
    Refused {
        server: SocketAddr,
        what: String,
        status: u16,
        body: String,
    },
    #[error("the Toxiproxy server at {server} did not do what it was asked ({what}): {why}")]
    NotDone {
        server: SocketAddr,
        what: String,
        why: String,
    },
}

/// One proxy of a Toxiproxy server. Whoever makes it removes it, with [`delete`].
#[derive(Debug)]
pub struct Client {
    server: SocketAddr,
    proxy: String,
    by_crate: CrateThread,
}

impl Client {
    /// For the proxy of that name, which need not exist yet. The name goes into paths as it is.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(server: SocketAddr, proxy: String) -> std::io::Result<Self> {
        let by_crate = CrateThread::start(server)?;
        Ok(Self {
            server,
            proxy,
            by_crate,
        })
    }

    /// Creates the proxy on a free port of 127.0.0.1; returns where it listens.
    ///
    /// # Errors
    /// When the server does not answer, or has no such proxy afterwards.
    pub async fn create(&self, upstream: SocketAddr) -> Result<SocketAddr, ClientError> {
        let pack = ProxyPack::new(
            self.proxy.clone(),
            "127.0.0.1:0".to_owned(),
            upstream.to_string(),
        );
        self.by_crate
            .call("create a proxy", move |client| {
                client.populate(vec![pack]).map(|_| ())
            })
            .await?;
        let what = "create a proxy";
        let path = format!("/proxies/{}", self.proxy);
        let seen: ProxySeen = http::get(self.server, &path, what).await?;
        let as_asked = seen.enabled && seen.upstream == upstream.to_string();
        match seen.listen.parse() {
            Ok(listen) if as_asked => Ok(listen),
            _ => Err(self.not_done(what, format!("it has {seen:?}"))),
        }
    }

    /// Adds a toxic under that name, which is not in use; returns once the server shows it.
    ///
    /// # Errors
    /// When the server does not answer, or does not show it as it was asked for.
    pub async fn add(&self, name: &str, spec: &ToxicSpec) -> Result<(), ClientError> {
        let what = format!("add the toxic {name}");
        if name == crate_name(spec) && by_crate(spec) {
            let (proxy, toxic) = (self.proxy.clone(), spec.clone());
            self.by_crate
                .call(&what, move |client| {
                    create(&client.find_proxy(&proxy)?, &toxic);
                    Ok(())
                })
                .await?;
        } else {
            let path = format!("/proxies/{}/toxics", self.proxy);
            let body = ToxicSeen::wanted(name, spec).to_json();
            http::send(self.server, "POST", &path, &body, &what).await?;
        }
        let found = self.toxics(&what).await?;
        let wanted = ToxicSeen::wanted(name, spec);
        if found.contains(&wanted) {
            return Ok(());
        }
        Err(self.not_done(&what, format!("it has {found:?}")))
    }

    /// Removes a toxic; returns once the server no longer shows it.
    ///
    /// # Errors
    /// When the server does not answer, or still shows it.
    pub async fn remove(&self, name: &str) -> Result<(), ClientError> {
        let what = format!("remove the toxic {name}");
        let path = format!("/proxies/{}/toxics/{name}", self.proxy);
        http::send(self.server, "DELETE", &path, "", &what).await?;
        let found = self.toxics(&what).await?;
        match found.iter().find(|toxic| toxic.name == name) {
            None => Ok(()),
            Some(toxic) => Err(self.not_done(&what, format!("it still has {toxic:?}"))),
        }
    }

    /// The name for a toxic of fault `id`: the crate's own while no other has it, for the crate
    /// knows no other; else one with the fault's number.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn free_name(&self, id: usize, spec: &ToxicSpec) -> Result<String, ClientError> {
        let found = self.toxics("look at the toxics").await?;
        let usual = crate_name(spec);
        Ok(match found.iter().any(|toxic| toxic.name == usual) {
            false => usual,
            true => format!("{usual}_{id}"),
        })
    }

    async fn toxics(&self, what: &str) -> Result<Vec<ToxicSeen>, ClientError> {
        let path = format!("/proxies/{}/toxics", self.proxy);
        http::get(self.server, &path, what).await
    }

    fn not_done(&self, what: &str, why: String) -> ClientError {
        ClientError::NotDone {
            server: self.server,
            what: what.to_owned(),
            why,
        }
    }
}

/// The version of the server.
///
/// # Errors
/// When it does not answer, or is no Toxiproxy.
pub async fn version(server: SocketAddr) -> Result<String, ClientError> {
    let what = "ask for its version";
    let seen: seen::VersionSeen = http::get(server, "/version", what).await?;
    Ok(seen.version)
}

/// Deletes the proxy of that name. One that is gone already is no error.
///
/// # Errors
/// When the server does not answer, or refuses.
pub async fn delete(server: SocketAddr, proxy: &str) -> Result<(), ClientError> {
    let path = format!("/proxies/{proxy}");
    match http::send(server, "DELETE", &path, "", "delete the proxy").await {
        Ok(_) | Err(ClientError::Refused { status: 404, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The only name that the crate gives.
fn crate_name(spec: &ToxicSpec) -> String {
    format!("{}_{}", spec.kind, spec.stream)
}

/// Whether the crate can create it.
fn by_crate(spec: &ToxicSpec) -> bool {
    matches!(
        spec.kind,
        "latency" | "bandwidth" | "slow_close" | "timeout" | "slicer" | "limit_data"
    )
}

/// Through the crate, which says nothing of refusals, and panics without a connection.
fn create(proxy: &toxiproxy_rust::proxy::Proxy, spec: &ToxicSpec) {
    let value = |name: &str| {
        let mut attributes = spec.attributes.iter();
        let found = attributes.find(|(known, _)| *known == name);
        found.map_or(0, |(_, value)| *value)
    };
    let stream = spec.stream.to_owned();
    match spec.kind {
        "latency" => proxy.with_latency(stream, value("latency"), value("jitter"), 1.0),
        "bandwidth" => proxy.with_bandwidth(stream, value("rate"), 1.0),
        "slow_close" => proxy.with_slow_close(stream, value("delay"), 1.0),
        "timeout" => proxy.with_timeout(stream, value("timeout"), 1.0),
        "slicer" => proxy.with_slicer(
            stream,
            value("average_size"),
            value("size_variation"),
            value("delay"),
            1.0,
        ),
        "limit_data" => proxy.with_limit_data(stream, value("bytes"), 1.0),
        // What is not there afterwards is told by whoever looks.
        _ => proxy,
    };
}
