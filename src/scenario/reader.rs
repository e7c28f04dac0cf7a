//! Reads a tree into a type through serde, and finds everything that is wrong and not only the first.
//!
//! serde stops at the first error. So an error says at which node it happened; that node is cut out
//! and the rest is read again, until nothing is wrong. For this every field of the type is optional.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};

use super::problem::{Finding, Span, did_you_mean};
use super::tree::{Kind, Node};

mod access;

use access::{Choice, Entries, Items};

/// After so many problems the rest is not looked for: each costs another reading.
const MOST_PROBLEMS: usize = 200;

/// Ids of nodes that were wrong and are left out.
pub type Cut = HashSet<usize>;

/// Reads `root`; what is wrong goes to `findings` and its nodes to `cut`.
///
/// `None` where the root itself cannot be read.
pub fn read<'de, T: Deserialize<'de>>(
    root: &'de Node,
    cut: &mut Cut,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    loop {
        let error = match T::deserialize(Reader { node: root, cut }) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let (span, id) = error.place.unwrap_or((root.span, root.id));
        let mut finding = Finding::new(span, error.message);
        finding.help = error.help;
        findings.push(finding);
        if cut.len() + 1 >= MOST_PROBLEMS {
            findings.push(Finding::new(span, "there are too many problems to list"));
            return None;
        }
        // Each turn cuts one more node, so there are no more turns than nodes.
        if id == root.id || !cut.insert(id) {
            return None;
        }
    }
}

/// What serde found wrong: the first line of the text is the message, the second the help.
#[derive(Debug)]
pub struct ReadError {
    message: String,
    help: Option<String>,
    /// Where to point, and which node to cut out.
    place: Option<(Span, usize)>,
}

