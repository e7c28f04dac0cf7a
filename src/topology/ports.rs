//! Ports for programs that have to be told where to listen.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// Below what systems give to outgoing connections (from 32768 on Linux), so that nobody takes a port
/// between its choice and its use, or while its program is being started again.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
/// Steps from one try to the next: without a common factor with `COUNT`, so that all are tried.
const STEP: u32 = 7919;

/// Chooses `count` free ports of `address`.
///
/// # Errors
/// When there are not that many.
pub fn choose(address: IpAddr, count: usize) -> io::Result<Vec<u16>> {
    // Two squalls at once begin at different places.
    let start = std::process::id().wrapping_mul(STEP);
    let mut held: Vec<(u16, TcpListener)> = Vec::with_capacity(count);
    for step in 0..u32::from(COUNT) {
        if held.len() == count {
            break;
        }
        let offset = start.wrapping_add(step.wrapping_mul(STEP)) % u32::from(COUNT);
        // Below `COUNT`, which fits.
        let port = FIRST + offset as u16;
        if let Ok(listener) = listen(SocketAddr::new(address, port)) {
            held.push((port, listener));
        }
    }
    if held.len() < count {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("{count} free ports of {address} are not to be had"),
        ));
    }
    Ok(held.into_iter().map(|(port, _)| port).collect())
}

/// Without `SO_REUSEADDR`, which would give out a port that is bound and does not listen.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&address.into())?;
    socket.listen(1)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn ports_are_free_and_different() {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let ports = choose(address, 5).unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 5);
        let held: Vec<TcpListener> = ports
            .iter()
            .map(|port| TcpListener::bind((address, *port)).unwrap())
            .collect();
        // What is taken is not given out.
        let others = choose(address, 5).unwrap();
        assert!(others.iter().all(|port| !ports.contains(port)));
        drop(held);
    }
}
