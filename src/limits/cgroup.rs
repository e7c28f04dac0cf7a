//! A control group for a family of processes, made beside or below the one in which its first is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use procfs::process::Process;

use super::{Announce, Family, GROUP_PREFIX};

/// How often a family is looked through for members that were born meanwhile.
const ROUNDS: usize = 20;
/// How often a group is tried in which a dying process still is, and how long between.
const TRIES: usize = 100;
const BETWEEN: Duration = Duration::from_millis(10);
/// Lists who is in a group; who is written to it is moved there.
const MEMBERS: &str = "cgroup.procs";

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

/// A group with a family in it, and with what that bears. Dropped, whoever is in it is back where the
/// family was and the group is gone.
#[derive(Debug)]
pub struct Cgroup {
    pub version: Version,
    folder: PathBuf,
    origin: PathBuf,
    removed: bool,
}

impl Cgroup {
    /// Makes a group that `controller` (`cpu`, `memory`) governs, prepares it, and moves the family
    /// there. Tried wherever it may be possible; the last failure is told.
    ///
    /// # Errors
    /// When there is no place where this user may do it.
    pub fn around(
        family: Family<'_>,
        controller: &str,
        announce: Announce<'_>,
        prepare: impl Fn(&Self) -> io::Result<()>,
    ) -> io::Result<Self> {
        let pid = first(family)?;
        let mut last = io::Error::new(
            io::ErrorKind::Unsupported,
            format!("no control group governs {controller} here"),
        );
        for place in places(pid, controller)? {
            match Self::make(family, controller, place, announce, &prepare) {
                Ok(group) => return Ok(group),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn make(
        family: Family<'_>,
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
            removed: false,
        };
        // From here on the group is removed whatever fails.
        prepare(&group)?;
        group.write(MEMBERS, &first(family)?.to_string())?;
        group.gather(family);
        Ok(group)
    }

    /// Moves the rest of the family there; who is born of a member is one.
    fn gather(&self, family: Family<'_>) {
        for _ in 0..ROUNDS {
            let inside = members(&self.folder);
            let mut outside = family();
            outside.retain(|pid| !inside.contains(pid));
            if outside.is_empty() {
                return;
            }
            for pid in outside {
                // It may have ended meanwhile.
                let _ = self.write(MEMBERS, &pid.to_string());
            }
        }
    }

    /// CPU time that has been used in it, where the kernel counts that.
    pub fn cpu_time(&self) -> Option<Duration> {
        match self.version {
            Version::Two => self
                .number("cpu.stat", Some("usage_usec "))
                .map(Duration::from_micros),
            Version::One => self.number("cpuacct.usage", None).map(Duration::from_nanos),
        }
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

    /// Puts everybody who is in it back and removes the group. Does not wait: a group in which a dying
    /// process still is, and which holds nobody down, is removed a little later.
    ///
    /// # Errors
    /// When somebody who lives cannot be moved.
    pub fn remove(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.removed, true) {
            return Ok(());
        }
        let left = empty(&self.folder, &self.origin);
        if fs::remove_dir(&self.folder).is_err() {
            let (folder, origin) = (self.folder.clone(), self.origin.clone());
            let later = move || {
                for _ in 0..TRIES {
                    std::thread::sleep(BETWEEN);
                    empty(&folder, &origin);
                    if fs::remove_dir(&folder).is_ok() {
                        break;
                    }
                }
            };
            // What cannot be removed now is the guard's to remove.
            let _ = std::thread::Builder::new()
                .name("control group".to_owned())
                .spawn(later);
        }
        match left {
            0 => Ok(()),
            left => Err(io::Error::other(format!(
                "{left} processes cannot leave {}",
                self.folder.display()
            ))),
        }
    }
}

/// Moves everybody from one group to another; how many that live are left.
fn empty(from: &Path, to: &Path) -> usize {
    for _ in 0..ROUNDS {
        let members = members(from);
        if members.is_empty() {
            break;
        }
        for pid in members {
            // One that has ended cannot be moved, and need not be.
            let _ = fs::write(to.join(MEMBERS), pid.to_string());
        }
    }
    let lives = |pid: &u32| {
        let process = Process::new(pid.cast_signed()).and_then(|process| process.stat());
        process.is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X'))
    };
    members(from).iter().filter(|pid| lives(pid)).count()
}

fn members(group: &Path) -> Vec<u32> {
    let text = fs::read_to_string(group.join(MEMBERS)).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// The process that was named.
pub(super) fn first(family: Family<'_>) -> io::Result<u32> {
    let first = family().first().copied();
    first.ok_or_else(|| io::Error::other("it has ended"))
}

/// Whether this user can make control groups that `controller` (`cpu`, `memory`) governs: tried with
/// this process, which is moved back at once.
///
/// # Errors
/// When there is no place for one.
pub fn probe(controller: &str) -> io::Result<()> {
    let own = || vec![std::process::id()];
    Cgroup::around(&own, controller, &mut |_| Ok(()), |_| Ok(()))?.remove()
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Who cannot be moved now can be by nobody.
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

    #[test]
    fn a_family_enters_and_leaves_together() {
        use std::io::{BufRead as _, Write as _};
        use std::process::{Command, Stdio};
        if let Err(error) = probe("cpu") {
            eprintln!("SKIPPED: no control group can be made here: {error}");
            return;
        }
        let mut child = Command::new("sh")
            .args([
                "-c",
                "sleep 30 & echo up; read more; sleep 30 & echo up; wait",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        let mut said = io::BufReader::new(child.stdout.take().unwrap()).lines();
        said.next().unwrap().unwrap();
        let family = || {
            let process = Process::new(pid.cast_signed()).unwrap();
            let children = process.task_main_thread().unwrap().children().unwrap();
            std::iter::once(pid).chain(children).collect::<Vec<u32>>()
        };
        let in_group = |folder: &Path| {
            let inside = members(folder);
            family().iter().filter(|pid| inside.contains(pid)).count()
        };
        let announce = &mut |_: &Path| Ok(());
        let mut group = Cgroup::around(&family, "cpu", announce, |_| Ok(())).unwrap();
        assert_eq!(in_group(&group.folder), 2);
        child.stdin.take().unwrap().write_all(b"more\n").unwrap();
        said.next().unwrap().unwrap();
        assert_eq!(in_group(&group.folder), 3, "who is born of a member is one");
        group.remove().unwrap();
        assert_eq!(in_group(&group.origin), 3);
        assert!(!group.folder.exists());
        for pid in family().into_iter().rev() {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        child.wait().unwrap();
    }
}
