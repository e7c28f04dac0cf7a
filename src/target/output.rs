//! What a program says: kept in a file within bounds, and looked through for a line.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use super::made::{Lines, Made};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// The end of a line that may still be looked for in the next chunk.
const TAIL_BYTES: usize = 4 << 10;

/// Lines of a program's last words.
const LAST_LINES: usize = 5;

/// What has been heard so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    pub bytes: u64,
    /// The text that was waited for has been said.
    pub found: bool,
    /// What the program says that it made, where that is listened for.
    pub made: Made,
}

/// What is listened for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub text: Option<String>,
    /// Lines that tell how many items were made.
    pub made: bool,
}

/// Where a program's output goes: one file for its streams together, over all its starts.
#[derive(Debug, Clone)]
pub struct Log(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    limit_bytes: u64,
    /// Bytes of the file, those of earlier starts among them.
    bytes: AtomicU64,
    /// The end of what this start has said, kept or not.
    tail: Mutex<Vec<u8>>,
}

impl Log {
    /// The file at `path`, of `limit_bytes` at most; what it holds already counts.
    pub fn at(path: &Path, limit_bytes: u64) -> Self {
        let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        Self(Arc::new(Kept {
            path: path.to_owned(),
            limit_bytes,
            bytes: AtomicU64::new(bytes),
            tail: Mutex::default(),
        }))
    }

    /// Said in the file once it is full, and counted to its limit.
    fn full(&self) -> String {
        let limit = self.0.limit_bytes;
        format!("\n[squall keeps {limit} bytes of this output]\n")
    }

    /// Takes room for up to `wanted` bytes of output: how many fit, and whether the file is full with
    /// them.
    fn room(&self, wanted: usize) -> (usize, bool) {
        let of_words = self.full().len() as u64;
        let output_bytes = self.0.limit_bytes.saturating_sub(of_words);
        let fitting = |before: u64| output_bytes.saturating_sub(before).min(wanted as u64);
        let relaxed = Ordering::Relaxed;
        let before = self.0.bytes.fetch_update(relaxed, relaxed, |before| {
            (fitting(before) > 0).then(|| before + fitting(before))
        });
        match before {
            Ok(before) => {
                let fits = fitting(before);
                let fits_here = usize::try_from(fits).unwrap_or(wanted);
                (fits_here, before + fits == output_bytes)
            }
            Err(_) => (0, false),
        }
    }

    fn remember(&self, fresh: &[u8]) {
        if let Ok(mut tail) = self.0.tail.lock() {
            tail.extend_from_slice(&fresh[fresh.len().saturating_sub(TAIL_BYTES)..]);
            let keep_from = tail.len().saturating_sub(TAIL_BYTES);
            tail.drain(..keep_from);
        }
    }

    /// The last lines that were said, as the end of an error message; nothing where there are none.
    pub fn last_words(&self) -> String {
        let tail = self.0.tail.lock().map(|tail| tail.clone());
        let end = tail.unwrap_or_default();
        let end = String::from_utf8_lossy(&end);
        let lines: Vec<&str> = end.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        match last {
            [] => String::new(),
            last => format!("; its last words:\n{}", last.join("\n")),
        }
    }
}

/// Copies everything from `source` to the end of `log`, as much as fits, and reads on beyond that, so
/// that a program that floods its output is neither stopped nor kept. Tells `heard` what of `wanted` has
/// been said.
///
/// # Errors
/// When the file cannot be written.
pub async fn keep(
    mut source: impl AsyncRead + Unpin,
    log: &Log,
    wanted: Wanted,
    heard: &watch::Sender<Heard>,
) -> std::io::Result<()> {
    let mut options = File::options();
    let mut file = options.append(true).create(true).open(&log.0.path).await?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut tail: Vec<u8> = Vec::new();
    let mut text = wanted.text;
    let mut lines = wanted.made.then(Lines::default);
    loop {
        let bytes = source.read(&mut chunk).await?;
        if bytes == 0 {
            if let Some(lines) = &mut lines {
                heard.send_modify(|heard| {
                    lines.end(&mut heard.made);
                });
            }
            return Ok(());
        }
        let fresh = &chunk[..bytes];
        let found = (text.as_ref()).is_some_and(|text| says(&mut tail, fresh, text.as_bytes()));
        if found {
            text = None;
        }
        log.remember(fresh);
        heard.send_modify(|heard| {
            heard.bytes += bytes as u64;
            heard.found |= found;
            if let Some(lines) = &mut lines {
                lines.hear(fresh, &mut heard.made);
            }
        });
        let (room, full) = log.room(bytes);
        if room > 0 {
            file.write_all(&fresh[..room]).await?;
            if full {
                file.write_all(log.full().as_bytes()).await?;
            }
            file.flush().await?;
        }
    }
}

/// Whether `wanted` stands in what was said, also across two chunks.
fn says(tail: &mut Vec<u8>, fresh: &[u8], wanted: &[u8]) -> bool {
    tail.extend_from_slice(fresh);
    let found = wanted.is_empty() || tail.windows(wanted.len()).any(|window| window == wanted);
    let keep_from = tail.len().saturating_sub(TAIL_BYTES);
    tail.drain(..keep_from);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn say(said: &[u8], log: &Log, wanted: &str) -> Heard {
        let (sender, receiver) = watch::channel(Heard::default());
        let wanted = Wanted {
            text: Some(wanted.to_owned()),
            made: false,
        };
        keep(said, log, wanted, &sender).await.unwrap();
        receiver.borrow().clone()
    }

    async fn kept(said: &[u8], limit_bytes: u64, wanted: &str) -> (String, Heard) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let heard = say(said, &Log::at(&path, limit_bytes), wanted).await;
        (std::fs::read_to_string(path).unwrap(), heard)
    }

    #[tokio::test]
    async fn everything_is_kept_and_a_line_found() {
        let (text, heard) = kept(b"starting\nready to go\n", 1000, "ready to go").await;
        assert_eq!(text, "starting\nready to go\n");
        assert_eq!((heard.bytes, heard.found), (21, true));
        assert!(!kept(b"starting\n", 1000, "ready").await.1.found);
    }

    #[tokio::test]
    async fn a_flood_is_cut_and_read_to_its_end() {
        let mut flood = vec![b'x'; 200_000];
        flood.extend_from_slice(b"ready");
        let (text, heard) = kept(&flood, 100, "ready").await;
        let words = "\n[squall keeps 100 bytes of this output]\n";
        assert_eq!(text, "x".repeat(100 - words.len()) + words);
        assert_eq!((heard.bytes, heard.found), (200_005, true));
    }

    #[tokio::test]
    async fn all_streams_and_starts_share_one_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut last = String::new();
        for start in 0..3 {
            let log = Log::at(&path, 4096);
            // Two streams of one start.
            for _ in 0..2 {
                say(&vec![b'x'; 3000], &log, "ready").await;
                say(format!("\nword {start}\n").as_bytes(), &log, "ready").await;
            }
            last = log.last_words();
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 4096);
        // They are known although the file was full long before.
        assert!(last.ends_with("word 2"), "{last}");
    }

    #[test]
    fn a_word_may_lie_across_two_chunks() {
        let mut tail = Vec::new();
        assert!(!says(&mut tail, b"..rea", b"ready"));
        assert!(says(&mut tail, b"dy..", b"ready"));
    }
}
