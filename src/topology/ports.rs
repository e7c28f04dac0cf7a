//! Ports for programs that have to be told where to listen.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// Below what systems give to outgoing connections (from 32768 on Linux), so that nobody takes a port
/// between its choice and its use, or while its program is being started again.
const FIRST: u16 = 20_000;
/// Ports are given out in blocks. The first of each is its claim.
const BLOCK: u16 = 8;
const BLOCKS: u16 = 1_500;
/// Steps from one try to the next: without a common factor with `BLOCKS`, so that all are tried.
const STEP: u32 = 677;

/// Ports of one block, for as long as this lives.
#[derive(Debug)]
pub struct Ports {
    pub numbers: Vec<u16>,
    /// What other squalls, which try the same blocks, find taken.
    pub claim: TcpListener,
}

/// Chooses `count` free ports of `address`, which no other squall chooses as long as the claim is held.
///
/// # Errors
/// When there are not that many.
pub fn choose(address: IpAddr, count: usize) -> io::Result<Ports> {
    // Two squalls at once begin at different places, so that they seldom meet.
    let start = std::process::id().wrapping_mul(STEP);
    (0..u32::from(BLOCKS))
        .find_map(|step| {
            let block = start.wrapping_add(step.wrapping_mul(STEP)) % u32::from(BLOCKS);
            // Below `BLOCKS`, which fits.
            of_block(address, FIRST + block as u16 * BLOCK, count)
        })
        .ok_or_else(|| {
            let why = format!("{count} free ports of {address} are not to be had");
            io::Error::new(io::ErrorKind::AddrInUse, why)
        })
}

/// `None` where another has claimed the block, or too few of its ports are free.
fn of_block(address: IpAddr, first: u16, count: usize) -> Option<Ports> {
    let listen = |port: u16| listen(SocketAddr::new(address, port)).ok();
    let claim = listen(first)?;
    let others = first + 1..first + BLOCK;
    let free = others.filter_map(|port| Some((port, listen(port)?)));
    let free: Vec<(u16, TcpListener)> = free.take(count).collect();
    let numbers: Vec<u16> = free.iter().map(|(port, _)| *port).collect();
    (numbers.len() == count).then_some(Ports { numbers, claim })
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
    fn ports_are_free_and_nobody_elses() {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut numbers = BTreeSet::<u16>::new();
        // None of them listens on its ports yet, and still they are given out once.
        let all: Vec<Ports> = (0..5).map(|_| choose(address, 4).unwrap()).collect();
        for ports in &all {
            numbers.extend(&ports.numbers);
            for port in &ports.numbers {
                drop(TcpListener::bind((address, *port)).unwrap());
            }
        }
        assert_eq!(numbers.len(), 20);
    }
}
