//! What a target role can do with what it looks after, whatever that is.

use async_trait::async_trait;

use crate::evidence::ProcessSample;
pub use crate::target::disk::Filler;

/// Why something could not be done, in words that hold nothing of the set-up.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// This machine does not allow it, or does not have what it needs.
    #[error("{why}")]
    Refused {
        why: String,
        /// What to allow, or what there is instead.
        help: String,
    },
    #[error("{0}")]
    Failed(String),
}

/// A program under test. At most one call is under way at a time; samples are taken beside it.
#[async_trait(?Send)]
pub trait Subject {
    /// Starts it and waits until it is ready; its pid, 0 where it has none on this machine, and
    /// nothing where squall does not start it. When this fails, nothing of it is left.
    ///
    /// May be dropped halfway; `kill` or `stop` is then called next and ends what there is.
    ///
    /// # Errors
    /// When it cannot be started, ends at once, or is not ready in time.
    async fn start(&mut self) -> Result<Option<u32>, Trouble>;

    /// Kills it with everything that it has started; how it ended, where it ran.
    ///
    /// # Errors
    /// When it cannot be killed.
    async fn kill(&mut self) -> Result<Option<String>, Trouble>;

    /// Asks it to end, and kills it when it has not within its grace; how it ended, where it ran.
    ///
    /// # Errors
    /// When it can be neither asked nor killed.
    async fn stop(&mut self) -> Result<Option<String>, Trouble>;

    /// At the end of the run: leaves nothing behind.
    ///
    /// # Errors
    /// When it can be neither asked nor killed.
    async fn finish(&mut self) -> Result<Option<String>, Trouble> {
        self.stop().await
    }

    /// Stops the whole of it; nothing happens where it does not run.
    ///
    /// # Errors
    /// When it cannot be paused.
    async fn pause(&mut self) -> Result<(), Trouble>;

    /// Lets the whole of it go on; nothing happens where it does not run.
    ///
    /// # Errors
    /// When it cannot be resumed.
    async fn resume(&mut self) -> Result<(), Trouble>;

    /// Waits until it has ended of itself, and says how; forever, where it does not run. May be
    /// dropped halfway. `kill` is called next, for what it has left behind.
    async fn ended(&mut self) -> String;

    /// Fills its disk until nothing more fits.
    ///
    /// # Errors
    /// When it has no disk of its own.
    async fn fill_disk(&mut self) -> Result<Filler, Trouble> {
        Err(no_disk())
    }

    /// Removes what filled its disk.
    ///
    /// # Errors
    /// When it has no disk of its own.
    async fn free_disk(&mut self) -> Result<Filler, Trouble> {
        Err(no_disk())
    }

    /// Takes samples of it from now on, over all its restarts; nothing where there is nothing to see.
    fn sampler(&self) -> Option<Box<dyn Sampler>>;
}

/// Takes samples of a subject while it is started, stopped and started again.
#[async_trait]
pub trait Sampler: Send {
    /// The whole of it now; nothing while it does not run. Its counters never fall.
    async fn sample(&mut self, at_ns: u64) -> Option<ProcessSample>;
}

/// It has no disk that could be filled: the machine's own is not.
pub fn no_disk() -> Trouble {
    Trouble::Failed(
        "the target has no small disk of its own to fill; the machine's is left alone".to_owned(),
    )
}
