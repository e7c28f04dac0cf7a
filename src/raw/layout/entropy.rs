//! Texts of a stated share of randomness.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

use crate::load::mix::{Use, mix, text};

/// What is repeated in the part of a text that is not random.
const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";

/// Makes the texts of one request, each of them another one.
#[derive(Debug)]
pub struct Entropy {
    share: f64,
    stream: u64,
    texts: u64,
}

impl Entropy {
    /// `stream` tells one request's texts from another's.
    pub const fn new(share: f64, seed: u64, stream: u64) -> Self {
        Self {
            share: share.clamp(0.0, 1.0),
            stream: mix(seed, Use::Text, stream, u64::MAX),
            texts: 0,
        }
    }

    /// Gives the texts of all attributes the share of randomness; their lengths stay.
    pub fn stir(&mut self, attributes: &mut [KeyValue]) {
        for value in attributes.iter_mut().filter_map(|a| a.value.as_mut()) {
            self.stir_value(value);
        }
    }

    /// As [`Self::stir`], for one value.
    pub fn stir_value(&mut self, value: &mut AnyValue) {
        match &mut value.value {
            Some(Value::StringValue(text)) => *text = self.text(text.len()),
            Some(Value::ArrayValue(array)) => {
                for value in &mut array.values {
                    self.stir_value(value);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, len: usize) -> String {
        // At most `len`, as the share is at most one.
        let random = (self.share * len as f64).round() as usize;
        let mut out = text(self.stream, self.texts, 0, random);
        self.texts += 1;
        let rest = LETTERS.iter().cycle().take(len - random.min(len));
        out.extend(rest.map(|letter| char::from(*letter)));
        out
    }
}
