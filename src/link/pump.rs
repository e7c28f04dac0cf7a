//! Moves bytes one way between two sockets, through a lane.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::fault::{Cut, End};
use super::lane::Lane;
use super::rules::Rules;
use super::timer::Timer;
use crate::clock::monotonic_ns;

/// How a pump ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The source's FIN was passed on, after all its data.
    Finished,
    /// The source was reset, and the sink is to be told.
    Reset,
    /// The sink takes no more: it was reset or has gone.
    Broken,
    /// A fault closes the connection.
    Closed,
}

/// One direction of one connection.
pub struct Pump<'a> {
    source: ReadHalf<'a>,
    sink: WriteHalf<'a>,
    rules: Arc<Rules>,
    lane: Lane,
    timer: Timer,
}

impl<'a> Pump<'a> {
    /// A pump from `source` to `sink`; it moves when it is polled.
    pub fn new(source: ReadHalf<'a>, sink: WriteHalf<'a>, rules: Arc<Rules>, lane: Lane) -> Self {
        Self {
            source,
            sink,
            rules,
            lane,
            timer: Timer::default(),
        }
    }

    /// The source was found reset by the pump of the other direction.
    pub fn source_broke(&mut self) {
        self.lane.finish(End::Reset, monotonic_ns());
    }

    /// Moves what can be moved. Must be polled again when the rules change, too.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        loop {
            self.refresh();
            let next_ns = if self.lane.is_empty() {
                None
            } else {
                self.lane.release(monotonic_ns())
            };
            let cut = self.lane.cut_due();
            if let Some(over) = cut.and_then(|cut| self.cut_now(cut)) {
                return Poll::Ready(over);
            }
            let drained = self.drain(cx);
            let filled = self.fill(cx);
            match drained.max(filled) {
                Step::Refused => return Poll::Ready(Over::Broken),
                Step::Moved => continue,
                Step::Waiting | Step::Idle => {}
            }
            let blocked = drained == Step::Waiting;
            let end_ns = match self.end_due_ns(blocked, next_ns) {
                Some((end, due_ns)) if due_ns <= monotonic_ns() => {
                    return self.pass_end(cx, end);
                }
                // What is never due wakes nobody.
                Some((_, due_ns)) => (due_ns < u64::MAX).then_some(due_ns),
                None => None,
            };
            // A cut after the data waits for the sink, which wakes this task.
            let cut_ns = cut
                .filter(|(cut, _)| *cut != Cut::AfterData || self.lane.is_empty())
                .map(|(_, at_ns)| at_ns);
            match [next_ns, end_ns, cut_ns].into_iter().flatten().min() {
                Some(wake_ns) => ready!(self.timer.poll(cx, wake_ns)),
                None => return Poll::Pending,
            }
        }
    }

    /// Takes up changes of the rules: one atomic load when there is none.
    fn refresh(&mut self) {
        if self.lane.is_stale(&self.rules) {
            self.lane.refresh(&self.rules, monotonic_ns());
        }
    }

    /// Writes once from what the lane has let go.
    fn drain(&mut self, cx: &mut Context<'_>) -> Step {
        // The clock first: a silence that is not known yet begins later than this.
        let began_ns = if self.lane.writable().is_empty() {
            return Step::Idle;
        } else {
            monotonic_ns()
        };
        if self.lane.is_stale(&self.rules) {
            return Step::Moved;
        }
        match Pin::new(&mut self.sink).poll_write(cx, self.lane.writable()) {
            Poll::Ready(Ok(bytes)) => {
                self.refresh();
                self.lane.written(bytes, began_ns);
                Step::Moved
            }
            Poll::Ready(Err(_)) => Step::Refused,
            Poll::Pending => Step::Waiting,
        }
    }

    /// Reads one chunk, and passes it on at once where nothing is in its way.
    fn fill(&mut self, cx: &mut Context<'_>) -> Step {
        if !self.lane.wants_more() {
            return Step::Idle;
        }
        let mut buffer = ReadBuf::new(self.lane.room());
        let Poll::Ready(read) = Pin::new(&mut self.source).poll_read(cx, &mut buffer) else {
            return Step::Waiting;
        };
        let bytes = buffer.filled().len();
        let now_ns = monotonic_ns();
        if read.is_err() {
            self.lane.finish(End::Reset, now_ns);
        } else if bytes == 0 {
            self.lane.finish(End::Fin, now_ns);
        } else {
            self.lane.received(bytes);
            return self.take(cx, bytes, now_ns);
        }
        Step::Moved
    }

    /// Takes the `bytes` that were read. Whoever looks at them does so once they have gone on.
    fn take(&mut self, cx: &mut Context<'_>, bytes: usize, now_ns: u64) -> Step {
        let mut passed = 0;
        if self.lane.is_straight() && !self.lane.is_stale(&self.rules) {
            let wrote = Pin::new(&mut self.sink).poll_write(cx, self.lane.read(bytes));
            let ended_ns = monotonic_ns();
            self.lane.show(bytes, now_ns);
            match wrote {
                Poll::Ready(Ok(written)) => {
                    passed = written;
                    self.refresh();
                    self.lane.passed_straight(written, now_ns, ended_ns);
                }
                Poll::Ready(Err(_)) => return Step::Refused,
                Poll::Pending => {}
            }
        } else {
            self.lane.show(bytes, now_ns);
        }
        if passed < bytes {
            self.lane.keep(passed, bytes, now_ns);
        }
        Step::Moved
    }

    /// How the connection ends by a fault's will, if that is to be now.
    fn cut_now(&self, (cut, at_ns): (Cut, u64)) -> Option<Over> {
        if at_ns > monotonic_ns() {
            return None;
        }
        match cut {
            Cut::Reset => Some(Over::Reset),
            Cut::Close => Some(Over::Closed),
            Cut::AfterData => self.lane.is_empty().then_some(Over::Closed),
        }
    }

    /// The stream's end and when to pass it on. FIN waits for all data to be written; a reset waits
    /// for what is still on its way, and not for a sink that does not read.
    fn end_due_ns(&self, blocked: bool, next_ns: Option<u64>) -> Option<(End, u64)> {
        self.lane.end_due().filter(|(end, _)| {
            let nothing_moves = blocked || next_ns.is_none();
            self.lane.is_empty() || (*end == End::Reset && nothing_moves)
        })
    }

    fn pass_end(&mut self, cx: &mut Context<'_>, end: End) -> Poll<Over> {
        let over = match end {
            End::Reset => Over::Reset,
            End::Fin => match ready!(Pin::new(&mut self.sink).poll_shutdown(cx)) {
                Ok(()) => Over::Finished,
                Err(_) => Over::Broken,
            },
        };
        self.lane.end_passed();
        Poll::Ready(over)
    }
}

