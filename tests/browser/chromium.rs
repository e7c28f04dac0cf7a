//! Headless Chromium, offline, with a profile of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Executables that are tried, in order.
const NAMES: [&str; 3] = ["chromium", "google-chrome", "chromium-browser"];

pub struct Browser {
    executable: PathBuf,
}

/// What a page became.
pub struct Seen {
    pub dom: String,
    log: String,
}

impl Browser {
    /// The browser of this machine. Without one the test is skipped, unless `SQUALL_REQUIRE` names it.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let found = NAMES
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
            .find(|candidate| candidate.is_file());
        if found.is_none() {
            let required = std::env::var("SQUALL_REQUIRE").unwrap_or_default();
            assert!(
                !required.split(',').any(|name| name.trim() == "browser"),
                "SQUALL_REQUIRE names the browser, and none of {NAMES:?} is on PATH"
            );
            println!("SKIPPED: none of {NAMES:?} is on PATH");
        }
        found.map(|executable| Self { executable })
    }

    /// Opens a file and waits until its scripts have run.
    pub fn open(&self, page: &Path, dark: bool) -> Seen {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(&self.executable);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // No name is resolved: the page has to do without.
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            "--v=0",
            "--window-size=1400,3200",
        ]);
        if dark {
            command.arg("--blink-settings=preferredColorScheme=0");
        }
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command
            .arg("--dump-dom")
            .arg(format!("file://{}", page.display()));
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        let log = String::from_utf8_lossy(&stderr).into_owned();
        assert!(status.success(), "{status}: {log}");
        Seen {
            dom: String::from_utf8_lossy(&stdout).into_owned(),
            log,
        }
    }
}

impl Seen {
    /// The opening tag of the root element, where the page leaves its word for tests.
    pub fn root(&self) -> &str {
        let start = self.dom.find("<html").unwrap_or(0);
        let end = self.dom[start..]
            .find('>')
            .map_or(self.dom.len(), |end| start + end);
        &self.dom[start..end]
    }

    /// Lines that the page's console wrote: a sound page writes none.
    pub fn console_errors(&self) -> Vec<&str> {
        self.log
            .lines()
            .filter(|line| line.contains(":CONSOLE"))
            .collect()
    }
}