impl ReadError {
    /// Says where it happened, unless something further inside has said so.
    fn at(mut self, span: Span, id: usize) -> Self {
        self.place.get_or_insert((span, id));
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        let text = text.to_string();
        let (message, help) = match text.split_once('\n') {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (text, None),
        };
        Self {
            message,
            help,
            place: None,
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = match found {
            Unexpected::Map => "a mapping",
            Unexpected::Seq => "a list",
            _ => "a single value",
        };
        Self::custom(format!("{found} cannot stand here\nexpected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format!("this value cannot stand here\nexpected {expected}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let help = did_you_mean(field, expected);
        Self::custom(format!("unknown key `{field}`\n{help}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let help = did_you_mean(variant, expected);
        Self::custom(format!("`{variant}` is not known here\n{help}"))
    }
}

#[derive(Clone, Copy)]
struct Reader<'de, 'c> {
    node: &'de Node,
    cut: &'c Cut,
}

impl<'de> Reader<'de, '_> {
    fn error(&self, text: impl fmt::Display) -> ReadError {
        self.place(de::Error::custom(text))
    }

    /// Points at a single value. Anything else is pointed at by its key, which the mapping knows.
    fn place(&self, error: ReadError) -> ReadError {
        match self.node.kind {
            Kind::Scalar(_) => error.at(self.node.span, self.node.id),
            _ => error,
        }
    }

    fn text(&self) -> Option<&'de str> {
        match &self.node.kind {
            Kind::Scalar(text) => Some(text),
            _ => None,
        }
    }

    fn number<T: std::str::FromStr>(&self, what: &str) -> Result<T, ReadError> {
        let Some(text) = self.text() else {
            return Err(self.unfit(what));
        };
        text.replace('_', "")
            .parse()
            .map_err(|_| self.error(format!("this does not fit here\nexpected {what}")))
    }

    /// What stands here is of the wrong kind altogether.
    fn unfit(&self, expected: &str) -> ReadError {
        let found = match self.node.kind {
            Kind::Null => {
                return self.error(
                    "there is no value\ngive one, or leave the key out and its default holds",
                );
            }
            Kind::Scalar(_) => "a single value",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        };
        self.error(format!("{found} cannot stand here\nexpected {expected}"))
    }

    fn visit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.kind {
            Kind::Null => Err(self.unfit("a value")),
            Kind::Scalar(text) => visitor.visit_borrowed_str(text),
            Kind::Sequence(items) => visitor.visit_seq(Items {
                items: items.iter(),
                cut: self.cut,
            }),
            Kind::Mapping(entries) => visitor.visit_map(Entries {
                entries: entries.iter(),
                current: None,
                cut: self.cut,
            }),
        }
        .map_err(|error| self.place(error))
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $what:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            visitor.$visit(self.number($what)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'de, '_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.visit(visitor)
    }

    numbers! {
        deserialize_bool visit_bool "true or false";
        deserialize_u8 visit_u8 "a whole number from 0 to 255";
        deserialize_u16 visit_u16 "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 "a whole number from 0 to 4294967295";
        deserialize_u64 visit_u64 "a whole number, zero or more";
        deserialize_i8 visit_i8 "a whole number";
        deserialize_i16 visit_i16 "a whole number";
        deserialize_i32 visit_i32 "a whole number";
        deserialize_i64 visit_i64 "a whole number";
        deserialize_f32 visit_f32 "a number";
        deserialize_f64 visit_f64 "a number";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let (span, id) = (self.node.span, self.node.id);
        let choice = match &self.node.kind {
            Kind::Scalar(name) => Choice {
                name,
                name_place: (span, id),
                content: None,
                cut: self.cut,
            },
            Kind::Mapping(entries) if entries.len() == 1 => Choice {
                name: &entries[0].key,
                // The whole mapping goes with its only key.
                name_place: (entries[0].key_span, id),
                content: Some(&entries[0]),
                cut: self.cut,
            },
            Kind::Mapping(_) => {
                let kinds = super::problem::quoted(variants);
                return Err(self.error(format!(
                    "exactly one key belongs here\nexpected one of {kinds}"
                )));
            }
            Kind::Null | Kind::Sequence(_) => {
                let kinds = super::problem::quoted(variants);
                return Err(self.unfit(&format!("one of {kinds}")));
            }
        };
        visitor
            .visit_enum(choice)
            .map_err(|error| self.place(error))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node.kind {
            Kind::Sequence(_) => self.visit(visitor),
            _ => Err(self.unfit("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node.kind {
            Kind::Mapping(_) => self.visit(visitor),
            _ => Err(self.unfit("a mapping of keys to values")),
        }
    }

    // serde's structs would take a list as well, field by field.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.node.kind {
            Kind::Mapping(_) => self.visit(visitor),
            _ => {
                let keys = super::problem::quoted(keys);
                Err(self.unfit(&format!("a mapping of keys to values: {keys}")))
            }
        }
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tree::parse;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        number: Option<u8>,
        list: Option<Vec<Inner>>,
        choice: Option<Choices>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        a: Option<u8>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Choices {
        Alone,
        With(u8),
    }

    fn outer(text: &str) -> (Outer, Vec<String>) {
        let root = parse(text, 0, &mut 0, &mut Vec::new()).unwrap();
        let mut findings = Vec::new();
        let outer = read(&root, &mut Cut::new(), &mut findings).unwrap_or_default();
        let told = findings.iter().map(|finding| {
            let place = &text[finding.span.start..][..finding.span.len];
            format!("{place}: {}", finding.message)
        });
        (outer, told.collect())
    }

    #[test]
    fn what_is_right_is_read_around_what_is_wrong() {
        let (outer, told) = outer("number: 300\nlist: [{a: 1}, {a: x, b: 2}, 7]\nchoise: alone\n");
        assert_eq!(outer.number, None);
        let list: Vec<Option<u8>> = outer.list.unwrap().iter().map(|inner| inner.a).collect();
        assert_eq!(list, [Some(1), None]);
        assert_eq!(
            told,
            [
                "300: this does not fit here",
                "x: this does not fit here",
                "b: unknown key `b`",
                "7: a single value cannot stand here",
                "choise: unknown key `choise`",
            ]
        );
    }

    #[test]
    fn a_choice_is_a_name_or_one_key() {
        assert_eq!(outer("choice: alone").0.choice, Some(Choices::Alone));
        assert_eq!(outer("choice: {with: 4}").0.choice, Some(Choices::With(4)));
        for wrong in [
            "choice: with",
            "choice: {alone: 1}",
            "choice: {with: x}",
            "choice: {with: 1, alone: 2}",
            "choice: [alone]",
            "choice: {}",
            "choice:",
            "choice: other",
        ] {
            let (outer, told) = outer(wrong);
            assert_eq!(outer.choice, None, "{wrong}");
            assert_eq!(told.len(), 1, "{wrong}: {told:?}");
        }
    }
}
