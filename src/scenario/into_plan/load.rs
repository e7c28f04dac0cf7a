//! What each signal sends, and when.

use super::super::file::{
    ArrivalsFile, AttributesFile, ClosedLoopFile, LoadFile, LogsFile, MetricsFile, ShapeFile,
    TracesFile,
};
use super::super::units::{Rate, Share};
use super::profile::{arrivals_of, peak_rate};
use super::{Planner, SECOND};
use crate::plan::schedule::{MOST_ARRIVALS, MOST_RATE};
use crate::plan::{
    ArrivalPlan, ArrivalProcess, AttributePlan, AttributeType, ClientKind, ClientPlan,
    InstrumentKind, LoadPlan, LogPayload, MetricPayload, RateProfile, RunPlan, SignalLoad,
    TracePayload,
};

/// What the three signals say alike about their arrivals.
pub(super) struct Wanted<'a> {
    pub path: &'static str,
    pub rate: Option<Rate>,
    pub arrivals: Option<ArrivalsFile>,
    pub shape: Option<&'a ShapeFile>,
    pub closed_loop: Option<ClosedLoopFile>,
    pub items_per_arrival: u32,
    /// Size of the SDK's queue; `None` where there is none.
    pub queue: Option<(&'static str, u64)>,
}

/// What one arrival makes: a request of a raw client, else what the signal says.
fn items_per_arrival(client: &ClientPlan, else_items: u32) -> u32 {
    let raw = client.raw.as_ref();
    raw.map_or(else_items, |raw| raw.items_per_request)
}

