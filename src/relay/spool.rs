//! The queue on disk: one file per request, named by its number, its signal and its items.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::queue::Message;
use crate::signal::Signal;

/// Ending of a file that is being written.
const UNFINISHED: &str = "tmp";

/// A folder of requests.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// Uses `folder`, which is made if it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// What it holds, in order. A file that was not finished was never answered for: it is removed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load(&self) -> io::Result<Vec<Message>> {
        let mut messages = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == UNFINISHED) {
                fs::remove_file(&path)?;
                continue;
            }
            if let Some((number, signal, items)) = parse(&path) {
                messages.push(Message {
                    number,
                    signal,
                    body: fs::read(&path)?.into(),
                    items,
                });
            }
        }
        messages.sort_by_key(|message| message.number);
        Ok(messages)
    }

    /// Writes a message, wholly or not at all as far as [`Self::load`] can see.
    ///
    /// # Errors
    /// When there is no room, above all.
    pub fn write(&self, message: &Message) -> io::Result<()> {
        let path = self.path(message);
        let unfinished = path.with_extension(UNFINISHED);
        let written = fs::File::create(&unfinished)
            .and_then(|mut file| file.write_all(&message.body))
            .and_then(|()| fs::rename(&unfinished, &path));
        if written.is_err() {
            // The first error is what counts.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Forgets a message.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn remove(&self, message: &Message) -> io::Result<()> {
        fs::remove_file(self.path(message))
    }

    fn path(&self, message: &Message) -> PathBuf {
        let name = format!(
            "{:020}-{}-{}",
            message.number, message.signal, message.items
        );
        self.folder.join(name)
    }
}

fn parse(path: &Path) -> Option<(u64, Signal, u64)> {
    let mut parts = path.file_name()?.to_str()?.splitn(3, '-');
    let number = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let signal = Signal::ALL.into_iter().find(|s| s.to_string() == name)?;
    Some((number, signal, parts.next()?.parse().ok()?))
}
