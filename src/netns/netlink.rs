//! The few requests to the kernel's routing socket that a link needs: a veth pair, an interface up,
//! an address, a fixed neighbour. Each is answered before the next is sent.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::net::{RecvFlags, SendFlags, recv, send};

/// A hardware address.
pub type Mac = [u8; 6];

/// One end of a veth pair.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    pub name: &'a str,
    pub index: i32,
    pub mac: Mac,
}

// From the kernel's `linux/rtnetlink.h`, `if_link.h`, `if_addr.h` and `neighbour.h`.
const NLM_ACK: u16 = 0x1 | 0x4;
const NLM_CREATE: u16 = 0x400;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NUD_PERMANENT: u16 = 0x80;
const HEADER_BYTES: usize = 16;

/// A routing socket in one namespace.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

impl Netlink {
    pub const fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        self.0.as_fd()
    }

    /// Makes a veth pair: `here` in this namespace, `there` in the other one.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_veth(
        &self,
        here: End<'_>,
        there: End<'_>,
        namespace: BorrowedFd<'_>,
        mtu_bytes: u32,
    ) -> io::Result<()> {
        let mut request = Request::new(libc::RTM_NEWLINK, NLM_CREATE);
        request.end(here, mtu_bytes);
        request.nested(IFLA_LINKINFO, |info| {
            info.attribute(IFLA_INFO_KIND, b"veth");
            info.nested(IFLA_INFO_DATA, |data| {
                data.nested(VETH_INFO_PEER, |peer| {
                    peer.end(there, mtu_bytes);
                    peer.attribute(IFLA_NET_NS_FD, &namespace.as_raw_fd().to_ne_bytes());
                });
            });
        });
        self.ask(request)
    }

    /// Brings an interface up.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn up(&self, index: i32) -> io::Result<()> {
        let mut request = Request::new(libc::RTM_NEWLINK, 0);
        request.interface(index, libc::IFF_UP as u32);
        self.ask(request)
    }

    /// Gives an interface an address in a network of `prefix` bits.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_address(&self, index: i32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut request = Request::new(libc::RTM_NEWADDR, NLM_CREATE);
        request
            .0
            .extend_from_slice(&[libc::AF_INET as u8, prefix, 0, 0]);
        request.0.extend_from_slice(&index.to_ne_bytes());
        request.attribute(IFA_LOCAL, &address.octets());
        request.attribute(IFA_ADDRESS, &address.octets());
        self.ask(request)
    }

    /// Tells where a neighbour is, for good, so that nobody has to ask over the link.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_neighbour(&self, index: i32, address: Ipv4Addr, mac: Mac) -> io::Result<()> {
        let mut request = Request::new(libc::RTM_NEWNEIGH, NLM_CREATE);
        request.0.extend_from_slice(&[libc::AF_INET as u8, 0, 0, 0]);
        request.0.extend_from_slice(&index.to_ne_bytes());
        request.0.extend_from_slice(&NUD_PERMANENT.to_ne_bytes());
        request.0.extend_from_slice(&[0, 0]);
        request.attribute(NDA_DST, &address.octets());
        request.attribute(NDA_LLADDR, &mac);
        self.ask(request)
    }

    fn ask(&self, request: Request) -> io::Result<()> {
        send(&self.0, &request.finish(), SendFlags::empty())?;
        let mut answer = [0_u8; 4096];
        let (len, _) = recv(&self.0, &mut answer[..], RecvFlags::empty())?;
        acknowledged(&answer[..len])
    }
}

/// Reads an acknowledgement: an error message with an error number, which is 0 for none.
fn acknowledged(answer: &[u8]) -> io::Result<()> {
    let number = answer
        .get(HEADER_BYTES..HEADER_BYTES + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(i32::from_ne_bytes);
    match number {
        Some(0) => Ok(()),
        Some(negative) => Err(io::Error::from_raw_os_error(-negative)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A request in the making.
struct Request(Vec<u8>);

impl Request {
    fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | NLM_ACK).to_ne_bytes());
        Self(bytes)
    }

    /// `ifinfomsg`: which interface, and which flags it shall have.
    fn interface(&mut self, index: i32, flags: u32) {
        self.0.extend_from_slice(&[0; 4]);
        self.0.extend_from_slice(&index.to_ne_bytes());
        self.0.extend_from_slice(&flags.to_ne_bytes());
        self.0.extend_from_slice(&flags.to_ne_bytes());
    }

    fn end(&mut self, end: End<'_>, mtu_bytes: u32) {
        self.interface(end.index, 0);
        let name: Vec<u8> = end.name.bytes().chain([0]).collect();
        self.attribute(IFLA_IFNAME, &name);
        self.attribute(IFLA_ADDRESS, &end.mac);
        self.attribute(IFLA_MTU, &mtu_bytes.to_ne_bytes());
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.nested(kind, |inner| inner.0.extend_from_slice(value));
    }

    fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let at = self.0.len();
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&kind.to_ne_bytes());
        fill(self);
        // No attribute here is near the 64 KiB that a length can say.
        let len = (self.0.len() - at) as u16;
        self.0[at..at + 2].copy_from_slice(&len.to_ne_bytes());
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        let len = self.0.len() as u32;
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_nest_and_are_padded() {
        let mut request = Request::new(16, 0);
        request.nested(18, |outer| outer.attribute(1, b"veth!"));
        let bytes = request.finish();
        assert_eq!(bytes.len(), 16 + 4 + 12);
        assert_eq!(u32::from_ne_bytes(bytes[..4].try_into().unwrap()), 32);
        assert_eq!(u16::from_ne_bytes(bytes[16..18].try_into().unwrap()), 16);
        assert_eq!(
            u16::from_ne_bytes(bytes[20..22].try_into().unwrap()),
            9,
            "without padding"
        );
        assert_eq!(&bytes[24..32], b"veth!\0\0\0");
    }

    #[test]
    fn a_refusal_is_an_error_and_a_short_answer_too() {
        let mut answer = [0_u8; 20];
        assert!(acknowledged(&answer).is_ok());
        answer[16..20].copy_from_slice(&(-1_i32).to_ne_bytes());
        assert_eq!(acknowledged(&answer).unwrap_err().raw_os_error(), Some(1));
        assert!(acknowledged(&answer[..18]).is_err());
    }
}
