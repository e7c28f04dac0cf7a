//! A process and everything that it has started.

/// The pids of every living descendant of `ancestor`, without itself.
///
/// Where the ancestor is a subreaper, those whose parents have ended are among them.
#[cfg(target_os = "linux")]
pub fn descendants(ancestor: u32) -> Vec<u32> {
    let Ok(processes) = procfs::process::all_processes() else {
        return Vec::new();
    };
    let parents: Vec<(i32, i32)> = processes
        .flatten()
        .filter_map(|process| process.stat().ok())
        .map(|stat| (stat.pid, stat.ppid))
        .collect();
    let mut found = Vec::new();
    let mut generation = vec![ancestor.cast_signed()];
    while !generation.is_empty() {
        generation = parents
            .iter()
            .filter(|(_, parent)| generation.contains(parent))
            .map(|(pid, _)| *pid)
            .collect();
        found.extend(generation.iter().map(|pid| pid.cast_unsigned()));
    }
    found
}

/// The same, of a system on which nothing is looked at but the family: cheap enough for ten times a
/// second. Parents stand before their children. One that is just being born may be missed.
#[cfg(target_os = "linux")]
pub fn children_and_theirs(ancestor: u32) -> Vec<u32> {
    let children = |pid: u32| -> Option<Vec<u32>> {
        let process = procfs::process::Process::new(pid.cast_signed()).ok()?;
        let tasks = process.tasks().ok()?.flatten();
        Some(
            tasks
                .flat_map(|task| task.children().unwrap_or_default())
                .collect(),
        )
    };
    // A kernel may have been built without such files.
    if !std::path::Path::new("/proc/thread-self/children").exists() {
        return descendants(ancestor);
    }
    let mut found: Vec<u32> = Vec::new();
    let mut next = 0;
    let mut parent = ancestor;
    loop {
        for child in children(parent).unwrap_or_default() {
            if !found.contains(&child) {
                found.push(child);
            }
        }
        match found.get(next) {
            Some(pid) => parent = *pid,
            None => return found,
        }
        next += 1;
    }
}

/// Descendants that a signal has not stopped, and that have not ended.
#[cfg(target_os = "linux")]
pub fn going(ancestor: u32) -> Vec<u32> {
    let goes = |pid: &u32| {
        let process = procfs::process::Process::new(pid.cast_signed());
        let stat = process.and_then(|process| process.stat());
        stat.is_ok_and(|stat| !matches!(stat.state, 'T' | 't' | 'Z' | 'X'))
    };
    descendants(ancestor).into_iter().filter(goes).collect()
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn going(_ancestor: u32) -> Vec<u32> {
    Vec::new()
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn children_and_theirs(_ancestor: u32) -> Vec<u32> {
    Vec::new()
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn descendants(_ancestor: u32) -> Vec<u32> {
    Vec::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_and_their_children_are_found() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 30 & echo up; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut word = [0; 3];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut word).unwrap();
        let family = descendants(std::process::id());
        let below = descendants(child.id());
        assert!(family.contains(&child.id()));
        assert_eq!(below.len(), 1);
        assert!(family.contains(&below[0]));
        let cheap = children_and_theirs(std::process::id());
        let place = |pid| cheap.iter().position(|found| *found == pid).unwrap();
        assert!(place(child.id()) < place(below[0]));
        for pid in below.into_iter().chain([child.id()]) {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        child.wait().unwrap();
    }
}
