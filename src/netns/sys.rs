//! The unsafe calls: a child that makes namespaces, the door into one, and the shared ring of a
//! packet socket. Nothing else in the module is unsafe.

use std::ffi::CStr;
use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// Frames that are sent with one call.
pub const BATCH: usize = 64;

/// Runs `child` in a forked copy of this process that has only the calling thread, then ends it.
///
/// `child` may only make system calls: no allocation, no lock, no panic, because another thread may
/// have held a lock when the copy was made.
///
/// # Errors
/// When the process cannot be copied.
pub fn in_fork(child: impl FnOnce()) -> io::Result<i32> {
    // SAFETY: the copy runs nothing but `child`, which keeps to system calls, and then ends without
    // running anybody's destructors.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let _end_even_when_it_panics = End;
            child();
            end()
        }
        pid => Ok(pid),
    }
}

/// Ends a copy of this process when it is dropped.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        end();
    }
}

/// Ends the process at once.
fn end() -> ! {
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(0) }
}

/// Gives the calling process, which must have one thread, new namespaces of these kinds.
///
/// # Errors
/// When the kernel refuses.
pub fn unshare(kinds: i32) -> io::Result<()> {
    // SAFETY: only namespaces are unshared, so no memory and no descriptor changes hands.
    check(unsafe { libc::unshare(kinds) })
}

/// Opens a file; makes only system calls.
///
/// # Errors
/// When the kernel refuses.
pub fn open(path: &CStr, flags: i32) -> io::Result<OwnedFd> {
    let path = rustix::fs::open(
        path,
        rustix::fs::OFlags::from_bits_retain(flags as u32) | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )?;
    Ok(path)
}

/// Makes a child of `command` start in these namespaces, the user namespace first, and die with the
/// thread that starts it.
pub fn enter_on_spawn(command: &mut Command, user: Option<OwnedFd>, net: OwnedFd) {
    let parent = std::process::id();
    let enter = move || {
        if let Some(user) = &user {
            set_namespace(user.as_fd(), libc::CLONE_NEWUSER)?;
        }
        set_namespace(net.as_fd(), libc::CLONE_NEWNET)?;
        // SAFETY: two calls that take and return plain numbers.
        let parent_now = unsafe {
            // Last: entering a user namespace resets it.
            check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
            libc::getppid()
        };
        if u32::try_from(parent_now) == Ok(parent) {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(libc::ESRCH))
        }
    };
    // SAFETY: between fork and exec it makes only system calls; its errors carry no allocation.
    unsafe { command.pre_exec(enter) };
}

/// Moves the calling thread into a namespace.
///
/// # Errors
/// When the kernel refuses.
pub fn set_namespace(namespace: BorrowedFd<'_>, kind: i32) -> io::Result<()> {
    // SAFETY: takes a descriptor and a number.
    check(unsafe { libc::setns(namespace.as_raw_fd(), kind) })
}

/// Turns one offload of an interface off, through any socket of its namespace.
///
/// # Errors
/// When the kernel refuses.
pub fn offload_off(socket: BorrowedFd<'_>, interface: &CStr, command: u32) -> io::Result<()> {
    #[repr(C)]
    struct EthtoolValue {
        command: u32,
        value: u32,
    }
    let mut off = EthtoolValue { command, value: 0 };
    // SAFETY: `ifreq` is plain data; zeros are a valid value of it.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(interface.to_bytes()) {
        *to = from.cast_signed() as libc::c_char;
    }
    request.ifr_ifru.ifru_data = (&raw mut off).cast();
    // SAFETY: the request and the value it points to live until the call returns.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) })
}

/// Sets a packet socket's option.
///
/// # Errors
/// When the kernel refuses.
fn set_option<T>(socket: RawFd, option: i32, value: &T) -> io::Result<()> {
    let (value, len) = (std::ptr::from_ref(value).cast(), size_of::<T>());
    // SAFETY: the pointer is valid for `len` bytes during the call.
    check(unsafe {
        libc::setsockopt(
            socket,
            libc::SOL_PACKET,
            option,
            value,
            len as libc::socklen_t,
        )
    })
}

/// Packets that the kernel could not put into the ring since the last call.
///
/// # Errors
/// When the kernel refuses.
pub fn missed_packets(socket: BorrowedFd<'_>) -> io::Result<u64> {
    let mut stats = MaybeUninit::<libc::tpacket_stats>::zeroed();
    let mut len = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes; zeros are a valid value, whatever it writes.
    let stats = unsafe {
        let (fd, at) = (socket.as_raw_fd(), stats.as_mut_ptr().cast());
        check(libc::getsockopt(
            fd,
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            at,
            &raw mut len,
        ))?;
        stats.assume_init()
    };
    Ok(u64::from(stats.tp_drops))
}

