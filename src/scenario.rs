//! Scenarios: from a YAML file to a plan, or to everything that is wrong with it.
//!
//! | module | what is in it |
//! |---|---|
//! | `tree` | YAML as a tree with places |
//! | `document` | the file and its overrides as one tree |
//! | `reader` | serde over the tree, which goes on after errors |
//! | `file`, `header`, `units`, `sdk_variables` | the format's types: read by serde, described by the schema |
//! | `into_plan` | defaults, ranges, and what goes with what |
//! | `expression` | expectations |
//! | `storms` | the library of storms, and storm files |
//! | `stored` | `plan.json` of an earlier run |
//! | `problem`, `mask` | what is shown, without secrets |
//! | `schema` | the JSON Schemas |

use std::io::Read;
use std::path::Path;

use crate::plan::Plan;

mod document;
mod expression;
mod file;
mod header;
mod into_plan;
mod mask;
pub mod problem;
mod reader;
pub mod schema;
mod sdk_variables;
mod stored;
pub mod storms;
mod tree;
pub mod units;

use document::{Document, Texts};
pub use problem::Problem;
pub use stored::is_secret;

/// Largest scenario file in bytes.
const MOST_BYTES: u64 = 4 << 20;

/// A scenario to start from, with comments.
pub const STARTING: &str = include_str!("scenario/starting.yaml");

/// Reads a scenario, or a stored plan, and puts `key=value` overrides into it.
///
/// # Errors
/// Everything that is wrong, in the order of the file.
pub fn load(path: &Path, overrides: &[String]) -> Result<Plan, Vec<Problem>> {
    let name = path.display().to_string();
    let text = read_text(path).map_err(|problem| vec![problem])?;
    load_text(&name, &text, overrides)
}

/// The same for a text. Paths in it start at `name`'s folder.
///
/// # Errors
/// Everything that is wrong, in the order of the text.
pub fn load_text(name: &str, text: &str, overrides: &[String]) -> Result<Plan, Vec<Problem>> {
    let texts = Texts::new(name, text, overrides);
    if stored::is_plan(text) {
        return stored::read(text, overrides).map_err(|findings| texts.problems(None, findings));
    }
    const HELP: &str = "`squall init` writes a scenario to start from";
    let mut findings = Vec::new();
    let mut document = match Document::read(texts, HELP, &mut findings) {
        Ok(document) => document,
        Err(texts) => return Err(texts.problems(None, findings)),
    };
    let mut cut = reader::Cut::new();
    let file = reader::read(&document.root, &mut cut, &mut findings).unwrap_or_default();
    document.cut = cut;
    let mut inside = Vec::new();
    let base = into_plan::folder_of(name);
    let mut storms = storms::read(&file, &document, base, &mut findings, &mut inside);
    let plan = into_plan::into_plan(&file, &document, &mut storms, name, &mut findings);
    let mut problems = document.texts.problems(Some(&document.root), findings);
    problems.extend(inside);
    problems.extend(storms.into_iter().flat_map(storms::Source::problems));
    if problems.is_empty() {
        Ok(plan)
    } else {
        Err(problems)
    }
}

/// A rate as scenarios write it, such as `10k/s`, in items per second.
///
/// # Errors
/// When it is none; in words.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    units::RATE.parse(text).map_err(|error| error.message)
}

/// Whether the file is the plan of a stored run. One that cannot be read is none.
pub fn is_stored_plan(path: &Path) -> bool {
    read_text(path).is_ok_and(|text| stored::is_plan(&text))
}

fn read_text(path: &Path) -> Result<String, Problem> {
    let name = path.display();
    let unreadable = |error: std::io::Error| {
        let help = if path.is_dir() {
            "this is a folder: name a file in it"
        } else {
            "give the path of a scenario file; `squall init` writes one to start from"
        };
        Problem::of_file(format!("{name} cannot be read: {error}"), help)
    };
    if path.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        let message = format!("{name} is larger than {} MiB", MOST_BYTES >> 20);
        return Err(Problem::of_file(message, "a scenario is a few kilobytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        Problem::of_file(
            format!("{name} is not UTF-8: line {line} has a byte that is no text"),
            "save the file as UTF-8",
        )
    })
}
