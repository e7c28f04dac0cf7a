//! Storms: the library that comes with squall, and files of the user's own.

use std::path::Path;

use super::document::{Document, Texts};
use super::file::{Moment, ScenarioFile, StormFile};
use super::problem::{Finding, Problem, did_you_mean};
use super::reader::{self, Cut};

/// Every storm of the library: its name and its file's text.
pub const LIBRARY: [(&str, &str); 6] = [
    (
        "flaky-wifi",
        include_str!("../../scenarios/storms/flaky-wifi.yaml"),
    ),
    (
        "mobile-handover",
        include_str!("../../scenarios/storms/mobile-handover.yaml"),
    ),
    (
        "overloaded-collector",
        include_str!("../../scenarios/storms/overloaded-collector.yaml"),
    ),
    (
        "rolling-restart",
        include_str!("../../scenarios/storms/rolling-restart.yaml"),
    ),
    (
        "slow-disk",
        include_str!("../../scenarios/storms/slow-disk.yaml"),
    ),
    (
        "zone-outage",
        include_str!("../../scenarios/storms/zone-outage.yaml"),
    ),
];

/// One storm that a scenario uses, with its own file and what is wrong there.
pub struct Source {
    /// Where the scenario uses it: `storms.0`.
    pub path: String,
    pub at: Option<Moment>,
    /// The name that the scenario gives it.
    pub name: Option<String>,
    pub document: Document,
    pub file: StormFile,
    pub findings: Vec<Finding>,
}

impl Source {
    /// What is wrong in the storm's file.
    pub fn problems(self) -> Vec<Problem> {
        let Document { texts, root, .. } = self.document;
        texts.problems(Some(&root), self.findings)
    }
}

/// Reads every storm that the scenario uses. What is wrong with a use goes to `findings`; a file
/// that holds no storm at all goes to `problems`.
pub fn read(
    scenario: &ScenarioFile,
    document: &Document,
    base: &Path,
    findings: &mut Vec<Finding>,
    problems: &mut Vec<Problem>,
) -> Vec<Source> {
    let mut sources = Vec::new();
    let uses = scenario.storms.as_deref().unwrap_or_default();
    for (path, used) in document.elements("storms").into_iter().zip(uses) {
        let key = format!("{path}.use");
        let Some(storm) = used.storm.as_deref() else {
            if !document.has(&key) {
                let finding = Finding::new(document.span_of(&path), "`use` is missing");
                findings.push(finding.help("the name of a storm: `squall storms` lists them"));
            }
            continue;
        };
        let (name, text) = match text(storm, base) {
            Ok(found) => found,
            Err((message, help)) => {
                findings.push(Finding::new(document.span_of(&key), message).help(help));
                continue;
            }
        };
        let mut inside = Vec::new();
        const HELP: &str = "a storm file has the keys `storm`, `description` and `faults`";
        let mut own = match Document::read(Texts::new(&name, &text, &[]), HELP, &mut inside) {
            Ok(own) => own,
            Err(texts) => {
                problems.extend(texts.problems(None, inside));
                continue;
            }
        };
        let mut cut = Cut::new();
        let file = reader::read(&own.root, &mut cut, &mut inside).unwrap_or_default();
        own.cut = cut;
        sources.push(Source {
            path,
            at: used.at.clone(),
            name: used.name.clone(),
            document: own,
            file,
            findings: inside,
        });
    }
    sources
}

/// Whether a storm is used by the path of its file and not by its name.
pub fn is_path(storm: &str) -> bool {
    storm.contains('/') || storm.ends_with(".yaml") || storm.ends_with(".yml")
}

/// What a storm of the library is like, in its own words.
pub fn description(name: &str) -> Option<String> {
    let (_, text) = LIBRARY.iter().find(|(known, _)| *known == name)?;
    let root = super::tree::parse(text, 0, &mut 0, &mut Vec::new())?;
    let file: StormFile = reader::read(&root, &mut Cut::new(), &mut Vec::new())?;
    file.description
}

/// Name and text of a storm's file, or what is wrong and how to mend it.
fn text(storm: &str, base: &Path) -> Result<(String, String), (String, String)> {
    if is_path(storm) {
        let path = base.join(storm);
        let name = path.display().to_string();
        return match super::read_text(&path) {
            Ok(text) => Ok((name, text)),
            Err(problem) => {
                let help = "the path of a storm file, relative to the scenario";
                Err((problem.message, help.to_owned()))
            }
        };
    }
    let found = LIBRARY.iter().find(|(name, _)| *name == storm);
    found
        .map(|(name, text)| (format!("scenarios/storms/{name}.yaml"), (*text).to_owned()))
        .ok_or_else(|| {
            let names = LIBRARY.map(|(name, _)| name);
            let help = did_you_mean(storm, &names);
            let own = "; a storm of your own is used by its path: `./my-storm.yaml`";
            (format!("there is no storm `{storm}`"), help + own)
        })
}
