//! A YAML text as a tree in which every key and value knows its place.
//!
//! The parser is serde-saphyr's own; its events are read here, and not through serde, so that every
//! duplicate key is found and not only the first.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle};

use super::problem::{Finding, Span};

/// Most nodes of a file, aliases unfolded: an anchor that explodes ends here.
const MAX_NODES: usize = 20_000;
/// Deepest nesting.
const MAX_DEPTH: usize = 32;

/// A value of the file.
#[derive(Debug, Clone)]
pub struct Node {
    /// Unique within a document.
    pub id: usize,
    pub span: Span,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    Scalar(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

impl Node {
    /// The entry of that key, where this is a mapping.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }
}

/// Reads `source`, the document's text number `text`. `next_id` gives out node ids.
///
/// `None` where the text has no value at all or cannot be read; then `findings` says why.
pub fn parse(
    source: &str,
    text: usize,
    next_id: &mut usize,
    findings: &mut Vec<Finding>,
) -> Option<Node> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        text,
        length: source.len(),
        next_id,
        findings,
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
    };
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(source, options) {
        let (event, place) = match event {
            Ok(event) => event,
            Err(error) => {
                let start = error.marker().byte_offset().unwrap_or(source.len());
                let span = builder.span(start, start + 1);
                let message = format!("this is not YAML: {}", error.kind());
                let help = match error.kind() {
                    ErrorKind::MappingValueNotAllowed => "a text with `: ` in it stands in quotes",
                    _ => "the mistake is here or just before",
                };
                builder
                    .findings
                    .push(Finding::new(span, message).help(help));
                return None;
            }
        };
        let range = place.byte_range().unwrap_or(0..0);
        let span = builder.span(range.start, range.end);
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                let finding = Finding::new(span, "a second document begins here")
                    .help("a scenario is one YAML document: leave out the `---`");
                builder.findings.push(finding);
                return builder.root;
            }
        }
        if let Err(finding) = builder.take(event, span) {
            builder.findings.push(finding);
            return None;
        }
    }
    builder.root
}

struct Builder<'a> {
    text: usize,
    length: usize,
    next_id: &'a mut usize,
    findings: &'a mut Vec<Finding>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

/// A sequence or mapping whose end has not come yet.
struct Open {
    node: Node,
    anchor: usize,
    /// A mapping's key that waits for its value.
    key: Option<Key>,
}

struct Key {
    text: String,
    span: Span,
    /// False for a duplicate: its value is read and left out.
    keep: bool,
}

impl Builder<'_> {
    /// A span that is never empty and never beyond the text.
    fn span(&self, start: usize, end: usize) -> Span {
        let start = start.min(self.length.saturating_sub(1));
        let end = end.clamp(start, self.length);
        Span {
            text: self.text,
            start,
            len: (end - start).max(1).min(self.length),
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Finding> {
        match event {
            Event::Scalar(value, style, anchor, _tag) => {
                let null = style == ScalarStyle::Plain
                    && matches!(&*value, "" | "~" | "null" | "Null" | "NULL");
                let kind = if null {
                    Kind::Null
                } else {
                    Kind::Scalar(value.into_owned())
                };
                let node = self.node(span, kind)?;
                self.finish(node, anchor);
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(span, Kind::Sequence(Vec::new()), anchor)?;
            }
            Event::MappingStart(_, anchor, _) => {
                self.begin(span, Kind::Mapping(Vec::new()), anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.finish(open.node, open.anchor);
                }
            }
            Event::Alias(anchor) => {
                let Some(mut node) = self.anchors.get(&anchor).cloned() else {
                    return Err(Finding::new(span, "this alias contains itself"));
                };
                self.renew(&mut node, span)?;
                self.attach(node);
            }
            _ => {}
        }
        Ok(())
    }

    fn node(&mut self, span: Span, kind: Kind) -> Result<Node, Finding> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("the file unfolds to more than {MAX_NODES} values");
            return Err(Finding::new(span, message)
                .help("anchors and aliases multiply: write out what you need"));
        }
        *self.next_id += 1;
        Ok(Node {
            id: *self.next_id,
            span,
            kind,
        })
    }

    /// Gives an alias's copy ids of its own and the alias's place.
    fn renew(&mut self, node: &mut Node, span: Span) -> Result<(), Finding> {
        let fresh = self.node(span, Kind::Null)?;
        node.id = fresh.id;
        node.span = span;
        match &mut node.kind {
            Kind::Null | Kind::Scalar(_) => Ok(()),
            Kind::Sequence(items) => items.iter_mut().try_for_each(|item| self.renew(item, span)),
            Kind::Mapping(entries) => entries
                .iter_mut()
                .try_for_each(|entry| self.renew(&mut entry.value, span)),
        }
    }

    fn begin(&mut self, span: Span, kind: Kind, anchor: usize) -> Result<(), Finding> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Finding::new(span, message).help("a scenario needs at most seven"));
        }
        let node = self.node(span, kind)?;
        self.open.push(Open {
            node,
            anchor,
            key: None,
        });
        Ok(())
    }

    fn finish(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.attach(node);
    }

    fn attach(&mut self, node: Node) {
        let Some(open) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return;
        };
        match &mut open.node.kind {
            Kind::Sequence(items) => items.push(node),
            Kind::Mapping(entries) => match open.key.take() {
                Some(key) if key.keep => entries.push(Entry {
                    key: key.text,
                    key_span: key.span,
                    value: node,
                }),
                Some(_) => {}
                None => open.key = Some(key(node, entries, self.findings)),
            },
            // Only sequences and mappings are ever open.
            Kind::Null | Kind::Scalar(_) => {}
        }
    }
}

