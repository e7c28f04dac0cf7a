//! Server and look-up against each other, over real sockets.

use std::net::IpAddr;

use super::lookup::{LookupError, addresses};
use super::server::Server;
use crate::plan::{DnsFault, SINK_NAME};

async fn looked_up(server: &Server) -> Result<Vec<IpAddr>, LookupError> {
    addresses(server.local_addr(), SINK_NAME).await
}

#[tokio::test]
async fn the_one_name_is_known_and_no_other() {
    let server = Server::bind().await.unwrap();
    let here: IpAddr = [127, 0, 0, 1].into();
    assert_eq!(looked_up(&server).await.unwrap(), [here]);
    let upper = SINK_NAME.to_uppercase();
    assert_eq!(
        addresses(server.local_addr(), &upper).await.unwrap(),
        [here]
    );
    let other = addresses(server.local_addr(), "another.test").await;
    assert!(
        matches!(other, Err(LookupError::Refused { .. })),
        "{other:?}"
    );
    let no_name = addresses(server.local_addr(), "..").await;
    assert!(
        matches!(no_name, Err(LookupError::Name { .. })),
        "{no_name:?}"
    );
}

#[tokio::test]
async fn each_fault_strikes_while_it_lasts_and_counts_what_it_struck() {
    let server = Server::bind().await.unwrap();
    let here: IpAddr = [127, 0, 0, 1].into();
    server.begin(0, DnsFault::Nxdomain);
    let error = looked_up(&server).await.unwrap_err().to_string();
    assert!(error.contains(SINK_NAME), "{error}");
    assert!(matches!(
        looked_up(&server).await,
        Err(LookupError::Refused { .. })
    ));
    assert_eq!(server.end(0), Some((DnsFault::Nxdomain, 2)));
    assert_eq!(server.end(0), None);
    assert_eq!(looked_up(&server).await.unwrap(), [here]);

    server.begin(1, DnsFault::Servfail);
    assert!(matches!(
        looked_up(&server).await,
        Err(LookupError::Refused { .. })
    ));
    assert_eq!(server.end(1), Some((DnsFault::Servfail, 1)));

    server.begin(2, DnsFault::DeadAddress);
    let dead = looked_up(&server).await.unwrap();
    assert_ne!(dead, [here]);
    assert!(
        std::net::TcpStream::connect_timeout(
            &(dead[0], 9).into(),
            std::time::Duration::from_secs(1)
        )
        .is_err()
    );
    assert_eq!(server.end(2), Some((DnsFault::DeadAddress, 1)));

    // Asked twice, for nothing came.
    server.begin(3, DnsFault::Silence);
    assert!(matches!(
        looked_up(&server).await,
        Err(LookupError::Silence(_))
    ));
    assert_eq!(server.end(3), Some((DnsFault::Silence, 2)));
    assert_eq!(looked_up(&server).await.unwrap(), [here]);
}

#[tokio::test]
async fn a_server_that_is_gone_answers_nothing() {
    let server = Server::bind().await.unwrap();
    let at = server.local_addr();
    drop(server);
    tokio::task::yield_now().await;
    assert!(addresses(at, SINK_NAME).await.is_err());
}

#[tokio::test]
async fn nonsense_does_not_stop_the_server() {
    let server = Server::bind().await.unwrap();
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for nonsense in [&b""[..], b"\0", &[0xff; 600]] {
        socket.send_to(nonsense, server.local_addr()).await.unwrap();
    }
    assert!(looked_up(&server).await.is_ok());
}
