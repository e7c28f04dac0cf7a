//! `squall doctor`: what this machine allows, and what to allow where it does not.

use super::{Outcome, print};
use crate::error::Exit;
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
    lines.push(packet_links());
    print(&(lines.join("\n") + "\n"))?;
    Ok(Exit::Pass)
}

/// Whether a link of packets can be made; tried, not guessed.
fn packet_links() -> String {
    let found = match PacketLink::probe() {
        Ok(Rights::Root) => "possible, with root's rights".to_owned(),
        Ok(Rights::Anybody) => "possible, in a user namespace of your own".to_owned(),
        Err(error) => format!("not possible: {error}"),
    };
    format!("{:<20} {found}", "packet links")
}
