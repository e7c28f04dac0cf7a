//! A control group for one process, made beside or below the one in which it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use procfs::process::Process;

use super::{Announce, GROUP_PREFIX};

/// How often a group is tried in which a dying process still is, and how long between.
const TRIES: usize = 50;
const BETWEEN: Duration = Duration::from_millis(10);

/// The two interfaces of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    One,
    Two,
}

/// Where a group can be made, and where the process is now.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    version: Version,
    parent: PathBuf,
    origin: PathBuf,
}

/// A group with one process in it. Dropped, the process is back where it was and the group is gone.
#[derive(Debug)]
pub struct Cgroup {
    pub version: Version,
    folder: PathBuf,
    origin: PathBuf,
    pid: u32,
    removed: bool,
}

impl Cgroup {
    /// Makes a group that `controller` (`cpu`, `memory`) governs, prepares it, and moves the process
    /// there. Tried wherever it may be possible; the last failure is told.
    ///
    /// # Errors
    /// When there is no place where this user may do it.
    pub fn around(
        pid: u32,
        controller: &str,
        announce: Announce<'_>,
        prepare: impl Fn(&Self) -> io::Result<()>,
    ) -> io::Result<Self> {
        let mut last = io::Error::new(
            io::ErrorKind::Unsupported,
            format!("no control group governs {controller} here"),
        );
        for place in places(pid, controller)? {
            match Self::make(pid, controller, place, announce, &prepare) {
                Ok(group) => return Ok(group),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn make(
        pid: u32,
        controller: &str,
        place: Place,
        announce: Announce<'_>,
        prepare: &impl Fn(&Self) -> io::Result<()>,
    ) -> io::Result<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        if place.version == Version::Two {
            delegate(&place.parent, controller)?;
        }
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{GROUP_PREFIX}{}-{number}", std::process::id());
        let folder = place.parent.join(name);
        announce(&folder)?;
        fs::create_dir(&folder)?;
        let group = Self {
            version: place.version,
            folder,
            origin: place.origin,
            pid,
            removed: false,
        };
        // From here on the group is removed whatever fails.
        prepare(&group)?;
        group.write("cgroup.procs", &pid.to_string())?;
        Ok(group)
    }

    /// Sets one of the group's files.
    pub fn write(&self, file: &str, text: &str) -> io::Result<()> {
        fs::write(self.folder.join(file), text)
    }

    /// The number after `key` in one of the group's files; the whole file without a key.
    pub fn number(&self, file: &str, key: Option<&str>) -> Option<u64> {
        let text = fs::read_to_string(self.folder.join(file)).ok()?;
        number_in(&text, key)
    }

    /// Puts the process back and removes the group.
    pub fn remove(&mut self) -> io::Result<()> {
        if self.removed {
            return Ok(());
        }
        // A process that has ended cannot be moved, and need not be.
        let _ = fs::write(self.origin.join("cgroup.procs"), self.pid.to_string());
        let mut result = Ok(());
        for _ in 0..TRIES {
            result = fs::remove_dir(&self.folder);
            if result.is_ok() {
                self.removed = true;
                break;
            }
            std::thread::sleep(BETWEEN);
        }
        result
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // What cannot be removed now is the guard's to remove.
        let _ = self.remove();
    }
}

/// Version 2 governs the children of a group only where the group says so.
fn delegate(parent: &Path, controller: &str) -> io::Result<()> {
    let has = |file: &str| -> io::Result<bool> {
        let text = fs::read_to_string(parent.join(file))?;
        Ok(text.split_whitespace().any(|name| name == controller))
    };
    if has("cgroup.subtree_control")? {
        return Ok(());
    }
    if !has("cgroup.controllers")? {
        return Err(io::Error::other(format!(
            "{} does not govern {controller}",
            parent.display()
        )));
    }
    fs::write(
        parent.join("cgroup.subtree_control"),
        format!("+{controller}"),
    )
}

fn places(pid: u32, controller: &str) -> io::Result<Vec<Place>> {
    let process = Process::new(pid.cast_signed()).map_err(io::Error::other)?;
    let groups = process.cgroups().map_err(io::Error::other)?;
    let mounts = process.mountinfo().map_err(io::Error::other)?;
    let mut places = Vec::new();
    for group in &groups {
        let (version, fs_type) = match group.hierarchy {
            0 => (Version::Two, "cgroup2"),
            _ if group.controllers.iter().any(|name| name == controller) => {
                (Version::One, "cgroup")
            }
            _ => continue,
        };
        for mount in &mounts {
            let governs = version == Version::Two || mount.super_options.contains_key(controller);
            if mount.fs_type == fs_type && governs {
                places.extend(within(
                    version,
                    &mount.mount_point,
                    &mount.root,
                    &group.pathname,
                ));
            }
        }
    }
    Ok(places)
}

/// Below the process's own group and, in version 2, where a group with processes in it can have no
/// governed children, beside it.
fn within(version: Version, mount: &Path, root: &str, group: &str) -> Vec<Place> {
    let inside = Path::new(group);
    let inside = inside.strip_prefix(root).unwrap_or(inside);
    let inside = inside.strip_prefix("/").unwrap_or(inside);
    let origin = mount.join(inside);
    let mut parents = vec![origin.clone()];
    if version == Version::Two && origin != mount {
        parents.extend(origin.parent().map(Path::to_owned));
    }
    parents
        .into_iter()
        .map(|parent| Place {
            version,
            parent,
            origin: origin.clone(),
        })
        .collect()
}

fn number_in(text: &str, key: Option<&str>) -> Option<u64> {
    let Some(key) = key else {
        return text.trim().parse().ok();
    };
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_looked_for_below_its_mount() {
        let of = |version, root, group| -> Vec<String> {
            within(version, Path::new("/m"), root, group)
                .into_iter()
                .map(|place| place.parent.display().to_string())
                .collect()
        };
        assert_eq!(of(Version::One, "/", "/"), ["/m/"]);
        assert_eq!(of(Version::One, "/", "/a/b"), ["/m/a/b"]);
        // Inside a container the mount shows only a part.
        assert_eq!(of(Version::One, "/docker/x", "/docker/x/y"), ["/m/y"]);
        assert_eq!(of(Version::Two, "/", "/a/b"), ["/m/a/b", "/m/a"]);
        assert_eq!(of(Version::Two, "/", "/a"), ["/m/a", "/m"]);
    }

    #[test]
    fn numbers_are_found_by_their_key() {
        let text = "nr_periods 7\nnr_throttled 3\n";
        assert_eq!(number_in(text, Some("nr_throttled ")), Some(3));
        assert_eq!(number_in(text, Some("nr_none ")), None);
        assert_eq!(number_in("12\n", None), Some(12));
    }
}
