//! What a target's role is told: its ports chosen, its templates filled in, its files written.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::certificates::Certificates;
use super::ports;
use crate::plan::secret::Secret;
use crate::plan::template::render;
use crate::plan::{FileText, ReadySign, SelfMetricsPlan, TargetKind, TargetPlan};
use crate::role::control::{
    self, ContainerPort as Port, DiskSetup, ProcessSetup, ProgramProbe, ProgramReady, Ready,
    ScrapeSetup, Selector, TargetSetup,
};

mod container;

/// In a target's folder.
const DATA: &str = "data";
/// In the run's folder.
const TARGETS: &str = "targets";
/// Between the target's deadline and the role's, so that the role is the one that tells.
const ROLE_SLACK: Duration = Duration::from_secs(10);
/// The ports that a target is given, by their names in templates.
const PORTS: [&str; 4] = ["listen.grpc", "listen.http", "status", "metrics"];
/// Ports in a network of squall's own, in which all are free, and by how much those of the next
/// target are higher.
const PORTS_IN_OWN_NETWORK: [u16; 4] = [4317, 4318, 13133, 8888];
const PORTS_APART: u16 = 10;

/// Modes of files: what may hold a key is for this user; a container that runs as another user has to
/// read its files as well.
const OURS_ALONE: u32 = 0o600;
const FOR_ALL: u32 = 0o644;

/// What is kept for as long as a target may be started again.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Keys of certificates beside the targets' files, and those files whose text is not stored. They
    /// are removed once nobody needs them: a run's folder is for others to read.
    keys: Vec<PathBuf>,
    /// What keeps the targets' ports from other squalls.
    claims: Vec<TcpListener>,
}

impl Kept {
    /// A key is written at `path`.
    pub(super) fn keep_key(&mut self, path: PathBuf) {
        self.keys.push(path);
    }

    /// A file was written at `path`; it is removed with the keys if it may hold a secret.
    fn keep(&mut self, text: &FileText, path: PathBuf) {
        if text.from().is_some() {
            self.keys.push(path);
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        for key in &self.keys {
            // One that is gone is what is wanted.
            let _ = fs::remove_file(key);
        }
    }
}

/// Where a target stands.
pub(super) struct Surroundings<'a> {
    pub run_folder: &'a Path,
    /// Of the target, from 0.
    pub index: u8,
    /// On which it listens.
    pub address: IpAddr,
    /// In a network of its own.
    pub behind_door: bool,
    /// In a container, in a network of its own.
    pub bridged: bool,
    /// `HOST:PORT` to which it exports; `None` where that is not squall's to say.
    pub export: Option<String>,
    /// Of the hop that ends at it, where that is encrypted.
    pub front: Option<&'a Certificates>,
    /// Of the hop that begins at it.
    pub back: Option<&'a Certificates>,
}

/// What a target's output is called among the logs.
pub(super) fn output_name(target: &str) -> String {
    format!("{target}-output")
}

/// How long its role may take to get ready.
pub(super) fn deadline(target: &TargetPlan) -> Duration {
    let container = matches!(target.kind, TargetKind::Container(_));
    let fetch = match container {
        true => super::CONTAINER_DEADLINE,
        false => Duration::ZERO,
    };
    Duration::from_nanos(target.ready.within_ns) + ROLE_SLACK + fetch
}

