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
    row("network unreachable", "via: netns, partition: silence", "unreachable", "attempts that end by their time-out, new connections included; `squall explain` names it"),
    row("DNS failure", "dns: nxdomain, dead_address", "dns-failure", "no attempt reaches the sink until the name is found again; `delivery.gap.outage`"),
    row("TLS handshake failure", "tls_fault: expired", "tls-expired", "handshakes that fail and are tried again; delivery stands still and nothing is lost silently"),
    row("high latency", "latency", "latency", "`export.service` grows by the delay, and delivery with it"),
    row("low throughput", "bandwidth", "bandwidth", "a backlog that grows while the fault lasts; `client.queue`, `backlog.drain.time`"),
    row("unstable network", "storms", "storm", "several of these at once, at times from the seed"),
    row("memory leak", "memory_limit", "memory-leak", "`client.rss.max` grows with the queue until the kernel kills the client; what it held is `unresolved`"),
    row("noisy neighbour", "stress: cpu, memory", "stress", "`machine.busy.mean` rises, and what has no core to spare is late; nothing is lost"),
    row("CPU overload", "cpu_limit", "cpu-limit", "`sink.cpu` stands at the limit, and answers and delivery are late"),
    row("overloaded receiver", "status: RESOURCE_EXHAUSTED, retry_after", "overloaded", "attempts that are told to wait and come again; `retry.amplification`"),
    row("corruption", "corrupt", "corruption", "requests that cannot be read: items `refused`, or attempts that time out"),
    row("packet loss", "via: netns, loss", "netns-loss", "nothing is lost, for TCP repeats it; the tail of `export.service` grows"),
    row("serialisation error", "malformed_body", "malformed-answers", "the client cannot read the answer; the items have arrived all the same"),
    row("validation error", "sink.plant: refuse_all", "refused", "items `refused`, without a retry"),
    row("format error", "status: http: 415", "wrong-format", "items `refused`, without a retry, each with the code"),
    row("rejected in part", "partial_success: reject", "partial", "as many items `refused` as the answers say, though the requests succeeded"),
    row("wrong configuration", "client.sdk", "small-queue", "items `dropped_by_client`: the queue was full before it was emptied"),
    row("resources exhausted", "descriptors", "no-descriptors", "connections that open and are never served, until there are descriptors again"),
    row("full disk", "disk_full, disk: 8MiB", "full-disk", "a target with its queue on disk pushes back until there is room; what it cannot write is not lost unless it says that it has it"),
    row("full queue", "when: client.queue", "conditional", "a queue that fills, and what comes on top of it"),
    row("crash of the client", "kill: client", "crash", "items `unresolved`: the process died while it held them"),
    row("crash of the receiver", "restart: sink", "restart-sink", "a gap until it is back, and `given_up` where the client takes a reset for final"),
    row("answer lost", "lose_response", "lost-responses", "items `duplicated`: accepted, and sent again"),
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
