//! What the specification demands of an item beyond its encoding.

use super::wire::{Value, checked};

/// What is wrong with a span that has been walked, if anything is.
pub fn span(span: &[u8]) -> Option<&'static str> {
    let is_id = |id: Option<&[u8]>, len| {
        id.is_some_and(|id: &[u8]| id.len() == len && id.iter().any(|byte| *byte != 0))
    };
    if !is_id(bytes_of(span, 1), 16) {
        Some("a span's trace id is not 16 bytes, or all zero")
    } else if !is_id(bytes_of(span, 2), 8) {
        Some("a span's span id is not 8 bytes, or all zero")
    } else if bytes_of(span, 4).is_some_and(|parent| ![0, 8].contains(&parent.len())) {
        Some("a span's parent span id is not 8 bytes")
    } else {
        None
    }
}

/// What is wrong with a log record that has been walked. Its ids may be left out.
pub fn log_record(record: &[u8]) -> Option<&'static str> {
    if bytes_of(record, 9).is_some_and(|id| ![0, 16].contains(&id.len())) {
        Some("a log record's trace id is not 16 bytes")
    } else if bytes_of(record, 10).is_some_and(|id| ![0, 8].contains(&id.len())) {
        Some("a log record's span id is not 8 bytes")
    } else {
        None
    }
}

/// What is wrong with a metric that has been walked.
pub fn metric(metric: &[u8]) -> Option<&'static str> {
    let has_data = checked(metric).any(|field| [5, 7, 9, 10, 11].contains(&field.number));
    if bytes_of(metric, 1).is_none_or(<[u8]>::is_empty) {
        Some("a metric has no name")
    } else if !has_data {
        Some("a metric has no data")
    } else {
        None
    }
}

/// The last field of that number, as protobuf reads a field that is given twice.
fn bytes_of(message: &[u8], number: u32) -> Option<&[u8]> {
    checked(message)
        .filter_map(|field| match field.value {
            Value::Bytes(bytes) if field.number == number => Some(bytes),
            _ => None,
        })
        .last()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, metric::Data};
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;

    use super::*;

    #[test]
    fn each_id_of_a_span_is_looked_at() {
        let right = Span {
            trace_id: vec![1; 16],
            span_id: vec![1; 8],
            ..Default::default()
        };
        let wrong = |span: Span| super::span(&span.encode_to_vec()).unwrap_or("nothing");
        assert_eq!(wrong(right.clone()), "nothing");
        let mut span = right.clone();
        span.trace_id = vec![0; 16];
        assert!(wrong(span).contains("trace id"));
        let mut span = right.clone();
        span.span_id = vec![1; 7];
        assert!(wrong(span).contains("span's span id"));
        let mut span = right;
        span.parent_span_id = vec![1; 9];
        assert!(wrong(span).contains("parent"));
    }

    #[test]
    fn a_log_record_needs_no_ids_but_right_ones() {
        let mut record = LogRecord::default();
        assert_eq!(log_record(&record.encode_to_vec()), None);
        record.span_id = vec![1; 3];
        assert!(log_record(&record.encode_to_vec()).is_some());
        record.trace_id = vec![1; 3];
        assert!(
            log_record(&record.encode_to_vec())
                .unwrap()
                .contains("trace id")
        );
    }

    #[test]
    fn a_metric_needs_a_name_and_data() {
        let mut found = Metric::default();
        assert_eq!(metric(&found.encode_to_vec()), Some("a metric has no name"));
        found.name = "m".to_owned();
        assert_eq!(metric(&found.encode_to_vec()), Some("a metric has no data"));
        found.data = Some(Data::Gauge(Gauge::default()));
        assert_eq!(metric(&found.encode_to_vec()), None);
    }
}
