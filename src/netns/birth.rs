//! Makes the three namespaces of a link: client side, middle, sink side.
//!
//! A process of many threads may not enter a user namespace. So a short-lived copy of this process
//! makes the namespaces, opens a few descriptors in them and hands these over. Afterwards nothing
//! but our descriptors holds them, so they are gone when we are, however we die.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socket_with,
    socketpair,
};
use rustix::process::{Pid, WaitOptions, waitpid};

use super::NetnsError;
use super::advice::Switches;
use super::netlink::Netlink;
use super::sys;

/// Descriptors that are handed over at most.
const DESCRIPTORS_MAX: usize = 12;

/// One side's namespace, held by descriptors.
#[derive(Debug)]
pub struct Room {
    pub namespace: OwnedFd,
    pub netlink: Netlink,
    /// `/proc/net/snmp` of this namespace.
    pub snmp: OwnedFd,
    /// `net.ipv4.tcp_congestion_control` of this namespace.
    pub congestion: OwnedFd,
}

/// All that a link is made of.
#[derive(Debug)]
pub struct Born {
    pub client: Room,
    pub sink: Room,
    pub middle: Netlink,
    /// Unbound packet sockets in the middle.
    pub packets: [OwnedFd; 2],
    /// The user namespace that owns them all, where this process may not make network namespaces.
    pub user: Option<OwnedFd>,
}

/// What the copy was doing when the kernel refused.
const STEPS: [&str; 7] = [
    "it worked",
    "a new user namespace",
    "mapping this user into it",
    "a new network namespace",
    "opening a file below /proc",
    "a routing socket (CAP_NET_ADMIN)",
    "a packet socket (CAP_NET_RAW)",
];
const USER: u8 = 1;
const MAP: u8 = 2;
const NET: u8 = 3;
const PROC: u8 = 4;
const ROUTING: u8 = 5;
const PACKET: u8 = 6;

/// Makes the namespaces: plain ones where that is allowed, else in a user namespace.
///
/// # Errors
/// When neither is allowed: says what to allow.
pub fn born() -> Result<Born, NetnsError> {
    let refused = match attempt(None)? {
        Ok(born) => return Ok(born),
        Err(refused) if refused.is_permission() => refused,
        Err(refused) => return Err(refused.explain()),
    };
    let id = Identity::own();
    match attempt(Some(&id))? {
        Ok(born) => Ok(born),
        // Root in a poor container: the plain attempt says more than a second one.
        Err(_) if rustix::process::geteuid().is_root() => Err(refused.explain()),
        Err(refused) => Err(refused.explain()),
    }
}

/// What is written into a user namespace's maps, made before the copy is: this user stays himself.
struct Identity {
    uid_map: String,
    gid_map: String,
}

impl Identity {
    fn own() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        Self {
            uid_map: format!("{uid} {uid} 1\n"),
            gid_map: format!("{gid} {gid} 1\n"),
        }
    }
}

/// The kernel's refusal in the copy.
struct Refusal {
    step: u8,
    source: io::Error,
}

impl Refusal {
    fn is_permission(&self) -> bool {
        self.step == NET && self.source.kind() == io::ErrorKind::PermissionDenied
    }

    fn explain(self) -> NetnsError {
        let read = |path: &str| {
            let text = std::fs::read_to_string(format!("/proc/sys/{path}")).ok()?;
            Some(text.trim().to_owned())
        };
        let switches = Switches {
            apparmor_restricts: read("kernel/apparmor_restrict_unprivileged_userns"),
            userns_clone: read("kernel/unprivileged_userns_clone"),
            user_namespaces_max: read("user/max_user_namespaces"),
            net_namespaces_max: read("user/max_net_namespaces"),
        };
        NetnsError::Refused {
            step: STEPS
                .get(usize::from(self.step))
                .copied()
                .unwrap_or("a strange answer"),
            source: self.source,
            allow: switches.advice(),
        }
    }
}

fn attempt(identity: Option<&Identity>) -> Result<Result<Born, Refusal>, NetnsError> {
    let set_up = |what| move |source| NetnsError::SetUp { what, source };
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(|errno| set_up("a socket pair")(errno.into()))?;
    let pid = sys::in_fork(|| {
        let mut given = Given::default();
        let (step, errno) = match make(identity, &mut given) {
            Ok(()) => (0, 0),
            Err((step, error)) => (step, error.raw_os_error().unwrap_or(libc::EIO)),
        };
        given.hand_over(theirs.as_fd(), step, errno);
    })
    .map_err(set_up("a process that makes namespaces"))?;
    // Ours would keep the socket open, and the wait for an answer endless, if the copy died.
    drop(theirs);
    let answer = receive(ours.as_fd());
    reap(pid);
    let (step, errno, mut descriptors) = answer.map_err(set_up("the namespaces' descriptors"))?;
    if step != 0 {
        let source = io::Error::from_raw_os_error(errno);
        return Ok(Err(Refusal { step, source }));
    }
    let mut next = || {
        descriptors
            .next()
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    };
    let mut sorted = || -> io::Result<Born> {
        let mut room = || -> io::Result<Room> {
            Ok(Room {
                namespace: next()?,
                netlink: Netlink::new(next()?),
                snmp: next()?,
                congestion: next()?,
            })
        };
        Ok(Born {
            client: room()?,
            sink: room()?,
            middle: Netlink::new(next()?),
            packets: [next()?, next()?],
            user: identity.is_some().then(&mut next).transpose()?,
        })
    };
    sorted()
        .map(Ok)
        .map_err(set_up("the namespaces' descriptors"))
}

