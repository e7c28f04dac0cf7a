//! Who removes a control group when the controller cannot: it was killed itself.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A process (`squall role guard`) that outlives the controller by a moment: when its input ends,
/// it removes the control groups that it was told of, and ends.
#[derive(Debug)]
pub struct Guard {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Guard {
    pub(super) fn spawn() -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["role", "guard"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Names a control group that is about to be made.
    ///
    /// # Errors
    /// When the guard is gone.
    pub fn watch(&mut self, folder: &Path) -> io::Result<()> {
        let mut line = folder.as_os_str().as_bytes().to_vec();
        line.push(b'\n');
        match &mut self.stdin {
            Some(stdin) => stdin.write_all(&line),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stdin = None;
        // It ends by itself, at once where nothing is left to remove.
        let _ = self.child.wait();
    }
}
