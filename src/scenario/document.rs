//! A scenario's texts, the file and its overrides, as one tree in which paths can be looked up.

use std::sync::Arc;

use miette::NamedSource;

use super::mask;
use super::problem::{Finding, Problem, Span};
use super::reader::Cut;
use super::tree::{self, Entry, Kind, Node};

/// The merged tree and what is needed to point into its texts.
#[derive(Debug)]
pub struct Document {
    pub texts: Texts,
    pub root: Node,
    /// Nodes that were wrong and have been reported.
    pub cut: Cut,
}

/// The file's text and each override's.
#[derive(Debug)]
pub struct Texts {
    names: Vec<String>,
    raw: Vec<String>,
}

impl Texts {
    /// The texts of a file and of its overrides, in order.
    pub fn new(name: &str, text: &str, overrides: &[String]) -> Self {
        let mut texts = Self {
            names: vec![name.to_owned()],
            raw: vec![text.to_owned()],
        };
        for text in overrides {
            texts.names.push("--set".to_owned());
            texts.raw.push(text.clone());
        }
        texts
    }

    /// What stands at a place.
    pub fn slice(&self, span: Span) -> &str {
        self.raw
            .get(span.text)
            .and_then(|text| text.get(span.start..span.start + span.len))
            .unwrap_or("")
    }

    /// Line of a place in its text, from 1.
    pub fn line(&self, span: Span) -> usize {
        let text = self.raw.get(span.text).map_or("", String::as_str);
        let before = text.as_bytes().iter().take(span.start);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    /// Joins findings with the texts, in the order of the file, secrets masked.
    pub fn problems(&self, root: Option<&Node>, mut findings: Vec<Finding>) -> Vec<Problem> {
        let shown = match root {
            Some(root) => {
                let by_tree = mask::mask_by_tree(&self.raw, root);
                // An override that found no place in the tree is masked by its text.
                let merge = |index: usize, text: String| match index {
                    0 => text,
                    _ => mask::mask_unread(&text),
                };
                by_tree
                    .into_iter()
                    .enumerate()
                    .map(|(i, t)| merge(i, t))
                    .collect()
            }
            None => self.raw.iter().map(|t| mask::mask_unread(t)).collect(),
        };
        let sources: Vec<Arc<NamedSource<String>>> = self
            .names
            .iter()
            .zip::<Vec<String>>(shown)
            .map(|(name, text)| Arc::new(NamedSource::new(name, text)))
            .collect();
        findings.sort_by_key(|finding| (finding.span.text, finding.span.start));
        findings
            .into_iter()
            .map(|finding| {
                let text = &self.raw[finding.span.text];
                let start = boundary(text, finding.span.start);
                let end = boundary(text, finding.span.start + finding.span.len).max(start);
                Problem {
                    message: finding.message,
                    help: finding.help,
                    source_text: Some(Arc::clone(&sources[finding.span.text])),
                    span: Some((start, end - start).into()),
                }
            })
            .collect()
    }
}

/// The nearest character boundary at or before `at`.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

impl Document {
    /// Reads the file's tree and puts the overrides into it. The texts come back where there is no
    /// tree at all; `help` says what would be one.
    pub fn read(texts: Texts, help: &str, findings: &mut Vec<Finding>) -> Result<Self, Texts> {
        let mut next_id = 0;
        let before = findings.len();
        let Some(mut root) = tree::parse(&texts.raw[0], 0, &mut next_id, findings) else {
            if findings.len() == before {
                findings.push(empty(help));
            }
            return Err(texts);
        };
        if !matches!(root.kind, Kind::Mapping(_)) {
            let finding = match root.kind {
                Kind::Null => empty(help),
                _ => Finding::new(root.span, "this is no mapping of keys to values").help(help),
            };
            findings.push(finding);
            return Err(texts);
        }
        for (index, text) in texts.raw.iter().enumerate().skip(1) {
            if let Err(finding) = set(&mut root, text, index, &mut next_id, findings) {
                findings.push(finding);
            }
        }
        Ok(Self {
            texts,
            root,
            cut: Cut::new(),
        })
    }

    /// The node at a dotted path, reported ones included.
    fn node(&self, path: &str) -> Option<&Node> {
        let (mut node, mut rest) = (&self.root, path);
        while !rest.is_empty() {
            (node, rest) = match &node.kind {
                Kind::Mapping(_) => {
                    let (entry, rest) = entry_on(node, rest)?;
                    (&entry.value, rest)
                }
                Kind::Sequence(items) => {
                    let (step, rest) = rest.split_once('.').unwrap_or((rest, ""));
                    (items.get(step.parse::<usize>().ok()?)?, rest)
                }
                _ => return None,
            };
        }
        Some(node)
    }

    /// Whether something stands at that path, right or wrong.
    pub fn has(&self, path: &str) -> bool {
        self.node(path).is_some()
    }

