//! One proxy: where it listens, where it leads, and its toxics.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::attributes::Attributes;
use super::error::ApiError;
use super::fields::{self, Fields};
use super::{extras, listen};
use crate::link::Link;
use crate::link::active::Begin;
use crate::link::weather::Weather;
use crate::plan::{Direction, Per, Toxicity};

/// Bytes that a connection may hold per direction, besides what a latency needs.
const BUFFER_BYTES: usize = 256 << 10;
/// Toxics of one proxy: every chunk asks each of them.
const TOXICS_MAX: usize = 256;
/// Connections take up a change within microseconds; nobody waits longer than this for them.
const TAKE_UP: Duration = Duration::from_secs(1);

/// A toxic as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProxyToxic {
    attributes: Attributes,
    pub name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// As it was typed.
    stream: String,
    #[serde(serialize_with = "as_short_number")]
    toxicity: f32,
    /// Not of Toxiproxy: shown where it is not the connection.
    #[serde(skip_serializing_if = "extras::is_default")]
    per: Per,
    #[serde(skip)]
    direction: Direction,
    /// The fault's number in the weather.
    #[serde(skip)]
    id: usize,
}

impl ProxyToxic {
    /// Reads one that is to stand with `others`.
    fn read(fields: &Fields, id: usize, others: &[ProxyToxic]) -> Result<Self, ApiError> {
        let text = |name| fields.text(name).map_err(ApiError::bad_body);
        let (name, kind) = (text("name")?, text("type")?.unwrap_or_default());
        let stream = text("stream")?.unwrap_or_else(|| "downstream".to_owned());
        let toxicity = fields.float("toxicity").map_err(ApiError::bad_body)?;
        let direction = match stream.to_lowercase().as_str() {
            "upstream" => Direction::Up,
            "downstream" => Direction::Down,
            _ => {
                let why = "stream was invalid, can be either upstream or downstream";
                return Err(ApiError::new(400, why));
            }
        };
        let name = name.filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("{kind}_{stream}"));
        let attributes = Attributes::of_kind(&kind);
        let attributes = attributes.ok_or_else(|| ApiError::new(400, "invalid toxic type"))?;
        if others.iter().any(|toxic| toxic.name == name) {
            return Err(ApiError::new(409, "toxic already exists"));
        }
        if others.len() >= TOXICS_MAX {
            return Err(ApiError::new(400, "too many toxics on this proxy"));
        }
        let given = fields.object("attributes").map_err(ApiError::bad_body)?;
        let attributes = attributes.merged(&given.unwrap_or_default());
        let mut per = Per::default();
        extras::merge_per(fields, &mut per).map_err(ApiError::bad_body)?;
        let attributes = attributes.map_err(ApiError::bad_body)?;
        Ok(ProxyToxic {
            kind: attributes.kind(),
            attributes,
            name,
            stream,
            toxicity: toxicity.unwrap_or(1.0),
            per,
            direction,
            id,
        })
    }

    fn is_same(&self, other: &ProxyToxic) -> bool {
        self.name == other.name && self.kind == other.kind && self.direction == other.direction
    }

    fn begin(&self) -> Begin {
        let share = f64::from(self.toxicity);
        Begin {
            toxicity: Toxicity {
                share,
                per: self.per,
            },
            ..Begin::all(self.id, self.direction, self.attributes.toxic())
        }
    }
}

/// A proxy; it listens while it has a link.
#[derive(Debug)]
pub struct Proxy {
    pub name: String,
    pub listen: String,
    pub upstream: String,
    pub weather: Weather,
    link: Option<Link>,
    /// In the order in which they were added.
    toxics: Vec<ProxyToxic>,
    toxics_ever: usize,
}

/// A proxy as the API shows it.
#[derive(Debug, Serialize)]
pub struct ProxyView<'a> {
    name: &'a str,
    listen: &'a str,
    upstream: &'a str,
    enabled: bool,
    /// Toxiproxy shows it since 2.5, always empty.
    #[serde(rename = "Logger")]
    logger: Empty,
    toxics: Vec<&'a ProxyToxic>,
}

#[derive(Debug, Serialize)]
struct Empty {}

