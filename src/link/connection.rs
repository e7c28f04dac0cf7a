//! One connection through the link: admitted, dialled, pumped both ways and closed as it ended.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::active::{Asking, Hold};
use super::counters::Counters;
use super::fault::Admission;
use super::lane::Lane;
use super::observer::Observer;
use super::pump::{Over, Pump};
use super::rules::Rules;
use super::timer::Timer;
use super::turns::Turns;
use crate::clock::monotonic_ns;
use crate::plan::Direction;

/// What every connection of a link shares.
#[derive(Debug)]
pub struct Shared {
    /// Address and port, or name and port; resolved for each connection.
    pub upstream: String,
    pub buffer_bytes: usize,
    pub rules: Arc<Rules>,
    pub counters: Arc<Counters>,
    pub observer: Option<Arc<dyn Observer>>,
}

/// How long a connection that a fault has closed still takes what its peers send: unread bytes would
/// turn the good close into a reset, and the peer would lose what it has not read yet.
const LINGER: Duration = Duration::from_millis(500);

/// Serves one accepted connection until it ends.
pub async fn serve(shared: Arc<Shared>, client: TcpStream) {
    let open = Open::new(Arc::clone(&shared.counters));
    let mut connection = Connection {
        number: open.number,
        // Subscribed before the first look, so that no change is missed.
        changes: shared.rules.subscribe(),
        holds: Vec::new(),
        accepted_ns: Some(monotonic_ns()),
        turns: Arc::default(),
        shared,
    };
    match connection.dial().await {
        Some(upstream) => connection.relay(client, upstream).await,
        None => abort(client),
    }
}

struct Connection {
    number: u64,
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    /// Keeps faults that apply to the whole connection from ending before it has seen their end.
    holds: Vec<Hold>,
    /// `None` once the upstream has been dialled.
    accepted_ns: Option<u64>,
    turns: Arc<Turns>,
}

impl Connection {
    /// Connects to the upstream as soon as the faults allow; `None` when the client is to be reset.
    async fn dial(&mut self) -> Option<TcpStream> {
        loop {
            match self.admit() {
                Admission::Serve => break,
                Admission::Hold => changed(&mut self.changes).await,
                Admission::Wait { until_ns } => {
                    let mut timer = Timer::default();
                    tokio::select! {
                        () = poll_fn(|cx| timer.poll(cx, until_ns)) => {}
                        () = changed(&mut self.changes) => {}
                    }
                }
                Admission::Reset => return None,
            }
        }
        self.accepted_ns = None;
        // Dialled once: a second attempt would show the upstream a connection that nobody uses.
        let upstream = self.shared.upstream.clone();
        let dialling = TcpStream::connect(upstream);
        tokio::pin!(dialling);
        loop {
            tokio::select! {
                biased;
                // An upstream that refuses is a reset to the client: it never sees a good close.
                dialled = &mut dialling => return dialled.ok(),
                () = changed(&mut self.changes) => {}
            }
            if self.admit() == Admission::Reset {
                return None;
            }
        }
    }

    /// Pumps both ways until both have ended, or one is reset.
    async fn relay(mut self, mut client: TcpStream, mut upstream: TcpStream) {
        // Without it, Nagle and delayed acknowledgements add 40 ms. It fails on dead sockets only.
        let _ = client.set_nodelay(true);
        let _ = upstream.set_nodelay(true);
        let ended = {
            let (client_read, client_write) = client.split();
            let (upstream_read, upstream_write) = upstream.split();
            let rules = &self.shared.rules;
            let up = self.lane(Direction::Up);
            let down = self.lane(Direction::Down);
            let mut pair = Pair {
                up: Some(Pump::new(
                    client_read,
                    upstream_write,
                    Arc::clone(rules),
                    up,
                )),
                down: Some(Pump::new(
                    upstream_read,
                    client_write,
                    Arc::clone(rules),
                    down,
                )),
                down_first: false,
            };
            loop {
                if self.admit() == Admission::Reset {
                    break Ended::Reset;
                }
                tokio::select! {
                    biased;
                    ended = poll_fn(|cx| pair.poll(cx)) => break ended,
                    // Both pumps are polled again, and look at the rules first.
                    () = changed(&mut self.changes) => {}
                }
            }
        };
        match ended {
            Ended::Well => {}
            Ended::Closed => {
                tokio::join!(close(client), close(upstream));
            }
            Ended::Reset => {
                abort(client);
                abort(upstream);
            }
        }
    }

