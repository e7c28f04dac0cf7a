//! What the server says it has, compared with what it was asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::toxiproxy::ToxicSpec;

#[derive(Debug, Deserialize)]
pub struct VersionSeen {
    pub version: String,
}

#[derive(Debug, Deserialize)]
pub struct ProxySeen {
    pub listen: String,
    pub upstream: String,
    pub enabled: bool,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct ToxicSeen {
    pub name: String,
    #[serde(rename = "type")]
    kind: String,
    stream: String,
    toxicity: f64,
    attributes: BTreeMap<String, f64>,
}

impl ToxicSeen {
    /// As it looks when the server has done what it was asked.
    pub fn wanted(name: &str, spec: &ToxicSpec) -> Self {
        let attributes = spec.attributes.iter();
        Self {
            name: name.to_owned(),
            kind: spec.kind.to_owned(),
            stream: spec.stream.to_owned(),
            toxicity: 1.0,
            attributes: attributes
                .map(|(name, value)| ((*name).to_owned(), f64::from(*value)))
                .collect(),
        }
    }

    /// As `POST /proxies/…/toxics` takes it.
    pub fn to_json(&self) -> String {
        let attributes: BTreeMap<&String, u64> = self
            .attributes
            .iter()
            .map(|(name, value)| (name, *value as u64))
            .collect();
        serde_json::json!({
            "name": self.name,
            "type": self.kind,
            "stream": self.stream,
            "toxicity": 1,
            "attributes": attributes,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_is_looked_for() {
        let spec = ToxicSpec {
            kind: "latency",
            stream: "upstream",
            attributes: vec![("latency", 50), ("jitter", 0)],
        };
        let wanted = ToxicSeen::wanted("latency_upstream", &spec);
        assert_eq!(
            serde_json::from_str::<ToxicSeen>(&wanted.to_json()).unwrap(),
            wanted
        );
        // In Toxiproxy's own words.
        let answer = r#"{"attributes":{"latency":50,"jitter":0},"name":"latency_upstream","type":"latency","stream":"upstream","toxicity":1}"#;
        assert_eq!(serde_json::from_str::<ToxicSeen>(answer).unwrap(), wanted);
        let half = answer.replace("\"toxicity\":1", "\"toxicity\":0.5");
        assert_ne!(serde_json::from_str::<ToxicSeen>(&half).unwrap(), wanted);
    }
}
