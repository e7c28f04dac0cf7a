//! What a replay sends: the capture is read here, so that what is wrong with it is known before the run.

use super::super::file::{ArrivalsFile, LoadFile, PaceFile, ReplayFile, ScenarioFile, ShapeFile};
use super::super::units::{Rate, show_ns};
use super::load::Wanted;
use super::{HOUR, MS, Planner, SECOND};
use crate::capture::read::ReadError;
use crate::capture::replay::{Contents, ReplayError, digest, files_of, read};
use crate::plan::schedule::MOST_ARRIVALS;
use crate::plan::{
    ArrivalPlan, ArrivalProcess, AttributePlan, ClientKind, ClientPlan, LoadPlan, LogPayload,
    MetricPayload, Pace, Pacer, RateProfile, ReplayPlan, RunPlan, SignalLoad, TracePayload,
};
use crate::signal::Signal;

/// Slowest and fastest own pace.
const FACTORS: std::ops::RangeInclusive<f64> = 0.001..=1000.0;
const FILE: &str = "client.replay.file";
const PACE: &str = "client.replay.pace";
const FILE_HELP: &str = "a file that `squall sink --record` or the OpenTelemetry Collector's file exporter wrote; the path starts at the scenario's folder";
/// Keys that mean nothing to a replay, and why.
const NOT_OF_A_REPLAY: &[(&str, &str)] = &[
    ("client.sdk", "a replay has no SDK: see `client.replay`"),
    (
        "client.raw",
        "`client.replay` has connections, in_flight, queue, timeout and pacer",
    ),
    (
        "client.instances",
        "a replay has `replay.connections` instead",
    ),
    (
        "client.producers",
        "a replay sends the requests of a signal in their order, so it has one producer for each",
    ),
    (
        "client.service",
        "the resources are those of the capture, `service.name` among them",
    ),
    (
        "client.temporality",
        "the data points are those of the capture",
    ),
    ("client.to", "a replay sends to one target"),
    (
        "validate",
        "what a replay sends is in the capture; check content with the SDK's client",
    ),
];

/// What a load may say of a replay at the load's pace.
struct Said<'a> {
    rate: Option<Rate>,
    arrivals: Option<ArrivalsFile>,
    shape: Option<&'a ShapeFile>,
}

