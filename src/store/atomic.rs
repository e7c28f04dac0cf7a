//! Files that appear whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What the name of a file that is not finished begins with.
const UNFINISHED: &str = ".unfinished-";

/// Writes `path` by `fill`: into another file of the same folder, synced, then renamed over it.
/// Whoever reads `path` sees the old content or the new one, never a part, even after a power cut.
///
/// # Errors
/// When the folder cannot be written or `fill` fails; `path` is then as it was before.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    // Results are for sharing; the umask still applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let unfinished = builder.tempfile_in(folder).map_err(without_path)?;
    let mut writer = BufWriter::new(unfinished.as_file());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    unfinished.as_file().sync_all()?;
    unfinished.persist(path)?;
    // The rename itself must survive as well.
    File::open(folder)?.sync_all()
}

/// The system's own error: that of a temporary file names a path that nobody knows.
fn without_path(error: io::Error) -> io::Error {
    let system = error
        .get_ref()
        .and_then(|inner| inner.source())
        .and_then(|source| source.downcast_ref::<io::Error>())
        .and_then(io::Error::raw_os_error);
    system.map_or(error, io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, |out| out.write_all(b"old")).unwrap();
        let error = write(&path, |out| {
            out.write_all(&[b'x'; 100_000])?;
            Err(io::Error::other("disk full"))
        });
        assert_eq!(error.unwrap_err().to_string(), "disk full");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_stands_under_the_final_name_while_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, |out| {
            out.write_all(&[b'x'; 100_000])?;
            assert!(!path.exists());
            Ok(())
        })
        .unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 100_000);
    }
}