impl Planner<'_> {
    pub(super) fn load(
        &mut self,
        file: Option<&LoadFile>,
        client: &ClientPlan,
        producers: u16,
        run: &RunPlan,
    ) -> LoadPlan {
        // The program itself knows.
        if client.kind == ClientKind::Command {
            return LoadPlan::default();
        }
        if client.kind == ClientKind::Replay {
            return self.replay_load(file, client, run);
        }
        let help = "say what to send: `load: { traces: { rate: 1k/s } }`";
        let Some(file) = self.required("load", file, help) else {
            return LoadPlan::default();
        };
        let nothing = ["traces", "metrics", "logs"]
            .iter()
            .all(|signal| !self.document.has(&format!("load.{signal}")));
        if nothing {
            self.problem("load", "no signal is sent", help);
        }
        // A raw client's closed loop passes its queue by.
        let queue = |name: &'static str| {
            let size = client.sdk.get(name).and_then(|value| value.parse().ok());
            size.map(|size| (name, size))
        };
        let spans = queue("OTEL_BSP_MAX_QUEUE_SIZE");
        let logs = queue("OTEL_BLRP_MAX_QUEUE_SIZE");
        LoadPlan {
            traces: file
                .traces
                .as_ref()
                .map(|file| self.traces(file, producers, run, client, spans)),
            metrics: file
                .metrics
                .as_ref()
                .map(|file| self.metrics(file, producers, run, client)),
            logs: file
                .logs
                .as_ref()
                .map(|file| self.logs(file, producers, run, client, logs)),
        }
    }

    fn traces(
        &mut self,
        file: &TracesFile,
        producers: u16,
        run: &RunPlan,
        client: &ClientPlan,
        queue: Option<(&'static str, u64)>,
    ) -> SignalLoad<TracePayload> {
        let path = "load.traces";
        let count = |planner: &mut Self, key: &str, value, default, range| {
            planner.count(&format!("{path}.{key}"), value, default, range)
        };
        let spans = count(self, "spans_per_trace", file.spans_per_trace, 1, 1..=10_000);
        let items_per_arrival = items_per_arrival(client, spans);
        let wanted = Wanted {
            path,
            rate: file.rate,
            arrivals: file.arrivals,
            shape: file.shape.as_ref(),
            closed_loop: file.closed_loop,
            items_per_arrival,
            queue,
        };
        let payload = TracePayload {
            span_names: count(self, "span_names", file.span_names, 8, 1..=10_000),
            events_per_span: count(self, "events_per_span", file.events_per_span, 0, 0..=1000),
            links_per_span: count(self, "links_per_span", file.links_per_span, 0, 0..=1000),
            errors: self.share("load.traces.errors", file.errors, 0.0),
            attributes: self.attributes(path, file.attributes.as_ref()),
            sample: self.share("load.traces.sample", file.sample, 1.0),
        };
        for (key, wanted, limit) in [
            ("events_per_span", payload.events_per_span, "EVENT"),
            ("links_per_span", payload.links_per_span, "LINK"),
            ("attributes.count", payload.attributes.count, "ATTRIBUTE"),
        ] {
            self.span_limit(&format!("{path}.{key}"), wanted, limit, client);
        }
        SignalLoad {
            arrivals: self.arrivals(&wanted, producers, run),
            payload,
        }
    }

    /// The SDK would leave out what is over its limit without a word.
    fn span_limit(&mut self, path: &str, wanted: u32, what: &str, client: &ClientPlan) {
        let name = format!("OTEL_SPAN_{what}_COUNT_LIMIT");
        let limit = client.sdk.get(&name).and_then(|value| value.parse().ok());
        if let Some(limit) = limit.filter(|limit| wanted > *limit) {
            self.problem(
                path,
                format!("the SDK keeps only {limit} of them on a span"),
                format!("ask for fewer, or set client.sdk.{name} higher"),
            );
        }
    }

    fn logs(
        &mut self,
        file: &LogsFile,
        producers: u16,
        run: &RunPlan,
        client: &ClientPlan,
        queue: Option<(&'static str, u64)>,
    ) -> SignalLoad<LogPayload> {
        let wanted = Wanted {
            path: "load.logs",
            rate: file.rate,
            arrivals: file.arrivals,
            shape: file.shape.as_ref(),
            closed_loop: file.closed_loop,
            items_per_arrival: items_per_arrival(client, 1),
            queue,
        };
        SignalLoad {
            arrivals: self.arrivals(&wanted, producers, run),
            payload: LogPayload {
                body_bytes: self.count("load.logs.body_bytes", file.body_bytes, 64, 0..=1_000_000),
                attributes: self.attributes("load.logs", file.attributes.as_ref()),
            },
        }
    }

    fn metrics(
        &mut self,
        file: &MetricsFile,
        producers: u16,
        run: &RunPlan,
        client: &ClientPlan,
    ) -> SignalLoad<MetricPayload> {
        let wanted = Wanted {
            path: "load.metrics",
            rate: file.rate,
            arrivals: file.arrivals,
            shape: file.shape.as_ref(),
            closed_loop: file.closed_loop,
            items_per_arrival: items_per_arrival(client, 1),
            queue: None,
        };
        let default = vec![
            InstrumentKind::Sum,
            InstrumentKind::Gauge,
            InstrumentKind::Histogram,
        ];
        let instruments = file.instruments.clone().unwrap_or(default);
        if instruments.is_empty()
            && self
                .document
                .elements("load.metrics.instruments")
                .is_empty()
        {
            self.problem(
                "load.metrics.instruments",
                "no instrument is named",
                "name one, or leave the key out for sum, gauge and histogram",
            );
        }
        SignalLoad {
            arrivals: self.arrivals(&wanted, producers, run),
            payload: MetricPayload {
                // The SDK folds more than 2000 series of an instrument into one.
                series: self.count("load.metrics.series", file.series, 10, 1..=1900),
                instruments,
                attributes: self.attributes("load.metrics", file.attributes.as_ref()),
            },
        }
    }

    fn attributes(&mut self, signal: &str, file: Option<&AttributesFile>) -> AttributePlan {
        let default = AttributesFile::default();
        let file = file.unwrap_or(&default);
        let path = |key: &str| format!("{signal}.attributes.{key}");
        let types = file
            .types
            .clone()
            .unwrap_or_else(|| vec![AttributeType::String]);
        if types.is_empty() && self.document.elements(&path("types")).is_empty() {
            self.problem(
                &path("types"),
                "no type is named",
                "name one, or leave the key out for string",
            );
        }
        AttributePlan {
            count: self.count(&path("count"), file.count, 4, 0..=128),
            value_bytes: self.count(&path("value_bytes"), file.value_bytes, 16, 0..=100_000),
            cardinality: self.count(&path("cardinality"), file.cardinality, 100, 1..=1_000_000),
            types,
        }
    }

    pub(super) fn share(&mut self, path: &str, value: Option<Share>, default: f64) -> f64 {
        let share = value.map_or(default, |share| share.0);
        if share > 1.0 {
            self.problem(path, "this is more than all of them", "from 0% to 100%");
        }
        share
    }

    pub(super) fn arrivals(
        &mut self,
        wanted: &Wanted<'_>,
        producers: u16,
        run: &RunPlan,
    ) -> ArrivalPlan {
        let path = wanted.path;
        let before = self.findings.len();
        let process = match (wanted.closed_loop, wanted.arrivals) {
            (Some(closed), _) => self.closed_loop(wanted, closed, producers),
            (None, Some(ArrivalsFile::Poisson)) => ArrivalProcess::Poisson,
            (None, Some(ArrivalsFile::Constant) | None) => ArrivalProcess::Constant,
        };
        let profile = if self.document.has(&format!("{path}.closed_loop")) {
            RateProfile::Constant { rate: 0.0 }
        } else {
            self.profile(path, wanted.rate, wanted.shape, run)
        };
        let plan = ArrivalPlan {
            process,
            profile,
            items_per_arrival: wanted.items_per_arrival,
            producers,
        };
        let closed = self.document.has(&format!("{path}.closed_loop"));
        let damaged = ["rate", "shape"]
            .iter()
            .any(|key| self.document.is_damaged(&format!("{path}.{key}")));
        if !closed && !damaged && self.findings.len() == before {
            self.possible(path, &plan, run);
        }
        plan
    }

    fn closed_loop(
        &mut self,
        wanted: &Wanted<'_>,
        closed: ClosedLoopFile,
        producers: u16,
    ) -> ArrivalProcess {
        let path = wanted.path;
        for other in ["rate", "arrivals", "shape"] {
            if self.document.has(&format!("{path}.{other}")) {
                self.problem(
                    &format!("{path}.{other}"),
                    format!("`{other}` and `closed_loop` cannot stand together"),
                    "a closed loop has no schedule: leave one of the two out",
                );
            }
        }
        let key = format!("{path}.closed_loop.outstanding");
        let help = "how many items each producer may have unfinished, such as 512";
        let outstanding = self.required(&key, closed.outstanding, help).unwrap_or(1);
        if let Some((name, queue)) = wanted.queue
            && u64::from(outstanding) * u64::from(producers) > queue
        {
            let message = format!(
                "{outstanding} unfinished items of {producers} producer(s) do not fit into a queue of {queue}"
            );
            let help = format!("ask for fewer, or set client.sdk.{name} higher");
            self.problem(&key, message, help);
        }
        if outstanding < wanted.items_per_arrival && closed.outstanding.is_some() {
            let message = format!("one arrival alone is {} items", wanted.items_per_arrival);
            let help =
                "ask for at least the spans of a trace, or the items of a raw client's request";
            self.problem(&key, message, help);
        }
        ArrivalProcess::ClosedLoop { outstanding }
    }

    /// Whether the arithmetic and the memory can hold that many arrivals.
    fn possible(&mut self, path: &str, plan: &ArrivalPlan, run: &RunPlan) {
        let shape = format!("{path}.shape");
        let place = if self.document.has(&shape) {
            shape
        } else {
            format!("{path}.rate")
        };
        let peak = peak_rate(&plan.profile);
        if peak > MOST_RATE {
            self.problem(
                &place,
                "this is more than squall can time",
                format!("at most {}M/s", MOST_RATE / 1e6),
            );
            return;
        }
        let arrivals = arrivals_of(plan, run.duration_ns);
        let seconds = run.duration_ns as f64 / SECOND as f64;
        if arrivals > MOST_ARRIVALS {
            self.problem(
                &place,
                format!("{arrivals:.0} arrivals in {seconds} s do not fit into memory"),
                format!("at most {MOST_ARRIVALS:.0} in a run: lower the rate or shorten the run"),
            );
        } else if arrivals < 1.0 {
            self.problem(
                &place,
                "nothing would ever be sent",
                format!("in {seconds} s this comes to {arrivals:.3} arrivals"),
            );
        }
    }
}