/// What its role is told, where it receives, and what keeps its ports from others during the run.
pub(super) fn setup(
    target: &TargetPlan,
    around: &Surroundings<'_>,
    kept: &mut Kept,
) -> Result<(TargetSetup, Ready), String> {
    let prepared = Prepared::of(target, around, kept).map_err(|error| error.to_string())?;
    // What squall itself asks, it asks from outside.
    let fill_outside =
        |text: &String| render(text, &prepared.outside).map_err(|error| error.to_string());
    let fill = |text: &str| render(text, &prepared.values).map_err(|error| error.to_string());
    let fill_all = |texts: &BTreeMap<String, String>| -> Result<BTreeMap<String, String>, String> {
        let filled = texts.iter();
        filled
            .map(|(name, text)| Ok((name.clone(), fill(text)?)))
            .collect()
    };
    let ready = match &target.ready.sign {
        ReadySign::Tcp(text) => ProgramReady::Probe(ProgramProbe::Tcp(fill_outside(text)?)),
        ReadySign::Http(text) => ProgramReady::Probe(ProgramProbe::Http(fill_outside(text)?)),
        ReadySign::GrpcHealth(text) => {
            ProgramReady::Probe(ProgramProbe::GrpcHealth(fill_outside(text)?))
        }
        ReadySign::Says(text) => ProgramReady::Says(text.clone()),
    };
    let scrape = match &target.metrics {
        Some(metrics) => Some(ScrapeSetup {
            url: fill_outside(&metrics.url)?,
            every_ns: metrics.every_ns,
            series: selectors(metrics)?,
        }),
        None => None,
    };
    let receives = match &target.kind {
        TargetKind::External(external) => Ready {
            grpc: external.endpoint.clone(),
            http: external.endpoint.clone(),
            ..Ready::default()
        },
        TargetKind::Process(_) | TargetKind::Container(_) => prepared.receives.clone(),
    };
    let log = output_name(&target.name);
    let log = super::process::log_path(around.run_folder, &log);
    let kind = match &target.kind {
        TargetKind::Process(process) => {
            for (name, text) in &process.files {
                prepared
                    .write(name, &fill(text.reveal())?, OURS_ALONE)
                    .map_err(|error| format!("{name} cannot be written: {error}"))?;
                kept.keep(text, prepared.folder.join(name));
            }
            let (env, secrets) = environment(fill_all(&process.env)?, &process.secret_env);
            control::TargetKind::Process(ProcessSetup {
                command: fill(&process.command)?,
                args: process
                    .args
                    .iter()
                    .map(|arg| fill(arg))
                    .collect::<Result<_, _>>()?,
                env,
                secrets,
                folder: prepared.folder.clone(),
                log,
                log_limit_bytes: process.log_limit_bytes,
                stop_signal: process.stop.signal,
                grace_ns: process.stop.grace_ns,
                disk: process.disk_bytes.map(|bytes| DiskSetup {
                    bytes,
                    folder: prepared.folder.join(DATA),
                }),
            })
        }
        TargetKind::External(_) => control::TargetKind::External,
        TargetKind::Container(container) => {
            control::TargetKind::Container(container::spec(container, &prepared, log, kept)?)
        }
    };
    let setup = TargetSetup {
        kind,
        ready,
        ready_deadline_ns: target.ready.within_ns,
        grpc: receives.grpc.clone(),
        http: receives.http.clone(),
        scrape,
    };
    Ok((setup, receives))
}

fn selectors(metrics: &SelfMetricsPlan) -> Result<BTreeMap<String, Selector>, String> {
    let series = metrics.series.iter();
    series
        .map(|(name, text)| {
            let selector: Selector = text.parse().map_err(|error| format!("{text}: {error}"))?;
            Ok((name.clone(), selector))
        })
        .collect()
}

/// The whole environment, and what of it must not be shown.
pub(super) fn environment(
    plain: BTreeMap<String, String>,
    secret: &BTreeMap<String, Secret>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let mut all = plain;
    for (name, value) in secret {
        all.insert(name.clone(), value.reveal().to_owned());
    }
    let values = secret.values().map(|value| value.reveal().to_owned());
    (all, values.collect())
}

/// A target's folders, and what its templates stand for.
struct Prepared {
    folder: PathBuf,
    /// Where it sees that folder itself.
    root: PathBuf,
    values: BTreeMap<String, String>,
    /// The same from outside, where squall is.
    outside: BTreeMap<String, String>,
    /// Ports inside, and where they are reached.
    ports: Vec<Port>,
    receives: Ready,
}

