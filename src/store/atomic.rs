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

/// The error without the path of the temporary file, which tells nobody anything.
fn without_path(error: io::Error) -> io::Error {
    let text = error.to_string();
    let plain = text.split(" at path ").next().unwrap_or(&text);
    io::Error::new(error.kind(), plain)
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
    fn an_error_does_not_name_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nowhere/a.json");
        let error = write(&path, |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains(UNFINISHED), "{error}");
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
