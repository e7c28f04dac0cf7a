//! The way into one side's namespace, also for other processes of this user.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::sys;

/// Where a side's namespaces can be opened, as long as the link is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// The user namespace to enter first, where the link has one.
    pub user: Option<PathBuf>,
    pub net: PathBuf,
}

impl Door {
    pub(super) fn to(user: Option<&OwnedFd>, net: &OwnedFd) -> Self {
        let path = |fd: &OwnedFd| {
            PathBuf::from(format!(
                "/proc/{}/fd/{}",
                std::process::id(),
                fd.as_raw_fd()
            ))
        };
        Self {
            user: user.map(path),
            net: path(net),
        }
    }

    /// Makes `command` start its processes inside. They die (SIGKILL) with the thread that started
    /// them, so that none of them can keep the namespaces alive.
    ///
    /// # Errors
    /// When the link is down, or this user may not open it.
    pub fn enter_on_spawn(&self, command: &mut Command) -> io::Result<()> {
        let open = |path: &Path| -> io::Result<OwnedFd> { Ok(std::fs::File::open(path)?.into()) };
        let user = self.user.as_deref().map(open).transpose()?;
        sys::enter_on_spawn(command, user, open(&self.net)?);
        Ok(())
    }
}
