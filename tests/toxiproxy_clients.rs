//! Toxiproxy clients that nobody here wrote drive `squall proxy`.

use std::path::{Path, PathBuf};
use std::process::Command;

use common::proxy::Proxy;
use common::python::{alone, python, run};

mod common;

/// The folder of `tests/node` with its packages installed below `target/`, or why there is none.
fn node_folder() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node");
    run(Command::new("node").arg("--version"))?;
    let _alone = alone("node.lock")?;
    let text = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(&folder).map_err(text)?;
    std::fs::copy(source.join("drive.js"), folder.join("drive.js")).map_err(text)?;
    let installed = folder.join("installed.json");
    let wanted = std::fs::read(source.join("package.json")).map_err(text)?;
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    std::fs::write(folder.join("package.json"), &wanted).map_err(text)?;
    run(Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
        .args(["--fetch-retries=1", "--fetch-timeout=15000"])
        .current_dir(&folder))?;
    // Written last: an installation that was broken off is made again.
    std::fs::write(&installed, wanted).map_err(text)?;
    Ok(folder)
}

/// Runs a client against a fresh proxy; nothing in the surroundings may redirect it.
fn drive(client: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().to_lowercase().ends_with("_proxy") {
            client.env_remove(&name);
        }
    }
    run(client).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn toxiproxy_python_drives_it() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            common::require("python", &reason);
            return;
        }
    };
    let proxy = Proxy::start(&[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/toxiproxy_drive.py");
    let (host, port) = (proxy.api.ip().to_string(), proxy.api.port().to_string());
    drive(Command::new(python).arg(script).args([host, port]));
}

#[test]
fn toxiproxy_node_client_drives_it() {
    let folder = match node_folder() {
        Ok(folder) => folder,
        Err(reason) => {
            common::require("node", &reason);
            return;
        }
    };
    let proxy = Proxy::start(&[]);
    let mut node = Command::new("node");
    node.current_dir(folder).arg("drive.js");
    drive(node.arg(proxy.api.to_string()));
}
