//! Certificates for an encrypted line: made for one run and kept in memory, or read from files.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::plan::{SINK_NAME, TlsPlan};
use crate::role::control::{ClientTls, SinkTls};

/// PEM texts for both ends of the line.
#[derive(Debug)]
pub(super) struct Certificates {
    ca: String,
    sink: (String, String),
    client: Option<(String, String)>,
}

impl Certificates {
    /// What the plan asks for; `None` for a line in the clear.
    pub(super) fn of(plan: &TlsPlan) -> Result<Option<Self>, String> {
        match plan {
            TlsPlan::Off => Ok(None),
            TlsPlan::Generated { mutual } => generate(*mutual)
                .map(Some)
                .map_err(|error| format!("cannot make the run's certificates: {error}")),
            TlsPlan::Given {
                ca,
                cert,
                key,
                client,
            } => Ok(Some(Self {
                ca: authority(ca)?,
                sink: (read(cert)?, read(key)?),
                client: match client {
                    Some(pair) => Some((read(&pair.cert)?, read(&pair.key)?)),
                    None => None,
                },
            })),
        }
    }

    pub(super) fn for_sink(&self) -> SinkTls {
        SinkTls {
            cert: self.sink.0.clone(),
            key: self.sink.1.clone(),
            client_ca: self.client.is_some().then(|| self.ca.clone()),
        }
    }

    pub(super) fn for_client(&self) -> ClientTls {
        ClientTls {
            ca: self.ca.clone(),
            identity: self.client.clone(),
        }
    }
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))
}

/// A client that is given no authority at all trusts nobody, and does not say why.
fn authority(path: &str) -> Result<String, String> {
    let text = read(path)?;
    match CertificateDer::pem_slice_iter(text.as_bytes()).next() {
        Some(Ok(_)) => Ok(text),
        _ => Err(format!("{path} holds no PEM certificate")),
    }
}

fn generate(mutual: bool) -> Result<Certificates, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let leaf = || -> Result<(String, String), rcgen::Error> {
        let key = KeyPair::generate()?;
        let names = ["localhost", "127.0.0.1", SINK_NAME].map(str::to_owned);
        let cert = CertificateParams::new(names.to_vec())?.signed_by(&key, &issuer)?;
        Ok((cert.pem(), key.serialize_pem()))
    };
    Ok(Certificates {
        ca: issuer.pem(),
        sink: leaf()?,
        client: if mutual { Some(leaf()?) } else { None },
    })
}
