//! Latency histograms, stored whole.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{
    Deserializer as HdrDeserializer, Serializer as _, V2DeflateSerializer,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// Significant decimal digits that a value keeps: an error of at most 0.1 %.
const SIGNIFICANT_DIGITS: u8 = 3;

/// The same of a coarse histogram: an error of at most 1 %, in about a seventh of the memory.
const COARSE_DIGITS: u8 = 2;

/// A histogram of latencies in microseconds, which grows to whatever is recorded.
///
/// In JSON it is the HdrHistogram V2 compressed format in base64, as every HdrHistogram reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        // Three digits are within the 0 to 5 that the library accepts.
        Self(Histogram::new(SIGNIFICANT_DIGITS).expect("3 digits are valid"))
    }
}

impl Latencies {
    /// An empty one for where there are thousands: values keep two significant digits.
    pub fn coarse() -> Self {
        // As in `default`.
        Self(Histogram::new(COARSE_DIGITS).expect("2 digits are valid"))
    }

    /// Records `count` values of `latency_ns`, rounded down to microseconds.
    pub fn record_ns(&mut self, latency_ns: u64, count: u64) {
        // An auto-resizing histogram can only refuse a value for want of memory; it then saturates.
        let _ = self.0.record_n(latency_ns / 1_000, count);
    }

    /// Adds everything that `other` holds.
    pub fn merge(&mut self, other: &Latencies) {
        // As above: both resize, so addition cannot overflow the range.
        let _ = self.0.add(&other.0);
    }

    /// Number of recorded values.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value at quantile `q` (0 to 1) in nanoseconds; `None` when nothing was recorded.
    pub fn quantile_ns(&self, q: f64) -> Option<u64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(q) * 1_000)
    }

    /// The largest value in nanoseconds.
    pub fn max_ns(&self) -> Option<u64> {
        (!self.0.is_empty()).then(|| self.0.max() * 1_000)
    }

    /// The arithmetic mean in nanoseconds.
    pub fn mean_ns(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.mean() * 1_000.0)
    }

    /// Each value that was recorded, in nanoseconds from below, and how often.
    pub fn values_ns(&self) -> impl Iterator<Item = (u64, u64)> {
        let recorded = self.0.iter_recorded();
        recorded.map(|step| (step.value_iterated_to() * 1_000, step.count_at_value()))
    }

    /// Points `(quantile, latency in nanoseconds)` of the percentile curve, at most a few hundred.
    pub fn curve(&self) -> Vec<(f64, u64)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        self.0
            .iter_quantiles(5)
            .map(|step| (step.quantile(), step.value_iterated_to() * 1_000))
            .collect()
    }
}

impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut bytes)
            .map_err(|error| ser::Error::custom(format!("{error:?}")))?;
        to.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = STANDARD.decode(text).map_err(de::Error::custom)?;
        let mut histogram: Histogram<u64> = HdrDeserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| de::Error::custom(format!("{error:?}")))?;
        histogram.auto(true);
        Ok(Self(histogram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_json_and_stays_growable() {
        let mut latencies = Latencies::default();
        latencies.record_ns(5_000_000, 10);
        let json = serde_json::to_string(&latencies).unwrap();
        let mut back: Latencies = serde_json::from_str(&json).unwrap();
        assert_eq!(back.count(), 10);
        back.record_ns(3_600_000_000_000, 1);
        assert_eq!(back.count(), 11);
        assert!(back.max_ns().unwrap() >= 3_600_000_000_000);
    }

    #[test]
    fn a_coarse_one_is_within_a_hundredth_and_survives_json() {
        let mut latencies = Latencies::coarse();
        for at_ms in 1..=1000 {
            latencies.record_ns(at_ms * 1_000_000, 1);
        }
        let json = serde_json::to_string(&latencies).unwrap();
        let mut back: Latencies = serde_json::from_str(&json).unwrap();
        back.merge(&Latencies::default());
        for (quantile, truth_ns) in [(0.5, 5e8), (0.99, 9.9e8), (1.0, 1e9)] {
            let found_ns = back.quantile_ns(quantile).unwrap() as f64;
            assert!((found_ns / truth_ns - 1.0).abs() <= 0.01, "{found_ns}");
        }
    }

    #[test]
    fn empty_has_no_percentiles() {
        assert_eq!(Latencies::default().quantile_ns(0.99), None);
        assert!(Latencies::default().curve().is_empty());
        assert_eq!(Latencies::default().values_ns().count(), 0);
    }

    #[test]
    fn values_come_in_order_and_as_often_as_they_were_recorded() {
        let mut latencies = Latencies::default();
        latencies.record_ns(7_000, 2);
        latencies.record_ns(3_000, 5);
        assert_eq!(
            Vec::from_iter(latencies.values_ns()),
            [(3_000, 5), (7_000, 2)]
        );
    }
}
