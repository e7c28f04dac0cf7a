//! The body of a request while it comes.

/// Bytes that are kept, unless nobody wants them or they are too many.
#[derive(Debug)]
pub enum Body {
    Kept(Vec<u8>),
    /// The request is not OTLP, or its header says why it cannot be read.
    Unwanted,
    /// It has more bytes than may be kept.
    TooLarge,
    /// Too many others came before its end.
    Forgotten,
}

impl Body {
    /// One of which nothing has come.
    pub const fn new(wanted: bool) -> Self {
        if wanted {
            Self::Kept(Vec::new())
        } else {
            Self::Unwanted
        }
    }

    /// Takes `bytes`, if there is `room` for so many.
    pub fn push(&mut self, bytes: &[u8], room: u64) {
        if let Self::Kept(kept) = self {
            if bytes.len() as u64 > room {
                *self = Self::TooLarge;
            } else {
                kept.extend_from_slice(bytes);
            }
        }
    }

    /// How many are kept.
    pub const fn len(&self) -> u64 {
        match self {
            Self::Kept(kept) => kept.len() as u64,
            Self::Unwanted | Self::TooLarge | Self::Forgotten => 0,
        }
    }
}
