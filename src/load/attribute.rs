//! Attribute tables: every key and value that a run can use, built before it starts.

use std::sync::Arc;

use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

use super::mix::{Use, mix, text};
use crate::plan::{AttributePlan, AttributeType};

/// Texts in a value that is an array.
const ARRAY_LEN: u64 = 3;

/// Keys with all their values. A pick clones shared texts and numbers; only arrays allocate.
#[derive(Debug)]
pub struct AttributeTable {
    seed: u64,
    columns: Vec<(Key, Vec<Value>)>,
}

impl AttributeTable {
    pub fn new(plan: &AttributePlan, seed: u64) -> Self {
        let column = |index: u32| {
            let kind = match plan.types.len() {
                0 => AttributeType::String,
                len => plan.types[index as usize % len],
            };
            let values = (0..plan.cardinality.max(1))
                .map(|which| value(kind, seed, u64::from(index), u64::from(which), plan))
                .collect();
            (Key::from(Arc::from(format!("squall.a{index}"))), values)
        };
        Self {
            seed,
            columns: (0..plan.count).map(column).collect(),
        }
    }

    /// Number of attributes in a pick.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The attributes of the item for which `word` stands.
    pub fn pick(&self, word: u64) -> impl Iterator<Item = (Key, &Value)> {
        self.columns
            .iter()
            .enumerate()
            .map(move |(index, (key, values))| {
                let which = mix(self.seed, Use::Attribute, word, index as u64);
                (key.clone(), &values[(which % values.len() as u64) as usize])
            })
    }

    /// As [`Self::pick`], as spans and metrics take them.
    pub fn key_values(&self, word: u64) -> Vec<KeyValue> {
        self.pick(word)
            .map(|(key, value)| KeyValue::new(key, value.clone()))
            .collect()
    }
}

fn value(kind: AttributeType, seed: u64, column: u64, which: u64, plan: &AttributePlan) -> Value {
    let len = plan.value_bytes as usize;
    let word = mix(seed, Use::Value, column, which);
    match kind {
        AttributeType::String => {
            let text: Arc<str> = Arc::from(text(seed, column, which, len));
            Value::String(StringValue::from(text))
        }
        AttributeType::Int => Value::I64((word >> 32) as i64),
        // A quarter is exact in binary and short in decimal.
        AttributeType::Double => Value::F64((word >> 40) as f64 / 4.0),
        AttributeType::Bool => Value::Bool(which.is_multiple_of(2)),
        AttributeType::StringArray => {
            let texts = (0..ARRAY_LEN)
                .map(|nth| Arc::<str>::from(text(word, column, nth, len)))
                .map(StringValue::from)
                .collect();
            Value::Array(Array::String(texts))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pick_has_the_planned_number_length_types_and_cardinality() {
        let plan = AttributePlan {
            count: 5,
            value_bytes: 9,
            cardinality: 4,
            types: vec![AttributeType::String, AttributeType::Int],
        };
        let table = AttributeTable::new(&plan, 1);
        let mut texts = std::collections::HashSet::new();
        for word in 0..200 {
            let picked = table.key_values(word);
            assert_eq!(picked.len(), 5);
            assert!(matches!(picked[1].value, Value::I64(_)));
            assert_eq!(picked[0].value.as_str().len(), 9);
            texts.insert(picked[0].value.as_str().into_owned());
        }
        assert_eq!(texts.len(), 4);
    }
}
