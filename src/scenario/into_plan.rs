//! From the file's mirror types to the plan: defaults, ranges, and what goes with what.

use std::path::{Path, PathBuf};

use super::document::Document;
use super::expression::{self, Section};
use super::file::{PlantFile, RunFile, ScenarioFile, SinkFile};
use super::problem::Finding;
use super::storms::Source;
use super::units::show_ns;
use crate::plan::{
    ClientKind, ClientPlan, LoadPlan, PLAN_FORMAT, Plan, PlantKind, PlantPlan, RunPlan, SinkPlan,
    TlsPlan,
};
use crate::signal::Signal;

mod client;
mod command;
mod content;
mod faults;
mod link;
mod load;
mod profile;
mod raw;
mod replay;
mod targets;
mod tls;
mod toxiproxy;

const MS: u64 = 1_000_000;
/// What an item may take from its flush to the sink, as far as the onset of a fault goes.
const ONSET_ON_THE_WAY: u64 = 100 * MS;
const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;

/// Makes the plan. It is to be used only where nothing was added to `findings`: what is wrong or
/// missing has its default in it.
pub fn into_plan(
    file: &ScenarioFile,
    document: &Document,
    storms: &mut [Source],
    source: &str,
    findings: &mut Vec<Finding>,
) -> Plan {
    let mut planner = Planner {
        document,
        base: folder_of(source).to_owned(),
        findings,
    };
    let mut run = planner.run(file.run.as_ref());
    let mut client = planner.client(file.client.as_ref(), &run);
    client.tls = planner.client_tls(file);
    client.raw = planner.raw(file, client.kind);
    client.replay = planner.replay(file, client.kind);
    let producers = planner.producers(file, client.instances);
    let load = planner.load(file.load.as_ref(), &client, producers, &run);
    planner.raw_bounds(&client, &load);
    run.onset_ns = planner.onset(file.run.as_ref(), &client, &load);
    let mut targets = planner.targets(file, &client);
    let sink_tls = planner.sink_tls(file, &targets);
    targets::secure_relays(&mut targets, file, &client.tls, &sink_tls);
    let encrypted = targets::Encrypted {
        client: client.tls != TlsPlan::Off,
        sink: sink_tls != TlsPlan::Off,
    };
    let mut links = planner.links(file, &targets, encrypted);
    if client.kind == ClientKind::Command {
        planner.command_way(file, &targets, &client.tls, &mut links);
    }
    let mut plan = Plan {
        format: PLAN_FORMAT,
        scenario: planner.name(file.scenario.as_deref()),
        description: file.description.clone().unwrap_or_default(),
        source: source.to_owned(),
        seed: file.seed.unwrap_or(1),
        run,
        load,
        client,
        links,
        targets,
        sink: planner.sink(file.sink.as_ref(), sink_tls),
        faults: Vec::new(),
        expect: Vec::new(),
        steady_state: Vec::new(),
        abort_if: Vec::new(),
        content: planner.content(file.validate.as_ref()),
    };
    let (faults, known) = planner.faults(file, storms, &plan);
    plan.faults = faults;
    planner.names(file, storms, &mut plan);
    let scope = expression::Scope {
        plan: &plan,
        fault_names: &known,
        said_names: plan.said_names(),
    };
    let mut lines = |key: &str, texts: Option<&Vec<String>>, section: Section| {
        let texts = texts.map(Vec::as_slice).unwrap_or_default();
        let paths = document.elements(key);
        paths
            .iter()
            .zip(texts)
            .filter_map(|(path, text)| {
                expression::read(text, path, &scope, section, document, planner.findings)
            })
            .collect::<Vec<_>>()
    };
    let expect = lines("expect", file.expect.as_ref(), Section::Expect);
    let steady_state = lines(
        "steady_state",
        file.steady_state.as_ref(),
        Section::SteadyState,
    );
    let abort_if = lines("abort_if", file.abort_if.as_ref(), Section::AbortIf);
    plan.expect = expect;
    plan.steady_state = steady_state;
    plan.abort_if = abort_if;
    plan
}

/// The folder from which the paths of a scenario start.
pub fn folder_of(source: &str) -> &Path {
    Path::new(source).parent().unwrap_or(Path::new(""))
}

/// What every part of the plan needs: where things stand, and where to put what is wrong.
struct Planner<'a> {
    document: &'a Document,
    /// The scenario's folder, from which its paths start.
    base: PathBuf,
    findings: &'a mut Vec<Finding>,
}

