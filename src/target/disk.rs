//! A small disk for a program: a file system in memory that only this process and its children see,
//! and that is gone with them, however they end.

use std::io;
use std::path::Path;

/// What fills the disk, in the disk's folder.
const FILLER: &str = ".squall-filler";
/// Bytes that are written at once, and at last.
const CHUNKS_BYTES: [usize; 3] = [1 << 20, 4096, 1];

/// Why there is no disk.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    #[error("a small disk needs Linux: its namespaces are what keeps it to the target")]
    NotLinux,
    #[error("no small disk: {step}: {source}")]
    Refused {
        step: &'static str,
        source: io::Error,
        /// What to allow, one way a line.
        allow: String,
    },
    #[error("no small disk: its folder is not empty, and what is in it would be hidden")]
    NotEmpty,
    #[error("no small disk: its folder: {0}")]
    Folder(io::Error),
}

impl DiskError {
    /// What to do about it; empty where nobody knows.
    pub fn help(&self) -> String {
        match self {
            DiskError::Refused { allow, .. } => allow.clone(),
            DiskError::NotLinux => "  - leave the disk out of the target".to_owned(),
            DiskError::NotEmpty | DiskError::Folder(_) => String::new(),
        }
    }
}

/// What is on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filler {
    /// Of the filler that was written or removed.
    pub bytes: u64,
    /// Free for the program now.
    pub free_bytes: u64,
}

/// Writes the filler until nothing more fits.
///
/// # Errors
/// When something else than a full disk ends it.
pub fn fill(folder: &Path) -> io::Result<Filler> {
    use io::Write as _;
    let mut file = std::fs::File::options()
        .append(true)
        .create(true)
        .open(folder.join(FILLER))?;
    let chunk = vec![0_u8; CHUNKS_BYTES[0]];
    for chunk_bytes in CHUNKS_BYTES {
        loop {
            match file.write(&chunk[..chunk_bytes]) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Filler {
        bytes: file.metadata()?.len(),
        free_bytes: free_bytes(folder)?,
    })
}

/// Removes the filler.
///
/// # Errors
/// When it cannot be removed.
pub fn free(folder: &Path) -> io::Result<Filler> {
    let path = folder.join(FILLER);
    let bytes = match std::fs::metadata(&path) {
        Ok(metadata) => {
            std::fs::remove_file(&path)?;
            metadata.len()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let free_bytes = free_bytes(folder)?;
    Ok(Filler { bytes, free_bytes })
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail * disk.f_frsize)
}

/// No such disk on this system.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn mount(_folder: &Path, _bytes: u64) -> Result<(), DiskError> {
    Err(DiskError::NotLinux)
}

#[cfg(target_os = "linux")]
pub use linux::mount;

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CString;
    use std::os::unix::fs::PermissionsExt as _;

    use rustix::mount::{MountFlags, MountPropagationFlags, mount_change};
    use rustix::thread::{UnshareFlags, unshare_unsafe};

    use super::{DiskError, Path, io};

    /// Puts a disk of `bytes` on an empty folder, for this process and its later children. To be
    /// called while the process has one thread. The signal at the parent's death may have to be set
    /// again.
    ///
    /// # Errors
    /// When this user may not: says what to allow.
    pub fn mount(folder: &Path, bytes: u64) -> Result<(), DiskError> {
        let mut entries = std::fs::read_dir(folder).map_err(DiskError::Folder)?;
        if entries.next().is_some() {
            return Err(DiskError::NotEmpty);
        }
        let metadata = std::fs::metadata(folder).map_err(DiskError::Folder)?;
        let mode = metadata.permissions().mode() & 0o7777;
        leave_others()?;
        // What is mounted here stays here.
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).map_err(|error| refused("keeping mounts to itself", error))?;
        let options = CString::new(format!("size={bytes},mode={mode:o}"))
            .map_err(|error| DiskError::Folder(error.into()))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        rustix::mount::mount("squall", folder, "tmpfs", flags, options.as_c_str())
            .map_err(|error| refused("mounting it", error))
    }

    /// Enters a mount namespace of its own, by way of a user namespace where that is needed. This
    /// user stays himself.
    fn leave_others() -> Result<(), DiskError> {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        match unshare(UnshareFlags::NEWNS) {
            Err(rustix::io::Errno::PERM) => {}
            other => return other.map_err(|error| refused("a new mount namespace", error)),
        }
        unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)
            .map_err(|error| refused("a new user namespace", error))?;
        let map = |what: &str, text: String| {
            std::fs::write(format!("/proc/self/{what}"), text).map_err(|source| {
                DiskError::Refused {
                    step: "mapping this user into a user namespace",
                    source,
                    allow: advice(),
                }
            })
        };
        map("setgroups", "deny".to_owned())?;
        map("uid_map", format!("{uid} {uid} 1\n"))?;
        map("gid_map", format!("{gid} {gid} 1\n"))
    }

    fn unshare(kinds: UnshareFlags) -> rustix::io::Result<()> {
        // SAFETY: only namespaces are unshared, no descriptors.
        unsafe { unshare_unsafe(kinds) }
    }

    fn refused(step: &'static str, error: rustix::io::Errno) -> DiskError {
        DiskError::Refused {
            step,
            source: io::Error::from(error),
            allow: advice(),
        }
    }

    fn advice() -> String {
        let is = |path: &str, value: &str| {
            let text = std::fs::read_to_string(format!("/proc/sys/{path}"));
            text.is_ok_and(|text| text.trim() == value)
        };
        let mut lines = Vec::new();
        if is("user/max_user_namespaces", "0") {
            lines.push("  - allow user namespaces: sysctl user.max_user_namespaces=10000");
        }
        if is("kernel/unprivileged_userns_clone", "0") {
            lines.push(
                "  - allow unprivileged user namespaces: sysctl kernel.unprivileged_userns_clone=1",
            );
        }
        if is("kernel/apparmor_restrict_unprivileged_userns", "1") {
            lines.push(
                "  - AppArmor restricts unprivileged user namespaces: give squall a profile with \
                 `userns,`, or sysctl kernel.apparmor_restrict_unprivileged_userns=0",
            );
        }
        if lines.is_empty() {
            lines.push("  - in a container, its seccomp profile must allow unshare and mount");
        }
        lines.push("  - or run as root, or with CAP_SYS_ADMIN");
        lines.push("  - or leave the disk out of the target");
        lines.join("\n")
    }
}
