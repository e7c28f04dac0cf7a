//! Nothing of a value is left, and everything else is.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::capture::fixture;
use crate::otlp::json::to_protobuf;
use crate::otlp::json_text::from_protobuf;

fn hasher() -> Hasher {
    Hasher::new(b"key", [], true)
}

fn json(signal: Signal, body: &[u8]) -> String {
    let mut line = Vec::new();
    from_protobuf(signal, body, &mut line).unwrap();
    String::from_utf8(line).unwrap()
}

/// The texts of eight capitals and more, which the fixture has in values alone.
fn secrets(body: &[u8]) -> BTreeSet<String> {
    let words = body.split(|byte| !byte.is_ascii_uppercase());
    words
        .filter(|word| word.len() >= 8)
        .map(|word| String::from_utf8(word.to_vec()).unwrap())
        .collect()
}

/// Every key and every text that is no value, in order.
fn skeleton(signal: Signal, body: &[u8]) -> String {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, field) in fields {
                    let is_value = ["stringValue", "bytesValue", "intValue", "doubleValue"]
                        .contains(&name.as_str());
                    if is_value || ["message", "traceState"].contains(&name.as_str()) {
                        *field = serde_json::Value::Null;
                    } else {
                        strip(field);
                    }
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(&json(signal, body)).unwrap();
    strip(&mut value);
    value.to_string()
}

proptest! {
    #[test]
    fn no_value_is_left_and_the_structure_is((signal, body) in fixture::request()) {
        let hashed = hasher().request(signal, &body).unwrap();
        let text = json(signal, &hashed);
        for secret in secrets(&body) {
            prop_assert!(!hashed.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret}");
            prop_assert!(!text.contains(&secret), "{secret}");
        }
        prop_assert_eq!(skeleton(signal, &hashed), skeleton(signal, &body));
    }
}

fn log(attributes: &str) -> Vec<u8> {
    let text = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"attributes":[{attributes}]}}]}}]}}]}}"#
    );
    to_protobuf(Signal::Logs, text.as_bytes()).unwrap()
}

fn values(body: &[u8]) -> Vec<Value> {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let log = &request.resource_logs[0].scope_logs[0].log_records[0];
    let values = log.attributes.iter();
    values
        .map(|attribute| attribute.value.clone().unwrap().value.unwrap())
        .collect()
}

#[test]
fn equal_values_stay_equal_and_others_do_not_become_so() {
    let body = log(
        r#"{"key":"a","value":{"stringValue":"GET"}},{"key":"b","value":{"stringValue":"GET"}},{"key":"c","value":{"stringValue":"PUT"}}"#,
    );
    let hashed = |key: &[u8]| {
        let hasher = Hasher::new(key, [], false);
        values(&hasher.request(Signal::Logs, &body).unwrap())
    };
    let [a, b, c] = hashed(b"key").try_into().unwrap();
    assert_eq!(a, b);
    assert_ne!(a, c);
    assert_ne!(a, hashed(b"other key")[0]);
    assert_eq!(a, hashed(b"key")[0]);
}

#[test]
fn what_is_to_be_kept_is_and_numbers_unless_it_is_asked_for() {
    let body = log(
        r#"{"key":"http.method","value":{"stringValue":"GET"}},{"key":"n","value":{"intValue":"7"}},{"key":"e","value":{"stringValue":""}}"#,
    );
    let hash = |numbers| {
        let hasher = Hasher::new(b"key", ["http.method".to_owned()], numbers);
        values(&hasher.request(Signal::Logs, &body).unwrap())
    };
    let kept = hash(false);
    assert_eq!(kept[0], Value::StringValue("GET".to_owned()));
    assert_eq!(kept[1], Value::IntValue(7));
    assert_eq!(kept[2], Value::StringValue(String::new()));
    assert!(matches!(hash(true)[1], Value::IntValue(n) if n != 7 && n >= 0));
}

#[test]
fn a_long_value_stays_as_long() {
    let long = "x".repeat(1001);
    let body = log(&format!(
        r#"{{"key":"a","value":{{"stringValue":"{long}"}}}}"#
    ));
    let Value::StringValue(hashed) =
        values(&hasher().request(Signal::Logs, &body).unwrap()).remove(0)
    else {
        panic!("a text stays one");
    };
    assert_eq!(hashed.len(), 1001);
    let pieces: BTreeSet<&str> = (0..15).map(|n| &hashed[n * 64..][..64]).collect();
    assert_eq!(pieces.len(), 15, "it does not repeat itself");
}
