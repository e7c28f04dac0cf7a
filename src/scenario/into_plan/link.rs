//! The link, and what belongs to one kind of it only.

use super::Planner;
use crate::plan::{LinkBackend, LinkPlan, PacketLinkPlan, Place};
use crate::scenario::file::LinkFile;
use crate::scenario::problem::Finding;

/// Bytes that a proxy holds per connection and direction, and a packet link per direction.
const PROXY_BUFFER: u64 = 1 << 20;
const PACKETS_BUFFER: u64 = 64 << 20;
/// Keys that only a link of packets has.
const OF_PACKETS: [&str; 2] = ["mtu", "congestion"];

impl Planner<'_> {
    /// What `path` says of a link; whose it is, its caller knows.
    pub(super) fn link(&mut self, path: &str, file: Option<&LinkFile>) -> LinkPlan {
        let default = LinkFile::default();
        let file = file.unwrap_or(&default);
        let via = file.via.unwrap_or(LinkBackend::Proxy);
        let (packets, buffer) = match via {
            LinkBackend::Netns => (Some(self.packet_link(path, file)), PACKETS_BUFFER),
            LinkBackend::Proxy | LinkBackend::Toxiproxy => {
                self.refuse_keys_of_packets(path, via);
                (None, PROXY_BUFFER)
            }
        };
        let buffer = file.buffer.map_or(buffer, |bytes| bytes.0);
        LinkPlan {
            name: String::new(),
            from: Place::Client,
            to: Place::Sink,
            via,
            buffer_bytes: self.bytes(&format!("{path}.buffer"), buffer, 4096, 1 << 30),
            packets,
            toxiproxy: self.toxiproxy(path, via, file.toxiproxy.as_ref()),
            tap: file.tap.unwrap_or(false),
        }
    }

    fn packet_link(&mut self, path: &str, file: &LinkFile) -> PacketLinkPlan {
        let mtu = file.mtu.map_or(1500, |bytes| bytes.0);
        let mtu = self.count(&format!("{path}.mtu"), Some(mtu), 1500, 68..=65_535);
        if let Some(name) = &file.congestion
            && !is_congestion_control(name)
        {
            self.problem(
                &format!("{path}.congestion"),
                format!("`{name}` cannot be the name of a congestion control"),
                "as the kernel names it, such as `cubic`, `reno` or `bbr`",
            );
        }
        PacketLinkPlan {
            // Within the range above.
            mtu_bytes: u32::try_from(mtu).unwrap_or(u32::MAX),
            congestion: file.congestion.clone(),
        }
    }

    fn refuse_keys_of_packets(&mut self, path: &str, via: LinkBackend) {
        for key in OF_PACKETS {
            let path = format!("{path}.{key}");
            if self.document.has(&path) {
                let span = self.document.key_span(&path);
                let message = format!("`via: {}` knows no packets, and no `{key}`", via.as_str());
                let finding = Finding::new(span, message)
                    .help(format!("set `via: netns`, or leave `{key}` out"));
                self.findings.push(finding);
            }
        }
    }
}

fn is_congestion_control(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    (1..=15).contains(&name.len()) && name.chars().all(plain)
}
