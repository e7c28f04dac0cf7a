//! A link through a real Toxiproxy: which one, and what it cannot do.

use std::net::SocketAddr;

use super::Planner;
use crate::plan::toxiproxy::{DEFAULT_IMAGE, DEFAULT_SERVER, ToxiproxyServer, toxics};
use crate::plan::{Direction, LinkBackend, LinkFault};
use crate::scenario::file::ToxiproxyFile;
use crate::scenario::problem::Finding;

/// Whether this executable can drive a Toxiproxy.
const BUILT_IN: bool = cfg!(feature = "toxiproxy");

impl Planner<'_> {
    pub(super) fn toxiproxy(
        &mut self,
        path: &str,
        via: LinkBackend,
        file: Option<&ToxiproxyFile>,
    ) -> Option<ToxiproxyServer> {
        if via != LinkBackend::Toxiproxy {
            if file.is_some() {
                let span = self.document.key_span(&format!("{path}.toxiproxy"));
                let finding = Finding::new(span, "this link does not go through a Toxiproxy")
                    .help("say `via: toxiproxy`, or leave this out");
                self.findings.push(finding);
            }
            return None;
        }
        if !BUILT_IN {
            self.problem(
                &format!("{path}.via"),
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
        let server = self.only_one(&format!("{path}.toxiproxy"), &names, given.collect())?;
        self.toxiproxy_at(path, &server);
        Some(server)
    }

    fn toxiproxy_at(&mut self, path: &str, server: &ToxiproxyServer) {
        match server {
            ToxiproxyServer::Server(address) => {
                let here = |address: SocketAddr| address.ip().is_loopback() && address.port() > 0;
                if !address.parse().is_ok_and(here) {
                    self.problem(
                        &format!("{path}.toxiproxy.server"),
                        format!("`{address}` is not an address and port on this machine"),
                        format!(
                            "such as `{DEFAULT_SERVER}`: it has to reach the sink, which listens on 127.0.0.1"
                        ),
                    );
                }
            }
            ToxiproxyServer::Image(name) if name.trim().is_empty() => self.problem(
                &format!("{path}.toxiproxy.image"),
                "an image has a name",
                format!("such as `{DEFAULT_IMAGE}`, or `default` for it"),
            ),
            ToxiproxyServer::Command(name) if name.trim().is_empty() => self.problem(
                &format!("{path}.toxiproxy.command"),
                "an executable has a name",
                "such as `toxiproxy-server`, or a path",
            ),
            ToxiproxyServer::Image(_) | ToxiproxyServer::Command(_) => {}
        }
    }

    /// Says what of a fault Toxiproxy cannot make.
    pub(super) fn toxiproxy_can(
        &mut self,
        key: &str,
        fault: &LinkFault,
        direction: Direction,
        via: LinkBackend,
    ) {
        // What it cannot do at all has been told of already.
        if via != LinkBackend::Toxiproxy || !fault.backends().contains(&via) {
            return;
        }
        if let Err(why) = toxics(fault, direction) {
            let message = format!("Toxiproxy cannot do this: {why}");
            self.problem(key, message, "`link: { via: proxy }` can");
        }
    }
}

fn image(name: String) -> ToxiproxyServer {
    ToxiproxyServer::Image(match name.as_str() {
        "default" => DEFAULT_IMAGE.to_owned(),
        _ => name,
    })
}