    /// Whether something at that path or below it was wrong and has been left out.
    pub fn is_damaged(&self, path: &str) -> bool {
        self.node(path).is_some_and(|node| self.damaged(node))
    }

    fn damaged(&self, node: &Node) -> bool {
        self.cut.contains(&node.id)
            || match &node.kind {
                Kind::Null | Kind::Scalar(_) => false,
                Kind::Sequence(items) => items.iter().any(|item| self.damaged(item)),
                Kind::Mapping(entries) => entries.iter().any(|entry| self.damaged(&entry.value)),
            }
    }

    /// Where to point for that path: its value, its key, or the nearest thing above it.
    pub fn span_of(&self, path: &str) -> Span {
        let mut node = &self.root;
        let mut span = first_key(node);
        let mut rest = path;
        while !rest.is_empty() {
            match &node.kind {
                Kind::Mapping(_) => {
                    let Some((entry, after)) = entry_on(node, rest) else {
                        break;
                    };
                    (node, rest) = (&entry.value, after);
                    span = entry.key_span;
                }
                Kind::Sequence(items) => {
                    let (step, after) = rest.split_once('.').unwrap_or((rest, ""));
                    let Some(item) = step.parse::<usize>().ok().and_then(|i| items.get(i)) else {
                        break;
                    };
                    (node, rest) = (item, after);
                    span = first_key(node);
                }
                _ => break,
            }
            if let Kind::Scalar(_) = node.kind {
                span = node.span;
            }
        }
        span
    }

    /// Where the key at that path stands.
    pub fn key_span(&self, path: &str) -> Span {
        // A key may have dots in it: what is above it is the longest path to a mapping that has it.
        let above = path.rmatch_indices('.').map(|(at, _)| at);
        let entry = above.fold(None, |found, at| {
            let (above, key) = (&path[..at], &path[at + 1..]);
            found.or_else(|| self.node(above)?.entry(key))
        });
        match entry.or_else(|| self.root.entry(path)) {
            Some(entry) => entry.key_span,
            None => self.span_of(path),
        }
    }

