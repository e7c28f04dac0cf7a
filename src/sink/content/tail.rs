//! Reads a journal while another process appends to it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek as _, SeekFrom};
use std::path::PathBuf;

use serde::de::DeserializeOwned;

/// The lines of a journal that have not been read yet.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    reader: Option<BufReader<File>>,
}

impl Tail {
    pub fn new(path: PathBuf) -> Self {
        Self { path, reader: None }
    }

    /// The whole lines since the last call. A file that is not there yet has none.
    ///
    /// # Errors
    /// When it cannot be read, or a line is not what it should be.
    pub fn read<T: DeserializeOwned>(&mut self) -> io::Result<Vec<T>> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => match File::open(&self.path) {
                Ok(file) => none.insert(BufReader::new(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(error),
            },
        };
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                // Its rest may follow, or whoever is started after the writer's end cuts it off and
                // writes another in its place.
                reader.seek(SeekFrom::Current(-(read as i64)))?;
                return Ok(lines);
            }
            lines.push(serde_json::from_slice(&line)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn lines_are_read_once_they_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let mut tail = Tail::new(path.clone());
        assert!(tail.read::<u64>().unwrap().is_empty());
        let mut file = File::create(&path).unwrap();
        file.write_all(b"1\n2").unwrap();
        assert_eq!(tail.read::<u64>().unwrap(), [1]);
        assert!(tail.read::<u64>().unwrap().is_empty());
        file.write_all(b"3\n4\n").unwrap();
        assert_eq!(tail.read::<u64>().unwrap(), [23, 4]);
        // What was torn off is not there any more.
        file.write_all(b"99").unwrap();
        assert!(tail.read::<u64>().unwrap().is_empty());
        file.set_len(7).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"5\n").unwrap();
        assert_eq!(tail.read::<u64>().unwrap(), [5]);
        file.write_all(b"x\n").unwrap();
        assert!(tail.read::<u64>().is_err());
    }
}
