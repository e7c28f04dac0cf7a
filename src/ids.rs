//! Identity of an item: `(producer, sequence)`, packed into the eight bytes of a span id.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bits of a span id that hold the sequence; the bits above hold the producer.
const SEQUENCE_BITS: u32 = 48;
/// The largest sequence that an identity can hold.
pub const SEQUENCE_MAX: u64 = (1 << SEQUENCE_BITS) - 1;

/// Which item this is. Sequences start at 1, so a packed identity is never the invalid id zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// Index of the producer within its signal, from 0.
    pub producer: u16,
    /// Position in that producer's order of creation, from 1 to [`SEQUENCE_MAX`].
    pub sequence: u64,
}

impl Identity {
    /// The span id that carries this identity on the wire.
    pub const fn to_span_id(self) -> u64 {
        ((self.producer as u64) << SEQUENCE_BITS) | (self.sequence & SEQUENCE_MAX)
    }

    /// Reads an identity back; `None` where the sequence is zero, which squall never sends.
    pub const fn from_span_id(span_id: u64) -> Option<Self> {
        let sequence = span_id & SEQUENCE_MAX;
        if sequence == 0 {
            return None;
        }
        Some(Self {
            producer: (span_id >> SEQUENCE_BITS) as u16,
            sequence,
        })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.producer, self.sequence)
    }
}

/// Identity of a metric data point on the wire: which series, and when it was collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PointKey {
    /// [`series_hash`] of the instrument's name and the point's attributes.
    pub series: u64,
    /// The point's `time_unix_nano`.
    pub time_unix_ns: u64,
}

/// Hashes a series: FNV-1a over the metric's name and its attributes, sorted by key.
///
/// `attributes` yields `(key, value as text)`; their order does not matter.
/// Source: Fowler, Noll, Vo, 64-bit FNV-1a.
pub fn series_hash<'a>(name: &str, attributes: impl Iterator<Item = (&'a str, String)>) -> u64 {
    series_hash_of(name, &mut attributes.collect::<Vec<_>>())
}

/// [`series_hash`] of attributes that stand in a list already, which is sorted by it.
pub fn series_hash_of(name: &str, attributes: &mut [(&str, impl AsRef<str> + Ord)]) -> u64 {
    attributes.sort_unstable();
    let mut hash = fnv1a(0xcbf2_9ce4_8422_2325, name.as_bytes());
    for (key, value) in attributes {
        hash = fnv1a(hash, &[0xff]);
        hash = fnv1a(hash, key.as_bytes());
        hash = fnv1a(hash, &[0xfe]);
        hash = fnv1a(hash, value.as_ref().as_bytes());
    }
    hash
}

fn fnv1a(mut hash: u64, bytes: &[u8]) -> u64 {
    for byte in bytes {
        hash ^= u64::from(*byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_is_reversible(producer: u16, sequence in 1..=SEQUENCE_MAX) {
            let identity = Identity { producer, sequence };
            prop_assert_ne!(identity.to_span_id(), 0);
            prop_assert_eq!(Identity::from_span_id(identity.to_span_id()), Some(identity));
        }
    }

    #[test]
    fn a_zero_sequence_is_nobody() {
        assert_eq!(Identity::from_span_id(7 << SEQUENCE_BITS), None);
    }

    #[test]
    fn attribute_order_does_not_change_the_series() {
        let forward = [("a", "1".to_owned()), ("b", "2".to_owned())];
        let backward = [("b", "2".to_owned()), ("a", "1".to_owned())];
        assert_eq!(
            series_hash("m", forward.into_iter()),
            series_hash("m", backward.into_iter())
        );
        assert_ne!(
            series_hash("m", [("ab", "".to_owned())].into_iter()),
            series_hash("m", [("a", "b".to_owned())].into_iter())
        );
    }
}
