//! A link through a real Toxiproxy: which one, and what it cannot do.

use std::net::SocketAddr;

use super::Planner;
use crate::plan::toxiproxy::{DEFAULT_IMAGE, DEFAULT_SERVER, ToxiproxyServer, toxics};
use crate::plan::{FaultKind, LinkBackend, Plan};
use crate::scenario::file::ToxiproxyFile;
use crate::scenario::problem::Finding;

/// Whether this executable can drive a Toxiproxy.
const BUILT_IN: bool = cfg!(feature = "toxiproxy");

impl Planner<'_> {
    pub(super) fn toxiproxy(
        &mut self,
        via: LinkBackend,
        file: Option<&ToxiproxyFile>,
    ) -> Option<ToxiproxyServer> {
        if via != LinkBackend::Toxiproxy {
            if file.is_some() {
                let span = self.document.key_span("link.toxiproxy");
                let finding = Finding::new(span, "this link does not go through a Toxiproxy")
                    .help("say `via: toxiproxy`, or leave this out");
                self.findings.push(finding);
            }
            return None;
        }
        if !BUILT_IN {
            self.problem(
                "link.via",
                "this squall was built without Toxiproxy's client",
                "build it with `cargo build --release --features toxiproxy` (needs OpenSSL's headers on Linux: libssl-dev, pkg-config), or say `via: proxy`",
            );
        }
        let Some(file) = file else {
            return Some(ToxiproxyServer::default());
        };
        let kinds = vec![
            ("server", file.server.clone().map(ToxiproxyServer::Server)),
            ("image", file.image.clone().map(image)),
            (
                "command",
                file.command.clone().map(ToxiproxyServer::Command),
            ),
        ];
        let given = kinds.into_iter().filter(|(_, kind)| kind.is_some());
        let names = ["server", "image", "command"];
        let server = self.only_one("link.toxiproxy", &names, given.collect())?;
        self.toxiproxy_at(&server);
        Some(server)
    }

    fn toxiproxy_at(&mut self, server: &ToxiproxyServer) {
        match server {
            ToxiproxyServer::Server(address) => {
                let here = |address: SocketAddr| address.ip().is_loopback() && address.port() > 0;
                if !address.parse().is_ok_and(here) {
                    self.problem(
                        "link.toxiproxy.server",
                        format!("`{address}` is not an address and port on this machine"),
                        format!(
                            "such as `{DEFAULT_SERVER}`: it has to reach the sink, which listens on 127.0.0.1"
                        ),
                    );
                }
            }
            ToxiproxyServer::Image(name) if name.trim().is_empty() => self.problem(
                "link.toxiproxy.image",
                "an image has a name",
                format!("such as `{DEFAULT_IMAGE}`, or `default` for it"),
            ),
            ToxiproxyServer::Command(name) if name.trim().is_empty() => self.problem(
                "link.toxiproxy.command",
                "an executable has a name",
                "such as `toxiproxy-server`, or a path",
            ),
            ToxiproxyServer::Image(_) | ToxiproxyServer::Command(_) => {}
        }
    }

    /// Says which faults Toxiproxy cannot make.
    pub(super) fn toxiproxy_can(&mut self, path: &str, kind: &FaultKind, plan: &Plan) {
        let FaultKind::Link {
            direction, fault, ..
        } = kind
        else {
            return;
        };
        // What it cannot do at all has been told of already.
        let able = fault.backends().contains(&LinkBackend::Toxiproxy);
        if plan.link.via != LinkBackend::Toxiproxy || !able {
            return;
        }
        if let Err(why) = toxics(fault, *direction) {
            let key = fault.kind().split('.').next().unwrap_or_default();
            self.problem(
                &format!("{path}.{key}"),
                format!("Toxiproxy cannot do this: {why}"),
                "`link: { via: proxy }` can",
            );
        }
    }
}

fn image(name: String) -> ToxiproxyServer {
    ToxiproxyServer::Image(match name.as_str() {
        "default" => DEFAULT_IMAGE.to_owned(),
        _ => name,
    })
}
