//! What a target is: a program, a container, or something that is there already.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::super::super::file::{
    ExternalFile, LongContainerFile, ProcessFile, SignalFile, StopFile, TemplateFile,
};
use super::super::super::header::HeaderValue;
use super::super::super::problem::Finding;
use super::super::super::units::Bytes;
use super::super::{HOUR, Planner, SECOND};
use super::LOG_LIMIT;
use crate::plan::images::known_image;
use crate::plan::secret::Secret;
use crate::plan::{
    ContainerNetwork, ContainerTarget, ExternalTarget, FileText, ImagePlan, ProcessTarget, StopPlan,
};

/// The folder in a working folder that is the program's own.
const DATA: &str = "data";
/// Whether this executable can run containers.
const CONTAINERS_BUILT_IN: bool = cfg!(feature = "containers");

impl Planner<'_> {
    pub(super) fn process(&mut self, path: &str, file: &ProcessFile) -> Option<ProcessTarget> {
        let command = file.command.clone()?;
        // A path that is one starts at the scenario; a bare name is looked up where programs are.
        let command = match command.contains('/') && !command.contains("{{") {
            true => {
                let found = self.beside(&command);
                if !found.is_file() {
                    let message = format!("there is no file {}", found.display());
                    let help = "the path starts at the scenario's folder; a bare name is looked up in PATH";
                    self.problem(&format!("{path}.command"), message, help);
                }
                std::path::absolute(&found)
                    .unwrap_or(found)
                    .display()
                    .to_string()
            }
            false => command,
        };
        let (env, secret_env) = self.environment(&format!("{path}.env"), file.env.as_ref());
        let disk_bytes = file
            .disk
            .map(|bytes| self.bytes(&format!("{path}.disk"), bytes.0, 64 << 10, 1 << 30));
        Some(ProcessTarget {
            command,
            args: file.args.clone().unwrap_or_default(),
            env,
            secret_env,
            files: self.template_files(&format!("{path}.files"), file.files.as_ref(), false),
            stop: self.stop(&format!("{path}.stop"), file.stop),
            log_limit_bytes: self.log_limit(path, file.log_limit),
            disk_bytes,
        })
    }

    pub(super) fn container(
        &mut self,
        path: &str,
        file: &LongContainerFile,
    ) -> Option<ContainerTarget> {
        if !CONTAINERS_BUILT_IN {
            let help = "build it with its default features, or run the collector as a process: `target: { process: .. }`";
            self.problem(path, "this squall was built without containers", help);
        }
        let image = match (&file.image, &file.build) {
            (Some(_), Some(_)) => {
                let span = self.document.key_span(&format!("{path}.build"));
                let finding = Finding::new(span, "`image` and `build` cannot stand together")
                    .help("exactly one of them");
                self.findings.push(finding);
                return None;
            }
            (Some(image), None) => ImagePlan::Name(image_name(image)),
            (None, Some(build)) => {
                let folder = self.beside(build);
                if !folder.join("Dockerfile").is_file() {
                    let message = format!("there is no Dockerfile in {}", folder.display());
                    let help =
                        "the folder of a Dockerfile; the path starts at the scenario's folder";
                    self.problem(&format!("{path}.build"), message, help);
                }
                let folder = std::path::absolute(&folder).unwrap_or(folder);
                ImagePlan::Build(folder.display().to_string())
            }
            (None, None) => return None,
        };
        let (env, secret_env) = self.environment(&format!("{path}.env"), file.env.as_ref());
        let cpus = file.cpus.map(|cpus| {
            let cpus = self.count(&format!("{path}.cpus"), Some(cpus), 1.0, 0.01..=1024.0);
            (cpus * 1000.0).round() as u32
        });
        let mut files = self.template_files(&format!("{path}.files"), file.files.as_ref(), true);
        if let Some(known) = file.image.as_deref().and_then(known_image) {
            let config = files.entry(known.config.to_owned());
            config.or_insert_with(|| FileText::Written(known.text.to_owned()));
        }
        let default_network = match cfg!(target_os = "linux") {
            true => ContainerNetwork::Host,
            // There, engines live in a virtual machine.
            false => ContainerNetwork::Bridge,
        };
        Some(ContainerTarget {
            image,
            args: file.args.clone().unwrap_or_default(),
            env,
            secret_env,
            files,
            stop: self.stop(&format!("{path}.stop"), file.stop),
            log_limit_bytes: self.log_limit(path, file.log_limit),
            cpu_millicores: cpus,
            memory_bytes: file
                .memory
                .map(|bytes| self.bytes(&format!("{path}.memory"), bytes.0, 6 << 20, 1 << 40)),
            network: file.network.unwrap_or(default_network),
            user: file.user.clone(),
        })
    }

    pub(super) fn external(&mut self, path: &str, file: &ExternalFile) -> Option<ExternalTarget> {
        let endpoint = file.endpoint.clone()?;
        let help = "an address with its port, such as `collector.example:4317`";
        let well_formed = |address: &str| {
            let port = address
                .rsplit_once(':')
                .map(|(host, port)| (host, port.parse::<u16>()));
            matches!(port, Some((host, Ok(port))) if !host.is_empty() && port > 0)
        };
        if !well_formed(&endpoint) {
            let message = format!("`{endpoint}` is not an address");
            self.problem(&format!("{path}.endpoint"), message, help);
        }
        if let Some(address) = &file.returns_to
            && address.parse::<std::net::SocketAddr>().is_err()
        {
            let message = format!("`{address}` is not an address of this machine");
            let help = "an IP address with a port, such as `127.0.0.1:14317` or `0.0.0.0:14317`";
            self.problem(&format!("{path}.returns_to"), message, help);
        }
        Some(ExternalTarget {
            endpoint,
            returns_to: file.returns_to.clone(),
        })
    }

    pub(in crate::scenario::into_plan) fn environment(
        &mut self,
        path: &str,
        given: Option<&BTreeMap<String, HeaderValue>>,
    ) -> (BTreeMap<String, String>, BTreeMap<String, Secret>) {
        let (mut plain, mut secret) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in given.into_iter().flatten() {
            let path = format!("{path}.{name}");
            if name.is_empty() || name.contains(['=', '\0']) {
                let span = self.document.key_span(&path);
                let finding = Finding::new(span, "this cannot be a variable's name")
                    .help("a name without `=`");
                self.findings.push(finding);
            }
            match value {
                HeaderValue::Literal(text) => {
                    plain.insert(name.clone(), text.reveal().to_owned());
                }
                HeaderValue::From(source) => {
                    if let Some(value) = self.looked_up(&path, source) {
                        secret.insert(name.clone(), value);
                    }
                }
            }
        }
        (plain, secret)
    }

    fn template_files(
        &mut self,
        path: &str,
        given: Option<&BTreeMap<String, TemplateFile>>,
        absolute: bool,
    ) -> BTreeMap<String, FileText> {
        let mut files = BTreeMap::new();
        for (name, file) in given.into_iter().flatten() {
            let path = format!("{path}.{name}");
            let inside = Path::new(name);
            let plain = |part: Component<'_>| {
                matches!(part, Component::Normal(_)) || (absolute && part == Component::RootDir)
            };
            let first = inside.components().find(|part| *part != Component::RootDir);
            let of_program = !absolute && first == Some(Component::Normal(DATA.as_ref()));
            if of_program {
                let span = self.document.key_span(&path);
                let message =
                    format!("`{name}` is the program's own: squall leaves `{DATA}` to it");
                let help = "another name; `{{ data }}` stands for that folder";
                self.findings.push(Finding::new(span, message).help(help));
            } else if inside.is_absolute() != absolute
                || first.is_none()
                || !inside.components().all(plain)
            {
                let help = match absolute {
                    true => "the whole path in the container, such as `/etc/otelcol/config.yaml`",
                    false => "a path within the working folder, such as `config.yaml`",
                };
                let span = self.document.key_span(&path);
                let message = format!("`{name}` cannot be the path of a file there");
                self.findings.push(Finding::new(span, message).help(help));
            }
            let text = match file {
                TemplateFile::Text(text) => Some(FileText::Written(text.clone())),
                TemplateFile::From(file) => {
                    let key = format!("{path}.from");
                    let help = "a file; the path starts at the scenario's folder";
                    let from = self.required(&key, file.from.as_ref(), help);
                    from.and_then(|from| {
                        let from = self.beside(from);
                        let read = std::fs::read_to_string(&from);
                        if let Err(error) = &read {
                            let message = format!("{} cannot be read: {error}", from.display());
                            self.problem(&key, message, help);
                        }
                        let from = std::path::absolute(&from).unwrap_or(from);
                        let from = from.display().to_string();
                        read.ok().map(|text| FileText::read(from, text))
                    })
                }
            };
            let text = text.unwrap_or_else(|| FileText::Written(String::new()));
            files.insert(name.clone(), text);
        }
        files
    }

    fn stop(&mut self, path: &str, file: Option<StopFile>) -> StopPlan {
        let file = file.unwrap_or_default();
        let signal = match file.signal.unwrap_or(SignalFile::Term) {
            SignalFile::Term => 15,
            SignalFile::Int => 2,
            SignalFile::Quit => 3,
            SignalFile::Hup => 1,
        };
        StopPlan {
            signal,
            grace_ns: self.time(&format!("{path}.grace"), file.grace, 10 * SECOND, 0..=HOUR),
        }
    }

    pub(in crate::scenario::into_plan) fn log_limit(
        &mut self,
        path: &str,
        given: Option<Bytes>,
    ) -> u64 {
        let bytes = given.map_or(LOG_LIMIT, |bytes| bytes.0);
        self.bytes(&format!("{path}.log_limit"), bytes, 4096, 1 << 40)
    }
}

/// What the engine is asked for.
fn image_name(name: &str) -> String {
    known_image(name)
        .map_or(name, |known| known.image)
        .to_owned()
}
