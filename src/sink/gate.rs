//! Where a connection's bytes pass before anything else sees them, so that it can be silenced, read
//! slowly, and cut at a byte. Below TLS and HTTP, because neither offers any of this.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

use super::traffic::lock;

/// How often a slow reader looks whether it may read on.
const PACE: Duration = Duration::from_millis(20);
/// The most that a slow reader takes at once.
const SIP_BYTES: usize = 4096;

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// `close`: FIN, or RST where bytes of the sender's lie unread.
    Close,
    /// RST, and what was still to go out is thrown away.
    Reset,
}

/// What befalls the bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    /// They pass.
    Open,
    /// None passes in either direction.
    Silent,
    /// Bytes per second come in; all may go out.
    Slow {
        bytes_per_second: u64,
        since: Instant,
        taken: u64,
    },
}

#[derive(Debug)]
struct State {
    mode: Mode,
    /// Bytes that may still go out before the connection is closed.
    out_left: Option<u64>,
}

/// The handle by which a connection is commanded.
#[derive(Debug)]
pub struct Gate {
    /// False while everything passes: then nothing else is looked at.
    disturbed: AtomicBool,
    state: Mutex<State>,
    cut: watch::Sender<Option<Cut>>,
    /// Whether bytes came that had to wait.
    held: AtomicBool,
    /// Bytes that were read slowly.
    sipped: AtomicU64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            disturbed: AtomicBool::new(false),
            state: Mutex::new(State {
                mode: Mode::Open,
                out_left: None,
            }),
            cut: watch::Sender::new(None),
            held: AtomicBool::new(false),
            sipped: AtomicU64::new(0),
        }
    }
}

impl Gate {
    fn set(&self, mode: Mode) {
        lock(&self.state).mode = mode;
        self.held.store(false, Ordering::Relaxed);
        self.disturbed.store(true, Ordering::Release);
    }

    /// Nothing passes any more. Only a cut ends it.
    pub fn silence(&self) {
        self.set(Mode::Silent);
    }

    /// Reads at most so many bytes per second; with 0, none.
    pub fn slow_down(&self, bytes_per_second: u64) {
        self.set(Mode::Slow {
            bytes_per_second,
            since: Instant::now(),
            taken: 0,
        });
    }

    /// Everything passes again, but for what is cut.
    pub fn open(&self) {
        let mut state = lock(&self.state);
        state.mode = Mode::Open;
        state.out_left = None;
    }

    /// Closes the connection once `bytes` more have gone out.
    pub fn close_after(&self, bytes: u64) {
        lock(&self.state).out_left = Some(bytes);
        self.disturbed.store(true, Ordering::Release);
    }

    /// Cuts the connection now; whether it was not cut before.
    pub fn cut(&self, cut: Cut) -> bool {
        self.disturbed.store(true, Ordering::Release);
        self.cut.send_if_modified(|set| {
            let first = set.is_none();
            set.get_or_insert(cut);
            first
        })
    }

    /// Waits until the connection is cut.
    pub async fn until_cut(&self) {
        // The sender lives as long as `self`.
        let _ = self.cut.subscribe().wait_for(Option::is_some).await;
    }

    /// Whether bytes came that had to wait since the last command.
    pub fn held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Bytes that were read slowly.
    pub fn sipped(&self) -> u64 {
        self.sipped.load(Ordering::Relaxed)
    }

    /// Whether it is cut.
    pub fn is_cut(&self) -> bool {
        self.cut.borrow().is_some()
    }

    /// Bytes that a slow reader may take now; `None` where it need not wait at all.
    fn allowance(&self) -> Option<u64> {
        match lock(&self.state).mode {
            Mode::Open => None,
            Mode::Silent => Some(0),
            Mode::Slow {
                bytes_per_second,
                since,
                taken,
            } => {
                let due = since.elapsed().as_secs_f64() * bytes_per_second as f64;
                Some((due as u64).saturating_sub(taken))
            }
        }
    }

    fn took(&self, bytes: u64) {
        self.sipped.fetch_add(bytes, Ordering::Relaxed);
        if let Mode::Slow { taken, .. } = &mut lock(&self.state).mode {
            *taken += bytes;
        }
    }
}

