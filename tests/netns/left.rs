//! What of a packet link can be seen in the system: namespaces, interfaces, processes.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Every place below `/proc` where one of these namespaces is held by another process than this one.
pub fn held(namespaces: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let folder = process.path();
        // Also `self` and the like lead to this one.
        let pid = process.file_name().to_string_lossy().parse::<u32>();
        if pid.is_err() || pid == Ok(std::process::id()) {
            continue;
        }
        let mut links: Vec<PathBuf> = vec![folder.join("ns/net")];
        if let Ok(descriptors) = fs::read_dir(folder.join("fd")) {
            links.extend(descriptors.flatten().map(|entry| entry.path()));
        }
        for link in links {
            let target = fs::read_link(&link).unwrap_or_default();
            if namespaces.iter().any(|name| target.as_os_str() == *name) {
                found.push(link.display().to_string());
            }
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    found.extend(
        mounts
            .lines()
            // A container engine keeps the machine's own.
            .filter(|line| line.contains(" nsfs ") && !line.contains("/netns/default "))
            .map(str::to_owned),
    );
    found
}

/// The interfaces that this thread sees.
pub fn interfaces() -> Vec<String> {
    let text = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let names = text
        .lines()
        .skip(2)
        .filter_map(|line| line.split(':').next());
    names.map(|name| name.trim().to_owned()).collect()
}

/// Whether a process runs; a zombie does not.
pub fn is_running(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

/// The interfaces of a namespace; looking there needs root.
pub fn interfaces_in(namespace: &File) -> Vec<String> {
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            interfaces()
        });
        looking.join().unwrap()
    })
}
