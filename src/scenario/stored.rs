//! A stored plan (`plan.json` of a run), read back so that the run can be done again.

use std::path::Path;

use serde_json::Value;

use super::problem::{Finding, Span};
use crate::capture;
use crate::plan::secret::REDACTED;
use crate::plan::{FileText, PLAN_FORMAT, Plan, TlsPlan};

/// Whether the text is a stored plan and not a scenario.
pub fn is_plan(text: &str) -> bool {
    text.trim_start().starts_with('{')
        && serde_json::from_str::<Value>(text).is_ok_and(|value| value.get("format").is_some())
}

/// Reads a plan and puts overrides into it. Paths and units are the plan's: `run.duration_ns=5000000000`.
pub fn read(text: &str, overrides: &[String]) -> Result<Plan, Vec<Finding>> {
    let whole = |index: usize, len: usize| Span {
        text: index,
        start: 0,
        len,
    };
    let mut value: Value = serde_json::from_str(text)
        .map_err(|error| vec![Finding::new(whole(0, 1), error.to_string())])?;
    let format = value.get("format").and_then(Value::as_u64);
    if format != Some(u64::from(PLAN_FORMAT)) {
        let at = key_span(text, "format");
        return Err(vec![
            Finding::new(at, "this plan's format is not known to this version")
                .help(format!("this version reads format {PLAN_FORMAT}")),
        ]);
    }
    let mut findings = Vec::new();
    for (index, text) in overrides.iter().enumerate() {
        if let Err(message) = set(&mut value, text) {
            let finding = Finding::new(whole(index + 1, text.len()), message)
                .help("a stored plan is overridden by its own keys, as `plan.json` has them");
            findings.push(finding);
        }
    }
    let mut secrets = Vec::new();
    unstored(&value, "", &mut secrets);
    for path in secrets {
        let name = path
            .rsplit_once('.')
            .map_or(path.as_str(), |(_, name)| name);
        let finding = Finding::new(
            key_span(text, name),
            format!("the value of the secret `{name}` was not stored"),
        )
        .help(format!("give it again: --set {path}=..."));
        findings.push(finding);
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut plan: Result<Plan, _> = serde_json::from_value(value);
    if let Ok(plan) = &mut plan {
        let mut missing = missing_files(text, plan);
        missing.extend(read_again(text, plan));
        missing.extend(capture_again(text, plan));
        if !missing.is_empty() {
            return Err(missing);
        }
    }
    plan.map_err(|error| {
        // An override is the likelier culprit: the file itself was written by squall.
        let place = match overrides.last() {
            Some(text) => whole(overrides.len(), text.len()),
            None => whole(0, 1),
        };
        vec![Finding::new(place, format!("this is not a plan: {error}"))]
    })
}

/// A stored plan's paths start where its run was started.
fn missing_files(text: &str, plan: &Plan) -> Vec<Finding> {
    let (mut files, client) = match &plan.client.tls {
        TlsPlan::Off | TlsPlan::Generated { .. } => return Vec::new(),
        TlsPlan::Given {
            ca,
            cert,
            key,
            client,
        } => (vec![("ca", ca), ("cert", cert), ("key", key)], client),
        TlsPlan::External { ca, client } => (vec![("ca", ca)], client),
    };
    if let Some(pair) = client {
        files.extend([("client.cert", &pair.cert), ("client.key", &pair.key)]);
    }
    let missing = files
        .into_iter()
        .filter(|(_, file)| !Path::new(file).is_file());
    let finding = |(key, file): (&str, &String)| {
        let name = key.rsplit('.').next().unwrap_or(key);
        Finding::new(key_span(text, name), format!("{file} is not there")).help(format!(
            "paths of a plan start at the folder in which its run was started: go there, or give it again: --set client.tls.given.{key}=..."
        ))
    };
    missing.map(finding).collect()
}

/// Reads the texts that were not stored from where they stood.
fn read_again(text: &str, plan: &mut Plan) -> Vec<Finding> {
    let mut findings = Vec::new();
    let targets = plan.targets.iter_mut();
    for file in targets.flat_map(|target| target.kind.files_mut()) {
        let FileText::Read(file) = file else { continue };
        let message = match std::fs::read_to_string(&file.from) {
            Ok(text) if file.take_again(&text) => continue,
            Ok(_) => format!("{} is not what it was when the plan was made", file.from),
            Err(error) => format!("{} cannot be read: {error}", file.from),
        };
        let help = "a plan holds no text of files that were read: put that text back, or run the scenario itself";
        findings.push(Finding::new(key_span(text, "sha256"), message).help(help));
    }
    findings
}

/// Reads what a replay sends from where it stood.
fn capture_again(text: &str, plan: &mut Plan) -> Option<Finding> {
    let replay = plan.client.replay.as_mut()?;
    match capture::replay::read_again(&replay.files, replay.on_broken_line, |_| {}) {
        Ok(contents) => {
            replay.timeline = contents.timeline;
            None
        }
        Err(error) => {
            let help = "a plan holds no telemetry: put the capture back, or run the scenario itself; paths of a plan start at the folder in which its run was started";
            Some(Finding::new(key_span(text, "sha256"), error.to_string()).help(help))
        }
    }
}

/// Paths of all secrets that are not there.
fn unstored(value: &Value, path: &str, found: &mut Vec<String>) {
    let below = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match value {
        Value::String(text) if text == REDACTED => found.push(path.to_owned()),
        Value::Object(entries) => {
            for (key, value) in entries {
                unstored(value, &below(key), found);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                unstored(value, &below(&index.to_string()), found);
            }
        }
        _ => {}
    }
}

/// Whether a secret stands under this path of a plan.
pub fn is_secret(path: &str) -> bool {
    path.starts_with("client.headers.")
        || path.starts_with("sink.require.")
        || path.contains(".secret_env.")
}

fn set(root: &mut Value, text: &str) -> Result<(), String> {
    let Some((path, given)) = text.split_once('=') else {
        return Err("an override is `key=value`".to_owned());
    };
    let header = path.strip_prefix("client.headers.");
    let new = match is_secret(path) {
        true => Value::String(given.to_owned()),
        false => serde_json::from_str(given).unwrap_or_else(|_| Value::String(given.to_owned())),
    };
    if let Some(name) = header {
        let headers = root
            .pointer_mut("/client/headers")
            .and_then(Value::as_object_mut)
            .ok_or_else(|| "the plan has no headers".to_owned())?;
        headers.insert(name.to_owned(), new);
        return Ok(());
    }
    let pointer = format!("/{}", path.replace('.', "/"));
    let old = root
        .pointer_mut(&pointer)
        .ok_or_else(|| format!("the plan has no `{path}`"))?;
    *old = new;
    Ok(())
}

/// Where a key stands in JSON text; the text's start where it does not.
fn key_span(text: &str, key: &str) -> Span {
    let quoted = format!("\"{key}\"");
    Span {
        text: 0,
        start: text.find(&quoted).unwrap_or(0),
        len: quoted.len().min(text.len()),
    }
}
