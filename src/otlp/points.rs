//! The data points of a metric: identity, value and how the values combine.

use std::borrow::Cow;
use std::fmt::Write as _;

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use prost::Message as _;

use super::wire::{Field, Value, checked};
use crate::ids::{PointKey, series_hash_of};
use crate::journal::{Point, PointKind};

/// `AGGREGATION_TEMPORALITY_DELTA`.
const DELTA: i32 = 1;

/// Where a point keeps its attributes and its values.
struct Layout {
    attributes: u32,
    /// Doubles that are the point's value.
    double: u32,
    /// An integer that is the point's value, if it can be one.
    int: Option<u32>,
}

const NUMBER: Layout = Layout {
    attributes: 7,
    double: 4,
    int: Some(6),
};
const HISTOGRAM: Layout = Layout {
    attributes: 9,
    double: 5,
    int: None,
};
const EXPONENTIAL_HISTOGRAM: Layout = Layout {
    attributes: 1,
    double: 5,
    int: None,
};
const SUMMARY: Layout = Layout {
    attributes: 7,
    double: 5,
    int: None,
};

/// Appends the points of a metric that has been walked.
///
/// A metric with several kinds of data has only the last one, and data that is given in pieces is
/// put together: so protobuf reads what occurs more than once.
pub fn of_metric(metric: &[u8], points: &mut Vec<Point>) {
    let name = checked(metric)
        .filter(|field| field.number == 1)
        .last()
        .map_or("", text);
    let start = points.len();
    let mut data_field = 0;
    let mut temporality = 0;
    for field in checked(metric) {
        let Value::Bytes(data) = field.value else {
            continue;
        };
        let layout = match field.number {
            5 | 7 => &NUMBER,
            9 => &HISTOGRAM,
            10 => &EXPONENTIAL_HISTOGRAM,
            11 => &SUMMARY,
            _ => continue,
        };
        if field.number != data_field {
            data_field = field.number;
            temporality = 0;
            points.truncate(start);
        }
        for part in checked(data) {
            match (part.number, part.value) {
                (1, Value::Bytes(bytes)) => points.push(read_point(name, bytes, layout)),
                (2, Value::Varint(number)) => temporality = number as i32,
                _ => {}
            }
        }
    }
    let kind = match (data_field, temporality) {
        (5, _) => PointKind::Last,
        (7 | 9 | 10, DELTA) => PointKind::Delta,
        // A summary has no temporality: it counts from its start.
        _ => PointKind::Cumulative,
    };
    for point in &mut points[start..] {
        point.kind = kind;
    }
}

fn read_point(name: &str, bytes: &[u8], layout: &Layout) -> Point {
    let mut time_unix_ns = 0;
    let mut start_unix_ns = 0;
    let mut value = 0.0;
    for field in checked(bytes) {
        if let Value::Fixed64(bits) = field.value {
            match field.number {
                2 => start_unix_ns = bits,
                3 => time_unix_ns = bits,
                number if number == layout.double => value = f64::from_bits(bits),
                number if Some(number) == layout.int => value = bits as i64 as f64,
                _ => {}
            }
        }
    }
    let mut attributes: Vec<_> = checked(bytes)
        .filter(|field| field.number == layout.attributes)
        .filter_map(|field| match field.value {
            Value::Bytes(attribute) => Some(key_value(attribute)),
            _ => None,
        })
        .collect();
    Point {
        key: PointKey {
            series: series_hash_of(name, &mut attributes),
            time_unix_ns,
        },
        start_unix_ns,
        value,
        // Known only at the end of the metric.
        kind: PointKind::Last,
    }
}

fn text<'a>(field: Field<'a>) -> &'a str {
    match field.value {
        // The walk has found it to be UTF-8.
        Value::Bytes(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        _ => "",
    }
}

/// Key and value, the value as the SDK's own `Display` writes it: both ends hash the same text.
fn key_value(attribute: &[u8]) -> (&str, Cow<'_, str>) {
    let mut fields = checked(attribute);
    if let (Some(key), Some(value), None) = (fields.next(), fields.next(), fields.next())
        && let (1, 2, Value::Bytes(any)) = (key.number, value.number, value.value)
        && let Some(value) = plain(any)
    {
        return (text(key), value);
    }
    let key = checked(attribute).filter(|field| field.number == 1).last();
    let mut value = String::new();
    // What has been walked can be decoded: lists, and what is given twice or in pieces.
    if let Ok(decoded) = KeyValue::decode(attribute) {
        let any = decoded.value.and_then(|any| any.value);
        write_value(any.as_ref(), false, &mut value);
    }
    (key.map_or("", text), Cow::Owned(value))
}

