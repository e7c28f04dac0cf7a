//! The oracle file: what the bugs did, to which items.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use super::RelayError;
use super::edit;
use super::queue::Message;
use crate::signal::Signal;

/// Where the bugs own up; nowhere, if nobody asked.
#[derive(Debug)]
pub struct Oracle {
    file: Option<File>,
}

impl Oracle {
    /// Appends to `path`: a relay that is started again goes on where it was killed.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: Option<&Path>) -> Result<Self, RelayError> {
        let open = |path: &Path| {
            let file = OpenOptions::new().append(true).create(true).open(path);
            file.map_err(|error| RelayError::Oracle {
                path: path.display().to_string(),
                error,
            })
        };
        Ok(Self {
            file: path.map(open).transpose()?,
        })
    }

    /// Writes `class signal item` for each item.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note<'a>(
        &self,
        class: &str,
        signal: Signal,
        items: impl Iterator<Item = &'a String>,
    ) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else {
            return Ok(());
        };
        let lines: String = items
            .map(|item| format!("{class} {signal} {item}\n"))
            .collect();
        // One write, so that a killed relay leaves no half a line.
        file.write_all(lines.as_bytes())
    }

    /// The same for every item of a message.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note_all(&self, class: &str, message: &Message) -> io::Result<()> {
        if self.file.is_none() {
            return Ok(());
        }
        let names = edit::names(message.signal, &message.body);
        self.note(class, message.signal, names.iter())
    }
}
