//! What a program says: kept in a file within bounds, and looked through for a line.

use std::path::Path;

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// The end of a line that may still be looked for in the next chunk.
const TAIL_BYTES: usize = 4 << 10;

/// Lines of a program's last words.
const LAST_LINES: usize = 5;

/// What has been heard so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    pub bytes: u64,
    /// The text that was waited for has been said.
    pub found: bool,
}

/// Copies everything from `source` to the end of the file at `path`, `limit_bytes` of it at most, and
/// reads on beyond that, so that a program that floods its output is neither stopped nor kept. Tells
/// `heard` when `wanted` has been said.
///
/// # Errors
/// When the file cannot be written.
pub async fn keep(
    mut source: impl AsyncRead + Unpin,
    path: &Path,
    limit_bytes: u64,
    wanted: Option<&str>,
    heard: &watch::Sender<Heard>,
) -> std::io::Result<()> {
    let mut file = File::options().append(true).create(true).open(path).await?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut tail: Vec<u8> = Vec::new();
    let mut kept_bytes: u64 = 0;
    let mut wanted = wanted;
    loop {
        let bytes = source.read(&mut chunk).await?;
        if bytes == 0 {
            return Ok(());
        }
        let fresh = &chunk[..bytes];
        let found = wanted.is_some_and(|wanted| says(&mut tail, fresh, wanted.as_bytes()));
        if found {
            wanted = None;
        }
        heard.send_modify(|heard| {
            heard.bytes += bytes as u64;
            heard.found |= found;
        });
        let room = usize::try_from(limit_bytes.saturating_sub(kept_bytes)).unwrap_or(usize::MAX);
        if room > 0 {
            let kept = &fresh[..bytes.min(room)];
            file.write_all(kept).await?;
            kept_bytes += kept.len() as u64;
            if kept_bytes == limit_bytes {
                let words = format!("\n[squall keeps {limit_bytes} bytes of this output]\n");
                file.write_all(words.as_bytes()).await?;
            }
            file.flush().await?;
        }
    }
}

/// The last lines of a log, as the end of an error message; nothing where there are none.
pub fn last_words(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let end = &text[text.len().saturating_sub(TAIL_BYTES)..];
    let end = String::from_utf8_lossy(end);
    let lines: Vec<&str> = end.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    match last {
        [] => String::new(),
        last => format!("; its last words:\n{}", last.join("\n")),
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

    async fn kept(said: &[u8], limit_bytes: u64, wanted: &str) -> (String, Heard) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (sender, receiver) = watch::channel(Heard::default());
        keep(said, &path, limit_bytes, Some(wanted), &sender)
            .await
            .unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        (text, *receiver.borrow())
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
        let (text, heard) = kept(&flood, 10, "ready").await;
        assert_eq!(text, "xxxxxxxxxx\n[squall keeps 10 bytes of this output]\n");
        assert_eq!((heard.bytes, heard.found), (200_005, true));
    }

    #[test]
    fn a_word_may_lie_across_two_chunks() {
        let mut tail = Vec::new();
        assert!(!says(&mut tail, b"..rea", b"ready"));
        assert!(says(&mut tail, b"dy..", b"ready"));
    }
}
