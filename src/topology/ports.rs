//! Ports for programs that have to be told where to listen.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, Socket, Type};

/// Below what systems give to outgoing connections (from 32768 on Linux), so that nobody takes a port
/// between its choice and its use, or while its program is being started again.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
/// Steps from one try to the next: without a common factor with `COUNT`, so that all are tried.
const STEP: u32 = 7919;
/// Tries that belong to one process. What was chosen is free until its program listens, so processes
/// that are started one after the other, whose numbers follow each other, are not to meet.
const OWN: u32 = 64;
/// Tries that this process has made: a port that was given out once is not given out again at once.
static TRIED: AtomicU32 = AtomicU32::new(0);

/// Chooses `count` free ports of `address`.
///
/// # Errors
/// When there are not that many.
pub fn choose(address: IpAddr, count: usize) -> io::Result<Vec<u16>> {
    let start = std::process::id().wrapping_mul(OWN);
    let mut held: Vec<(u16, TcpListener)> = Vec::with_capacity(count);
    for _ in 0..COUNT {
        if held.len() == count {
            break;
        }
        let step = start.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % u32::from(COUNT);
        let offset = step * STEP % u32::from(COUNT);
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
        // Nor what was given out a moment ago, though nobody has bound it yet.
        let later = choose(address, 5).unwrap();
        assert!(others.iter().all(|port| !later.contains(port)));
    }
}