    /// Keys of the mapping at that path.
    pub fn keys(&self, path: &str) -> Vec<&str> {
        match self.node(path).map(|node| &node.kind) {
            Some(Kind::Mapping(entries)) => {
                entries.iter().map(|entry| entry.key.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Paths of a sequence's elements that could be read, in order.
    pub fn elements(&self, path: &str) -> Vec<String> {
        match self.node(path).map(|node| &node.kind) {
            Some(Kind::Sequence(items)) => items
                .iter()
                .enumerate()
                .filter(|(_, item)| !self.cut.contains(&item.id))
                .map(|(index, _)| format!("{path}.{index}"))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The entry of a mapping that a path begins with, and the rest of the path. Keys may have dots in them.
fn entry_on<'n, 'p>(node: &'n Node, path: &'p str) -> Option<(&'n Entry, &'p str)> {
    let Kind::Mapping(entries) = &node.kind else {
        return None;
    };
    let begins = |entry: &'n Entry| match path.strip_prefix(entry.key.as_str())? {
        "" => Some((entry, "")),
        rest => Some((entry, rest.strip_prefix('.')?)),
    };
    let found = entries.iter().filter_map(begins);
    found.max_by_key(|(entry, _)| entry.key.len())
}

/// A mapping is best pointed at by its first key.
fn first_key(node: &Node) -> Span {
    match &node.kind {
        Kind::Mapping(entries) => entries.first().map_or(node.span, |entry| entry.key_span),
        _ => node.span,
    }
}

fn empty(help: &str) -> Finding {
    let start = Span {
        text: 0,
        start: 0,
        len: 0,
    };
    Finding::new(start, "the file is empty").help(help)
}

/// Puts one `key=value` into the tree; steps that are not there yet are made.
fn set(
    root: &mut Node,
    text: &str,
    index: usize,
    next_id: &mut usize,
    findings: &mut Vec<Finding>,
) -> Result<(), Finding> {
    let whole = Span {
        text: index,
        start: 0,
        len: text.len(),
    };
    let Some((path, value)) = text.split_once('=') else {
        return Err(Finding::new(whole, "an override is `key=value`")
            .help("for example `load.traces.rate=5k/s` or `faults.0.at=3s`"));
    };
    let offset = path.len() + 1;
    let mut found = Vec::new();
    let read = if is_literal(path, value) {
        *next_id += 1;
        Some(Node {
            id: *next_id,
            span: Span {
                len: value.len(),
                ..whole
            },
            kind: Kind::Scalar(value.to_owned()),
        })
    } else {
        tree::parse(value, index, next_id, &mut found)
    };
    findings.extend(found.iter().cloned().map(|mut finding| {
        finding.span.start += offset;
        finding
    }));
    let mut value = match read {
        Some(node) => node,
        None if !found.is_empty() => return Ok(()),
        None => {
            return Err(Finding::new(whole, "there is no value after the `=`")
                .help("an override is `key=value`"));
        }
    };
    shift(&mut value, offset);

    let mut node = root;
    let mut start = 0;
    for step in path.split('.') {
        let span = Span {
            text: index,
            start,
            len: step.len().max(1),
        };
        if step.is_empty() {
            return Err(Finding::new(span, "a key is missing here")
                .help("an override is `key=value`, such as `load.traces.rate=5k/s`"));
        }
        node = child(node, step, span, next_id)?;
        start += step.len() + 1;
    }
    *node = value;
    Ok(())
}

/// A header's value is taken as it is, since a token may look like YAML; only a reference is read.
fn is_literal(path: &str, value: &str) -> bool {
    let reference = value.starts_with('{') && (value.contains("env:") || value.contains("file:"));
    path.starts_with("client.headers.") && !value.is_empty() && !reference
}

/// The place for `step` in `node`, made if it is a mapping's key that is not there yet.
fn child<'a>(
    node: &'a mut Node,
    step: &str,
    span: Span,
    next_id: &mut usize,
) -> Result<&'a mut Node, Finding> {
    if let Kind::Null = node.kind {
        node.kind = if step == "0" {
            // The first element of a list that is not there yet.
            *next_id += 1;
            Kind::Sequence(vec![Node {
                id: *next_id,
                span,
                kind: Kind::Null,
            }])
        } else {
            Kind::Mapping(Vec::new())
        };
    }
    match &mut node.kind {
        Kind::Sequence(items) => {
            let count = items.len();
            let index = step.parse::<usize>().ok().filter(|index| *index < count);
            match index {
                Some(index) => Ok(&mut items[index]),
                None => Err(
                    Finding::new(span, format!("there is no element `{step}`")).help(match count {
                        0 => "the list is empty: set it whole".to_owned(),
                        1 => "the list has one element, `0`".to_owned(),
                        _ => format!("the list has elements `0` to `{}`", count - 1),
                    }),
                ),
            }
        }
        Kind::Mapping(entries) => {
            let at = entries.iter().position(|entry| entry.key == step);
            let at = at.unwrap_or_else(|| {
                *next_id += 1;
                entries.push(Entry {
                    key: step.to_owned(),
                    key_span: span,
                    value: Node {
                        id: *next_id,
                        span,
                        kind: Kind::Null,
                    },
                });
                entries.len() - 1
            });
            Ok(&mut entries[at].value)
        }
        _ => Err(Finding::new(span, format!("there is no key `{step}` here"))
            .help("what stands above it is a single value")),
    }
}

fn shift(node: &mut Node, offset: usize) {
    node.span.start += offset;
    match &mut node.kind {
        Kind::Null | Kind::Scalar(_) => {}
        Kind::Sequence(items) => items.iter_mut().for_each(|item| shift(item, offset)),
        Kind::Mapping(entries) => {
            for entry in entries {
                entry.key_span.start += offset;
                shift(&mut entry.value, offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, overrides: &[&str]) -> (Document, Vec<Finding>) {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        let mut findings = Vec::new();
        let texts = Texts::new("x.yaml", text, &overrides);
        let document = Document::read(texts, "", &mut findings).unwrap();
        (document, findings)
    }

    #[test]
    fn an_override_replaces_or_adds_and_is_pointed_at() {
        let text = "a:\n  b: 1\nlist: [{x: 1}]\n";
        let overrides = ["a.b=2", "a.c.d=[5]", "list.0.x=7", "new.0.y=8"];
        let (document, findings) = document(text, &overrides);
        assert!(findings.is_empty());
        assert_eq!(document.texts.slice(document.span_of("a.b")), "2");
        assert_eq!(document.texts.slice(document.span_of("a.c.d.0")), "5");
        assert_eq!(document.texts.slice(document.span_of("list.0.x")), "7");
        assert_eq!(document.texts.slice(document.span_of("new.0.y")), "8");
        assert_eq!(document.texts.slice(document.key_span("a.c.d")), "d");
    }

    #[test]
    fn a_header_is_taken_as_it_is() {
        let text = "a: 1\n";
        let (document, findings) = document(text, &["client.headers.x=Bearer a: b #c"]);
        assert!(findings.is_empty());
        let span = document.span_of("client.headers.x");
        assert_eq!(document.texts.slice(span), "Bearer a: b #c");
    }

    #[test]
    fn an_override_that_fits_nowhere_is_a_finding() {
        let (_, findings) = document(
            "a: 1\nl: [1]\n",
            &["a.b=1", "l.3=1", "a", "a=", "a=[", "a=#"],
        );
        assert_eq!(findings.len(), 6, "{findings:?}");
        assert!(findings.iter().all(|finding| finding.span.text > 0));
    }
}
