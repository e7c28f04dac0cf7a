//! Does what a request asks for and puts the answer into words.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde::Serialize;

use super::error::ApiError;
use super::fields::Fields;
use super::proxies::Proxies;
use super::proxy::ProxyView;
use super::routes::Call;
use super::{API_VERSION, Server, metrics};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    /// `None` where there is no body.
    pub content_type: Option<&'static str>,
    pub body: String,
    /// Whether clients are told to believe the content type.
    pub is_error: bool,
}

impl Answer {
    pub const fn empty(status: StatusCode) -> Self {
        Self {
            status,
            content_type: None,
            body: String::new(),
            is_error: false,
        }
    }

    /// Words that explain an error.
    pub fn error(status: StatusCode, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type: Some(TEXT),
            body: body.into(),
            is_error: true,
        }
    }

    fn json(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(body) => Self {
                status,
                content_type: Some(JSON),
                body,
                is_error: false,
            },
            Err(error) => ApiError::new(500, error.to_string()).into(),
        }
    }
}

impl From<ApiError> for Answer {
    /// JSON that calls itself text, as Toxiproxy's does.
    fn from(error: ApiError) -> Self {
        let status = status_of(&error);
        let body = serde_json::to_string(&error).unwrap_or_default();
        Self::error(status, format!("{body}\n"))
    }
}

fn status_of(error: &ApiError) -> StatusCode {
    StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The answer to `/populate`, of which an error is only a part.
#[derive(Serialize)]
struct Populated<'a> {
    #[serde(flatten)]
    error: Option<&'a ApiError>,
    proxies: Vec<ProxyView<'a>>,
}

impl Server {
    /// Answers one request whose body has been read.
    pub async fn answer(&self, call: Call, body: &[u8]) -> Answer {
        let mut proxies = self.proxies.lock().await;
        let done = obey(&mut proxies, call, body).await;
        done.unwrap_or_else(Answer::from)
    }
}

async fn populate(proxies: &mut Proxies, body: &[u8]) -> Answer {
    let (names, result) = proxies.populate(body).await;
    let error = result.as_ref().err();
    let known = names.iter().filter_map(|name| proxies.get(name).ok());
    let populated = Populated {
        error,
        proxies: known.map(|proxy| proxy.view()).collect(),
    };
    Answer::json(error.map_or(StatusCode::CREATED, status_of), &populated)
}

async fn obey(proxies: &mut Proxies, call: Call, body: &[u8]) -> Result<Answer, ApiError> {
    let ok = StatusCode::OK;
    let no_content = Answer::empty(StatusCode::NO_CONTENT);
    let fields = || Fields::parse(body).map_err(ApiError::bad_body);
    Ok(match call {
        Call::Proxies => {
            let all = proxies.iter().map(|proxy| (&proxy.name, proxy.view()));
            Answer::json(ok, &all.collect::<BTreeMap<_, _>>())
        }
        Call::CreateProxy => {
            let proxy = proxies.create(body).await?;
            Answer::json(StatusCode::CREATED, &proxy.view())
        }
        Call::Proxy(name) => Answer::json(ok, &proxies.get(&name)?.view()),
        Call::UpdateProxy(name) => {
            let proxy = proxies.get_mut(&name)?;
            proxy.update(&fields()?).await?;
            Answer::json(ok, &proxy.view())
        }
        Call::DeleteProxy(name) => {
            proxies.delete(&name).await?;
            no_content
        }
        Call::Toxics(name) => Answer::json(ok, &proxies.get(&name)?.toxics()),
        Call::CreateToxic(name) => {
            let proxy = proxies.get_mut(&name)?;
            Answer::json(ok, proxy.add_toxic(&fields()?)?)
        }
        Call::ReplaceToxics(name) => {
            let proxy = proxies.get_mut(&name)?;
            Answer::json(ok, &proxy.replace_toxics(body).await?)
        }
        Call::Toxic(name, toxic) => Answer::json(ok, proxies.get(&name)?.toxic(&toxic)?),
        Call::UpdateToxic(name, toxic) => {
            let proxy = proxies.get_mut(&name)?;
            Answer::json(ok, proxy.update_toxic(&toxic, body).await?)
        }
        Call::DeleteToxic(name, toxic) => {
            proxies.get_mut(&name)?.remove_toxic(&toxic).await?;
            no_content
        }
        Call::Reset => {
            proxies.reset().await?;
            no_content
        }
        Call::Metrics => Answer {
            status: ok,
            content_type: Some("text/plain; version=0.0.4; charset=utf-8"),
            body: metrics::text(proxies),
            is_error: false,
        },
        Call::Populate => populate(proxies, body).await,
        Call::Version => Answer {
            status: ok,
            content_type: Some("application/json;charset=utf-8"),
            body: format!("{{\"version\": \"{API_VERSION}\"}}\n"),
            is_error: false,
        },
    })
}
