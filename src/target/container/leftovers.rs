//! What squall has made in an engine, found again by its label and removed.

use std::collections::HashMap;
use std::time::Duration;

use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
};
use tokio::time::{Instant, sleep};

use super::engine::{self, EngineError, is_unknown, words};

/// The label of every container that squall makes; its value says for which target.
pub const LABEL: &str = "squall.target";
/// How long something that was being made may turn up late, and how often it is looked for.
const LATE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The name that an image has which is built for `target`.
pub fn image_tag(target: &str) -> String {
    format!("squall-target:{target}")
}

/// Removes every container of `target`, and the image that was built for it. What `may_come` late
/// is waited for: a request that its maker did not see the end of.
///
/// # Errors
/// When no engine answers, or it refuses.
pub async fn remove(target: &str, may_come: bool) -> Result<(), EngineError> {
    let docker = engine::connect().await?;
    let deadline = Instant::now() + LATE;
    loop {
        let removed = remove_what_there_is(&docker, target).await;
        if !may_come || Instant::now() > deadline {
            return removed;
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn remove_what_there_is(docker: &Docker, target: &str) -> Result<(), EngineError> {
    for id in containers(docker, target).await? {
        remove_container(docker, &id).await?;
    }
    let options = RemoveImageOptionsBuilder::new().force(true).build();
    match docker
        .remove_image(&image_tag(target), Some(options), None)
        .await
    {
        Err(error) if !is_unknown(&error) => Err(EngineError::Control {
            what: "remove the image of",
            why: words(&error),
        }),
        _ => Ok(()),
    }
}

/// Ids of every container of `target`, whatever its state.
async fn containers(docker: &Docker, target: &str) -> Result<Vec<String>, EngineError> {
    let label = format!("{LABEL}={target}");
    let filters = HashMap::from([("label".to_owned(), vec![label])]);
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters)
        .build();
    let found = docker.list_containers(Some(options)).await;
    let found = found.map_err(|error| EngineError::Control {
        what: "list",
        why: words(&error),
    })?;
    Ok(found
        .into_iter()
        .filter_map(|container| container.id)
        .collect())
}

/// Removes a container with its anonymous volumes, running or not.
pub(super) async fn remove_container(docker: &Docker, id: &str) -> Result<(), EngineError> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true);
    match docker.remove_container(id, Some(options.build())).await {
        Err(error) if !is_unknown(&error) && !is_being_removed(&words(&error)) => {
            Err(EngineError::Control {
                what: "remove",
                why: words(&error),
            })
        }
        _ => Ok(()),
    }
}

/// Somebody else removes it at the same time.
fn is_being_removed(why: &str) -> bool {
    why.contains("already in progress")
}

/// Removes every container of `target`, and leaves its image.
///
/// # Errors
/// When the engine refuses.
pub async fn remove_containers(docker: &Docker, target: &str) -> Result<(), EngineError> {
    for id in containers(docker, target).await? {
        remove_container(docker, &id).await?;
    }
    Ok(())
}
