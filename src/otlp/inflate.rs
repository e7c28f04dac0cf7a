//! Decompression that stops at a limit, however much a small body would unfold to.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

/// Largest window that a zstd frame may ask for, as a power of two: 64 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 26;

/// How a body was compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// By the name in a `content-encoding` or `grpc-encoding` header; `None` for one that is not spoken.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Why a body cannot be inflated.
#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    #[error("the request has more than {0} bytes after decompression")]
    TooLarge(u64),
    #[error("the request cannot be decompressed: {0}")]
    Corrupt(#[from] io::Error),
}

/// Inflates a body to at most `max_bytes`.
///
/// # Errors
/// When the body is corrupt, or larger than that.
pub fn inflate(
    compression: Compression,
    body: Bytes,
    max_bytes: u64,
) -> Result<Bytes, InflateError> {
    let inflated = match compression {
        Compression::None => body,
        Compression::Gzip => read_up_to(MultiGzDecoder::new(&*body), max_bytes)?,
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(&*body)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            read_up_to(decoder, max_bytes)?
        }
    };
    if inflated.len() as u64 > max_bytes {
        return Err(InflateError::TooLarge(max_bytes));
    }
    Ok(inflated)
}

/// Reads one byte more than allowed, so that too large a body can be told from one that just fits.
fn read_up_to(reader: impl Read, max_bytes: u64) -> io::Result<Bytes> {
    let mut inflated = Vec::new();
    reader
        .take(max_bytes.saturating_add(1))
        .read_to_end(&mut inflated)?;
    Ok(inflated.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Bytes {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    fn zstd(bytes: &[u8]) -> Bytes {
        zstd::encode_all(bytes, 3).unwrap().into()
    }

    #[test]
    fn what_just_fits_is_told_from_what_does_not() {
        let plain = vec![7; 1000];
        let cases = [
            (Compression::None, Bytes::from(plain.clone())),
            (Compression::Gzip, gzip(&plain)),
            (Compression::Zstd, zstd(&plain)),
        ];
        for (compression, body) in cases {
            assert_eq!(inflate(compression, body.clone(), 1000).unwrap(), plain);
            let refused = inflate(compression, body, 999);
            assert!(matches!(refused, Err(InflateError::TooLarge(999))));
        }
    }

    #[test]
    fn a_cut_body_is_corrupt() {
        for (compression, body) in [
            (Compression::Gzip, gzip(&[1; 5000])),
            (Compression::Zstd, zstd(&[1; 5000])),
        ] {
            let cut = body.slice(..body.len() - 3);
            let refused = inflate(compression, cut, 10_000);
            assert!(matches!(refused, Err(InflateError::Corrupt(_))));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_exceed_the_limit(bytes: Vec<u8>, max_bytes in 0_u64..100) {
            for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
                if let Ok(inflated) = inflate(compression, bytes.clone().into(), max_bytes) {
                    prop_assert!(inflated.len() as u64 <= max_bytes);
                }
            }
        }
    }
}
