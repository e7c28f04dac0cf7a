//! JSON Schemas, made from the types that are read and written.

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, schema_for};
use serde_json::Value;

use super::file::{ScenarioFile, StormFile};
use crate::record::RunResult;

/// The schema of scenario files.
pub fn scenario() -> Schema {
    as_it_is_read(schema_for!(ScenarioFile))
}

/// The schema of storm files.
pub fn storm() -> Schema {
    as_it_is_read(schema_for!(StormFile))
}

fn as_it_is_read(mut schema: Schema) -> Schema {
    RecursiveTransform(without_null).transform(&mut schema);
    schema
}

/// The schema of `result.json`.
pub fn result() -> Schema {
    schema_for!(RunResult)
}

/// A schema as it is printed and committed.
pub fn printed(schema: &Schema) -> String {
    let value = schema.as_value();
    let mut text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    text.push('\n');
    text
}

/// A key may be left out, but where it stands it has a value: the reader refuses `null`.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    let alternatives = object.get_mut("anyOf").and_then(Value::as_array_mut);
    let Some(alternatives) = alternatives else {
        return;
    };
    let before = alternatives.len();
    alternatives.retain(|one| one.get("type") != Some(&Value::from("null")));
    if alternatives.len() < before
        && let [only] = alternatives.as_slice()
        && let Value::Object(only) = only.clone()
    {
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}
