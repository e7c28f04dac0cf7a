//! Certificates for an encrypted line: made for one run and kept in memory, or read from files.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::plan::{FaultKind, Plan, SINK_NAME, TlsFault, TlsPair, TlsPlan};
use crate::role::control::{ClientTls, SinkTls};

/// PEM texts for both ends of the line.
#[derive(Debug)]
pub(super) struct Certificates {
    ca: String,
    sink: (String, String),
    client: Option<(String, String)>,
    /// What the sink shows during faults of TLS.
    wrong: Vec<(TlsFault, String, String)>,
}

impl Certificates {
    /// What `tls` asks for, for a server at `address` that is to show what `faults` of the plan need;
    /// `None` for a line in the clear.
    pub(super) fn of(
        tls: &TlsPlan,
        address: IpAddr,
        faults: &BTreeSet<TlsFault>,
    ) -> Result<Option<Self>, String> {
        let made = |error| format!("cannot make the run's certificates: {error}");
        match tls {
            TlsPlan::Off => Ok(None),
            TlsPlan::Generated { mutual } => {
                generate(*mutual, address, faults).map(Some).map_err(made)
            }
            TlsPlan::External { ca, client } => Ok(Some(Self {
                ca: authority(ca)?,
                sink: Default::default(),
                client: own(client.as_ref())?,
                wrong: Vec::new(),
            })),
            TlsPlan::Given {
                ca,
                cert,
                key,
                client,
            } => Ok(Some(Self {
                ca: authority(ca)?,
                sink: (read(cert)?, read(key)?),
                client: own(client.as_ref())?,
                // The user's authority signs nothing for us: only a stranger's certificate is to be had.
                wrong: match faults.contains(&TlsFault::UnknownCa) {
                    true => vec![unknown_ca().map_err(made)?],
                    false => Vec::new(),
                },
            })),
        }
    }

    /// The faults of TLS that a plan has.
    pub(super) fn faults(plan: &Plan) -> BTreeSet<TlsFault> {
        let kinds = plan.faults.iter().map(|fault| &fault.kind);
        kinds
            .filter_map(|kind| match kind {
                FaultKind::Tls(fault) => Some(*fault),
                _ => None,
            })
            .collect()
    }

    pub(super) fn for_sink(&self) -> SinkTls {
        SinkTls {
            cert: self.sink.0.clone(),
            key: self.sink.1.clone(),
            client_ca: self.client.is_some().then(|| self.ca.clone()),
            wrong: self.wrong.clone(),
        }
    }

    /// The authority that signed both sides' certificates.
    pub(super) fn authority(&self) -> &str {
        &self.ca
    }

    /// The server's certificate and key.
    pub(super) fn server(&self) -> (&str, &str) {
        (&self.sink.0, &self.sink.1)
    }

    /// The client's certificate and key, for mutual TLS.
    pub(super) fn client(&self) -> Option<(&str, &str)> {
        let (cert, key) = self.client.as_ref()?;
        Some((cert, key))
    }

    pub(super) fn for_client(&self) -> ClientTls {
        ClientTls {
            ca: self.ca.clone(),
            identity: self.client.clone(),
        }
    }
}

/// The client's own certificate and key.
fn own(pair: Option<&TlsPair>) -> Result<Option<(String, String)>, String> {
    pair.map(|pair| Ok((read(&pair.cert)?, read(&pair.key)?)))
        .transpose()
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

fn generate(
    mutual: bool,
    address: IpAddr,
    faults: &BTreeSet<TlsFault>,
) -> Result<Certificates, rcgen::Error> {
    let issuer = issuer("squall")?;
    let mut wrong = Vec::new();
    for fault in faults {
        wrong.push(match fault {
            TlsFault::Expired => {
                let mut params = params("localhost")?;
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2020, 2, 1);
                signed(*fault, params, &issuer)?
            }
            TlsFault::WrongHost => signed(*fault, params("wrong-host.invalid")?, &issuer)?,
            TlsFault::UnknownCa => unknown_ca()?,
            TlsFault::HandshakeStall => continue,
        });
    }
    let leaf = || -> Result<(String, String), rcgen::Error> {
        let mut params =
            CertificateParams::new(vec!["localhost".to_owned(), SINK_NAME.to_owned()])?;
        let address = SanType::IpAddress(address);
        params.subject_alt_names.push(address);
        leaf(params, &issuer)
    };
    Ok(Certificates {
        ca: issuer.pem(),
        sink: leaf()?,
        client: if mutual { Some(leaf()?) } else { None },
        wrong,
    })
}

/// An authority. One of the same name would be taken for the other, and refused for its signature.
fn issuer(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn params(host: &str) -> Result<CertificateParams, rcgen::Error> {
    CertificateParams::new(vec![host.to_owned()])
}

/// Certificate and key.
fn leaf(
    params: CertificateParams,
    issuer: &CertifiedIssuer<'_, KeyPair>,
) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let cert = params.signed_by(&key, issuer)?;
    Ok((cert.pem(), key.serialize_pem()))
}

fn signed(
    fault: TlsFault,
    params: CertificateParams,
    issuer: &CertifiedIssuer<'_, KeyPair>,
) -> Result<(TlsFault, String, String), rcgen::Error> {
    let (cert, key) = leaf(params, issuer)?;
    Ok((fault, cert, key))
}

fn unknown_ca() -> Result<(TlsFault, String, String), rcgen::Error> {
    signed(
        TlsFault::UnknownCa,
        params("localhost")?,
        &issuer("nobody known")?,
    )
}
