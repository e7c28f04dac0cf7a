//! Bitmaps in JSON: the portable Roaring serialisation in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roaring::RoaringTreemap;
use serde::{Deserialize, Deserializer, Serializer, de, ser};

pub fn serialize<S: Serializer>(bitmap: &RoaringTreemap, to: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    bitmap
        .serialize_into(&mut bytes)
        .map_err(ser::Error::custom)?;
    to.serialize_str(&STANDARD.encode(bytes))
}

pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<RoaringTreemap, D::Error> {
    let text = String::deserialize(from)?;
    let bytes = STANDARD.decode(text).map_err(de::Error::custom)?;
    RoaringTreemap::deserialize_from(bytes.as_slice()).map_err(de::Error::custom)
}