/// What the copy has opened, without a heap.
#[derive(Default)]
struct Given {
    descriptors: [Option<OwnedFd>; DESCRIPTORS_MAX],
    count: usize,
}

impl Given {
    fn add(&mut self, step: u8, opened: io::Result<OwnedFd>) -> Result<(), (u8, io::Error)> {
        let opened = opened.map_err(|error| (step, error))?;
        if let Some(place) = self.descriptors.get_mut(self.count) {
            *place = Some(opened);
            self.count += 1;
        }
        Ok(())
    }

    fn hand_over(&self, to: BorrowedFd<'_>, step: u8, errno: i32) {
        let errno = errno.to_ne_bytes();
        let message = [step, errno[0], errno[1], errno[2], errno[3]];
        let mut list = [to; DESCRIPTORS_MAX];
        for (place, descriptor) in list.iter_mut().zip(self.descriptors.iter().flatten()) {
            *place = descriptor.as_fd();
        }
        let count = if step == 0 { self.count } else { 0 };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if count > 0 {
            control.push(SendAncillaryMessage::ScmRights(&list[..count]));
        }
        // Nobody is left to tell when the parent has gone.
        let _ = sendmsg(
            to,
            &[IoSlice::new(&message)],
            &mut control,
            SendFlags::NOSIGNAL,
        );
    }
}

/// In the copy: makes everything, with system calls alone.
fn make(identity: Option<&Identity>, given: &mut Given) -> Result<(), (u8, io::Error)> {
    if let Some(identity) = identity {
        sys::unshare(libc::CLONE_NEWUSER).map_err(|error| (USER, error))?;
        map(identity).map_err(|error| (MAP, error))?;
    }
    for _side in 0..2 {
        sys::unshare(libc::CLONE_NEWNET).map_err(|error| (NET, error))?;
        given.add(PROC, sys::open(c"/proc/self/ns/net", libc::O_RDONLY))?;
        given.add(ROUTING, routing_socket())?;
        given.add(PROC, sys::open(c"/proc/self/net/snmp", libc::O_RDONLY))?;
        let congestion = c"/proc/sys/net/ipv4/tcp_congestion_control";
        // Where /proc/sys is read-only, it can still be told what is in force.
        let opened =
            sys::open(congestion, libc::O_RDWR).or_else(|_| sys::open(congestion, libc::O_RDONLY));
        given.add(PROC, opened)?;
    }
    sys::unshare(libc::CLONE_NEWNET).map_err(|error| (NET, error))?;
    given.add(ROUTING, routing_socket())?;
    for _end in 0..2 {
        // Without a protocol it receives nothing until it is bound.
        let socket = socket_with(
            AddressFamily::PACKET,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            None,
        );
        given.add(PACKET, socket.map_err(io::Error::from))?;
    }
    if identity.is_some() {
        given.add(PROC, sys::open(c"/proc/self/ns/user", libc::O_RDONLY))?;
    }
    Ok(())
}

fn routing_socket() -> io::Result<OwnedFd> {
    // No protocol is number 0, which is NETLINK_ROUTE.
    let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    Ok(socket_with(family, kind, SocketFlags::CLOEXEC, None)?)
}

/// Makes this user himself in the new user namespace.
fn map(identity: &Identity) -> io::Result<()> {
    let write = |path, text: &str| -> io::Result<()> {
        let file = sys::open(path, libc::O_WRONLY)?;
        rustix::io::write(&file, text.as_bytes())?;
        Ok(())
    };
    write(c"/proc/self/setgroups", "deny")?;
    write(c"/proc/self/uid_map", &identity.uid_map)?;
    write(c"/proc/self/gid_map", &identity.gid_map)
}

type Answer = (u8, i32, std::vec::IntoIter<OwnedFd>);

fn receive(from: BorrowedFd<'_>) -> io::Result<Answer> {
    let mut message = [0_u8; 5];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let into = &mut [IoSliceMut::new(&mut message)];
        match recvmsg(from, into, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    let mut descriptors = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = part {
            descriptors.extend(received);
        }
    }
    if received.bytes < message.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let [step, errno @ ..] = message;
    Ok((step, i32::from_ne_bytes(errno), descriptors.into_iter()))
}

/// Waits for the copy, which has said all that it had to say.
fn reap(pid: i32) {
    let Some(pid) = Pid::from_raw(pid) else {
        return;
    };
    while let Err(rustix::io::Errno::INTR) = waitpid(Some(pid), WaitOptions::empty()) {}
}
