//! A Python interpreter with the clients that tests need.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python interpreter that has what `requirements.txt` and `alone.txt` of `tests/python` name, or why
/// there is none.
///
/// `SQUALL_PYTHON` names one; otherwise a virtual environment is made once under `target/`.
pub fn python() -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("SQUALL_PYTHON") {
        return Ok(given.into());
    }
    let lists = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let (requirements, without_dependencies) =
        (lists.join("requirements.txt"), lists.join("alone.txt"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-sdk");
    let python = folder.join("bin/python");
    let installed = folder.join("requirements.txt");
    let _alone = alone("python-sdk.lock")?;
    let read = |path: &Path| std::fs::read(path).map_err(|error| error.to_string());
    let wanted = [read(&requirements)?, read(&without_dependencies)?].concat();
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    for (list, options) in [
        (&requirements, &[][..]),
        (&without_dependencies, &["--no-deps"]),
    ] {
        run(Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--retries=1",
                "--timeout=15",
            ])
            .args(options)
            .arg("--requirement")
            .arg(list))?;
    }
    // Written last: an installation that was broken off is made again.
    std::fs::write(&installed, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

/// Keeps other test programs from installing the same at the same time, until it is dropped.
pub fn alone(name: &str) -> Result<File, String> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let file = File::create(path).map_err(|error| error.to_string())?;
    file.lock().map_err(|error| error.to_string())?;
    Ok(file)
}

/// Runs a command to its end; what it said where it failed.
pub fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {}", output.status, words.trim()))
}
