//! A header's value in a scenario: a text, or where to find it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Error, MapAccess, Visitor};

use crate::plan::secret::Secret;

/// A literal value, or a reference to one.
#[derive(Debug, Clone)]
pub enum HeaderValue {
    Literal(Secret),
    From(HeaderSource),
}

/// Where a value stands that is not in the scenario.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum HeaderSource {
    /// An environment variable.
    Env(String),
    /// A file, relative to the scenario; white space around its text is left out.
    File(String),
}

// Written by hand, since `untagged` would lose the place of errors.
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
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeaderValue, A::Error> {
                // A key is not repeated in the message: it may be a secret that went astray.
                let wrong = || {
                    A::Error::custom(
                        "this says not where the value is\nwrite `{ env: NAME }` or `{ file: PATH }`",
                    )
                };
                let source = match map.next_key::<String>()?.as_deref() {
                    Some("env") => HeaderSource::Env(map.next_value()?),
                    Some("file") => HeaderSource::File(map.next_value()?),
                    _ => return Err(wrong()),
                };
                match map.next_key::<String>()? {
                    None => Ok(HeaderValue::From(source)),
                    Some(_) => Err(wrong()),
                }
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