impl Proxy {
    /// A proxy that does not listen yet.
    pub fn new(name: String, listen: String, upstream: String, seed: u64) -> Self {
        Self {
            name,
            listen,
            upstream,
            weather: Weather::new(seed),
            link: None,
            toxics: Vec::new(),
            toxics_ever: 0,
        }
    }

    pub fn view(&self) -> ProxyView<'_> {
        ProxyView {
            name: &self.name,
            listen: &self.listen,
            upstream: &self.upstream,
            enabled: self.is_enabled(),
            logger: Empty {},
            toxics: self.toxics(),
        }
    }

    pub const fn is_enabled(&self) -> bool {
        self.link.is_some()
    }

    /// The upstream chain, then the downstream chain, each in the order of adding.
    pub fn toxics(&self) -> Vec<&ProxyToxic> {
        let of = |direction| {
            let all = self.toxics.iter();
            all.filter(move |toxic| toxic.direction == direction)
        };
        of(Direction::Up).chain(of(Direction::Down)).collect()
    }

    /// Listens, if it does not already; the address is then known exactly.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub async fn start(&mut self) -> Result<(), ApiError> {
        if self.is_enabled() {
            return Ok(());
        }
        let listener = listen::bind(&self.listen).await?;
        let weather = self.weather.clone();
        let link = Link::open(listener, self.upstream.clone(), weather, BUFFER_BYTES)
            .map_err(|error| ApiError::new(500, error.to_string()))?;
        self.listen = link.local_addr().to_string();
        self.link = Some(link);
        Ok(())
    }

    /// Closes the listener and every connection.
    pub async fn stop(&mut self) {
        if let Some(link) = self.link.take() {
            link.shutdown().await;
        }
    }

    /// Whether these addresses mean other places than the present ones.
    ///
    /// # Errors
    /// When there is no such address to listen on.
    pub async fn differs(&self, listen: &str, upstream: &str) -> Result<bool, ApiError> {
        if upstream != self.upstream {
            return Ok(true);
        }
        if listen == self.listen {
            return Ok(false);
        }
        let resolve = async |address: &str| {
            let resolved = listen::resolve(address).await;
            resolved.map_err(|why| ApiError::new(500, why))
        };
        Ok(resolve(listen).await? != resolve(&self.listen).await?)
    }

    /// Takes new addresses and whether to listen; what is missing stays. Other addresses end every
    /// connection and keep the toxics.
    ///
    /// # Errors
    /// When the body is wrong, or it cannot listen there: then it does not listen at all.
    pub async fn update(&mut self, fields: &Fields) -> Result<(), ApiError> {
        let text = |name| fields.text(name).map_err(ApiError::bad_body);
        let listen = text("listen")?.unwrap_or_else(|| self.listen.clone());
        let upstream = text("upstream")?.unwrap_or_else(|| self.upstream.clone());
        let enabled = fields.truth("enabled").map_err(ApiError::bad_body)?;
        let enabled = enabled.unwrap_or(self.is_enabled());
        if self.differs(&listen, &upstream).await? {
            self.stop().await;
            self.listen = listen;
            self.upstream = upstream;
        }
        if enabled {
            self.start().await
        } else {
            self.stop().await;
            Ok(())
        }
    }

    /// Adds a toxic at the end of its chain.
    ///
    /// # Errors
    /// When the body is wrong, or the name is taken.
    pub fn add_toxic(&mut self, fields: &Fields) -> Result<&ProxyToxic, ApiError> {
        let toxic = ProxyToxic::read(fields, self.toxics_ever, &self.toxics)?;
        self.toxics_ever += 1;
        let begun = self.weather.change(&[], vec![toxic.begin()]);
        begun.map_err(|error| ApiError::new(500, error.to_string()))?;
        let index = self.toxics.len();
        self.toxics.push(toxic);
        Ok(&self.toxics[index])
    }

    /// Puts a whole list of toxics in the place of those that are there, at one moment. One that stays
    /// by its name, kind and stream goes on with the settings of the list.
    ///
    /// # Errors
    /// When anything in the body is wrong; then nothing has changed.
    pub async fn replace_toxics(&mut self, body: &[u8]) -> Result<Vec<&ProxyToxic>, ApiError> {
        let list = match fields::parse(body).map_err(ApiError::bad_body)? {
            Value::Array(list) => list,
            _ => return Err(ApiError::bad_body("json: the body is not an array")),
        };
        let mut toxics: Vec<ProxyToxic> = Vec::new();
        let mut ever = self.toxics_ever;
        for value in list {
            let fields = Fields::of(value).map_err(ApiError::bad_body)?;
            let mut toxic = ProxyToxic::read(&fields, ever, &toxics)?;
            match self.toxics.iter().find(|known| known.is_same(&toxic)) {
                Some(known) => toxic.id = known.id,
                None => ever += 1,
            }
            toxics.push(toxic);
        }
        self.toxics_ever = ever;
        let end: Vec<usize> = self.toxics.iter().map(|toxic| toxic.id).collect();
        let begin = toxics.iter().map(ProxyToxic::begin).collect();
        self.change(&end, begin).await?;
        self.toxics = toxics;
        Ok(self.toxics())
    }

    /// Ends and begins toxics at one moment, and gives the connections some time to take it up.
    async fn change(&self, end: &[usize], begin: Vec<Begin>) -> Result<(), ApiError> {
        let changed = self.weather.change(end, begin);
        let changed = changed.map_err(|error| ApiError::new(500, error.to_string()))?;
        // What a toxic did is of no interest here, and a connection that takes no more is no error.
        let _ = tokio::time::timeout(TAKE_UP, changed.proofs()).await;
        Ok(())
    }

    pub fn toxic(&self, name: &str) -> Result<&ProxyToxic, ApiError> {
        let found = self.toxics.iter().find(|toxic| toxic.name == name);
        found.ok_or_else(ApiError::no_toxic)
    }

    /// Changes attributes and toxicity; what is missing stays, and so does its place in the chain.
    ///
    /// # Errors
    /// When there is no such toxic or the body is wrong; then nothing has changed.
    pub async fn update_toxic(&mut self, name: &str, body: &[u8]) -> Result<&ProxyToxic, ApiError> {
        let found = self.toxics.iter_mut().find(|toxic| toxic.name == name);
        let toxic = found.ok_or_else(ApiError::no_toxic)?;
        let fields = Fields::parse(body).map_err(ApiError::bad_body)?;
        let given = fields.object("attributes").map_err(ApiError::bad_body)?;
        let attributes = toxic.attributes.clone().merged(&given.unwrap_or_default());
        let attributes = attributes.map_err(ApiError::bad_body)?;
        let toxicity = fields.float("toxicity").map_err(ApiError::bad_body)?;
        extras::merge_per(&fields, &mut toxic.per).map_err(ApiError::bad_body)?;
        toxic.attributes = attributes;
        toxic.toxicity = toxicity.unwrap_or(toxic.toxicity);
        let Begin {
            id,
            toxic: settings,
            toxicity,
            ..
        } = toxic.begin();
        let changing = self.weather.settle(id, settings, toxicity);
        if let Ok(changed) = tokio::time::timeout(TAKE_UP, changing).await {
            changed.map_err(|error| ApiError::new(500, error.to_string()))?;
        }
        Ok(toxic)
    }

    /// Removes a toxic; what it held flows on.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn remove_toxic(&mut self, name: &str) -> Result<(), ApiError> {
        let index = self.toxics.iter().position(|toxic| toxic.name == name);
        let toxic = self.toxics.remove(index.ok_or_else(ApiError::no_toxic)?);
        self.change(&[toxic.id], vec![]).await
    }

    /// Removes every toxic.
    ///
    /// # Errors
    /// None, as long as the weather and this list agree.
    pub async fn remove_toxics(&mut self) -> Result<(), ApiError> {
        let end: Vec<usize> = self.toxics.drain(..).map(|toxic| toxic.id).collect();
        self.change(&end, vec![]).await
    }
}

/// Whole numbers without a fraction, as the API writes them.
fn as_short_number<S: Serializer>(number: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    let whole = *number as i64;
    if whole as f32 == *number && number.abs() < 1e9 {
        serializer.serialize_i64(whole)
    } else {
        serializer.serialize_f32(*number)
    }
}
