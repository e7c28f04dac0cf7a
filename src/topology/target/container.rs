//! What the role of a target in a container is told.

use std::path::PathBuf;

use super::{FOR_ALL, Kept, OURS_ALONE, Prepared, environment};
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
    kept: &mut Kept,
) -> Result<ContainerSpec, String> {
    let fill = |text: &str| render(text, &prepared.values).map_err(|error| error.to_string());
    let mut mounts = vec![Mount {
        host: prepared.folder.clone(),
        container: FOLDER.to_owned(),
        read_only: false,
    }];
    let mode = match target.user {
        Some(_) => FOR_ALL,
        None => OURS_ALONE,
    };
    for (path, text) in &target.files {
        let beside = format!("{FILES}{path}");
        kept.keep(text, prepared.folder.join(&beside));
        prepared
            .write(&beside, &fill(text.reveal())?, mode)
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
        args: target
            .args
            .iter()
            .map(|arg| fill(arg))
            .collect::<Result<_, _>>()?,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::net::{IpAddr, Ipv4Addr};
    use std::path::Path;

    use super::super::{Surroundings, setup};
    use super::*;
    use crate::plan::secret::Secret;
    use crate::plan::{
        ContainerNetwork, FileText, Place, ReadyPlan, ReadySign, StopPlan, TargetKind, TargetPlan,
        Transport,
    };
    use crate::role::control::{self, ProgramProbe, ProgramReady, TargetSetup};

    fn told(network: ContainerNetwork, run_folder: &Path) -> TargetSetup {
        told_as(network, None, run_folder)
    }

    fn told_as(network: ContainerNetwork, user: Option<&str>, run_folder: &Path) -> TargetSetup {
        let map = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), text.to_owned())]);
        let secret = Secret::new("hush".to_owned());
        let kind = TargetKind::Container(ContainerTarget {
            image: ImagePlan::Name("collector:1".to_owned()),
            args: vec![
                "--listen={{ listen.grpc }}".to_owned(),
                "{{ data }}".to_owned(),
            ],
            env: map("NEXT", "{{ export.url }}"),
            secret_env: BTreeMap::from([("TOKEN".to_owned(), secret)]),
            files: BTreeMap::from([(
                "/etc/collector.yaml".to_owned(),
                FileText::Written("port: {{ listen.grpc.port }}".to_owned()),
            )]),
            stop: StopPlan {
                signal: 15,
                grace_ns: 1,
            },
            log_limit_bytes: 4096,
            cpu_millicores: Some(1500),
            memory_bytes: None,
            network,
            user: user.map(str::to_owned),
        });
        let target = TargetPlan {
            name: "collector".to_owned(),
            kind,
            exports: Transport::Grpc,
            to: Some(Place::Sink),
            ready: ReadyPlan {
                sign: ReadySign::Tcp("{{ listen.grpc }}".to_owned()),
                within_ns: 1,
            },
            metrics: None,
        };
        let around = Surroundings {
            run_folder,
            index: 0,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            behind_door: false,
            bridged: target.is_bridged(),
            export: Some("172.17.0.1:9".to_owned()),
            front: None,
            back: None,
        };
        setup(&target, &around, &mut Kept::default()).unwrap().0
    }

    fn spec_of(setup: &TargetSetup) -> &ContainerSpec {
        match &setup.kind {
            control::TargetKind::Container(spec) => spec,
            _ => panic!("it is a container"),
        }
    }

    #[test]
    fn on_the_machines_network_it_listens_where_it_is_spoken_to() {
        let folder = tempfile::tempdir().unwrap();
        let setup = told(ContainerNetwork::Host, folder.path());
        let spec = spec_of(&setup);
        assert_eq!(
            spec.args,
            [
                format!("--listen={}", setup.grpc),
                "/target/data".to_owned()
            ]
        );
        assert_eq!(spec.env["NEXT"], "http://172.17.0.1:9");
        assert_eq!(
            (spec.env["TOKEN"].as_str(), &spec.secrets[..]),
            ("hush", &["hush".to_owned()][..])
        );
        assert!(spec.ports.is_empty());
        assert_eq!(spec.cpus, Some(1.5));
        let [own, file] = &spec.mounts[..] else {
            panic!("{:?}", spec.mounts)
        };
        assert_eq!((own.container.as_str(), own.read_only), ("/target", false));
        assert!(own.host.join("data").is_dir());
        assert_eq!(
            (file.container.as_str(), file.read_only),
            ("/etc/collector.yaml", true)
        );
        let (_, port) = setup.grpc.rsplit_once(':').unwrap();
        assert_eq!(
            fs::read_to_string(&file.host).unwrap(),
            format!("port: {port}")
        );
    }

    #[test]
    fn on_a_bridge_it_listens_on_all_its_addresses_and_is_asked_from_outside() {
        let folder = tempfile::tempdir().unwrap();
        let setup = told(ContainerNetwork::Bridge, folder.path());
        let spec = spec_of(&setup);
        assert_eq!(spec.args[0], "--listen=0.0.0.0:4317");
        let port = spec
            .ports
            .iter()
            .find(|port| port.container == 4317)
            .unwrap();
        assert_eq!(setup.grpc, format!("127.0.0.1:{}", port.host));
        match &setup.ready {
            ProgramReady::Probe(ProgramProbe::Tcp(at)) => assert_eq!(*at, setup.grpc),
            _ => panic!("it is asked whether it accepts connections"),
        }
        let text = fs::read_to_string(&spec.mounts[1].host).unwrap();
        assert_eq!(text, "port: 4317");
    }

    #[test]
    fn another_user_can_read_its_files() {
        use std::os::unix::fs::PermissionsExt as _;
        for (user, mode) in [(None, 0o600), (Some("10001"), 0o644)] {
            let folder = tempfile::tempdir().unwrap();
            let setup = told_as(ContainerNetwork::Host, user, folder.path());
            let file = &spec_of(&setup).mounts[1].host;
            let found = fs::metadata(file).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "as {user:?}");
        }
    }
}
