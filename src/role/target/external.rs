//! A program that somebody else runs: squall only asks whether it is ready.

use std::time::Duration;

use async_trait::async_trait;

use super::setup::ProgramReady;
use super::subject::{Sampler, Subject, Trouble};
use crate::target::probe::{self, Probe};

/// Between two questions whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// A program that runs already.
pub struct External {
    probe: Probe,
    deadline: Duration,
    is_up: bool,
}

impl External {
    /// # Errors
    /// When it is to be ready by what it says, which squall does not hear.
    pub fn new(ready: &ProgramReady, deadline: Duration) -> Result<Self, Trouble> {
        match ready {
            ProgramReady::Probe(probe) => Ok(Self {
                probe: probe.clone(),
                deadline,
                is_up: false,
            }),
            ProgramReady::Says(_) | ProgramReady::Started => Err(Trouble::Failed(
                "squall does not hear what an external target says: ask a port, an HTTP path or its \
                 gRPC health instead"
                    .to_owned(),
            )),
        }
    }
}

fn out_of_reach<T>(what: &str) -> Result<T, Trouble> {
    Err(Trouble::Failed(format!(
        "an external target is not squall's to {what}: make it a process or a container of the scenario"
    )))
}

#[async_trait(?Send)]
impl Subject for External {
    async fn start(&mut self) -> Result<Option<u32>, Trouble> {
        if self.is_up {
            return out_of_reach("start");
        }
        let mut last = String::new();
        let ready = async {
            while let Err(why) = probe::ask(&self.probe).await {
                last = why;
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        match tokio::time::timeout(self.deadline, ready).await {
            Ok(()) => {
                self.is_up = true;
                Ok(None)
            }
            Err(_) => Err(Trouble::Failed(format!(
                "the external target was not ready within {} s: {last}",
                self.deadline.as_secs_f64()
            ))),
        }
    }

    async fn kill(&mut self) -> Result<Option<String>, Trouble> {
        out_of_reach("kill")
    }

    async fn stop(&mut self) -> Result<Option<String>, Trouble> {
        out_of_reach("stop")
    }

    async fn finish(&mut self) -> Result<Option<String>, Trouble> {
        Ok(None)
    }

    async fn pause(&mut self) -> Result<(), Trouble> {
        out_of_reach("pause")
    }

    async fn resume(&mut self) -> Result<(), Trouble> {
        out_of_reach("resume")
    }

    async fn ended(&mut self) -> String {
        std::future::pending().await
    }

    fn sampler(&self) -> Option<Box<dyn Sampler>> {
        None
    }
}
