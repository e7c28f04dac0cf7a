//! Which data points of ours a request holds: those that say their series themselves, or the times of all.

use super::wire::{Field, Value, checked};

/// The attribute by which a point of the raw client says which series it is of.
pub const SERIES_KEY: &str = "squall.series";
/// Bits of the attribute's value that hold the position; the producer is above them.
const POSITION_BITS: u32 = 32;

/// A data point's identity: its series, and when it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawPoint {
    pub producer: u16,
    /// Position of the series among its producer's, from 0.
    pub position: u32,
    pub time_unix_ns: u64,
}

/// The value of [`SERIES_KEY`] for a series.
pub const fn series(producer: u16, position: u32) -> i64 {
    ((producer as i64) << POSITION_BITS) | position as i64
}

/// Tells of each point of a metric that has been walked. Gives the number of points that do not say
/// which series of ours they are of.
pub fn of_metric(metric: &[u8], tell: &mut impl FnMut(RawPoint)) -> u64 {
    let mut others = 0;
    points_of(
        metric,
        &mut |point, attributes| match read(point, attributes) {
            Some(point) => tell(point),
            None => others += 1,
        },
    );
    others
}

/// Tells the time of each point of a metric that has been walked; 0 for one that has none.
pub fn times_of_metric(metric: &[u8], tell: &mut impl FnMut(u64)) {
    points_of(metric, &mut |point, _| {
        let times = checked(point).filter_map(|field| match (field.number, field.value) {
            (3, Value::Fixed64(time)) => Some(time),
            _ => None,
        });
        tell(times.last().unwrap_or(0));
    });
}

/// Each point, with the number of the field that holds its attributes.
fn points_of<'a>(metric: &'a [u8], each: &mut impl FnMut(&'a [u8], u32)) {
    for field in checked(metric) {
        let Some(attributes) = attributes_field(field.number) else {
            continue;
        };
        let Value::Bytes(data) = field.value else {
            continue;
        };
        for point in checked(data) {
            if let (1, Value::Bytes(point)) = (point.number, point.value) {
                each(point, attributes);
            }
        }
    }
}

/// Where the points of a metric's data keep their attributes. `data` is the data's own field number.
pub const fn attributes_field(data: u32) -> Option<u32> {
    match data {
        5 | 7 | 11 => Some(7),
        9 => Some(9),
        10 => Some(1),
        _ => None,
    }
}

fn read(point: &[u8], attributes: u32) -> Option<RawPoint> {
    let mut time_unix_ns = 0;
    let mut series = None;
    for field in checked(point) {
        match field.value {
            Value::Fixed64(time) if field.number == 3 => time_unix_ns = time,
            Value::Bytes(attribute) if field.number == attributes && series.is_none() => {
                series = series_of(attribute);
            }
            _ => {}
        }
    }
    let series = series?;
    Some(RawPoint {
        producer: u16::try_from(series >> POSITION_BITS).ok()?,
        // What is left are 32 bits.
        position: series as u32,
        time_unix_ns,
    })
}

/// Whether an attribute says a series.
pub fn is_series(attribute: &[u8]) -> bool {
    // Nearly all of them are a short key and then a short value, and nothing else.
    if let [0x0a, key_len @ ..0x80, rest @ ..] = attribute
        && let Some((key, [0x12, value_len @ ..0x80, value @ ..])) =
            rest.split_at_checked(usize::from(*key_len))
        && value.len() == usize::from(*value_len)
    {
        return key == SERIES_KEY.as_bytes();
    }
    checked(attribute).any(|field| {
        field
            == Field {
                number: 1,
                value: Value::Bytes(SERIES_KEY.as_bytes()),
            }
    })
}

