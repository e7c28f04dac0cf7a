//! All proxies by name.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::fields::{self, Fields};
use super::proxy::Proxy;

/// Proxies at once: each holds a port.
const PROXIES_MAX: usize = 4096;

/// The proxies of one server.
#[derive(Debug)]
pub struct Proxies {
    seed: u64,
    by_name: BTreeMap<String, Proxy>,
}

/// A proxy as a request describes it.
struct Wanted {
    name: String,
    listen: String,
    upstream: String,
    enabled: bool,
}

impl Proxies {
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            by_name: BTreeMap::new(),
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Proxy> {
        self.by_name.values()
    }

    pub fn get(&self, name: &str) -> Result<&Proxy, ApiError> {
        self.by_name.get(name).ok_or_else(ApiError::no_proxy)
    }

    pub fn get_mut(&mut self, name: &str) -> Result<&mut Proxy, ApiError> {
        self.by_name.get_mut(name).ok_or_else(ApiError::no_proxy)
    }

    /// Creates one.
    ///
    /// # Errors
    /// When the body is wrong, the name taken, or it cannot listen.
    pub async fn create(&mut self, body: &[u8]) -> Result<&Proxy, ApiError> {
        let fields = Fields::parse(body).map_err(ApiError::bad_body)?;
        let wanted = Wanted::read(&fields)?;
        if let Some(field) = wanted.missing() {
            return Err(ApiError::missing(field));
        }
        if self.by_name.contains_key(&wanted.name) {
            return Err(ApiError::new(409, "proxy already exists"));
        }
        self.put(wanted).await
    }

    /// Creates those that a list names, and replaces those that lead elsewhere now. Everything is
    /// checked before anything is done; the first that cannot listen ends it, and those before it
    /// stay. Returns the names of those that are there.
    pub async fn populate(&mut self, body: &[u8]) -> (Vec<String>, Result<(), ApiError>) {
        let mut names = Vec::new();
        let result = self.populate_into(body, &mut names).await;
        (names, result)
    }

    async fn populate_into(
        &mut self,
        body: &[u8],
        names: &mut Vec<String>,
    ) -> Result<(), ApiError> {
        let list = match fields::parse(body).map_err(ApiError::bad_body)? {
            Value::Array(list) => list,
            Value::Null => Vec::new(),
            _ => return Err(ApiError::bad_body("json: the body is not an array")),
        };
        let mut all = Vec::new();
        for (index, value) in list.into_iter().enumerate() {
            let fields = Fields::of(value).map_err(ApiError::bad_body)?;
            let wanted = Wanted::read(&fields)?;
            if let Some(field) = wanted.missing() {
                let place = format!("{field} at proxy {}", index + 1);
                return Err(ApiError::missing(place));
            }
            all.push(wanted);
        }
        for wanted in all {
            let name = wanted.name.clone();
            let stays = match self.by_name.get(&name) {
                Some(known) => !known.differs(&wanted.listen, &wanted.upstream).await?,
                None => false,
            };
            if !stays {
                if let Some(known) = self.by_name.get_mut(&name) {
                    known.stop().await;
                }
                self.put(wanted).await?;
            }
            names.push(name);
        }
        Ok(())
    }

    /// Puts a proxy in its place, once it listens.
    async fn put(&mut self, wanted: Wanted) -> Result<&Proxy, ApiError> {
        let Wanted {
            name,
            listen,
            upstream,
            enabled,
        } = wanted;
        if self.by_name.len() >= PROXIES_MAX {
            return Err(ApiError::new(500, "too many proxies"));
        }
        let seed = self.seed_of(&name);
        let mut proxy = Proxy::new(name.clone(), listen, upstream, seed);
        if enabled {
            proxy.start().await?;
        }
        self.by_name.insert(name.clone(), proxy);
        self.get(&name)
    }

    /// Removes one and closes its connections.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn delete(&mut self, name: &str) -> Result<(), ApiError> {
        let removed = self.by_name.remove(name);
        removed.ok_or_else(ApiError::no_proxy)?.stop().await;
        Ok(())
    }

    /// Starts every proxy that is stopped and removes every toxic.
    ///
    /// # Errors
    /// When one cannot listen; those after it by name are left as they are.
    pub async fn reset(&mut self) -> Result<(), ApiError> {
        for proxy in self.by_name.values_mut() {
            proxy.start().await?;
            proxy.remove_toxics().await?;
        }
        Ok(())
    }

    /// Closes every listener and every connection.
    pub async fn stop_all(&mut self) {
        for proxy in self.by_name.values_mut() {
            proxy.stop().await;
        }
    }

    /// Each proxy has draws of its own, which depend on its name and not on when it was made.
    fn seed_of(&self, name: &str) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(name.as_bytes());
        let digest = hash.finalize();
        digest[..8]
            .iter()
            .fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
    }
}

impl Wanted {
    fn read(fields: &Fields) -> Result<Self, ApiError> {
        let text = |name| {
            let text = fields.text(name).map_err(ApiError::bad_body)?;
            Ok::<_, ApiError>(text.unwrap_or_default())
        };
        let enabled = fields.truth("enabled").map_err(ApiError::bad_body)?;
        Ok(Self {
            name: text("name")?,
            listen: text("listen")?,
            upstream: text("upstream")?,
            enabled: enabled.unwrap_or(true),
        })
    }

    /// The first field that must be there and is not.
    fn missing(&self) -> Option<&'static str> {
        if self.name.is_empty() {
            Some("name")
        } else if self.upstream.is_empty() {
            Some("upstream")
        } else {
            None
        }
    }
}
