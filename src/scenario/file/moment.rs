//! A time that is fixed, or drawn from the seed.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use super::short::{self, short_or_long};
use crate::scenario::units::Time;

/// `5s`, or `{ between: [5s, 10s] }`.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    Fixed(Time),
    Drawn(Between),
}

/// Two ends, both included, between which the plan draws evenly.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Between {
    /// The earliest and the latest, or the shortest and the longest.
    #[schemars(required, length(equal = 2))]
    pub between: Option<Vec<Time>>,
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expecting = "a duration such as `5s`, or `{ between: [5s, 10s] }`";
        short_or_long(from, expecting, Moment::Fixed, Moment::Drawn)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        short::schema::<Time, Between>(generator)
    }
}
