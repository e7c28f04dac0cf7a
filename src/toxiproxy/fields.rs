//! JSON objects as Toxiproxy reads them: keys in any case, unknown keys ignored, `null` as if it
//! were not there, and whatever follows the first value ignored.

use serde_json::{Map, Value};

/// Reads the first JSON value of a body.
///
/// # Errors
/// Says what is wrong with it.
pub fn parse(body: &[u8]) -> Result<Value, String> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter();
    match values.next() {
        None => Err("EOF".to_owned()),
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) if error.is_eof() => Err("unexpected EOF".to_owned()),
        Some(Err(error)) => Err(error.to_string()),
    }
}

/// The fields of one object.
#[derive(Debug, Clone, Default)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// The fields of an object; none of `null`.
    ///
    /// # Errors
    /// When it is another kind of value.
    pub fn of(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(map) => Ok(Self(map)),
            Value::Null => Ok(Self::default()),
            other => Err(mismatch(&other, "the body", "object")),
        }
    }

    /// Parses a body that is an object.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        parse(body).and_then(Self::of)
    }

    /// A field's value; a key in exactly this case goes before others.
    fn get(&self, name: &str) -> Option<&Value> {
        let any_case = || {
            let mut fields = self.0.iter();
            fields.find(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        let value = self
            .0
            .get(name)
            .or_else(|| any_case().map(|(_, value)| value));
        value.filter(|value| !value.is_null())
    }

    /// A text.
    ///
    /// # Errors
    /// When it is there and another kind of value; so for the others.
    pub fn text(&self, name: &str) -> Result<Option<String>, String> {
        self.read(name, "string", |value| value.as_str().map(str::to_owned))
    }

    /// `true` or `false`.
    pub fn truth(&self, name: &str) -> Result<Option<bool>, String> {
        self.read(name, "bool", Value::as_bool)
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, String> {
        self.read(name, "int64", Value::as_i64)
    }

    /// A number of single precision.
    pub fn float(&self, name: &str) -> Result<Option<f32>, String> {
        self.read(name, "float32", |value| {
            let single = value.as_f64()? as f32;
            single.is_finite().then_some(single)
        })
    }

    /// An object.
    pub fn object(&self, name: &str) -> Result<Option<Fields>, String> {
        self.read(name, "object", |value| {
            value.as_object().map(|map| Fields(map.clone()))
        })
    }

    fn read<T>(
        &self,
        name: &str,
        kind: &str,
        as_kind: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match as_kind(value) {
            Some(read) => Ok(Some(read)),
            None => Err(mismatch(value, &format!("field {name}"), kind)),
        }
    }
}

fn mismatch(value: &Value, place: &str, kind: &str) -> String {
    let found = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(number) => format!("number {number}"),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    };
    format!("json: cannot unmarshal {found} into {place} of type {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_any_case_and_null_is_nothing() {
        let fields = Fields::parse(br#"{"NAME":"a","Enabled":null,"odd":[1]} and more"#).unwrap();
        assert_eq!(fields.text("name"), Ok(Some("a".to_owned())));
        assert_eq!(fields.truth("enabled"), Ok(None));
        assert_eq!(fields.integer("absent"), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(Fields::parse(b"").unwrap_err(), "EOF");
        assert_eq!(Fields::parse(b"{").unwrap_err(), "unexpected EOF");
        assert!(Fields::parse(b"[1]").is_err());
        assert!(Fields::parse(b"{,}").is_err());
        let fields = Fields::parse(br#"{"n":"x","f":1.5,"big":1e300}"#).unwrap();
        let why = "json: cannot unmarshal string into field n of type int64";
        assert_eq!(fields.integer("n"), Err(why.to_owned()));
        assert!(fields.integer("f").is_err());
        assert!(fields.float("big").is_err());
        assert_eq!(fields.float("f"), Ok(Some(1.5)));
    }

    proptest::proptest! {
        #[test]
        fn no_body_breaks_it(body: Vec<u8>) {
            if let Ok(fields) = Fields::parse(&body) {
                let _ = (fields.text("a"), fields.float("b"), fields.object("c"));
            }
        }
    }
}
