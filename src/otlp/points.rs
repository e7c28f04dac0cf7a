//! The data points of a metric: identity, value and how the values combine.

use std::fmt::Write as _;

use super::wire::{Field, Value, checked};
use crate::ids::{PointKey, series_hash};
use crate::journal::{Point, PointKind};

/// `AGGREGATION_TEMPORALITY_DELTA`.
const DELTA: u64 = 1;

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
pub fn of_metric(metric: &[u8], points: &mut Vec<Point>) {
    let name = checked(metric)
        .filter(|field| field.number == 1)
        .last()
        .map_or("", text);
    for field in checked(metric) {
        let Value::Bytes(data) = field.value else {
            continue;
        };
        let (layout, adds_up) = match field.number {
            5 => (NUMBER, false),
            7 => (NUMBER, true),
            9 => (HISTOGRAM, true),
            10 => (EXPONENTIAL_HISTOGRAM, true),
            11 => (SUMMARY, true),
            _ => continue,
        };
        let delta = checked(data).any(|f| f.number == 2 && f.value == Value::Varint(DELTA));
        let kind = match (adds_up, delta) {
            (false, _) => PointKind::Last,
            (true, true) => PointKind::Delta,
            (true, false) => PointKind::Cumulative,
        };
        for point in checked(data) {
            if let (1, Value::Bytes(bytes)) = (point.number, point.value) {
                points.push(read_point(name, bytes, &layout, kind));
            }
        }
    }
}

fn read_point(name: &str, bytes: &[u8], layout: &Layout, kind: PointKind) -> Point {
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
    let attributes = checked(bytes)
        .filter(|field| field.number == layout.attributes)
        .filter_map(|field| match field.value {
            Value::Bytes(attribute) => Some(key_value(attribute)),
            _ => None,
        });
    Point {
        key: PointKey {
            series: series_hash(name, attributes),
            time_unix_ns,
        },
        start_unix_ns,
        value,
        kind,
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
fn key_value(attribute: &[u8]) -> (&str, String) {
    let mut key = "";
    let mut value = String::new();
    for field in checked(attribute) {
        match (field.number, field.value) {
            (1, _) => key = text(field),
            (2, Value::Bytes(any)) => {
                value.clear();
                write_value(any, false, &mut value);
            }
            _ => {}
        }
    }
    (key, value)
}

fn write_value(any: &[u8], quoted: bool, out: &mut String) {
    for field in checked(any) {
        // Writing to a String cannot fail.
        let _ = match (field.number, field.value) {
            (1, _) if quoted => write!(out, "\"{}\"", text(field)),
            (1, _) => write!(out, "{}", text(field)),
            (2, Value::Varint(flag)) => write!(out, "{}", flag != 0),
            (3, Value::Varint(number)) => write!(out, "{}", number as i64),
            (4, Value::Fixed64(bits)) => write!(out, "{}", f64::from_bits(bits)),
            (5, Value::Bytes(array)) => {
                out.push('[');
                for (index, item) in checked(array).enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    if let Value::Bytes(item) = item.value {
                        write_value(item, true, out);
                    }
                }
                write!(out, "]")
            }
            // Maps and raw bytes are no attribute values of the SDK; any text tells them apart.
            (6 | 7, Value::Bytes(bytes)) => write!(out, "{bytes:02x?}"),
            _ => Ok(()),
        };
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::{Array, Value as SdkValue};
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::metrics::v1::{
        ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
        Metric, NumberDataPoint, Sum, metric::Data, number_data_point,
    };
    use prost::Message;

    use super::*;

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
