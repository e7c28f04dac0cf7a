//! Lists, mappings and choices, as serde asks for them.

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::super::problem::Span;
use super::super::tree::{Entry, Kind, Node};
use super::{Cut, ReadError, Reader};

/// The elements of a list that have not been cut out.
pub struct Items<'de, 'c> {
    pub items: std::slice::Iter<'de, Node>,
    pub cut: &'c Cut,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let cut = self.cut;
        match self.items.find(|node| !cut.contains(&node.id)) {
            Some(node) => seed
                .deserialize(Reader { node, cut })
                .map_err(|error| error.at(node.span, node.id))
                .map(Some),
            None => Ok(None),
        }
    }
}

/// The entries of a mapping that have not been cut out.
pub struct Entries<'de, 'c> {
    pub entries: std::slice::Iter<'de, Entry>,
    pub current: Option<&'de Entry>,
    pub cut: &'c Cut,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        let cut = self.cut;
        self.current = self.entries.find(|entry| !cut.contains(&entry.value.id));
        let Some(entry) = self.current else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, ReadError> = entry.key.as_str().into_deserializer();
        seed.deserialize(key)
            .map_err(|error| error.at(entry.key_span, entry.value.id))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let Some(entry) = self.current else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        // A value that spans lines, or is missing, is pointed at by its key.
        let place = match entry.value.kind {
            Kind::Scalar(_) => entry.value.span,
            _ => entry.key_span,
        };
        seed.deserialize(Reader {
            node: &entry.value,
            cut: self.cut,
        })
        .map_err(|error| error.at(place, entry.value.id))
    }
}

/// An enum's variant: a name alone, or the only key of a mapping with its content.
pub struct Choice<'de, 'c> {
    pub name: &'de str,
    /// Where the name stands, and the node that goes with it.
    pub name_place: (Span, usize),
    pub content: Option<&'de Entry>,
    pub cut: &'c Cut,
}

impl<'de> EnumAccess<'de> for Choice<'de, '_> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ReadError> {
        let name: StrDeserializer<'_, ReadError> = self.name.into_deserializer();
        let (span, id) = self.name_place;
        let value = seed.deserialize(name).map_err(|error| error.at(span, id))?;
        Ok((value, self))
    }
}

impl<'de, 'c> Choice<'de, 'c> {
    fn content(&self) -> Result<Reader<'de, 'c>, ReadError> {
        let (span, id) = self.name_place;
        match self.content {
            Some(entry) => Ok(Reader {
                node: &entry.value,
                cut: self.cut,
            }),
            None => {
                let text = format!(
                    "`{0}` needs more\nwrite `{0}: ...` with what belongs to it",
                    self.name
                );
                Err(<ReadError as de::Error>::custom(text).at(span, id))
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Choice<'de, '_> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match self.content {
            None => Ok(()),
            Some(_) => {
                let (span, id) = self.name_place;
                let text = format!("`{0}` has nothing below it\nwrite just `{0}`", self.name);
                Err(<ReadError as de::Error>::custom(text).at(span, id))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        let (span, id) = self.name_place;
        let content = self.content()?;
        seed.deserialize(content).map_err(|mut error| {
            // The content cannot be cut out of a choice: the whole choice goes.
            if let Some((_, place_id)) = &mut error.place
                && *place_id == content.node.id
            {
                *place_id = id;
            }
            error.at(span, id)
        })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.content()?.visit(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.content()?.visit(visitor)
    }
}
