//! What a result must tell of where it was measured. Nothing that identifies the machine's owner.

use std::collections::BTreeMap;
use std::process::Command;

use crate::plan::secret::REDACTED;

/// Facts of the machine, the checkout and the command line; one that cannot be known is absent.
///
/// Keys: `os`, `arch`, `kernel`, `cpu_model`, `cores`, `memory_bytes`, `tcp_congestion_control`,
/// `squall_version`, `build` (`debug` or `release`, of this executable), `commit`, `dirty` (`true` or `false`, of the checkout around the current
/// directory), `command_line` (secrets redacted).
pub fn environment() -> BTreeMap<String, String> {
    let cores = std::thread::available_parallelism().ok();
    let status = git(&["status", "--porcelain", "--untracked-files=no"]);
    let build = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    let facts = [
        ("os", Some(std::env::consts::OS.to_owned())),
        ("arch", Some(std::env::consts::ARCH.to_owned())),
        ("cores", cores.map(|cores| cores.to_string())),
        ("squall_version", Some(env!("CARGO_PKG_VERSION").to_owned())),
        ("build", Some(build.to_owned())),
        ("commit", git(&["rev-parse", "HEAD"])),
        (
            "dirty",
            status.map(|status| (!status.is_empty()).to_string()),
        ),
        ("command_line", Some(command_line(std::env::args()))),
    ];
    facts
        .into_iter()
        .chain(machine())
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

#[cfg(target_os = "linux")]
fn machine() -> [(&'static str, Option<String>); 4] {
    use procfs::{CpuInfo, Current, Meminfo};

    let read = |path| {
        let text = std::fs::read_to_string(path).ok()?;
        Some(text.trim().to_owned())
    };
    let cpu = CpuInfo::current().ok();
    let model = cpu.and_then(|cpu| cpu.model_name(0).map(str::to_owned));
    let memory = Meminfo::current().ok();
    [
        ("kernel", read("/proc/sys/kernel/osrelease")),
        ("cpu_model", model),
        (
            "memory_bytes",
            memory.map(|memory| memory.mem_total.to_string()),
        ),
        (
            "tcp_congestion_control",
            read("/proc/sys/net/ipv4/tcp_congestion_control"),
        ),
    ]
}

#[cfg(not(target_os = "linux"))]
fn machine() -> [(&'static str, Option<String>); 0] {
    []
}

/// What git prints; `None` without git or outside a checkout.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The command line in one text, as a shell would take it but for quotes, without secrets.
fn command_line(arguments: impl Iterator<Item = String>) -> String {
    arguments
        .map(|argument| redact(&argument))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Hides the value of an argument that sets the client's headers, one of them or all.
fn redact(argument: &str) -> String {
    let setting = argument.strip_prefix("--set=").unwrap_or(argument);
    let before = &argument[..argument.len() - setting.len()];
    match setting.split_once('=') {
        Some((key, _)) if may_hold_headers(key.trim()) => format!("{before}{key}={REDACTED}"),
        _ => argument.to_owned(),
    }
}

fn may_hold_headers(key: &str) -> bool {
    key == "client" || key == "client.headers" || key.starts_with("client.headers.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_and_the_build_are_told() {
        let environment = environment();
        assert_eq!(environment["squall_version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(environment["os"], std::env::consts::OS);
        assert!(environment["cores"].parse::<u32>().unwrap() >= 1);
        assert!(!environment.contains_key("hostname"));
        if cfg!(target_os = "linux") {
            assert!(environment["memory_bytes"].parse::<u64>().unwrap() > 1 << 20);
            assert!(!environment["kernel"].is_empty());
        }
        assert_eq!(
            environment.contains_key("commit"),
            environment.contains_key("dirty")
        );
    }

    #[test]
    fn headers_on_the_command_line_are_redacted() {
        let arguments = [
            "squall",
            "run",
            "file.yaml",
            "--set",
            "client.headers.authorization=Bearer abc=",
            "--set=client.headers.x-key=abc",
            "--set=client.headers={a: abc}",
            "--set",
            "client={headers: {a: abc}}",
            "--set",
            "load.traces.rate=100/s",
        ];
        let line = command_line(arguments.iter().map(|text| (*text).to_owned()));
        assert_eq!(
            line,
            "squall run file.yaml --set client.headers.authorization=<redacted> \
             --set=client.headers.x-key=<redacted> --set=client.headers=<redacted> \
             --set client=<redacted> --set load.traces.rate=100/s"
        );
    }
}
