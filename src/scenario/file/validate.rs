//! `validate`, as it is written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use super::short;
use crate::plan::ContentIgnore;

/// What of the pipeline's work is checked beyond the fate of each item.
#[derive(Debug, Clone)]
pub struct ValidateFile {
    /// `None` where what stands there is wrong.
    pub content: Option<ContentFile>,
}

/// In short: everything of that name.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Everything {
    /// What arrives is what was sent.
    Content,
}

/// In full.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ValidateMap {
    /// What arrives is what was sent.
    #[schemars(required)]
    content: Option<ContentFile>,
}

/// How content is checked.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentFile {
    /// What a pipeline changes on purpose, or what does not matter.
    #[schemars(required)]
    pub ignore: Option<Vec<ContentIgnore>>,
}

impl<'de> Deserialize<'de> for ValidateFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        short::short_or_long(
            from,
            "`content`, or a map such as {content: {ignore: [resource]}}",
            |Everything::Content| Self {
                content: Some(ContentFile {
                    ignore: Some(Vec::new()),
                }),
            },
            |map: ValidateMap| Self {
                content: map.content,
            },
        )
    }
}

impl JsonSchema for ValidateFile {
    fn schema_name() -> Cow<'static, str> {
        "Validate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        short::schema::<Everything, ValidateMap>(generator)
    }
}
