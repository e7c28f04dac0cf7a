//! How the relay's two hops are secured.

use std::path::{Path, PathBuf};

use tokio_rustls::TlsAcceptor;

use super::RelayUsage;
use crate::error::CliError;
use crate::plan::secret::Secret;
use crate::sink::tls;

/// Arguments that secure it.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// PEM file of the certificate that it shows to its clients, over gRPC and HTTP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file of that certificate's key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// PEM file of the authority that must have signed its clients' certificates
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// PEM file of the authority that signed the next hop's certificate
    #[arg(long, value_name = "FILE")]
    export_ca: Option<PathBuf>,
    /// PEM file of its own certificate towards the next hop
    #[arg(long, value_name = "FILE", requires = "export_key")]
    export_cert: Option<PathBuf>,
    /// PEM file of that certificate's key
    #[arg(long, value_name = "FILE", requires = "export_cert")]
    export_key: Option<PathBuf>,
    /// A header of every request that it sends, with the variable of the environment that holds its value
    #[arg(long, value_name = "NAME=VARIABLE", value_parser = named)]
    export_header_env: Vec<(String, String)>,
}

/// What the arguments stand for.
pub struct Secured {
    pub tls: Option<TlsAcceptor>,
    pub export_ca: Option<String>,
    pub export_identity: Option<(String, String)>,
    pub export_headers: Vec<(String, Secret)>,
}

impl Args {
    /// Reads the files and variables.
    ///
    /// # Errors
    /// When one is missing or not what it should be.
    pub fn read(&self) -> Result<Secured, CliError> {
        let acceptor = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => {
                let authority = self.tls_client_ca.as_deref().map(text).transpose()?;
                let made = tls::acceptor(&text(cert)?, &text(key)?, authority.as_deref());
                Some(made.map_err(|error| CliError::usage(RelayUsage::Tls(error)))?)
            }
            _ => None,
        };
        let identity = match (&self.export_cert, &self.export_key) {
            (Some(cert), Some(key)) => Some((text(cert)?, text(key)?)),
            _ => None,
        };
        let headers = self.export_header_env.iter().map(|(name, variable)| {
            let value = std::env::var(variable).map_err(|_| {
                let variable = variable.clone();
                CliError::usage(RelayUsage::Variable { variable })
            })?;
            Ok((name.clone(), Secret::new(value)))
        });
        Ok(Secured {
            tls: acceptor,
            export_ca: self.export_ca.as_deref().map(text).transpose()?,
            export_identity: identity,
            export_headers: headers.collect::<Result<_, CliError>>()?,
        })
    }
}

fn text(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| {
        let path = path.display().to_string();
        CliError::usage(RelayUsage::Unreadable { path, error })
    })
}

fn named(argument: &str) -> Result<(String, String), String> {
    match argument.split_once('=') {
        Some((name, variable)) if !name.is_empty() && !variable.is_empty() => {
            Ok((name.to_owned(), variable.to_owned()))
        }
        _ => Err("a header and a variable, such as `authorization=TOKEN`".to_owned()),
    }
}
