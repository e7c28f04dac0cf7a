//! Deterministic variety: a hash of what is asked for, so that any item can be made in any order.

/// What a hash is used for; two uses never see the same stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    TraceHigh = 1,
    TraceLow,
    LogTraceHigh,
    LogTraceLow,
    Shape,
    Span,
    Log,
    Value,
    Text,
    Attribute,
}

/// A well mixed word for `(seed, use, a, b)`.
///
/// The finaliser is that of SplitMix64 (Steele, Lea, Flood 2014), once per input.
pub const fn mix(seed: u64, what: Use, a: u64, b: u64) -> u64 {
    finalise(finalise(finalise(seed ^ ((what as u64) << 56)) ^ a) ^ b)
}

const fn finalise(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The trace id of one arrival of a producer of spans, never zero.
pub const fn trace_id(seed: u64, producer: u16, arrival: u64) -> u128 {
    wide(seed, Use::TraceHigh, Use::TraceLow, producer, arrival)
}

/// The trace id that one log record names, never zero and none of [`trace_id`]'s but by chance.
pub const fn log_trace_id(seed: u64, producer: u16, arrival: u64) -> u128 {
    wide(seed, Use::LogTraceHigh, Use::LogTraceLow, producer, arrival)
}

const fn wide(seed: u64, high: Use, low: Use, producer: u16, arrival: u64) -> u128 {
    let high = mix(seed, high, producer as u64, arrival);
    let low = mix(seed, low, producer as u64, arrival);
    // Zero means "no trace" on the wire.
    let low = if low == 0 { 1 } else { low };
    ((high as u128) << 64) | low as u128
}

/// `len` letters and digits for `(seed, a, b)`.
pub fn text(seed: u64, a: u64, b: u64, len: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    /// Letters in a word, of five bits each.
    const PER_WORD: usize = 12;
    let stream = mix(seed, Use::Text, a, b);
    let mut text = String::with_capacity(len + PER_WORD);
    while text.len() < len {
        let word = mix(stream, Use::Text, text.len() as u64, 0);
        text.extend((0..PER_WORD).map(|nth| {
            let index = (word >> (5 * nth)) & 31;
            char::from(ALPHABET[index as usize])
        }));
    }
    // Every letter is one byte.
    text.truncate(len);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn trace_ids_differ_by_seed_producer_and_arrival() {
        let mut seen = HashSet::new();
        for seed in 0..3 {
            for producer in 0..4 {
                for arrival in 0..1000 {
                    assert!(seen.insert(trace_id(seed, producer, arrival)));
                }
            }
        }
        assert!(!seen.contains(&0));
    }

    #[test]
    fn every_bit_is_set_half_of_the_time() {
        for bit in 0..128 {
            let set = (0..4000)
                .filter(|arrival| trace_id(7, 0, *arrival) >> bit & 1 == 1)
                .count();
            // 4000 coin tosses: six standard deviations are 190.
            assert!(set.abs_diff(2000) < 190, "bit {bit}: {set}");
        }
    }

    #[test]
    fn text_is_as_long_as_asked() {
        assert_eq!(text(1, 2, 3, 17).len(), 17);
        assert_eq!(text(1, 2, 3, 17), text(1, 2, 3, 17));
        assert_ne!(text(1, 2, 3, 17), text(1, 2, 4, 17));
    }
}
