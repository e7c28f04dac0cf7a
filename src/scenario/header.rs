//! A header's value in a scenario: a text, or where to find it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::plan::secret::Secret;

/// A literal value, or a reference to one.
#[derive(Debug, Clone)]
pub enum HeaderValue {
    Literal(Secret),
    From(HeaderSource),
}

/// Where a value stands that is not in the scenario.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeaderSource {
    /// An environment variable.
    Env(String),
    /// A file, relative to the scenario; white space around its text is left out.
    File(String),
}

// Written by hand, since serde's own way to read "a text or a mapping" loses the place of errors.
impl<'de> Deserialize<'de> for HeaderValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TextOrSource;
        impl<'de> Visitor<'de> for TextOrSource {
            type Value = HeaderValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, `{ env: NAME }` or `{ file: PATH }`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<HeaderValue, E> {
                Ok(HeaderValue::Literal(Secret::new(text)))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HeaderValue, A::Error> {
                HeaderSource::deserialize(MapAccessDeserializer::new(map)).map(HeaderValue::From)
            }
        }
        from.deserialize_any(TextOrSource)
    }
}

impl JsonSchema for HeaderValue {
    fn schema_name() -> Cow<'static, str> {
        "HeaderValue".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let source = generator.subschema_for::<HeaderSource>();
        json_schema!({ "anyOf": [{ "type": "string" }, source] })
    }
}
