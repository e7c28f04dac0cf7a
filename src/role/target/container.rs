//! A program that squall runs in a container.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::setup::{ProgramReady, TargetSetup};
use super::subject::{Sampler, Subject, Trouble};
use crate::clock::monotonic_ns;
use crate::evidence::ProcessSample;
use crate::role::keeper::handle::Keeper;
use crate::role::keeper::{Keeping, Making};
use crate::target::container::engine::{self, EngineError};
use crate::target::container::running::Running;
use crate::target::container::statistics::{Current, Live, Statistics};
use crate::target::container::{ContainerSpec, ImageSource, image, leftovers};
use crate::target::supervised::without_secrets;

/// A target in a container. Each start is a new container of the same image: what has to live on
/// stands in a folder that is mounted.
pub struct Container {
    spec: ContainerSpec,
    ready: ProgramReady,
    ready_deadline: Duration,
    /// Its label, which no other target has.
    target: String,
    engine: Option<Engine>,
    running: Option<Running>,
    current: watch::Sender<Current>,
}

/// What there is once, for all of its containers.
struct Engine {
    docker: engine::Docker,
    /// The image's name, pulled or built.
    image: String,
    keeper: Keeper,
}

impl Container {
    pub fn new(setup: &TargetSetup, spec: &ContainerSpec) -> Self {
        Self {
            spec: spec.clone(),
            ready: setup.ready.clone(),
            ready_deadline: Duration::from_nanos(setup.ready_deadline_ns),
            target: format!("{}-{:x}", std::process::id(), monotonic_ns()),
            engine: None,
            running: None,
            current: watch::Sender::new(None),
        }
    }

    /// Finds the engine and makes sure of the image, the first time.
    async fn prepare(&mut self) -> Result<&mut Engine, Trouble> {
        if self.engine.is_none() {
            let docker = engine::connect().await.map_err(trouble)?;
            if self.spec.user.is_none() {
                self.spec.user = engine::user_like_us(&docker).await.map_err(trouble)?;
            }
            let mut keeper = Keeper::start(&Keeping::Containers {
                target: self.target.clone(),
            })
            .await
            .map_err(unkept)?;
            let image = match &self.spec.image {
                ImageSource::Name(name) => {
                    let there = image::pull_unless_there(&docker, name).await;
                    there.map_err(trouble)?;
                    name.clone()
                }
                ImageSource::Folder(folder) => {
                    let tag = leftovers::image_tag(&self.target);
                    keeper.tell(Making::Begun).await.map_err(unkept)?;
                    let built = image::build(&docker, folder, &tag).await;
                    keeper.tell(Making::Done).await.map_err(unkept)?;
                    built.map_err(trouble)?;
                    tag
                }
            };
            self.engine = Some(Engine {
                docker,
                image,
                keeper,
            });
        }
        self.engine
            .as_mut()
            .ok_or_else(|| Trouble::Failed("the engine is gone".to_owned()))
    }

    fn tell_current(&self, stopped: bool) {
        let live = self.engine.as_ref().zip(self.running.as_ref());
        self.current
            .send_replace(live.map(|(engine, running)| Live {
                docker: engine.docker.clone(),
                id: running.id().to_owned(),
                stopped,
            }));
    }

    async fn pause(&mut self, paused: bool) -> Result<(), Trouble> {
        if let Some(running) = &mut self.running {
            running.pause(paused).await.map_err(trouble)?;
            self.tell_current(paused);
        }
        Ok(())
    }

    /// Removes what a start has left that was broken off or failed.
    async fn sweep(&mut self) -> Result<(), Trouble> {
        self.running = None;
        self.tell_current(false);
        match &self.engine {
            None => Ok(()),
            Some(engine) => leftovers::remove_containers(&engine.docker, &self.target)
                .await
                .map_err(trouble),
        }
    }
}

pub(super) fn trouble(error: EngineError) -> Trouble {
    let why = error.to_string();
    match error.help() {
        None => Trouble::Failed(why),
        Some(help) => Trouble::Refused {
            why,
            help: help.to_owned(),
        },
    }
}

fn unkept(error: crate::role::stdio::RoleError) -> Trouble {
    Trouble::Failed(format!("there is nobody to remove containers: {error}"))
}

#[async_trait(?Send)]
impl Subject for Container {
    async fn start(&mut self) -> Result<Option<u32>, Trouble> {
        self.prepare().await?;
        let spec = self.spec.clone();
        let (ready, target) = (self.ready.clone(), self.target.clone());
        let deadline = self.ready_deadline;
        let engine = self.prepare().await?;
        engine.keeper.tell(Making::Begun).await.map_err(unkept)?;
        let started = Running::start(&engine.docker, &spec, &engine.image, &target, &ready).await;
        engine.keeper.tell(Making::Done).await.map_err(unkept)?;
        let ready_or_not = match started {
            Ok((running, heard)) => {
                let running = self.running.insert(running);
                let pid = running.pid;
                let ready = running.get_ready(&ready, deadline, heard).await;
                ready.map(|()| pid)
            }
            Err(error) => Err(error),
        };
        match ready_or_not {
            Ok(pid) => {
                self.tell_current(false);
                Ok(Some(pid))
            }
            Err(error) => {
                // What stood in the way is what has to be told.
                let _ = self.sweep().await;
                Err(match trouble(error) {
                    Trouble::Failed(why) => {
                        Trouble::Failed(without_secrets(&self.spec.secrets, &why))
                    }
                    refused => refused,
                })
            }
        }
    }

    async fn kill(&mut self) -> Result<Option<String>, Trouble> {
        let exit = match self.running.take() {
            None => None,
            Some(running) => Some(running.kill().await.map_err(trouble)?),
        };
        self.sweep().await?;
        Ok(exit)
    }

    async fn stop(&mut self) -> Result<Option<String>, Trouble> {
        let grace = Duration::from_nanos(self.spec.grace_ns);
        let exit = match self.running.take() {
            None => None,
            Some(running) => {
                let stopped = running.stop(self.spec.stop_signal, grace).await;
                let (exit, had_to_be_killed) = stopped.map_err(trouble)?;
                Some(if had_to_be_killed {
                    let seconds = grace.as_secs_f64();
                    format!("{exit}, for it had not ended {seconds} s after it was asked to")
                } else {
                    exit
                })
            }
        };
        self.sweep().await?;
        Ok(exit)
    }

    async fn pause(&mut self) -> Result<(), Trouble> {
        Container::pause(self, true).await
    }

    async fn resume(&mut self) -> Result<(), Trouble> {
        Container::pause(self, false).await
    }

    async fn ended(&mut self) -> String {
        match &mut self.running {
            Some(running) => running.ended().await,
            None => std::future::pending().await,
        }
    }

    fn sampler(&self) -> Option<Box<dyn Sampler>> {
        Some(Box::new(Statistics::new(self.current.subscribe())))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(engine) = &mut self.engine {
            engine.keeper.end();
        }
    }
}

#[async_trait]
impl Sampler for Statistics {
    async fn sample(&mut self, at_ns: u64) -> Option<ProcessSample> {
        Statistics::sample(self, at_ns).await
    }
}
