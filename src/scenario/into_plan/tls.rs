//! Whether the line is encrypted, and with which files.

use super::super::file::{GivenTls, ScenarioFile, TlsFile};
use super::super::problem::Finding;
use super::Planner;
use crate::plan::{TargetPlan, TlsPair, TlsPlan};

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
            client: file.client.as_ref().map(|client| TlsPair {
                cert: pem("client.cert", client.cert.as_ref()),
                key: pem("client.key", client.key.as_ref()),
            }),
        }
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
