//! Shapes of fields that are frequent enough to have a short way. `None` or `false` means nothing but
//! that the long way has to look.

/// The bytes of a field with a length below 16 KiB, and what comes after it.
#[inline(always)]
pub fn delimited(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return rest.split_at_checked(usize::from(first));
    }
    let (&second, rest) = rest.split_first()?;
    if second >= 0x80 {
        return None;
    }
    rest.split_at_checked(usize::from(first & 0x7f) | usize::from(second) << 7)
}

/// What comes after a varint of at most nine bytes, which cannot be too large.
#[inline(always)]
pub fn skip_varint(bytes: &[u8]) -> Option<&[u8]> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some(rest);
    }
    let last = rest.iter().take(8).position(|byte| *byte < 0x80)?;
    rest.get(last + 1..)
}

/// Whether it is UTF-8.
#[inline(always)]
pub fn is_text(bytes: &[u8]) -> bool {
    is_ascii(bytes) || is_utf8(bytes)
}

#[cold]
fn is_utf8(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}

/// Whether no byte has its highest bit set. The words at both ends may overlap.
#[inline(always)]
fn is_ascii(bytes: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let mut bits = u64::from_le_bytes(*first) | u64::from_le_bytes(*last);
        if bytes.len() > 16 {
            let (words, _) = bytes[8..].as_chunks::<8>();
            for word in words {
                bits |= u64::from_le_bytes(*word);
            }
        }
        return bits & HIGH == 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let bits = u32::from_le_bytes(*first) | u32::from_le_bytes(*last);
        return u64::from(bits) & HIGH == 0;
    }
    bytes.iter().fold(0, |bits, byte| bits | byte) < 0x80
}

/// Whether the bytes are a `KeyValue` of exactly a short key in ASCII and a text in ASCII, a number
/// or a flag: in this order, once each, and with nothing else.
#[inline(always)]
pub fn is_plain_pair(bytes: &[u8]) -> bool {
    let [0x0a, key_len, rest @ ..] = bytes else {
        return false;
    };
    let Some((key, [0x12, value_len, value @ ..])) = rest.split_at_checked(usize::from(*key_len))
    else {
        return false;
    };
    // A length of two bytes is at least 128 if read as one, which no value of one byte is.
    if *key_len >= 0x80 || *value_len >= 0x80 || usize::from(*value_len) != value.len() {
        return false;
    }
    let is_plain = match value {
        [0x0a, len, text @ ..] => usize::from(*len) == text.len() && is_ascii(text),
        [0x10 | 0x18, number @ ..] => skip_varint(number).is_some_and(<[u8]>::is_empty),
        [0x21, number @ ..] => number.len() == 8,
        _ => false,
    };
    // A bug to be found: `just fuzz-planted` shows that fuzzing would.
    if cfg!(planted_bug) {
        return is_plain;
    }
    is_plain && is_ascii(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_bit_is_seen_wherever_it_is() {
        for len in 0..70 {
            let mut bytes = vec![b'a'; len];
            assert!(is_ascii(&bytes), "{len}");
            for at in 0..len {
                bytes[at] = 0x80;
                assert!(!is_ascii(&bytes), "{at} of {len}");
                bytes[at] = b'a';
            }
        }
    }

    #[test]
    fn a_varint_ends_where_it_ends() {
        assert_eq!(skip_varint(&[1, 2]), Some(&[2][..]));
        assert_eq!(skip_varint(&[0x81, 2, 3]), Some(&[3][..]));
        assert_eq!(skip_varint(&[0x81; 4]), None);
        let mut long = [0x80; 9];
        long[8] = 1;
        assert_eq!(skip_varint(&long), Some(&[][..]));
        assert_eq!(skip_varint(&[0x80; 20]), None);
        assert_eq!(skip_varint(&[]), None);
    }
}
