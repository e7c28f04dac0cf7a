//! A time that is fixed, or drawn from the seed.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, Deserializer, IntoDeserializer, MapAccess, Visitor};

use crate::scenario::units::Time;

/// `5s`, or `{ between: [5s, 10s] }`.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    Fixed(Time),
    Drawn(Between),
}

/// Two ends, both included, between which the plan draws evenly.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Between {
    /// The earliest and the latest, or the shortest and the longest.
    #[schemars(required, length(equal = 2))]
    pub between: Option<Vec<Time>>,
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Moment;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as `5s`, or `{ between: [5s, 10s] }`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Moment, E> {
                let text: StrDeserializer<'_, E> = text.into_deserializer();
                Time::deserialize(text).map(Moment::Fixed)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Moment, A::Error> {
                Between::deserialize(MapAccessDeserializer::new(map)).map(Moment::Drawn)
            }
        }
        from.deserialize_any(Either)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fixed = generator.subschema_for::<Time>();
        let drawn = generator.subschema_for::<Between>();
        json_schema!({ "oneOf": [fixed, drawn] })
    }
}