/// The number that an attribute gives as the series, if it is that attribute.
fn series_of(attribute: &[u8]) -> Option<u64> {
    if !is_series(attribute) {
        return None;
    }
    let value = checked(attribute).filter(|field| field.number == 2).last();
    let Some(Value::Bytes(any)) = value.map(|field| field.value) else {
        return None;
    };
    checked(any).find_map(|field| match (field.number, field.value) {
        (3, Value::Varint(series)) => Some(series),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use opentelemetry_proto::tonic::metrics::v1::{
        ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
        Metric, NumberDataPoint, Sum, Summary, SummaryDataPoint,
    };
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    fn attribute(key: &str, value: i64) -> KeyValue {
        KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue {
                value: Some(any_value::Value::IntValue(value)),
            }),
            ..KeyValue::default()
        }
    }

    /// A metric of each kind with two points.
    fn metrics(attributes: &[KeyValue], times: [u64; 2]) -> Vec<Data> {
        let attributes = || attributes.to_vec();
        vec![
            Data::Gauge(Gauge {
                data_points: times
                    .map(|time_unix_nano| NumberDataPoint {
                        attributes: attributes(),
                        time_unix_nano,
                        ..Default::default()
                    })
                    .into(),
            }),
            Data::Sum(Sum {
                data_points: times
                    .map(|time_unix_nano| NumberDataPoint {
                        attributes: attributes(),
                        time_unix_nano,
                        ..Default::default()
                    })
                    .into(),
                ..Default::default()
            }),
            Data::Histogram(Histogram {
                data_points: times
                    .map(|time_unix_nano| HistogramDataPoint {
                        attributes: attributes(),
                        time_unix_nano,
                        ..Default::default()
                    })
                    .into(),
                ..Default::default()
            }),
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: times
                    .map(|time_unix_nano| ExponentialHistogramDataPoint {
                        attributes: attributes(),
                        time_unix_nano,
                        ..Default::default()
                    })
                    .into(),
                ..Default::default()
            }),
            Data::Summary(Summary {
                data_points: times
                    .map(|time_unix_nano| SummaryDataPoint {
                        attributes: attributes(),
                        time_unix_nano,
                        ..Default::default()
                    })
                    .into(),
            }),
        ]
    }

    fn times(data: &Data) -> Vec<u64> {
        let metric = Metric {
            data: Some(data.clone()),
            ..Metric::default()
        };
        let mut times = Vec::new();
        times_of_metric(&metric.encode_to_vec(), &mut |time| times.push(time));
        times
    }

    fn told(data: Data) -> (Vec<RawPoint>, u64) {
        let metric = Metric {
            name: "m".to_owned(),
            data: Some(data),
            ..Metric::default()
        };
        let mut points = Vec::new();
        let others = of_metric(&metric.encode_to_vec(), &mut |point| points.push(point));
        (points, others)
    }

    proptest! {
        #[test]
        fn points_are_read_as_prost_wrote_them(producer: u16, position: u32, times: [u64; 2], before in 0..3_usize, value: i64) {
            let mut attributes = vec![attribute("a", value); before];
            attributes.push(attribute(SERIES_KEY, series(producer, position)));
            attributes.push(attribute("z", value));
            for data in metrics(&attributes, times) {
                let expected = times.map(|time_unix_ns| RawPoint { producer, position, time_unix_ns });
                prop_assert_eq!(self::times(&data), times.to_vec());
                prop_assert_eq!(told(data), (expected.to_vec(), 0));
            }
        }
    }

    #[test]
    fn points_of_others_are_counted() {
        let text = KeyValue {
            value: Some(AnyValue {
                value: Some(any_value::Value::StringValue("7".to_owned())),
            }),
            ..attribute(SERIES_KEY, 0)
        };
        let others = [
            vec![],
            vec![attribute("a", 1)],
            vec![text],
            vec![attribute(SERIES_KEY, -1)],
            vec![attribute(SERIES_KEY, 1 << 48)],
        ];
        for attributes in others {
            for data in metrics(&attributes, [1, 2]) {
                assert_eq!(told(data), (vec![], 2), "{attributes:?}");
            }
        }
    }
}