    fn lane(&self, direction: Direction) -> Lane {
        let counters = Arc::clone(&self.shared.counters);
        let turns = Arc::clone(&self.turns);
        let observer = match direction {
            Direction::Up => self.shared.observer.as_ref(),
            Direction::Down | Direction::Both => None,
        };
        let watch = observer.map(|observer| observer.connection());
        let buffer_bytes = self.shared.buffer_bytes;
        Lane::new(self.number, direction, buffer_bytes, counters, turns).watched(watch)
    }

    fn admit(&mut self) -> Admission {
        self.holds.clear();
        let asking = Asking {
            connection: self.number,
            accepted_ns: self.accepted_ns,
            now_ns: monotonic_ns(),
        };
        self.shared.rules.admit(asking, &mut self.holds)
    }
}

/// Closes a connection with RST instead of FIN; what the kernel still held of it is lost.
fn abort(stream: TcpStream) {
    // The option can only fail on a socket that is gone already, and then there is nobody to tell.
    let _ = stream.set_zero_linger();
}

/// Closes a connection with FIN, and reads on for a moment so that it stays one.
async fn close(mut stream: TcpStream) {
    let reading = async {
        // It fails on dead sockets only, and then there is nothing to read either.
        let _ = stream.shutdown().await;
        let mut unwanted = [0; 4096];
        while matches!(stream.read(&mut unwanted).await, Ok(1..)) {}
    };
    // Whether the peer has closed in time or not, the socket goes now.
    let _ = tokio::time::timeout(LINGER, reading).await;
}

/// Waits for a fault to begin or end.
async fn changed(changes: &mut watch::Receiver<()>) {
    // The sender lives in the shared rules: it cannot go first.
    let _ = changes.changed().await;
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Both streams ended and were passed on.
    Well,
    /// A fault closes it.
    Closed,
    /// It is to be reset on both sides.
    Reset,
}

/// The two pumps; `None` once its stream has ended well.
struct Pair<'a> {
    up: Option<Pump<'a>>,
    down: Option<Pump<'a>>,
    /// They take turns: one that never rests, until the runtime stops the task, starves the other.
    down_first: bool,
}

impl Pair<'_> {
    /// Ready with how the connection is to be ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        let (one, other) = if self.down_first {
            (&mut self.down, &mut self.up)
        } else {
            (&mut self.up, &mut self.down)
        };
        self.down_first = !self.down_first;
        let first = poll_one(one, other, cx);
        let second = poll_one(other, one, cx);
        let last = match second {
            // The other pump has been told, and must look at it now.
            Moved::SinkBroke => poll_one(one, other, cx),
            Moved::Well | Moved::Closed | Moved::Reset => second,
        };
        let either = |moved| first == moved || last == moved;
        if either(Moved::Reset) {
            Poll::Ready(Ended::Reset)
        } else if either(Moved::Closed) {
            Poll::Ready(Ended::Closed)
        } else if self.up.is_none() && self.down.is_none() {
            Poll::Ready(Ended::Well)
        } else {
            Poll::Pending
        }
    }
}

/// What came of moving one pump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    /// It goes on, or has ended well.
    Well,
    /// Its sink was reset: the reset travels the other way, with the other pump.
    SinkBroke,
    /// The connection is to be closed on both sides.
    Closed,
    /// The connection is to be reset on both sides.
    Reset,
}

fn poll_one<'a>(
    pump: &mut Option<Pump<'a>>,
    other: &mut Option<Pump<'a>>,
    cx: &mut Context<'_>,
) -> Moved {
    let Some(running) = pump else {
        return Moved::Well;
    };
    let Poll::Ready(over) = running.poll(cx) else {
        return Moved::Well;
    };
    *pump = None;
    match (over, other) {
        (Over::Finished, _) => Moved::Well,
        (Over::Closed, _) => Moved::Closed,
        (Over::Broken, Some(other)) => {
            other.source_broke();
            Moved::SinkBroke
        }
        (Over::Reset, _) | (Over::Broken, None) => Moved::Reset,
    }
}

/// Counts a connection as open for as long as it lives.
struct Open {
    number: u64,
    counters: Arc<Counters>,
}

impl Open {
    fn new(counters: Arc<Counters>) -> Self {
        Self {
            number: counters.opened(),
            counters,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.counters.closed();
    }
}
