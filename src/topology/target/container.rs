//! What the role of a target in a container is told.

use std::path::PathBuf;

use super::{Prepared, environment};
use crate::plan::template::render;
use crate::plan::{ContainerTarget, ImagePlan};
use crate::role::control::{ContainerMount as Mount, ContainerSpec, ImageSource};

/// Where it sees its working folder.
pub(super) const FOLDER: &str = "/target";
/// In that folder: what is mounted elsewhere as well.
const FILES: &str = "files";

/// The container, its files written and mounted.
pub(super) fn spec(
    target: &ContainerTarget,
    prepared: &Prepared,
    log: PathBuf,
) -> Result<ContainerSpec, String> {
    let fill = |text: &String| render(text, &prepared.values).map_err(|error| error.to_string());
    let mut mounts = vec![Mount {
        host: prepared.folder.clone(),
        container: FOLDER.to_owned(),
        read_only: false,
    }];
    for (path, text) in &target.files {
        let beside = format!("{FILES}{path}");
        prepared
            .write(&beside, &fill(text)?)
            .map_err(|error| format!("{path} cannot be written: {error}"))?;
        mounts.push(Mount {
            host: prepared.folder.join(beside),
            container: path.clone(),
            read_only: true,
        });
    }
    let env = target.env.iter();
    let env = env.map(|(name, text)| Ok((name.clone(), fill(text)?)));
    let (env, secrets) = environment(env.collect::<Result<_, String>>()?, &target.secret_env);
    Ok(ContainerSpec {
        image: match &target.image {
            ImagePlan::Name(name) => ImageSource::Name(name.clone()),
            ImagePlan::Build(folder) => ImageSource::Folder(PathBuf::from(folder)),
        },
        args: target.args.iter().map(fill).collect::<Result<_, _>>()?,
        env,
        secrets,
        network: target.network,
        ports: prepared.ports.clone(),
        mounts,
        cpus: target.cpu_millicores.map(|cores| f64::from(cores) / 1000.0),
        memory_bytes: target.memory_bytes,
        user: target.user.clone(),
        log,
        log_limit_bytes: target.log_limit_bytes,
        stop_signal: target.stop.signal,
        grace_ns: target.stop.grace_ns,
    })
}
