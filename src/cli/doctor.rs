//! `squall doctor`: what this machine allows, and what to allow where it does not.

use std::process::{Command, Stdio};

use super::{Outcome, print};
use crate::error::Exit;
use crate::limits;
use crate::netns::{PacketLink, Rights};
use crate::observe;

/// Arguments of `squall doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Facts of the machine that bear on a measurement, with what they are called here.
const FACTS: [(&str, &str); 5] = [
    ("kernel", "kernel"),
    ("cpu_model", "CPU"),
    ("cores", "cores"),
    ("memory_bytes", "memory, bytes"),
    ("tcp_congestion_control", "congestion control"),
];

pub fn run(_args: Args) -> Outcome {
    let environment = observe::environment();
    let mut lines = Vec::new();
    for (key, name) in FACTS {
        let value = environment.get(key).map_or("not told", String::as_str);
        lines.push(format!("{name:<20} {value}"));
    }
    lines.push(told("packet links", packet_links()));
    for controller in ["cpu", "memory"] {
        lines.push(told(&format!("{controller} groups"), groups(controller)));
    }
    lines.push(told("small disks", small_disks()));
    lines.push(told("container engine", engine()));
    print(&(lines.join("\n") + "\n"))?;
    Ok(Exit::Pass)
}

/// A line of the answer; what is in the way may go on below.
fn told(name: &str, found: Result<String, String>) -> String {
    let found = match found {
        Ok(found) => found,
        Err(why) => format!("not possible: {}", why.replace('\n', "\n    ")),
    };
    format!("{name:<20} {found}")
}

/// Whether a link of packets can be made; tried, not guessed.
fn packet_links() -> Result<String, String> {
    match PacketLink::probe() {
        Ok(Rights::Root) => Ok("possible, with root's rights".to_owned()),
        Ok(Rights::Anybody) => Ok("possible, in a user namespace of your own".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether limits are control groups here.
fn groups(controller: &str) -> Result<String, String> {
    let instead = match controller {
        "cpu" => "limits stop and continue the process",
        _ => "limits are on the address space",
    };
    match limits::probe(controller) {
        Ok(()) => Ok("possible".to_owned()),
        Err(error) => Err(format!("{error}; {instead}")),
    }
}

/// Whether a target can have a small disk; tried in a process of its own, which it changes for good.
fn small_disks() -> Result<String, String> {
    let words = |error: std::io::Error| error.to_string();
    let folder = tempfile::tempdir().map_err(words)?;
    let squall = std::env::current_exe().map_err(words)?;
    let tried = Command::new(squall)
        .args(["role", "disk"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .map_err(words)?;
    let in_the_way = String::from_utf8_lossy(&tried.stdout);
    match (tried.status.success(), in_the_way.trim()) {
        (true, "") => Ok("possible".to_owned()),
        (_, why) => Err(why.to_owned()),
    }
}

/// Whether targets can be containers.
#[cfg(feature = "containers")]
fn engine() -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    match runtime.block_on(crate::target::container::engine::connect()) {
        Ok(_) => Ok("answers".to_owned()),
        Err(error) => Err(match error.help() {
            Some(help) => format!("{error}\n{help}"),
            None => error.to_string(),
        }),
    }
}

#[cfg(not(feature = "containers"))]
fn engine() -> Result<String, String> {
    Err("this squall was built without containers".to_owned())
}