impl Planner<'_> {
    /// Finds what means nothing to a replay, or to anybody else.
    pub(super) fn goes_with_replay(&mut self, kind: ClientKind) {
        if kind != ClientKind::Replay {
            if self.document.has("client.replay") {
                let help = "ask for it with `client: { kind: replay }`";
                self.problem(
                    "client.replay",
                    "this is for a replay, and the client is none",
                    help,
                );
            }
            return;
        }
        for (path, help) in NOT_OF_A_REPLAY {
            if self.document.has(path) {
                self.problem(path, "this means nothing to a replay", *help);
            }
        }
    }

    /// What a replay sends and how; `None` for another kind, and where there is nothing to send.
    pub(super) fn replay(&mut self, file: &ScenarioFile, kind: ClientKind) -> Option<ReplayPlan> {
        if kind != ClientKind::Replay {
            return None;
        }
        let default = ReplayFile::default();
        let client = file.client.as_ref();
        let replay = client.and_then(|client| client.replay.as_ref());
        let replay = replay.unwrap_or(&default);
        let connections = self.count("client.replay.connections", replay.connections, 1, 1..=256);
        let in_flight = self.count(
            "client.replay.in_flight",
            replay.in_flight,
            8 * u32::from(connections),
            1..=10_000,
        );
        let queue = self.count("client.replay.queue", replay.queue, 1024, 1..=1_000_000);
        let timeout_ns = self.time(
            "client.replay.timeout",
            replay.timeout,
            10 * SECOND,
            MS..=HOUR,
        );
        let pace = match replay.pace.unwrap_or(PaceFile::Own(1.0)) {
            PaceFile::Load => Pace::Load,
            PaceFile::Own(factor) if FACTORS.contains(&factor) => Pace::Own { factor },
            PaceFile::Own(factor) => {
                let message = format!("{factor}x is out of range");
                let help = format!(
                    "from {}x to {}x; `load` sends at the rates of `load`, whatever the capture's own are",
                    FACTORS.start(),
                    FACTORS.end()
                );
                self.problem(PACE, message, help);
                Pace::Own { factor: 1.0 }
            }
        };
        let on_broken_line = replay.on_broken_line.unwrap_or_default();
        let name = self.required(FILE, replay.file.as_deref(), FILE_HELP)?;
        let path = self.beside(name);
        let read = files_of(&path).and_then(|paths| {
            let files = paths.iter().map(|path| digest(path));
            let files = files.collect::<Result<Vec<_>, _>>()?;
            Ok((files, read(&paths, on_broken_line, |_| {})?))
        });
        let (files, contents) = match read {
            Ok(read) => read,
            Err(error) => {
                let help = match &error {
                    ReplayError::Read(ReadError::Broken { .. }) => {
                        "mend it, or leave out what cannot be read: `on_broken_line: skip`"
                    }
                    ReplayError::TooLarge(_) => "divide it, and replay a part",
                    _ => FILE_HELP,
                };
                self.problem(FILE, error.to_string(), help);
                return None;
            }
        };
        if contents.holds.is_empty() {
            let message = format!("{} holds nothing that could be sent", path.display());
            let help = match contents.first_skipped {
                Some(first) => format!("{} line(s) cannot be read: {first}", contents.skipped),
                None => FILE_HELP.to_owned(),
            };
            self.problem(FILE, message, help);
            return None;
        }
        let Contents {
            timeline,
            holds,
            length_ns,
            skipped,
            ..
        } = contents;
        Some(ReplayPlan {
            files,
            on_broken_line,
            skipped,
            pace,
            repeat: replay.repeat.unwrap_or(true),
            length_ns,
            holds,
            connections,
            in_flight,
            queue,
            timeout_ns,
            pacer: replay.pacer.unwrap_or(Pacer::Sleep),
            timeline,
        })
    }

    /// The load of a replay: the signals that `load` names, or all that the capture has.
    pub(super) fn replay_load(
        &mut self,
        file: Option<&LoadFile>,
        client: &ClientPlan,
        run: &RunPlan,
    ) -> LoadPlan {
        let Some(replay) = &client.replay else {
            // What is wrong has been said.
            return LoadPlan::default();
        };
        let named = |signal: &Signal| self.document.has(&format!("load.{signal}"));
        let mut signals: Vec<Signal> = Signal::ALL.into_iter().filter(named).collect();
        if signals.is_empty() {
            if replay.pace == Pace::Load {
                let help = "say at what rate: `load: { traces: { rate: 1k/s } }`";
                self.problem(PACE, "there is no load to set the pace", help);
                return LoadPlan::default();
            }
            signals = replay.holds.keys().copied().collect();
        }
        let default = LoadFile::default();
        let file = file.unwrap_or(&default);
        let mut load = LoadPlan::default();
        for signal in signals {
            let said = match signal {
                Signal::Traces => file.traces.as_ref().map(|f| (f.rate, f.arrivals, &f.shape)),
                Signal::Metrics => file
                    .metrics
                    .as_ref()
                    .map(|f| (f.rate, f.arrivals, &f.shape)),
                Signal::Logs => file.logs.as_ref().map(|f| (f.rate, f.arrivals, &f.shape)),
            };
            let said = said.map(|(rate, arrivals, shape)| Said {
                rate,
                arrivals,
                shape: shape.as_ref(),
            });
            let Some(arrivals) = self.replayed(signal, said, replay, run) else {
                continue;
            };
            match signal {
                Signal::Traces => load.traces = Some(captured_traces(arrivals)),
                Signal::Metrics => load.metrics = Some(captured_metrics(arrivals)),
                Signal::Logs => load.logs = Some(captured_logs(arrivals)),
            }
        }
        load
    }

    /// When a signal of a capture is due.
    fn replayed(
        &mut self,
        signal: Signal,
        said: Option<Said<'_>>,
        replay: &ReplayPlan,
        run: &RunPlan,
    ) -> Option<ArrivalPlan> {
        let path: &'static str = match signal {
            Signal::Traces => "load.traces",
            Signal::Metrics => "load.metrics",
            Signal::Logs => "load.logs",
        };
        let timed = ["rate", "arrivals", "shape", "closed_loop"];
        let keys: Vec<String> = self
            .document
            .keys(path)
            .into_iter()
            .map(str::to_owned)
            .collect();
        for key in keys {
            let place = format!("{path}.{key}");
            let (message, help) = match (timed.contains(&key.as_str()), replay.pace) {
                (true, Pace::Load) if key != "closed_loop" => continue,
                (true, Pace::Load) => (
                    "a replay is not sent in a closed loop",
                    "give it a `rate`".to_owned(),
                ),
                (true, Pace::Own { .. }) => (
                    "the capture says when it is sent",
                    "leave this out, or ask for the load's pace: `client.replay.pace: load`"
                        .to_owned(),
                ),
                (false, _) => (
                    "the capture says what is sent",
                    format!("leave this out: `{path}: {{}}` sends what the capture has"),
                ),
            };
            self.problem(&place, message, help);
        }
        let Some(holds) = replay.holds.get(&signal) else {
            let has: Vec<String> = replay.holds.keys().map(|s| format!("`{s}`")).collect();
            let help = format!("it has {}", has.join(" and "));
            self.problem(path, format!("the capture has no {signal}"), help);
            return None;
        };
        let (path_of_rate, items) = match replay.pace {
            Pace::Load => {
                let said = said.unwrap_or(Said {
                    rate: None,
                    arrivals: None,
                    shape: None,
                });
                let wanted = Wanted {
                    path,
                    rate: said.rate,
                    arrivals: said.arrivals,
                    shape: said.shape,
                    closed_loop: None,
                    items_per_arrival: 1,
                    queue: None,
                };
                let plan = self.arrivals(&wanted, 1, run);
                return Some(plan);
            }
            Pace::Own { .. } => (PACE, replay.own_items(signal, run.duration_ns)),
        };
        let mut plan = ArrivalPlan {
            process: ArrivalProcess::Constant,
            profile: RateProfile::Constant { rate: 0.0 },
            items_per_arrival: 1,
            producers: 1,
        };
        if items > MOST_ARRIVALS {
            let message = format!(
                "some {items:.0} items of {signal} in {} do not fit into memory",
                show_ns(run.duration_ns)
            );
            let help = format!(
                "at most {MOST_ARRIVALS:.0} in a run: go slower, or shorten the run ({} items in {} at its own pace)",
                holds.items,
                show_ns(replay.length_ns)
            );
            self.problem(path_of_rate, message, help);
            return None;
        }
        plan.profile = replay.own_rate(signal, &plan, run.duration_ns);
        if matches!(&plan.profile, RateProfile::Recorded { points } if points.iter().all(|p| p.rate == 0.0))
        {
            let first_ns = replay.timeline[signal.index()]
                .first()
                .map_or(0, |one| one.at_ns);
            let message = format!(
                "no request of {signal} would be sent: the first comes {} after the capture's start",
                show_ns(first_ns)
            );
            let help = "go faster, make the run longer, or send at the load's pace: `load`";
            self.problem(
                if self.document.has(PACE) { PACE } else { FILE },
                message,
                help,
            );
            return None;
        }
        Some(plan)
    }
}

/// What is sent is in the capture: a plan that says nothing of it.
fn nothing() -> AttributePlan {
    AttributePlan {
        count: 0,
        value_bytes: 0,
        cardinality: 1,
        types: Vec::new(),
    }
}

fn captured_traces(arrivals: ArrivalPlan) -> SignalLoad<TracePayload> {
    let payload = TracePayload {
        span_names: 0,
        events_per_span: 0,
        links_per_span: 0,
        errors: 0.0,
        attributes: nothing(),
        sample: 1.0,
    };
    SignalLoad { arrivals, payload }
}

fn captured_metrics(arrivals: ArrivalPlan) -> SignalLoad<MetricPayload> {
    let payload = MetricPayload {
        series: 0,
        instruments: Vec::new(),
        attributes: nothing(),
    };
    SignalLoad { arrivals, payload }
}

fn captured_logs(arrivals: ArrivalPlan) -> SignalLoad<LogPayload> {
    let payload = LogPayload {
        body_bytes: 0,
        attributes: nothing(),
    };
    SignalLoad { arrivals, payload }
}
