//! Whether the line is encrypted, and with which files.

use super::super::file::{GivenTls, TlsFile};
use super::Planner;
use crate::plan::{TlsPair, TlsPlan};

impl Planner<'_> {
    pub(super) fn tls(&mut self, file: Option<&TlsFile>) -> TlsPlan {
        match file {
            None | Some(TlsFile::Off) => TlsPlan::Off,
            Some(TlsFile::Generated) => TlsPlan::Generated { mutual: false },
            Some(TlsFile::Mutual) => TlsPlan::Generated { mutual: true },
            Some(TlsFile::Given(given)) => self.given(given),
        }
    }

    fn given(&mut self, file: &GivenTls) -> TlsPlan {
        let mut pem = |name: &str, value: Option<&String>| {
            self.pem(&format!("client.tls.given.{name}"), value)
        };
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