impl Planner<'_> {
    fn problem(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.document.span_of(path);
        self.findings.push(Finding::new(span, message).help(help));
    }

    /// Says that `path` is missing, unless something wrong stands there and has been reported.
    fn required<T>(&mut self, path: &str, value: Option<T>, help: &str) -> Option<T> {
        if value.is_none() && !self.document.has(path) {
            let key = path.rsplit('.').next().unwrap_or(path);
            self.problem(path, format!("`{key}` is missing"), help);
        }
        value
    }

    /// The value or its default, which is returned for a value out of range as well.
    fn count<T: PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        path: &str,
        value: Option<T>,
        default: T,
        range: std::ops::RangeInclusive<T>,
    ) -> T {
        let value = value.unwrap_or(default);
        if range.contains(&value) {
            return value;
        }
        let help = format!("from {} to {}", range.start(), range.end());
        self.problem(path, format!("{value} is out of range"), help);
        default
    }

    /// The same for durations.
    fn time(
        &mut self,
        path: &str,
        value: Option<super::units::Time>,
        default_ns: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        let ns = value.map_or(default_ns, |time| time.0);
        if range.contains(&ns) {
            return ns;
        }
        let help = format!(
            "from {} to {}",
            show_ns(*range.start()),
            show_ns(*range.end())
        );
        self.problem(path, format!("{} is out of range", show_ns(ns)), help);
        default_ns
    }

    /// A path of the scenario's, from where squall was started.
    fn beside(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    fn name(&mut self, name: Option<&str>) -> String {
        const HELP: &str = "a name of lower-case letters, digits and hyphens, such as `quickstart`";
        let name = self.required("scenario", name, HELP).unwrap_or_default();
        if self.document.has("scenario") && !name.is_empty() && !is_name(name, "-") {
            self.problem("scenario", format!("`{name}` cannot be a name"), HELP);
        }
        name.to_owned()
    }

    /// By default as long as an item may wait in the SDK for its flush, and a little for the way.
    fn onset(&mut self, file: Option<&RunFile>, client: &ClientPlan, load: &LoadPlan) -> u64 {
        let flush_ms = |signal: bool, variable: &str| -> u64 {
            let value = client.sdk.get(variable).filter(|_| signal);
            value.and_then(|ms| ms.parse().ok()).unwrap_or(0)
        };
        let longest_ms = flush_ms(load.traces.is_some(), "OTEL_BSP_SCHEDULE_DELAY")
            .max(flush_ms(load.logs.is_some(), "OTEL_BLRP_SCHEDULE_DELAY"));
        let default_ns = (longest_ms.saturating_mul(MS))
            .saturating_add(ONSET_ON_THE_WAY)
            .min(HOUR);
        let given = file.and_then(|file| file.onset);
        self.time("run.onset", given, default_ns, 0..=HOUR)
    }

    fn run(&mut self, file: Option<&RunFile>) -> RunPlan {
        let default = RunFile::default();
        let file = file.unwrap_or(&default);
        let run = RunPlan {
            warmup_ns: self.time("run.warmup", file.warmup, 2 * SECOND, 0..=HOUR),
            duration_ns: self.time(
                "run.duration",
                file.duration,
                20 * SECOND,
                100 * MS..=24 * HOUR,
            ),
            onset_ns: 0,
            recovery_ns: self.time("run.recovery", file.recovery, 5 * SECOND, 0..=HOUR),
            drain_ns: self.time("run.drain", file.drain, 15 * SECOND, 100 * MS..=HOUR),
            miss_after_ns: self.time("run.miss_after", file.miss_after, 100 * MS, MS..=HOUR),
            lateness_limit_ns: self.time(
                "run.lateness_limit",
                file.lateness_limit,
                50 * MS,
                MS..=HOUR,
            ),
        };
        if run.warmup_ns >= run.duration_ns {
            let path = if self.document.has("run.warmup") {
                "run.warmup"
            } else {
                "run.duration"
            };
            self.problem(
                path,
                format!(
                    "the warm-up ({}) is not shorter than the run ({})",
                    show_ns(run.warmup_ns),
                    show_ns(run.duration_ns)
                ),
                "`run.duration` includes the warm-up: make it longer, or `run.warmup` shorter",
            );
        }
        run
    }

    fn sink(&mut self, file: Option<&SinkFile>, tls: TlsPlan) -> SinkPlan {
        let default = SinkFile::default();
        let file = file.unwrap_or(&default);
        if file.throttle.is_some_and(|rate| rate.0 <= 0.0) {
            let help = "such as `20k/s`; without `throttle` it takes all that comes";
            self.problem("sink.throttle", "the rate must be above 0".to_owned(), help);
        }
        let max_request = file.max_request.map_or(64 << 20, |bytes| bytes.0);
        let paths = self.document.elements("sink.plant");
        let plants = file.plant.as_deref().unwrap_or_default();
        SinkPlan {
            max_request_bytes: self.bytes("sink.max_request", max_request, 1024, 1 << 30),
            strict: file.strict.unwrap_or(false),
            tls,
            require: self.headers(
                "sink.require.headers",
                file.require
                    .as_ref()
                    .and_then(|require| require.headers.as_ref()),
            ),
            throttle: file.throttle.map(|rate| rate.0),
            plant: paths
                .iter()
                .zip(plants)
                .filter_map(|(path, plant)| self.plant(path, plant))
                .collect(),
            oracle: file.oracle.clone(),
        }
    }

    fn bytes(&mut self, path: &str, value: u64, min: u64, max: u64) -> u64 {
        if !(min..=max).contains(&value) {
            let help = format!("from {min}B to {}MiB", max >> 20);
            self.problem(path, format!("{value} bytes is out of range"), help);
        }
        value
    }

    fn plant(&mut self, path: &str, file: &PlantFile) -> Option<PlantPlan> {
        let signals = "one of `traces`, `metrics`, `logs`";
        let signal = self.required(&format!("{path}.signal"), file.signal, signals);
        let mut kinds: Vec<(&str, Option<PlantKind>)> = Vec::new();
        let items = |file: super::file::ItemsFile| file.items;
        let requests = |file: super::file::RequestsFile| file.requests;
        if let Some(kind) = file.lose_acknowledged {
            let made = items(kind).map(|items| PlantKind::LoseAcknowledged { items });
            kinds.push(("lose_acknowledged.items", made));
        }
        if let Some(kind) = file.receive_twice {
            let made = requests(kind).map(|requests| PlantKind::ReceiveTwice { requests });
            kinds.push(("receive_twice.requests", made));
        }
        if let Some(kind) = file.lose_response {
            let made = requests(kind).map(|requests| PlantKind::LoseResponse { requests });
            kinds.push(("lose_response.requests", made));
        }
        if let Some(kind) = file.reject {
            let made = items(kind).map(|items| PlantKind::Reject { items });
            kinds.push(("reject.items", made));
        }
        if let Some(kind) = file.refuse_all {
            let made = kind
                .after_requests
                .map(|after_requests| PlantKind::RefuseAll { after_requests });
            kinds.push(("refuse_all.after_requests", made));
        }
        if file.note == Some(true) {
            kinds.push(("note", Some(PlantKind::Note)));
        }
        let names = [
            "lose_acknowledged",
            "receive_twice",
            "lose_response",
            "reject",
            "refuse_all",
            "note",
        ];
        let kind = self.only_one(path, &names, kinds)?;
        Some(PlantPlan {
            signal: signal.unwrap_or(Signal::Traces),
            kind,
        })
    }

    /// Exactly one of several keys must be there. A kind that could not be made lacks the value at its path.
    fn only_one<T>(
        &mut self,
        path: &str,
        names: &[&str],
        mut given: Vec<(&str, Option<T>)>,
    ) -> Option<T> {
        let written: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| self.document.has(&format!("{path}.{name}")))
            .collect();
        let list = super::problem::quoted(names);
        // A slip of the pen has been said already, with the name that was meant.
        let slip = |key: &&str| {
            let near = super::problem::nearest(key, names.iter().copied());
            !near.is_empty() && self.document.is_damaged(&format!("{path}.{key}"))
        };
        match written.as_slice() {
            [] if self.document.keys(path).iter().any(slip) => None,
            [] => {
                self.problem(
                    path,
                    "this says nothing to do",
                    format!("add one of {list}"),
                );
                None
            }
            [_] => {
                let (missing, kind) = given.pop()?;
                if kind.is_none() {
                    self.required(&format!("{path}.{missing}"), None::<()>, "give it a value");
                }
                kind
            }
            [_, second, ..] => {
                let span = self.document.key_span(&format!("{path}.{second}"));
                let message = format!("{} cannot stand together", super::problem::quoted(&written));
                let finding = Finding::new(span, message).help(format!(
                    "exactly one of {list}; write another entry for the other"
                ));
                self.findings.push(finding);
                None
            }
        }
    }
}

/// Lower-case letters, digits and `others`, beginning with a letter or digit.
fn is_name(name: &str, others: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(plain) && name.chars().all(|c| plain(c) || others.contains(c))
}