/// A connection behind its gate.
#[derive(Debug)]
pub struct Gated {
    stream: TcpStream,
    gate: Arc<Gate>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Gated {
    pub fn new(stream: TcpStream, gate: Arc<Gate>) -> Self {
        Self {
            stream,
            gate,
            pause: None,
        }
    }

    /// Pending, and woken when bytes come or the slow reader may look again.
    fn hold(&mut self, cx: &mut Context<'_>, silent: bool) -> Poll<io::Result<()>> {
        let mut byte = [0];
        let mut peeked = ReadBuf::new(&mut byte);
        if let Poll::Ready(Ok(1..)) = self.stream.poll_peek(cx, &mut peeked) {
            self.gate.held.store(true, Ordering::Relaxed);
        }
        if !silent {
            let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(PACE)));
            if pause.as_mut().poll(cx).is_ready() {
                self.pause = None;
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }

    /// How many of `bytes` may go out now; `None` for none, and the connection is about to be cut or
    /// silent.
    fn out_allowed(&self, bytes: usize) -> Option<usize> {
        if !self.gate.disturbed.load(Ordering::Acquire) {
            return Some(bytes);
        }
        let state = lock(&self.gate.state);
        if self.gate.is_cut() || state.mode == Mode::Silent {
            return None;
        }
        match state.out_left {
            None => Some(bytes),
            Some(0) => {
                drop(state);
                self.gate.cut(Cut::Close);
                None
            }
            Some(left) => Some(bytes.min(usize::try_from(left).unwrap_or(usize::MAX))),
        }
    }

    fn went_out(&self, bytes: usize) {
        if self.gate.disturbed.load(Ordering::Acquire)
            && let Some(left) = &mut lock(&self.gate.state).out_left
        {
            *left -= bytes as u64;
            if *left == 0 {
                self.gate.cut(Cut::Close);
            }
        }
    }
}

impl AsyncRead for Gated {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.gate.disturbed.load(Ordering::Acquire) {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        if this.gate.is_cut() {
            return Poll::Pending;
        }
        let Some(allowed) = this.gate.allowance() else {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        };
        let room = SIP_BYTES
            .min(usize::try_from(allowed).unwrap_or(SIP_BYTES))
            .min(buf.remaining());
        if room == 0 {
            let silent = lock(&this.gate.state).mode == Mode::Silent;
            return this.hold(cx, silent);
        }
        let mut sip = [0; SIP_BYTES];
        let mut sip = ReadBuf::new(&mut sip[..room]);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut sip))?;
        buf.put_slice(sip.filled());
        this.gate.took(sip.filled().len() as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Gated {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(allowed) = this.out_allowed(bytes.len()) else {
            return Poll::Pending;
        };
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, &bytes[..allowed]))?;
        this.went_out(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    /// The end is a word, too: who is silent or cut does not say it.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.out_allowed(1).is_none() {
            return Poll::Pending;
        }
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.gate.disturbed.load(Ordering::Acquire) {
            let first = slices.iter().find(|slice| !slice.is_empty());
            return self.poll_write(cx, first.map_or(&[], |slice| slice));
        }
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Drop for Gated {
    fn drop(&mut self) {
        if *self.gate.cut.borrow() == Some(Cut::Reset) {
            // A connection that cannot be reset is closed.
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    async fn pair() -> (TcpStream, Gated, Arc<Gate>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let gate = Arc::new(Gate::default());
        let far = Gated::new(listener.accept().await.unwrap().0, Arc::clone(&gate));
        (near, far, gate)
    }

    #[tokio::test]
    async fn bytes_pass_until_it_is_silent() {
        let (mut near, mut far, gate) = pair().await;
        let mut byte = [0];
        near.write_all(b"a").await.unwrap();
        far.read_exact(&mut byte).await.unwrap();
        far.write_all(b"b").await.unwrap();
        near.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"b");
        gate.silence();
        assert!(timeout(SHORT, far.read_exact(&mut byte)).await.is_err());
        assert!(!gate.held(), "nothing has come");
        near.write_all(b"c").await.unwrap();
        assert!(timeout(SHORT, far.read_exact(&mut byte)).await.is_err());
        assert!(gate.held());
        assert!(timeout(SHORT, far.write_all(b"d")).await.is_err());
        assert!(timeout(SHORT, near.read_exact(&mut byte)).await.is_err());
    }

    #[tokio::test]
    async fn a_slow_reader_keeps_its_speed_and_speeds_up_again() {
        let (mut near, mut far, gate) = pair().await;
        near.write_all(&[7; 3000]).await.unwrap();
        gate.slow_down(10_000);
        let begun = Instant::now();
        let mut bytes = [0; 2000];
        far.read_exact(&mut bytes).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(190));
        assert_eq!(gate.sipped(), 2000);
        gate.slow_down(0);
        assert!(
            timeout(SHORT, far.read_exact(&mut bytes[..1]))
                .await
                .is_err()
        );
        assert!(gate.held());
        gate.open();
        far.read_exact(&mut bytes[..1000]).await.unwrap();
        assert_eq!(gate.sipped(), 2000);
    }

    #[tokio::test]
    async fn it_is_closed_after_exactly_so_many_bytes() {
        let (mut near, mut far, gate) = pair().await;
        far.write_all(&[1; 50]).await.unwrap();
        gate.close_after(100);
        let writing = async {
            tokio::select! {
                () = gate.until_cut() => {}
                _ = far.write_all(&[2; 1000]) => unreachable!("it all went out"),
            }
        };
        writing.await;
        drop(far);
        let mut came = Vec::new();
        near.read_to_end(&mut came).await.unwrap();
        assert_eq!(came.len(), 150);
    }

    #[tokio::test]
    async fn a_reset_is_seen_as_one_and_a_close_is_not() {
        let (mut near, far, gate) = pair().await;
        assert!(gate.cut(Cut::Reset));
        assert!(!gate.cut(Cut::Close), "it is cut already");
        drop(far);
        let error = near.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

        let (mut near, far, gate) = pair().await;
        gate.cut(Cut::Close);
        drop(far);
        assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
    }
}
