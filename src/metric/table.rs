//! The registry's rows, sorted by name. Adding a metric is a row here and a line in `judge::measure`.

use super::Better::{Higher, Lower, Neither};
use super::Unit::{Bytes, BytesPerSecond, Count, PerSecond, Ratio, Seconds};
use super::Windows::{AfterFault, Any, WholeRun};
use super::{Better, Metric, Unit, Windows};

const fn m(
    name: &'static str,
    unit: Unit,
    better: Better,
    windows: Windows,
    help: &'static str,
) -> Metric {
    Metric {
        name,
        unit,
        better,
        per_signal: false,
        ledger: false,
        windows,
        live: false,
        estimated: false,
        signed: false,
        help,
    }
}

impl Metric {
    const fn per_signal(mut self) -> Self {
        self.per_signal = true;
        self
    }
    const fn ledger(mut self) -> Self {
        self.ledger = true;
        self
    }
    const fn live(mut self) -> Self {
        self.live = true;
        self
    }
    /// An estimate of something that may also shrink.
    const fn estimated(mut self) -> Self {
        self.estimated = true;
        self.signed = true;
        self
    }
}

#[rustfmt::skip]
pub(super) const ROWS: &[Metric] = &[
    m("acknowledged.rate", PerSecond, Higher, Any, "Items acknowledged per second; without a window, per second of load.").per_signal().live(),
    m("attempts", Count, Lower, WholeRun, "Requests put on the wire, retries included.").per_signal(),
    m("backlog.drain.time", Seconds, Lower, AfterFault, "From a fault's end until the client's backlog (generated and unfinished) is back at its steady level."),
    m("batch.items.mean", Count, Neither, WholeRun, "Mean number of items in a batch.").per_signal(),
    m("client.conformance.violations", Count, Lower, WholeRun, "Violations of the OTLP specification by the client that were seen; see the report's conformance section."),
    m("client.context_switches.rate", PerSecond, Lower, Any, "Context switches of the client per second."),
    m("client.cpu", Ratio, Lower, Any, "CPU of the client, in cores: 1 is one core fully used.").live(),
    m("client.cpu.per_item", Seconds, Lower, WholeRun, "CPU time of the client divided by the items generated."),
    m("client.fds.max", Count, Lower, Any, "Most open file descriptors of the client."),
    m("client.in_flight.max", Count, Lower, Any, "Most items in the exporter at once.").per_signal().live(),
    m("client.queue", Ratio, Lower, Any, "How full the SDK's queue is (OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BLRP_MAX_QUEUE_SIZE), of the fuller signal; over a window, at its fullest.").per_signal().live(),
    m("client.queue.max", Count, Lower, Any, "Most items that had entered the client and not reached its exporter; those that a full queue drops count until something behind them reaches it.").per_signal().live(),
    m("client.rss.max", Bytes, Lower, Any, "Largest resident memory of the client.").live(),
    m("client.rss.mean", Bytes, Lower, Any, "Mean resident memory of the client."),
    m("client.rss.slope", BytesPerSecond, Lower, Any, "How fast the resident memory of the client grows, with its interval; without a window, in the steady phase.").estimated(),
    m("client.threads.max", Count, Lower, Any, "Most threads of the client."),
    m("content.altered", Count, Lower, WholeRun, "Items of which a part (resource, scope, attributes, parent, times, payload) arrived other than it was sent. Needs validate: content, as all content metrics do.").per_signal(),
    m("content.disordered", Count, Lower, WholeRun, "Spans that end before they begin or whose events go back in time, and data points that arrive after newer ones of their series.").per_signal(),
    m("content.gaps", Count, Lower, WholeRun, "Data points that were never received, between two of their series that were: the lost points that leave a hole."),
    m("content.orphans", Count, Lower, WholeRun, "Spans that were received and whose parent was generated and never received."),
    m("content.regressions", Count, Lower, WholeRun, "Points of cumulative monotonic sums and histograms below the one before with the same start."),
    m("controller.cpu", Ratio, Lower, WholeRun, "CPU of the controller itself, in cores."),
    m("delivered", Count, Higher, Any, "Items received exactly once.").per_signal().ledger(),
    m("delivery.gap", Seconds, Lower, Any, "Longest time within the window without a receipt at the sink.").per_signal(),
    m("delivery.gap.backoff", Seconds, Lower, AfterFault, "Part of the gap around a fault that lies after its end: the client's own reconnecting and back-off."),
    m("delivery.gap.outage", Seconds, Lower, AfterFault, "Part of the gap around a fault that lies before the fault's end."),
    m("delivery.latency.max", Seconds, Lower, Any, "Delivery latency (arrival at the sink minus due time), max.").per_signal(),
    m("delivery.latency.mean", Seconds, Lower, Any, "Delivery latency (arrival at the sink minus due time), mean.").per_signal(),
    m("delivery.latency.p50", Seconds, Lower, Any, "Delivery latency (arrival at the sink minus due time), p50.").per_signal(),
    m("delivery.latency.p90", Seconds, Lower, Any, "Delivery latency (arrival at the sink minus due time), p90.").per_signal(),
    m("delivery.latency.p99", Seconds, Lower, Any, "Delivery latency (arrival at the sink minus due time), p99.").per_signal().live(),
    m("delivery.latency.p999", Seconds, Lower, Any, "Delivery latency (arrival at the sink minus due time), p999.").per_signal(),
    m("dropped_by_client", Count, Lower, Any, "Items that entered the client and were never attempted: queue full, or shut down before the flush.").per_signal().ledger(),
    m("duplicated", Count, Lower, Any, "Items received more than once.").per_signal().ledger(),
    m("export.response.max", Seconds, Lower, Any, "Export response time (answer minus due time), max over items.").per_signal(),
    m("export.response.mean", Seconds, Lower, Any, "Export response time (answer minus due time), mean over items.").per_signal(),
    m("export.response.p50", Seconds, Lower, Any, "Export response time (answer minus due time), p50 over items.").per_signal(),
    m("export.response.p90", Seconds, Lower, Any, "Export response time (answer minus due time), p90 over items.").per_signal(),
    m("export.response.p99", Seconds, Lower, Any, "Export response time (answer minus due time), p99 over items.").per_signal(),
    m("export.response.p999", Seconds, Lower, Any, "Export response time (answer minus due time), p999 over items.").per_signal(),
    m("export.service.max", Seconds, Lower, Any, "Export service time (answer minus sending of the batch's first attempt), max over batches. Hides waiting: see export.response.").per_signal(),
    m("export.service.mean", Seconds, Lower, Any, "Export service time (answer minus sending of the batch's first attempt), mean over batches. Hides waiting: see export.response.").per_signal(),
    m("export.service.p50", Seconds, Lower, Any, "Export service time (answer minus sending of the batch's first attempt), p50 over batches. Hides waiting: see export.response.").per_signal(),
    m("export.service.p90", Seconds, Lower, Any, "Export service time (answer minus sending of the batch's first attempt), p90 over batches. Hides waiting: see export.response.").per_signal(),
    m("export.service.p99", Seconds, Lower, Any, "Export service time (answer minus sending of the batch's first attempt), p99 over batches. Hides waiting: see export.response.").per_signal(),
    m("export.service.p999", Seconds, Lower, Any, "Export service time (answer minus sending of the batch's first attempt), p999 over batches. Hides waiting: see export.response.").per_signal(),
    m("extra_copies", Count, Lower, WholeRun, "Copies received beyond each item's first.").per_signal().ledger(),
    m("generated", Count, Neither, Any, "Items that the client really created.").per_signal().ledger().live(),
    m("generated.rate", PerSecond, Higher, Any, "Items generated per second.").per_signal().live(),
    m("given_up", Count, Lower, Any, "Items not received, attempted until the client's retries ended.").per_signal().ledger(),
    m("late", Count, Lower, Any, "Items received after the drain's deadline.").per_signal().ledger(),
    m("lateness.max", Seconds, Lower, Any, "How long after its due time the generator released an arrival, max.").per_signal().live(),
    m("lateness.mean", Seconds, Lower, Any, "How long after its due time the generator released an arrival, mean.").per_signal(),
    m("lateness.p50", Seconds, Lower, Any, "How long after its due time the generator released an arrival, p50.").per_signal(),
    m("lateness.p90", Seconds, Lower, Any, "How long after its due time the generator released an arrival, p90.").per_signal(),
    m("lateness.p99", Seconds, Lower, Any, "How long after its due time the generator released an arrival, p99.").per_signal(),
    m("lateness.p999", Seconds, Lower, Any, "How long after its due time the generator released an arrival, p999.").per_signal(),
    m("link.context_switches.rate", PerSecond, Lower, Any, "Context switches of the link per second."),
    m("link.cpu", Ratio, Lower, Any, "CPU of the link, in cores: 1 is one core fully used.").live(),
    m("link.cpu.per_byte", Seconds, Lower, WholeRun, "CPU time of the link divided by the bytes that it carried, both ways."),
    m("link.down.rate", BytesPerSecond, Neither, Any, "Bytes per second through the link towards the client."),
    m("link.fds.max", Count, Lower, Any, "Most open file descriptors of the link."),
    m("link.rss.max", Bytes, Lower, Any, "Largest resident memory of the link.").live(),
    m("link.rss.mean", Bytes, Lower, Any, "Mean resident memory of the link."),
    m("link.threads.max", Count, Lower, Any, "Most threads of the link."),
    m("link.up.rate", BytesPerSecond, Neither, Any, "Bytes per second through the link towards the sink."),
    m("lost", Count, Lower, Any, "refused + lost_silently + given_up + dropped_by_client.").per_signal().ledger(),
    m("lost_silently", Count, Lower, Any, "Items acknowledged by the next hop and never received: the worst class.").per_signal().ledger(),
    m("machine.busy.mean", Ratio, Neither, Any, "Mean share of the machine's CPU time in use."),
    m("machine.pressure.cpu.max", Ratio, Lower, Any, "Largest CPU pressure (PSI some, 10 s average)."),
    m("machine.steal.max", Ratio, Lower, Any, "Largest share of CPU time stolen by the hypervisor."),
    m("missed", Count, Lower, Any, "Offered items that the generator never released: its own failure, never the pipeline's.").per_signal().ledger().live(),
    m("offered", Count, Neither, Any, "Items that the schedule made due.").per_signal().ledger().live(),
    m("offered.rate", PerSecond, Higher, Any, "Items due per second.").per_signal().live(),
    m("received", Count, Higher, Any, "Items whose identity the sink saw at least once.").per_signal().ledger().live(),
    m("received.rate", PerSecond, Higher, Any, "Items received per second (first copies); without a window, per second of load.").per_signal().live(),
    m("recovered", Count, Neither, Any, "Items received although the client thought them failed or never learnt.").per_signal().ledger(),
    m("recovery.time", Seconds, Lower, AfterFault, "From a fault's end to the first of three one-second bins of due time with at least 95 % of what was due received and a p99 of at most twice the steady one.").per_signal(),
    m("refused", Count, Lower, Any, "Items not received, answered with a permanent error or rejected by a partial success.").per_signal().ledger(),
    m("retry.amplification", Ratio, Lower, WholeRun, "Items put on the wire divided by items generated.").per_signal(),
    m("sampled_out", Count, Neither, Any, "Offered items that the sampler left out, by design.").per_signal().ledger(),
    m("sink.context_switches.rate", PerSecond, Lower, Any, "Context switches of the sink per second."),
    m("sink.cpu", Ratio, Lower, Any, "CPU of the sink, in cores: 1 is one core fully used.").live(),
    m("sink.cpu.per_item", Seconds, Lower, WholeRun, "CPU time of the sink divided by the items received."),
    m("sink.fds.max", Count, Lower, Any, "Most open file descriptors of the sink."),
    m("sink.handshakes.failed", Count, Lower, WholeRun, "TLS handshakes with the sink that failed."),
    m("sink.malformed", Count, Lower, WholeRun, "Requests that were not valid OTLP."),
    m("sink.requests", Count, Neither, WholeRun, "Requests that the sink answered."),
    m("sink.rss.max", Bytes, Lower, Any, "Largest resident memory of the sink.").live(),
    m("sink.rss.mean", Bytes, Lower, Any, "Mean resident memory of the sink."),
    m("sink.rss.slope", BytesPerSecond, Lower, Any, "How fast the resident memory of the sink grows, with its interval; without a window, in the steady phase.").estimated(),
    m("sink.threads.max", Count, Lower, Any, "Most threads of the sink."),
    m("sink.unauthenticated", Count, Lower, WholeRun, "Requests without the headers that the sink requires."),
    m("sums.unexplained", Ratio, Lower, WholeRun, "Largest relative difference between what a metric series recorded and what arrived of it that no lost point explains."),
    m("target.context_switches.rate", PerSecond, Lower, Any, "Context switches of the targets per second, with all that they started."),
    m("target.cpu", Ratio, Lower, Any, "CPU of the targets, with all that they started, in cores: 1 is one core fully used.").live(),
    m("target.cpu.per_item", Seconds, Lower, WholeRun, "CPU time of the targets divided by the items received at the sink."),
    m("target.duplicated", Count, Lower, WholeRun, "Items of which a target made the second copy."),
    m("target.fds.max", Count, Lower, Any, "Most open file descriptors of a target."),
    m("target.latency.max", Seconds, Lower, Any, "Longest time from coming to a target to leaving it, by the taps on its links."),
    m("target.latency.p50", Seconds, Lower, Any, "Median time from coming to a target to leaving it, by the taps on its links."),
    m("target.latency.p99", Seconds, Lower, Any, "99th percentile of the time from coming to a target to leaving it, by the taps on its links."),
    m("target.lost", Count, Lower, WholeRun, "Items that a target acknowledged and that never arrived at the sink."),
    m("target.rss.max", Bytes, Lower, Any, "Largest resident memory of a target, with all that it started.").live(),
    m("target.rss.mean", Bytes, Lower, Any, "Mean resident memory of the targets."),
    m("target.rss.slope", BytesPerSecond, Lower, Any, "How fast the resident memory of the target where it is steepest grows, with its interval; without a window, in the steady phase.").estimated(),
    m("target.threads.max", Count, Lower, Any, "Most threads of a target."),
    m("unexpected", Count, Lower, WholeRun, "Items that the sink received and nobody generated.").per_signal().ledger(),
    m("unresolved", Count, Lower, Any, "Items whose client was killed while it held them, or that were still under way at the drain's deadline.").per_signal().ledger(),
    m("wire.bytes.per_item", Bytes, Lower, WholeRun, "Bytes towards the sink divided by items received."),
];
