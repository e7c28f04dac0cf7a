//! TLS and mutual TLS from PEM texts.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the {what} is not PEM: {why}")]
    Pem { what: &'static str, why: String },
    #[error("the key does not belong to the certificate")]
    KeyMismatch,
    #[error("certificate and key: {0}")]
    Config(#[from] rustls::Error),
    #[error("the authority for client certificates: {0}")]
    ClientAuthority(String),
}

/// An acceptor with that certificate chain and key. With `client_ca`, clients must show a
/// certificate that this authority has signed. Offers HTTP/2 and HTTP/1.1.
///
/// # Errors
/// When a text is not what it should be, or key and certificate do not belong together.
pub fn acceptor(cert: &str, key: &str, client_ca: Option<&str>) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for root in certificates("client authority", authority)? {
                roots.add(root)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| TlsError::ClientAuthority(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates("certificate", cert)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| TlsError::Pem {
        what: "key",
        why: error.to_string(),
    })?;
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::KeyMismatch,
            error => TlsError::Config(error),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem_error = |why: String| TlsError::Pem { what, why };
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| pem_error(error.to_string()))?;
    if found.is_empty() {
        return Err(pem_error("no certificate in it".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_pair_is_accepted_with_and_without_client_authority() {
        let (cert, key) = made();
        assert!(acceptor(&cert, &key, None).is_ok());
        assert!(acceptor(&cert, &key, Some(&cert)).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let (cert, key) = made();
        let error = |cert: &str, key: &str, ca| acceptor(cert, key, ca).err().unwrap().to_string();
        assert!(error("nothing", &key, None).contains("certificate is not PEM"));
        assert!(error(&cert, "nothing", None).contains("key is not PEM"));
        assert!(error(&cert, &key, Some("")).contains("client authority is not PEM"));
        assert!(error(&cert, &made().1, None).contains("does not belong"));
    }
}
