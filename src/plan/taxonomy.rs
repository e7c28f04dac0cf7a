//! The faults that users think in: what injects each, the scenario that shows it, and how it looks.

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// As users call it.
    pub name: &'static str,
    /// The scenario's keys that inject it.
    pub injected_by: &'static str,
    /// The file under `scenarios/`, without `.yaml`.
    pub scenario: &'static str,
    /// How it looks in a report.
    pub looks: &'static str,
}

const fn row(
    name: &'static str,
    injected_by: &'static str,
    scenario: &'static str,
    looks: &'static str,
) -> Trouble {
    Trouble {
        name,
        injected_by,
        scenario,
        looks,
    }
}

/// Every row, in the order in which they are shown.
#[rustfmt::skip]
pub const TAXONOMY: &[Trouble] = &[
    row("connection timeout", "partition: silence", "partition", "a gap in delivery and requests without an answer, then a burst; `delivery.gap.outage`"),
    row("connection refused", "partition: reset", "reset", "attempts that fail at once and are retried; `retry.amplification`"),
    row("flapping connection", "every", "repeated", "one gap per occurrence, each with its own recovery"),
    row("high latency", "latency", "latency", "`export.service` grows by the delay, and delivery with it"),
    row("low throughput", "bandwidth", "bandwidth", "a backlog that grows while the fault lasts; `client.queue`, `backlog.drain.time`"),
    row("unstable network", "storms", "storm", "several of these at once, at times from the seed"),
    row("validation error", "sink.plant: refuse_all", "refused", "items `refused`, without a retry"),
    row("resources exhausted", "when: client.queue", "conditional", "a full queue, and what comes on top of it"),
    row("wrong configuration", "client.sdk", "small-queue", "items `dropped_by_client`: the queue was full before it was emptied"),
    row("crash", "kill: client", "crash", "items `unresolved`: the process died while it held them"),
];

/// The rows as a Markdown table.
pub fn table() -> String {
    let mut text =
        String::from("| trouble | injected by | shown by | how it looks |\n|---|---|---|---|\n");
    for row in TAXONOMY {
        text.push_str(&format!(
            "| {} | `{}` | [`{2}.yaml`](../scenarios/{2}.yaml) | {3} |\n",
            row.name, row.injected_by, row.scenario, row.looks
        ));
    }
    text
}
