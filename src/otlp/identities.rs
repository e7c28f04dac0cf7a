//! Which items a request holds: the identity and the due time that each carries.

use super::wire::{Value, checked};

/// What an item says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The eight bytes of the span id; 0 where there is none of that length.
    pub span_id: u64,
    /// A span's start or a log record's time; 0 where there is none.
    pub time_unix_ns: u64,
}

/// Reads a span that has been walked.
pub fn of_span(span: &[u8]) -> Item {
    read(span, 2, 7)
}

/// Reads a log record that has been walked.
pub fn of_log_record(record: &[u8]) -> Item {
    read(record, 10, 1)
}

fn read(message: &[u8], id_field: u32, time_field: u32) -> Item {
    let mut item = Item {
        span_id: 0,
        time_unix_ns: 0,
    };
    for field in checked(message) {
        match field.value {
            Value::Bytes(id) if field.number == id_field => {
                item.span_id = id.try_into().map_or(0, u64::from_be_bytes);
            }
            Value::Fixed64(time) if field.number == time_field => item.time_unix_ns = time,
            _ => {}
        }
    }
    item
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    proptest! {
        #[test]
        fn items_are_read_as_prost_wrote_them(span_id: u64, time: u64, name: String) {
            let id = span_id.to_be_bytes().to_vec();
            let span = Span { span_id: id.clone(), start_time_unix_nano: time, name: name.clone(), ..Default::default() };
            let record = LogRecord { span_id: id, time_unix_nano: time, severity_text: name, ..Default::default() };
            let item = Item { span_id, time_unix_ns: time };
            prop_assert_eq!(of_span(&span.encode_to_vec()), item);
            prop_assert_eq!(of_log_record(&record.encode_to_vec()), item);
        }
    }

    #[test]
    fn an_id_of_another_length_is_none() {
        let span = Span {
            span_id: vec![1; 7],
            ..Default::default()
        };
        assert_eq!(of_span(&span.encode_to_vec()).span_id, 0);
        assert_eq!(of_span(&[]).span_id, 0);
    }
}
