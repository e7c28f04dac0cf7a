//! `squall report RUN`: rebuilds the reports of a stored run from its record alone.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::record::Record;
use crate::report;
use crate::store::{self, RunFolder, StoreError};

/// Width of the summary where neither a terminal nor `COLUMNS` tells, in columns.
const WIDTH: usize = 100;

/// Arguments of `squall report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without options it writes report.html, report.md and junit.xml again.

Examples:
  squall report latest
  squall report latest --markdown >> summary.md")]
pub struct Args {
    /// Which run: its folder, its name, a unique beginning or end of it, or `latest`
    run: String,
    /// Write only the HTML report, to this file
    #[arg(long, value_name = "PATH")]
    html: Option<PathBuf>,
    /// Print the Markdown report and write nothing
    #[arg(long, group = "printed")]
    markdown: bool,
    /// Print the JUnit XML report and write nothing
    #[arg(long, group = "printed")]
    junit: bool,
    /// Print the summary and write nothing
    #[arg(long, group = "printed")]
    terminal: bool,
    /// Where runs are stored
    #[arg(long, value_name = "DIR", default_value = store::RUNS)]
    results: PathBuf,
}

pub fn run(args: Args) -> Outcome {
    let folder = store::locate(&args.run, &args.results).map_err(CliError::usage)?;
    let record = store::open(&args.run, &args.results).map_err(CliError::usage)?;
    if let Some(path) = &args.html {
        write_elsewhere(path, &report::html::render(&record)).map_err(CliError::usage)?;
    }
    if args.markdown {
        print(&report::markdown::render(&record))?;
    } else if args.junit {
        print(&report::junit::render(&record))?;
    } else if args.terminal {
        print(&terminal_summary(&record))?;
    } else if args.html.is_none() {
        let paths = save_all(&RunFolder::at(folder), &record).map_err(CliError::usage)?;
        print(&(terminal_summary(&record) + &listed(&paths)))?;
    }
    Ok(Exit::Pass)
}

/// Saves `report.html`, `report.md` and `junit.xml` in the run's folder and returns where they are.
///
/// # Errors
/// When one cannot be written.
pub(super) fn save_all(folder: &RunFolder, record: &Record) -> Result<Vec<PathBuf>, StoreError> {
    Ok(vec![
        folder.save_report("report.html", &report::html::render(record))?,
        folder.save_report("report.md", &report::markdown::render(record))?,
        folder.save_report("junit.xml", &report::junit::render(record))?,
    ])
}

/// One path a line, under the summary.
pub(super) fn listed(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| format!("  {}\n", path.display()))
        .collect()
}

/// The summary as this terminal, if it is one, can show it.
pub(super) fn terminal_summary(record: &Record) -> String {
    let (colour, width) = page();
    report::terminal::summary(record, colour, width)
}

/// Whether standard output shows colour, and how many columns it has.
pub(super) fn page() -> (bool, usize) {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let columns = std::env::var("COLUMNS").ok();
    let width = rustix::termios::tcgetwinsize(std::io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|width| *width > 0)
        .or_else(|| columns.and_then(|text| text.parse().ok()));
    (colour, width.unwrap_or(WIDTH))
}

pub(super) fn write_elsewhere(path: &Path, text: &str) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().unwrap_or(path.as_os_str());
    RunFolder::at(folder)
        .save_report(&name.to_string_lossy(), text)
        .map(drop)
}