/// How far one attempt to move bytes came; the later the more it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// Nothing to do.
    Idle,
    /// The socket is not ready.
    Waiting,
    /// Something moved, or must be looked at again.
    Moved,
    /// The sink takes no more.
    Refused,
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::link::observer::Watch;
    use crate::plan::Direction;

    /// Looks how much has arrived at the far end by the time that it is asked to read.
    struct Late {
        far: std::net::TcpStream,
        arrived: Arc<AtomicUsize>,
    }

    impl Watch for Late {
        fn up_read(&mut self, _: &[u8], _: u64) {
            let arrived = self.far.peek(&mut [0; 16]).unwrap_or(0);
            self.arrived.store(arrived, Ordering::Relaxed);
        }

        fn up_written(&mut self, _: &[u8], _: u64) {}
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(near, listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    #[tokio::test]
    async fn whoever_looks_does_not_hold_up_what_passes() {
        let ((mut client, mut source), (mut sink, far)) = (pair().await, pair().await);
        let arrived = Arc::new(AtomicUsize::new(0));
        let watch = Late {
            // Stays non-blocking.
            far: far.into_std().unwrap(),
            arrived: Arc::clone(&arrived),
        };
        let lane = Lane::new(0, Direction::Up, 1 << 16, Arc::default(), Arc::default())
            .watched(Some(Box::new(watch)));
        let rules = Arc::new(Rules::new(1));
        client.write_all(b"request").await.unwrap();
        drop(client);
        let mut pump = Pump::new(source.split().0, sink.split().1, rules, lane);
        let over = std::future::poll_fn(|cx| pump.poll(cx));
        let over = tokio::time::timeout(Duration::from_secs(20), over).await;
        assert_eq!(over, Ok(Over::Finished));
        assert_eq!(arrived.load(Ordering::Relaxed), 7);
    }
}