/// Sends frames, [`BATCH`] at most; returns how many the kernel took, 1 at least.
///
/// # Errors
/// When it did not take the first.
pub fn send_frames(socket: BorrowedFd<'_>, frames: &[&[u8]]) -> io::Result<usize> {
    // SAFETY: both are plain data; zeros are valid values.
    let (mut parts, mut messages): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
        unsafe { (zeroed(), zeroed()) };
    let count = frames.len().min(BATCH);
    for ((frame, part), message) in frames.iter().zip(&mut parts).zip(&mut messages) {
        part.iov_base = frame.as_ptr().cast_mut().cast();
        part.iov_len = frame.len();
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: `count` headers are filled in; what they point to lives until the call returns, and
    // the kernel only reads the frames.
    let sent =
        unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count as u32, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// What the kernel writes before each frame of a ring (`tpacket2_hdr`).
#[repr(C)]
struct SlotHeader {
    status: AtomicU32,
    len: u32,
    captured: u32,
    frame_at: u16,
    ip_at: u16,
    seconds: u32,
    nanoseconds: u32,
}

/// A frame in the ring.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Wall-clock time at which the kernel got it, in nanoseconds since the Unix epoch.
    pub arrival_unix_ns: u64,
    /// From the Ethernet header on.
    pub bytes: &'a [u8],
    /// Whether the ring's slot was too short for it.
    pub is_cut: bool,
}

/// The receiving ring of a packet socket: memory that the kernel fills and we hand back.
#[derive(Debug)]
pub struct Ring {
    socket: OwnedFd,
    memory: NonNull<u8>,
    memory_bytes: usize,
    slot_bytes: usize,
    slots: usize,
    next: usize,
}

// SAFETY: the memory belongs to this value alone, and the kernel, which minds no thread.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps a ring of about `ring_bytes` for frames of `frame_bytes` at most, and binds the socket
    /// to IPv4 packets that come in by the interface.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn bind(
        socket: OwnedFd,
        interface: i32,
        frame_bytes: usize,
        ring_bytes: usize,
    ) -> io::Result<Self> {
        const HEADROOM_BYTES: usize = 128;
        const BLOCK_BYTES: usize = 64 << 10;
        let fd = socket.as_raw_fd();
        let slot_bytes = (frame_bytes + HEADROOM_BYTES).next_power_of_two();
        let block_bytes = BLOCK_BYTES.max(slot_bytes);
        let blocks = (ring_bytes / block_bytes).max(2);
        let memory_bytes = blocks * block_bytes;
        let slots = memory_bytes / slot_bytes;
        set_option(
            fd,
            libc::PACKET_VERSION,
            &(libc::tpacket_versions::TPACKET_V2 as i32),
        )?;
        set_option(fd, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
        set_option(fd, libc::PACKET_QDISC_BYPASS, &1_i32)?;
        let request = libc::tpacket_req {
            tp_block_size: block_bytes as u32,
            tp_block_nr: blocks as u32,
            tp_frame_size: slot_bytes as u32,
            tp_frame_nr: slots as u32,
        };
        set_option(fd, libc::PACKET_RX_RING, &request)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping where the kernel likes; the length is the ring's.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                memory_bytes,
                access,
                libc::MAP_SHARED,
                fd,
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or_else(io::Error::last_os_error)?;
        let ring = Self {
            socket,
            memory,
            memory_bytes,
            slot_bytes,
            slots,
            next: 0,
        };
        // SAFETY: plain data; zeros are a valid value.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_IP as u16).to_be();
        address.sll_ifindex = interface;
        let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the address lives until the call returns.
        check(unsafe { libc::bind(fd, (&raw const address).cast(), len) })?;
        Ok(ring)
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn header(&self, ahead: usize) -> NonNull<SlotHeader> {
        let slot = (self.next + ahead) % self.slots;
        // SAFETY: the slot is within the mapping, and slots are aligned to a power of two.
        unsafe { self.memory.add(slot * self.slot_bytes).cast() }
    }

    /// The frame `ahead` places behind the next one; `None` when it has not come yet.
    pub fn peek(&self, ahead: usize) -> Option<Frame<'_>> {
        if ahead >= self.slots {
            return None;
        }
        // SAFETY: a slot begins with its header. Only its status changes while it is ours.
        let header = unsafe { self.header(ahead).as_ref() };
        if header.status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        let at = usize::from(header.frame_at).min(self.slot_bytes);
        let len = (header.captured as usize).min(self.slot_bytes - at);
        // SAFETY: within the slot, as just made sure. The kernel leaves it alone until `release`,
        // which needs this borrow to have ended.
        let bytes = unsafe {
            std::slice::from_raw_parts(self.header(ahead).cast::<u8>().add(at).as_ptr(), len)
        };
        Some(Frame {
            arrival_unix_ns: u64::from(header.seconds) * 1_000_000_000
                + u64::from(header.nanoseconds),
            bytes,
            is_cut: header.captured < header.len || len < header.captured as usize,
        })
    }

    /// Hands the next `count` slots back to the kernel.
    pub fn release(&mut self, count: usize) {
        for ahead in 0..count {
            // SAFETY: as in `peek`.
            let header = unsafe { self.header(ahead).as_ref() };
            header
                .status
                .store(libc::TP_STATUS_KERNEL, Ordering::Release);
        }
        self.next = (self.next + count) % self.slots;
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and no borrow of it is left.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.memory_bytes) };
    }
}

fn check(result: i32) -> io::Result<()> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
