//! Values that have a short form, a text, and a long one, a map.
//!
//! Not `untagged`: that would lose the place of errors.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Reads either form; `expecting` names both for whoever wrote something else.
pub fn short_or_long<'de, D, S, L, T>(
    from: D,
    expecting: &'static str,
    short: fn(S) -> T,
    long: fn(L) -> T,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    S: Deserialize<'de>,
    L: Deserialize<'de>,
{
    from.deserialize_any(Either {
        expecting,
        short,
        long,
    })
}

/// The schema of such a value.
pub fn schema<S: JsonSchema, L: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let (short, long) = (
        generator.subschema_for::<S>(),
        generator.subschema_for::<L>(),
    );
    json_schema!({ "anyOf": [short, long] })
}

struct Either<S, L, T> {
    expecting: &'static str,
    short: fn(S) -> T,
    long: fn(L) -> T,
}

impl<'de, S: Deserialize<'de>, L: Deserialize<'de>, T> Visitor<'de> for Either<S, L, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        S::deserialize(StrDeserializer::new(text)).map(self.short)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        L::deserialize(MapAccessDeserializer::new(map)).map(self.long)
    }
}
