//! Whether the line is encrypted, and with which files.

use std::net::SocketAddr;

use super::super::file::{GivenTls, ScenarioFile, TlsFile};
use super::super::problem::Finding;
use super::Planner;
use super::targets::external_entry;
use crate::plan::{Protocol, TargetPlan, TlsPair, TlsPlan};

impl Planner<'_> {
    /// How the last target reaches the sink. Without a target the client does, and says it itself.
    pub(super) fn sink_tls(&mut self, file: &ScenarioFile, targets: &[TargetPlan]) -> TlsPlan {
        let given = file.sink.as_ref().and_then(|sink| sink.tls.as_ref());
        if given.is_some() && targets.is_empty() {
            let span = self.document.key_span("sink.tls");
            let finding = Finding::new(span, "the client speaks to the sink itself")
                .help("say it with `client.tls`: `sink.tls` is for what a target sends");
            self.findings.push(finding);
        }
        self.tls("sink.tls", given)
    }

    /// How the client reaches what its link leads to.
    pub(super) fn client_tls(&mut self, file: &ScenarioFile) -> TlsPlan {
        const PATH: &str = "client.tls";
        let given = file.client.as_ref().and_then(|client| client.tls.as_ref());
        let external = external_entry(file).is_some();
        match given {
            Some(TlsFile::Generated | TlsFile::Mutual) if external => {
                let message = "an external target has a certificate of its own";
                let help = "name who signed it: `tls: { given: { ca: FILE } }`";
                self.problem(PATH, message, help);
                TlsPlan::Off
            }
            Some(TlsFile::Given(given)) if external => {
                for (name, value) in [("cert", &given.cert), ("key", &given.key)] {
                    if value.is_some() {
                        let span = self.document.key_span(&format!("{PATH}.given.{name}"));
                        let message = "an external target has a certificate of its own";
                        let help = "leave it out; the client's own belongs under `client`";
                        self.findings.push(Finding::new(span, message).help(help));
                    }
                }
                self.reached_by_name(file);
                TlsPlan::External {
                    ca: self.pem(&format!("{PATH}.given.ca"), given.ca.as_ref()),
                    client: self.pair(PATH, given),
                }
            }
            given => self.tls(PATH, given),
        }
    }

    /// An HTTP client takes an address for what it is, and would go past the link.
    fn reached_by_name(&mut self, file: &ScenarioFile) {
        let http = file.client.as_ref().and_then(|client| client.protocol);
        let http = !matches!(http, None | Some(Protocol::Grpc));
        let endpoint = external_entry(file).and_then(|entry| entry.external.as_ref());
        let endpoint = endpoint.and_then(|external| external.endpoint.as_ref());
        let address = endpoint.and_then(|endpoint| endpoint.parse::<SocketAddr>().ok());
        if http && address.is_some_and(|address| !address.ip().is_loopback()) {
            let message = "over HTTP, an encrypted endpoint is found by its name alone";
            let help = "give `external.endpoint` the name in its certificate, or set `client.protocol: grpc`";
            self.problem("client.tls", message, help);
        }
    }

    pub(super) fn tls(&mut self, path: &str, file: Option<&TlsFile>) -> TlsPlan {
        match file {
            None | Some(TlsFile::Off) => TlsPlan::Off,
            Some(TlsFile::Generated) => TlsPlan::Generated { mutual: false },
            Some(TlsFile::Mutual) => TlsPlan::Generated { mutual: true },
            Some(TlsFile::Given(given)) => self.given(path, given),
        }
    }

    fn given(&mut self, path: &str, file: &GivenTls) -> TlsPlan {
        let mut pem =
            |name: &str, value: Option<&String>| self.pem(&format!("{path}.given.{name}"), value);
        TlsPlan::Given {
            ca: pem("ca", file.ca.as_ref()),
            cert: pem("cert", file.cert.as_ref()),
            key: pem("key", file.key.as_ref()),
            client: self.pair(path, file),
        }
    }

    fn pair(&mut self, path: &str, file: &GivenTls) -> Option<TlsPair> {
        let pair = file.client.as_ref()?;
        let path = format!("{path}.given.client");
        Some(TlsPair {
            cert: self.pem(&format!("{path}.cert"), pair.cert.as_ref()),
            key: self.pem(&format!("{path}.key"), pair.key.as_ref()),
        })
    }

    fn pem(&mut self, path: &str, value: Option<&String>) -> String {
        let help = "a PEM file; the path starts at the scenario's folder";
        let Some(value) = self.required(path, value, help) else {
            return String::new();
        };
        let file = self.beside(value);
        if !file.is_file() {
            self.problem(path, format!("there is no file {}", file.display()), help);
        }
        file.display().to_string()
    }
}
