//! What the client's role is told of a program of the user's own: where it sends and how, in OpenTelemetry's
//! own variables.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::certificates::Certificates;
use super::target::{Kept, environment, write_file};
use crate::plan::secret::Secret;
use crate::plan::template::render;
use crate::plan::{ClientPlan, CommandPlan, Compression};
use crate::role::control::ProcessSetup;

/// What its output is called among the logs.
const OUTPUT: &str = "client-output";
/// In the run's folder: what it is given.
const FOLDER: &str = "client";
/// SIGTERM.
const STOP_SIGNAL: i32 = 15;

/// What the role is told. `endpoint` is a URL.
pub(super) fn setup(
    client: &ClientPlan,
    command: &CommandPlan,
    endpoint: &str,
    certificates: Option<&Certificates>,
    run_folder: &Path,
    kept: &mut Kept,
) -> Result<ProcessSetup, String> {
    let squall = std::env::current_exe().map_err(|error| error.to_string())?;
    let values = values(endpoint, &squall);
    let fill = |text: &String| render(text, &values).map_err(|error| error.to_string());
    let mut run = command.run.iter().map(fill);
    let program = run.next().ok_or("no program is named")??;
    let args = run.collect::<Result<_, _>>()?;
    let mut env = BTreeMap::new();
    for (name, text) in &command.env {
        env.insert(name.clone(), fill(text)?);
    }
    let (mut env, mut secrets) = environment(env, &command.secret_env);
    env.extend(variables(client, endpoint));
    if !client.headers.is_empty() {
        let headers = headers(&client.headers);
        env.insert("OTEL_EXPORTER_OTLP_HEADERS".to_owned(), headers.clone());
        secrets.push(headers);
        secrets.extend(
            client
                .headers
                .values()
                .map(|value| value.reveal().to_owned()),
        );
    }
    if let Some(certificates) = certificates {
        let files = certificate_files(certificates, &run_folder.join(FOLDER), kept);
        env.extend(files.map_err(|error| format!("its certificates cannot be written: {error}"))?);
    }
    Ok(ProcessSetup {
        command: program,
        args,
        env,
        folder: PathBuf::from(&command.folder),
        log: super::process::log_path(run_folder, OUTPUT),
        log_limit_bytes: command.log_limit_bytes,
        stop_signal: STOP_SIGNAL,
        grace_ns: client.shutdown_timeout_ns,
        secrets,
        disk: None,
    })
}

/// What its texts stand for.
fn values(endpoint: &str, squall: &Path) -> BTreeMap<String, String> {
    let address = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, address)| address);
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    [
        ("export", address.to_owned()),
        ("export.host", host.to_owned()),
        ("export.port", port.to_owned()),
        ("export.url", endpoint.to_owned()),
        ("squall", squall.display().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Where it sends, and how.
fn variables(client: &ClientPlan, endpoint: &str) -> Vec<(String, String)> {
    let compression = match client.compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    };
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", client.protocol.as_str()),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
    ]
    .into_iter()
    // Some SDKs know no name for none.
    .filter(|(_, value)| *value != "none")
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// `name=value,name=value`, values percent-encoded as in the W3C's baggage.
fn headers(headers: &BTreeMap<String, Secret>) -> String {
    let pairs = headers.iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={}", encoded(value.reveal())));
    pairs.collect::<Vec<_>>().join(",")
}

fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Writes what it needs for TLS, and says in which variables the paths stand.
fn certificate_files(
    certificates: &Certificates,
    folder: &Path,
    kept: &mut Kept,
) -> io::Result<Vec<(String, String)>> {
    let folder = std::path::absolute(folder)?;
    let tls = certificates.for_client();
    let mut files = vec![("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem", tls.ca)];
    if let Some((cert, key)) = tls.identity {
        files.push(("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "cert.pem", cert));
        files.push(("OTEL_EXPORTER_OTLP_CLIENT_KEY", "key.pem", key));
        kept.keep_key(folder.join("key.pem"));
    }
    let mut variables = Vec::new();
    for (name, file, text) in files {
        let path = folder.join(file);
        write_file(&path, &text)?;
        variables.push((name.to_owned(), path.display().to_string()));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Protocol;
    use crate::plan::fixture::plan;

    fn command(run: &[&str]) -> CommandPlan {
        CommandPlan {
            run: run.iter().map(|text| (*text).to_owned()).collect(),
            folder: "/".to_owned(),
            env: [("APP_TO".to_owned(), "{{ export }}".to_owned())].into(),
            secret_env: [("APP_KEY".to_owned(), Secret::new("k1"))].into(),
            log_limit_bytes: 4096,
        }
    }

    #[test]
    fn it_is_told_where_and_how_by_the_standard_variables() {
        let mut client = plan().client;
        client.protocol = Protocol::HttpProtobuf;
        client.compression = Compression::Gzip;
        client.headers = [
            ("x-key".to_owned(), Secret::new("a b,c")),
            ("y".to_owned(), Secret::new("z")),
        ]
        .into();
        let command = command(&["app", "--to={{ export.url }}", "{{ export.port }}"]);
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Kept::default();
        let endpoint = "http://127.0.0.1:4318";
        let setup = setup(&client, &command, endpoint, None, folder.path(), &mut kept).unwrap();
        assert_eq!(setup.command, "app");
        assert_eq!(setup.args, ["--to=http://127.0.0.1:4318", "4318"]);
        let env: Vec<(&str, &str)> = setup
            .env
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            env,
            [
                ("APP_KEY", "k1"),
                ("APP_TO", "127.0.0.1:4318"),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
                ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b%2Cc,y=z"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ]
        );
        for secret in ["k1", "a b,c", "z", "x-key=a%20b%2Cc,y=z"] {
            assert!(
                setup.secrets.iter().any(|known| known == secret),
                "{secret}"
            );
        }
        assert!(!format!("{setup:?}").contains("k1"));
    }
}
