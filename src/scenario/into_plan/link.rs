//! The link, and what belongs to one kind of it only.

use super::Planner;
use crate::plan::{LinkBackend, LinkPlan, PacketLinkPlan, TlsPlan};
use crate::scenario::file::LinkFile;
use crate::scenario::problem::Finding;

/// Bytes that a proxy holds per connection and direction, and a packet link per direction.
const PROXY_BUFFER: u64 = 1 << 20;
const PACKETS_BUFFER: u64 = 64 << 20;
/// Keys that only a link of packets has.
const OF_PACKETS: [&str; 2] = ["mtu", "congestion"];

impl Planner<'_> {
    pub(super) fn link(&mut self, file: Option<&LinkFile>, tls: &TlsPlan) -> LinkPlan {
        let default = LinkFile::default();
        let file = file.unwrap_or(&default);
        let via = file.via.unwrap_or(LinkBackend::Proxy);
        let (packets, buffer) = match via {
            LinkBackend::Netns => (Some(self.packet_link(file)), PACKETS_BUFFER),
            LinkBackend::Proxy | LinkBackend::Toxiproxy => {
                self.refuse_keys_of_packets(via);
                (None, PROXY_BUFFER)
            }
        };
        let buffer = file.buffer.map_or(buffer, |bytes| bytes.0);
        LinkPlan {
            via,
            buffer_bytes: self.bytes("link.buffer", buffer, 4096, 1 << 30),
            packets,
            toxiproxy: self.toxiproxy(via, file.toxiproxy.as_ref()),
            tap: self.tap(via, file.tap, tls),
        }
    }

    fn tap(&mut self, via: LinkBackend, tap: Option<bool>, tls: &TlsPlan) -> bool {
        let tap = tap.unwrap_or(false);
        if tap && via != LinkBackend::Proxy {
            self.problem(
                "link.tap",
                format!("a link `via: {}` has no tap", via.as_str()),
                "set `link.via: proxy`, or leave `tap` out",
            );
        }
        if tap && *tls != TlsPlan::Off {
            self.problem(
                "link.tap",
                "a tap cannot read encrypted traffic",
                "leave `tap` out, or `client.tls`",
            );
        }
        tap
    }

    fn packet_link(&mut self, file: &LinkFile) -> PacketLinkPlan {
        let mtu = file.mtu.map_or(1500, |bytes| bytes.0);
        let mtu = self.count("link.mtu", Some(mtu), 1500, 68..=65_535);
        if let Some(name) = &file.congestion
            && !is_congestion_control(name)
        {
            self.problem(
                "link.congestion",
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

    fn refuse_keys_of_packets(&mut self, via: LinkBackend) {
        for key in OF_PACKETS {
            let path = format!("link.{key}");
            if self.document.has(&path) {
                let span = self.document.key_span(&path);
                let message = format!("`via: {}` knows no packets, and no `{key}`", via.as_str());
                let finding = Finding::new(span, message)
                    .help(format!("set `link.via: netns`, or leave `{key}` out"));
                self.findings.push(finding);
            }
        }
    }
}

fn is_congestion_control(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    (1..=15).contains(&name.len()) && name.chars().all(plain)
}
