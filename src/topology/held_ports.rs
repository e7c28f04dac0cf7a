//! Addresses of a role that is down, kept so that it finds them again.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

use crate::role::control::Ready;

/// Sockets that are bound and do not listen. The system gives their ports to nobody else, answers
/// connections to them with RST, as it does where nothing is bound, and lets the role listen there
/// beside them. Without them any outgoing connection of the machine could be given such a port.
#[derive(Debug)]
pub struct HeldPorts {
    _sockets: Vec<Socket>,
}

impl HeldPorts {
    /// Holds what can be held: an address that cannot is as exposed as it would be without.
    pub fn of(ready: &Ready) -> Self {
        let addresses = [&ready.grpc, &ready.http];
        let sockets = addresses
            .into_iter()
            .filter_map(|text| text.parse().ok())
            .filter_map(hold);
        Self {
            _sockets: sockets.collect(),
        }
    }
}

fn hold(address: SocketAddr) -> Option<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).ok()?;
    socket.set_reuse_address(true).ok()?;
    socket.bind(&address.into()).ok()?;
    Some(socket)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn who_connects_is_refused_and_the_role_can_listen_there_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = TcpStream::connect(address).unwrap();
        // The side that closes first keeps the port for a while.
        drop(listener.accept().unwrap());
        drop(listener);
        let held = HeldPorts::of(&Ready {
            grpc: address.to_string(),
            ..Ready::default()
        });
        assert_eq!(held._sockets.len(), 1);
        let error = TcpStream::connect(address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let again = tokio::net::TcpListener::bind(address).await.unwrap();
        TcpStream::connect(again.local_addr().unwrap()).unwrap();
        drop(peer);
    }
}
