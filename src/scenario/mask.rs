//! Hides secrets in the text that diagnostics show. Offsets stay as they are.

use super::tree::{Kind, Node};

/// A key that contains one of these holds a secret, whether it is a known key or not.
const SECRET_KEYS: &[&str] = &[
    "header",
    "authorization",
    "token",
    "password",
    "secret",
    "api-key",
    "api_key",
    "apikey",
    "cookie",
    "credential",
];

/// Whether what stands under this key must not be shown.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    SECRET_KEYS.iter().any(|word| key.contains(word))
}

/// The texts with every value under a secret key replaced by stars.
pub fn mask_by_tree(texts: &[String], root: &Node) -> Vec<String> {
    let mut shown: Vec<Vec<u8>> = texts.iter().map(|text| text.clone().into_bytes()).collect();
    let mut secrets = Vec::new();
    collect(root, false, &mut shown, &mut secrets);
    shown
        .into_iter()
        .map(|bytes| {
            // Whole characters were replaced, so this holds; if it did not, nothing would be shown.
            let mut text = String::from_utf8(bytes).unwrap_or_default();
            for secret in &secrets {
                // The same value may stand elsewhere, such as at the anchor of an alias.
                text = text.replace(secret, &"*".repeat(secret.len()));
            }
            text
        })
        .collect()
}

fn collect(node: &Node, secret: bool, shown: &mut [Vec<u8>], secrets: &mut Vec<String>) {
    match &node.kind {
        Kind::Null => {}
        Kind::Scalar(text) if secret => {
            if let Some(bytes) = shown.get_mut(node.span.text) {
                let end = (node.span.start + node.span.len).min(bytes.len());
                stars(&mut bytes[node.span.start.min(end)..end]);
            }
            // Shorter ones would hide half of the file.
            if text.len() >= 4 {
                secrets.push(text.clone());
            }
        }
        Kind::Scalar(_) => {}
        Kind::Sequence(items) => {
            for item in items {
                collect(item, secret, shown, secrets);
            }
        }
        Kind::Mapping(entries) => {
            for entry in entries {
                // The name of a variable or file is no secret, only what it holds.
                let reference = secret && matches!(entry.key.as_str(), "env" | "file");
                let below = !reference && (secret || is_secret(&entry.key));
                collect(&entry.value, below, shown, secrets);
            }
        }
    }
}

/// The same for a text that cannot be read as YAML: all that stands after a secret key, on its line
/// and on lines that are indented deeper.
pub fn mask_unread(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut start = 0;
    let mut secret_indent: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let blank = line.trim().is_empty();
        if secret_indent.is_some_and(|at| !blank && indent <= at) {
            secret_indent = None;
        }
        let hidden = &mut bytes[start..start + line.len()];
        if secret_indent.is_some() {
            let from = line.find(':').map_or(indent, |colon| colon + 1);
            stars(&mut hidden[from.min(line.len())..]);
        } else if is_secret(line) {
            let from = line.find([':', '=']).map_or(indent, |at| at + 1);
            stars(&mut hidden[from.min(line.len())..]);
            secret_indent = Some(indent);
        }
        start += line.len();
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn stars(bytes: &mut [u8]) {
    for byte in bytes {
        if !matches!(*byte, b'\n' | b'\r') {
            *byte = b'*';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tree::parse;

    fn masked(text: &str) -> String {
        let root = parse(text, 0, &mut 0, &mut Vec::new()).unwrap();
        mask_by_tree(&[text.to_owned()], &root).remove(0)
    }

    #[test]
    fn header_values_are_stars_wherever_they_stand() {
        let text =
            "a: &t hünter2\nclient:\n  headers: {authorization: *t, x: 'q'}\n  tokn: hünter2\n";
        let shown = masked(text);
        assert_eq!(shown.len(), text.len());
        assert!(!shown.contains("nter2") && !shown.contains('q'), "{shown}");
        assert!(shown.contains("headers: {authorization: "));
    }

    #[test]
    fn a_reference_is_shown() {
        let shown = masked("headers: {authorization: {env: TOKEN_NAME}}\n");
        assert!(shown.contains("TOKEN_NAME"));
    }

    #[test]
    fn text_that_is_no_yaml_hides_them_too() {
        let shown =
            mask_unread("client:\n  headers:\n    authorization: Bearer x1\n  [\nseed: 1\n");
        assert!(!shown.contains("Bearer"), "{shown}");
        assert!(shown.contains("seed: 1"));
    }
}
