//! The thread on which the crate runs: it may not be used where tokio runs, and may panic.

use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::sync::oneshot;
use tokio::time::timeout;
use toxiproxy_rust::client::Client;

use super::{ClientError, TIME_LIMIT};

/// Calls that may wait for one that hangs: the crate gives up after 30 s only.
const WAITING: usize = 4;

type Job = Box<dyn FnOnce(&Client) + Send>;

/// The thread; it ends once this is dropped and its call has come back.
pub struct CrateThread {
    server: SocketAddr,
    jobs: SyncSender<Job>,
}

impl fmt::Debug for CrateThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrateThread({})", self.server)
    }
}

impl CrateThread {
    /// # Errors
    /// When no thread can be started.
    pub fn start(server: SocketAddr) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("toxiproxy".to_owned())
            .spawn(move || work(server, &waiting))?;
        Ok(Self { server, jobs })
    }

    /// Runs `call` on the thread and waits for what it returns, within the limit.
    ///
    /// # Errors
    /// When it takes too long, fails or panics.
    pub async fn call<T: Send + 'static>(
        &self,
        what: &str,
        call: impl FnOnce(&Client) -> Result<T, String> + Send + 'static,
    ) -> Result<T, ClientError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |client| {
            // Nobody listens any more once the limit has passed.
            let _ = answer.send(call(client));
        });
        let hangs = || ClientError::Hangs {
            server: self.server,
            what: what.to_owned(),
        };
        self.jobs.try_send(job).map_err(|_| hangs())?;
        let why = match timeout(TIME_LIMIT, answered).await {
            Err(_) => return Err(hangs()),
            Ok(Ok(Ok(value))) => return Ok(value),
            Ok(Ok(Err(why))) => why,
            // The job's panic took the other end along; the thread has said why on standard error.
            Ok(Err(_)) => "its client panicked".to_owned(),
        };
        Err(ClientError::Unreachable {
            server: self.server,
            what: what.to_owned(),
            why,
        })
    }
}

/// Works until nobody can send a job any more. A panic poisons the crate's client for good, so the
/// next job gets a new one.
fn work(server: SocketAddr, jobs: &Receiver<Job>) {
    let mut kept: Option<Client> = None;
    while let Ok(job) = jobs.recv() {
        let known = kept.take();
        kept = catch_unwind(AssertUnwindSafe(|| {
            let client = known.unwrap_or_else(|| Client::new(server));
            job(&client);
            client
        }))
        .ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_next_call_works() {
        let server = "127.0.0.1:1".parse().unwrap();
        let thread = CrateThread::start(server).unwrap();
        let panicked = thread.call("panic", |_| -> Result<(), String> { panic!("on purpose") });
        let error = panicked.await.unwrap_err().to_string();
        assert!(error.contains("cannot be reached (panic)"), "{error}");
        assert_eq!(thread.call("work", |_| Ok(7)).await.unwrap(), 7);
        // Port 1 refuses: the crate panics while it holds its lock, and is made anew.
        let refused = thread.call("reset", |client| client.reset());
        assert!(refused.await.is_err());
        assert_eq!(thread.call("work", |_| Ok(8)).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn a_server_that_hangs_is_told_within_the_limit() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let thread = CrateThread::start(server).unwrap();
        let began = std::time::Instant::now();
        let error = thread
            .call("reset", |client| client.reset())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("does not answer (reset, 2 s)"), "{error}");
        assert!(error.contains("restart it"), "{error}");
        assert!(began.elapsed() < 2 * TIME_LIMIT);
    }
}
