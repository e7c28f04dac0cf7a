//! Faults of TLS, seen by a client that verifies.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use squall::plan::{FaultKind, TlsFault};
use squall::role::control::SinkTls;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use crate::common::sender::spans;
use crate::harness::Run;

fn issuer(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn leaf(params: CertificateParams, issuer: &CertifiedIssuer<'_, KeyPair>) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let cert = params.signed_by(&key, issuer).unwrap();
    (cert.pem(), key.serialize_pem())
}

fn params(host: &str) -> CertificateParams {
    CertificateParams::new(vec![host.to_owned()]).unwrap()
}

/// A sink with every wrong certificate, and its authority.
fn start() -> (Run, String) {
    let ca = issuer("known");
    let (cert, key) = leaf(params("localhost"), &ca);
    let mut old = params("localhost");
    old.not_before = rcgen::date_time_ymd(2019, 1, 1);
    old.not_after = rcgen::date_time_ymd(2019, 2, 1);
    let wrong = [
        (TlsFault::Expired, leaf(old, &ca)),
        (TlsFault::WrongHost, leaf(params("other.invalid"), &ca)),
        (
            TlsFault::UnknownCa,
            leaf(params("localhost"), &issuer("unknown")),
        ),
    ];
    let tls = SinkTls {
        cert,
        key,
        client_ca: None,
        wrong: wrong
            .into_iter()
            .map(|(fault, (cert, key))| (fault, cert, key))
            .collect(),
    };
    (Run::start(Some(tls)), ca.pem())
}

fn endpoint(run: &Run, ca: &str) -> Endpoint {
    let port = run.role.ready.grpc.rsplit(':').next().unwrap();
    Endpoint::new(format!("https://localhost:{port}"))
        .unwrap()
        .tls_config(
            ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(ca))
                .domain_name("localhost"),
        )
        .unwrap()
}

/// Sends one span; the error with its causes.
async fn export(run: &Run, channel: Channel, sequence: u64) -> Result<(), String> {
    let request = spans(0, [sequence], run.start_unix_ns);
    let answer = TraceServiceClient::new(channel).export(request).await;
    answer.map(|_| ()).map_err(|error| format!("{error:?}"))
}

#[tokio::test]
async fn a_wrong_certificate_is_refused_for_what_is_wrong_with_it() {
    for (fault, words) in [
        (TlsFault::Expired, "Expired"),
        (TlsFault::WrongHost, "NotValidForName"),
        (TlsFault::UnknownCa, "UnknownIssuer"),
    ] {
        let (mut run, ca) = start();
        let before = endpoint(&run, &ca).connect().await.unwrap();
        export(&run, before.clone(), 1).await.unwrap();
        run.begin_kind(FaultKind::Tls(fault));
        let error = endpoint(&run, &ca).connect().await.unwrap_err();
        let error = format!("{error:?}");
        assert!(error.contains(words), "{fault:?}: {error}");
        // The connection from before is gone, so that it meets the fault, too.
        assert!(export(&run, before.clone(), 2).await.is_err());
        let proof = run.end().unwrap();
        assert!(
            proof.contains("refused by the sender; 1 connections closed"),
            "{proof}"
        );
        assert!(!proof.starts_with("0 "), "{proof}");
        let after = endpoint(&run, &ca).connect().await.unwrap();
        export(&run, after, 3).await.unwrap();
        assert_eq!(run.received(), [1, 3]);
    }
}

#[tokio::test]
async fn a_stalled_handshake_is_never_answered_and_ends_with_the_fault() {
    let (mut run, ca) = start();
    run.begin_kind(FaultKind::Tls(TlsFault::HandshakeStall));
    let endpoint = endpoint(&run, &ca);
    let connecting = tokio::spawn({
        let endpoint = endpoint.clone();
        async move { endpoint.connect().await.is_ok() }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!connecting.is_finished(), "it was answered");
    let proof = run.end().unwrap();
    assert!(proof.starts_with("1 handshakes never answered"), "{proof}");
    assert!(!connecting.await.unwrap(), "closed, not answered");
    export(&run, endpoint.connect().await.unwrap(), 1)
        .await
        .unwrap();
}
