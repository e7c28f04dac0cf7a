//! Texts of targets' files.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::secret::Secret;

/// The text of a file, a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FileText {
    /// It stands in the scenario.
    Written(String),
    /// It was read from a file, and may hold what is not to be shown.
    Read(ReadFile),
}

/// Where a text was read from, and what it was: the text itself is neither shown nor stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadFile {
    /// Its absolute path.
    pub from: String,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
    /// `None` in a plan that was stored, until the file is read again.
    #[serde(skip)]
    pub text: Option<Secret>,
}

impl FileText {
    /// What was read from the file at `from`.
    pub fn read(from: String, text: String) -> Self {
        FileText::Read(ReadFile {
            from,
            sha256: sha256(&text),
            text: Some(Secret::new(text)),
        })
    }

    /// The text itself, for the target and for nothing else.
    pub fn reveal(&self) -> &str {
        match self {
            FileText::Written(text) => text,
            FileText::Read(file) => file.text.as_ref().map_or("", Secret::reveal),
        }
    }

    /// The file that it was read from.
    pub fn from(&self) -> Option<&str> {
        match self {
            FileText::Written(_) => None,
            FileText::Read(file) => Some(&file.from),
        }
    }
}

impl ReadFile {
    /// Takes the text again; false where it is not the one that it was.
    pub fn take_again(&mut self, text: &str) -> bool {
        let same = sha256(text) == self.sha256;
        if same {
            self.text = Some(Secret::new(text));
        }
        same
    }
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_neither_shown_nor_stored() {
        let text = FileText::read("/x/config.yaml".to_owned(), "key: hush".to_owned());
        assert_eq!(text.reveal(), "key: hush");
        let stored = serde_json::to_string(&text).unwrap();
        assert!(!stored.contains("hush") && !format!("{text:?}").contains("hush"));
        let FileText::Read(mut file) = serde_json::from_str(&stored).unwrap() else {
            panic!("{stored}")
        };
        assert!(!file.take_again("key: other"));
        assert_eq!(file.text, None);
        assert!(file.take_again("key: hush"));
        assert_eq!(FileText::Read(file), text);
    }
}