impl Prepared {
    fn of(target: &TargetPlan, around: &Surroundings<'_>, kept: &mut Kept) -> io::Result<Self> {
        let folder = around.run_folder.join(TARGETS).join(&target.name);
        let folder = std::path::absolute(folder)?;
        let data = folder.join(DATA);
        fs::create_dir_all(&data)?;
        let root = match &target.kind {
            TargetKind::Container(_) => PathBuf::from(container::FOLDER),
            TargetKind::Process(_) | TargetKind::External(_) => folder.clone(),
        };
        let mut prepared = Self {
            values: BTreeMap::new(),
            outside: BTreeMap::new(),
            ports: Vec::new(),
            receives: Ready::default(),
            root,
            folder,
        };
        let root = prepared.root.clone();
        prepared.set_path("folder", &root);
        prepared.set_path("data", &root.join(DATA));
        prepared.set_path("squall", &std::env::current_exe()?);
        prepared.addresses(around, kept)?;
        let secret = ["tls-key.pem", "export-tls-key.pem"];
        kept.keys
            .extend(secret.map(|file| prepared.folder.join(file)));
        if let Some(front) = around.front {
            let (cert, key) = front.server();
            prepared.pem("tls", "ca", front.authority())?;
            prepared.pem("tls", "cert", cert)?;
            prepared.pem("tls", "key", key)?;
        }
        if let Some(back) = around.back {
            prepared.pem("export.tls", "ca", back.authority())?;
            if let Some((cert, key)) = back.client() {
                prepared.pem("export.tls", "cert", cert)?;
                prepared.pem("export.tls", "key", key)?;
            }
        }
        let mut outside = prepared.values.clone();
        outside.append(&mut prepared.outside);
        prepared.outside = outside;
        Ok(prepared)
    }

    fn set(&mut self, name: &str, value: String) {
        self.values.insert(name.to_owned(), value);
    }

    fn set_path(&mut self, name: &str, path: &Path) {
        self.set(name, path.display().to_string());
    }

    fn addresses(&mut self, around: &Surroundings<'_>, kept: &mut Kept) -> io::Result<()> {
        let ports = match around.behind_door {
            true => PORTS_IN_OWN_NETWORK
                .map(|port| port + PORTS_APART * u16::from(around.index))
                .to_vec(),
            false => {
                let ports = ports::choose(around.address, PORTS.len())?;
                kept.claims.push(ports.claim);
                ports.numbers
            }
        };
        let inside = match around.bridged {
            true => PORTS_IN_OWN_NETWORK.to_vec(),
            false => ports.clone(),
        };
        for ((name, host), container) in PORTS.into_iter().zip(ports).zip(inside) {
            let of = |address: IpAddr, port: u16| {
                [
                    (name.to_owned(), format!("{address}:{port}")),
                    (format!("{name}.host"), address.to_string()),
                    (format!("{name}.port"), port.to_string()),
                ]
            };
            self.outside.extend(of(around.address, host));
            self.values.extend(match around.bridged {
                true => of(Ipv4Addr::UNSPECIFIED.into(), container),
                false => of(around.address, host),
            });
            if around.bridged {
                self.ports.push(Port { container, host });
            }
        }
        let value = |name: &str| self.outside.get(name).cloned().unwrap_or_default();
        self.receives = Ready {
            grpc: value("listen.grpc"),
            http: value("listen.http"),
            ..Ready::default()
        };
        if let Some(export) = &around.export {
            let (host, port) = export.rsplit_once(':').unwrap_or((export, ""));
            // Certificates know this machine by its name as well, and some peers want one.
            let (scheme, shown) = match around.back {
                Some(_) if host == "127.0.0.1" => ("https", "localhost"),
                Some(_) => ("https", host),
                None => ("http", host),
            };
            self.set("export", format!("{shown}:{port}"));
            self.set("export.host", shown.to_owned());
            self.set("export.port", port.to_owned());
            self.set("export.url", format!("{scheme}://{shown}:{port}"));
        }
        Ok(())
    }

    /// Writes a PEM text beside the target's files, and has `PREFIX.NAME` stand for it.
    fn pem(&mut self, prefix: &str, name: &str, text: &str) -> io::Result<()> {
        let file = format!("{}-{name}.pem", prefix.replace('.', "-"));
        self.write(&file, text, OURS_ALONE)?;
        let path = self.root.join(file);
        self.set_path(&format!("{prefix}.{name}"), &path);
        Ok(())
    }

    /// Writes a file of its working folder, for those whom `mode` lets read it.
    fn write(&self, name: &str, text: &str, mode: u32) -> io::Result<()> {
        write_with(&self.folder.join(name), text, mode)
    }
}

/// Writes a file that only this user can read, and the folders above it.
pub(super) fn write_file(path: &Path, text: &str) -> io::Result<()> {
    write_with(path, text, OURS_ALONE)
}

fn write_with(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    if let Some(above) = path.parent() {
        fs::create_dir_all(above)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, OURS_ALONE);
    let mut file = options.open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    // Whatever the mask of new files is.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    Ok(())
}