fn key(node: Node, entries: &[Entry], findings: &mut Vec<Finding>) -> Key {
    let span = node.span;
    let Kind::Scalar(text) = node.kind else {
        findings.push(Finding::new(span, "a key must be a plain text"));
        return Key {
            text: String::new(),
            span,
            keep: false,
        };
    };
    let duplicate = entries.iter().any(|entry| entry.key == text);
    if duplicate {
        let message = format!("`{text}` is given twice");
        findings.push(Finding::new(span, message).help("keep one of the two"));
    }
    Key {
        text,
        span,
        keep: !duplicate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> (Option<Node>, Vec<String>) {
        let mut findings = Vec::new();
        let root = parse(source, 0, &mut 0, &mut findings);
        (root, findings.into_iter().map(|f| f.message).collect())
    }

    #[test]
    fn keys_and_values_know_their_places() {
        let source = "a:\n  b: [1, 'two']\n";
        let (root, messages) = read(source);
        assert!(messages.is_empty());
        let root = root.unwrap();
        let entry = root.entry("a").unwrap().value.entry("b").unwrap();
        assert_eq!(&source[entry.key_span.start..][..entry.key_span.len], "b");
        let Kind::Sequence(items) = &entry.value.kind else {
            panic!("not a sequence");
        };
        let span = items[1].span;
        assert_eq!(&source[span.start..][..span.len], "'two'");
        assert!(matches!(&items[1].kind, Kind::Scalar(text) if text == "two"));
    }

    #[test]
    fn every_duplicate_key_is_found() {
        let (_, messages) = read("a: 1\na: 2\nb: {c: 1, c: 2}\n");
        assert_eq!(messages, ["`a` is given twice", "`c` is given twice"]);
    }

    #[test]
    fn aliases_that_explode_are_refused() {
        let mut source = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, before) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d")] {
            let list = vec![format!("*{before}"); 10].join(", ");
            source.push_str(&format!("{name}: &{name} [{list}]\n"));
        }
        let (root, messages) = read(&source);
        assert!(root.is_none());
        assert_eq!(messages, ["the file unfolds to more than 20000 values"]);
    }

    #[test]
    fn nesting_has_an_end() {
        let (root, messages) = read(&"[".repeat(100_000));
        assert!(root.is_none());
        assert_eq!(messages.len(), 1);
    }

    #[test]
    fn an_alias_within_its_own_anchor_is_refused() {
        let (root, messages) = read("a: &a [*a]\n");
        assert!(root.is_none());
        assert_eq!(messages, ["this alias contains itself"]);
    }
}