/// A value that is one text, number or flag and nothing else.
fn plain(any: &[u8]) -> Option<Cow<'_, str>> {
    let mut fields = checked(any);
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return None;
    };
    Some(match (field.number, field.value) {
        (1, _) => Cow::Borrowed(text(field)),
        (2, Value::Varint(flag)) => Cow::Borrowed(if flag == 0 { "false" } else { "true" }),
        (3, Value::Varint(number)) => Cow::Owned((number as i64).to_string()),
        (4, Value::Fixed64(bits)) => Cow::Owned(f64::from_bits(bits).to_string()),
        _ => return None,
    })
}

fn write_value(value: Option<&any_value::Value>, quoted: bool, out: &mut String) {
    use any_value::Value;
    // Writing to a String cannot fail.
    let _ = match value {
        None | Some(Value::StringValueStrindex(_)) => Ok(()),
        Some(Value::StringValue(text)) if quoted => write!(out, "\"{text}\""),
        Some(Value::StringValue(text)) => write!(out, "{text}"),
        Some(Value::BoolValue(flag)) => write!(out, "{flag}"),
        Some(Value::IntValue(number)) => write!(out, "{number}"),
        Some(Value::DoubleValue(number)) => write!(out, "{number}"),
        Some(Value::ArrayValue(list)) => {
            out.push('[');
            for (index, item) in list.values.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item.value.as_ref(), true, out);
            }
            write!(out, "]")
        }
        // Maps and raw bytes are no attribute values of the SDK; any text tells them apart.
        Some(other @ (Value::KvlistValue(_) | Value::BytesValue(_))) => write!(out, "{other:?}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::series_hash;
    use opentelemetry::{Array, Value as SdkValue};
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::metrics::v1::{
        ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
        Metric, NumberDataPoint, Sum, metric::Data, number_data_point,
    };

    fn points(data: Data) -> Vec<Point> {
        let metric = Metric {
            name: "m".to_owned(),
            data: Some(data),
            ..Default::default()
        };
        let mut points = Vec::new();
        of_metric(&metric.encode_to_vec(), &mut points);
        points
    }

    fn number(value: number_data_point::Value) -> NumberDataPoint {
        NumberDataPoint {
            start_time_unix_nano: 7,
            time_unix_nano: 42,
            value: Some(value),
            ..Default::default()
        }
    }

    fn expect(found: &[Point], value: f64, kind: PointKind) {
        let key = PointKey {
            series: series_hash("m", std::iter::empty()),
            time_unix_ns: 42,
        };
        let start_unix_ns = 7;
        assert_eq!(
            found,
            [Point {
                key,
                start_unix_ns,
                value,
                kind
            }]
        );
    }

    #[test]
    fn each_kind_of_metric_gives_its_points() {
        let sum = |temporality| {
            Data::Sum(Sum {
                data_points: vec![number(number_data_point::Value::AsInt(-7))],
                aggregation_temporality: temporality,
                is_monotonic: false,
            })
        };
        expect(&points(sum(1)), -7.0, PointKind::Delta);
        expect(&points(sum(2)), -7.0, PointKind::Cumulative);
        let gauge = Gauge {
            data_points: vec![number(number_data_point::Value::AsDouble(1.5))],
        };
        expect(&points(Data::Gauge(gauge)), 1.5, PointKind::Last);
        let histogram = Histogram {
            data_points: vec![HistogramDataPoint {
                start_time_unix_nano: 7,
                time_unix_nano: 42,
                sum: Some(9.25),
                count: 3,
                ..Default::default()
            }],
            aggregation_temporality: 2,
        };
        expect(
            &points(Data::Histogram(histogram)),
            9.25,
            PointKind::Cumulative,
        );
        let exponential = ExponentialHistogram {
            data_points: vec![ExponentialHistogramDataPoint {
                start_time_unix_nano: 7,
                time_unix_nano: 42,
                sum: Some(0.5),
                ..Default::default()
            }],
            aggregation_temporality: 1,
        };
        expect(
            &points(Data::ExponentialHistogram(exponential)),
            0.5,
            PointKind::Delta,
        );
    }

    #[test]
    fn a_series_hashes_as_the_sdk_prints_its_attributes() {
        let values: Vec<(&str, SdkValue)> = vec![
            ("text", "x".into()),
            ("int", 5_i64.into()),
            ("double", 0.1_f64.into()),
            ("whole", 3.0_f64.into()),
            ("flag", true.into()),
            (
                "list",
                SdkValue::Array(Array::String(vec!["a".into(), "b".into()])),
            ),
            ("numbers", SdkValue::Array(Array::I64(vec![1, -2]))),
        ];
        let attributes = values
            .iter()
            .map(|(key, value)| KeyValue {
                key: (*key).to_owned(),
                value: Some(AnyValue::from(value.clone())),
                ..Default::default()
            })
            .collect();
        let gauge = Gauge {
            data_points: vec![NumberDataPoint {
                attributes,
                ..number(number_data_point::Value::AsInt(1))
            }],
        };
        let expected = series_hash("m", values.iter().map(|(k, v)| (*k, v.to_string())));
        assert_eq!(points(Data::Gauge(gauge))[0].key.series, expected);
    }
}
