//! Faults of the link.

use super::Kinds;
use crate::plan::{
    Delay, Direction, Distribution, FaultKind, LinkBackend, LinkFault, PacketFault, Per, Toxicity,
};
use crate::scenario::file::{
    CorruptFile, DistributionFile, FaultFile, LatencyFile, LossFile, LossWaysFile, PartitionFile,
};
use crate::scenario::into_plan::{HOUR, MS, Planner};
use crate::scenario::problem::Finding;
use crate::scenario::units::{Share, Time, show_ns};

/// Their keys.
pub(super) const KINDS: [&str; 12] = [
    "partition",
    "latency",
    "connect_latency",
    "bandwidth",
    "slow_close",
    "timeout",
    "reset_peer",
    "slicer",
    "limit",
    "loss",
    "corrupt",
    "together",
];

/// How late a lost segment comes where the scenario does not say.
const RETRANSMIT_NS: u64 = 200 * MS;
/// Largest size of a piece or a limit.
const MOST_BYTES: u64 = 1 << 40;

/// The kinds of one part: the path of what makes it, and the kind where that is there.
type Parts = Vec<(&'static str, Option<LinkFault>)>;

impl Planner<'_> {
    pub(super) fn link_kinds(
        &mut self,
        path: &str,
        file: &FaultFile,
        via: LinkBackend,
        kinds: &mut Kinds,
    ) {
        let mut parts = Parts::new();
        self.bytes_kinds(path, file, via, &mut parts);
        self.connection_kinds(path, file, &mut parts);
        if file.together.is_some() {
            parts.push(("together", self.together(path, file)));
        }
        let toxicity = self.toxicity(path, file, &parts);
        let direction = file.direction.unwrap_or(Direction::Both);
        kinds.extend(parts.into_iter().map(|(key, fault)| {
            let kind = fault.map(|fault| FaultKind::Link {
                link: 0,
                direction,
                fault,
                toxicity,
            });
            (key, kind)
        }));
    }

    /// What happens to bytes.
    fn bytes_kinds(&mut self, path: &str, file: &FaultFile, via: LinkBackend, parts: &mut Parts) {
        if let Some(latency) = &file.latency {
            let delay = self.delay(&format!("{path}.latency"), latency);
            parts.push(("latency.delay", delay.map(LinkFault::Latency)));
        }
        if let Some(bandwidth) = &file.bandwidth {
            let rate = bandwidth.rate;
            if rate.is_some_and(|rate| rate.0 == 0) {
                self.problem(
                    &format!("{path}.bandwidth"),
                    "nothing would pass at all",
                    "say `partition: silence` for that",
                );
            }
            let fault = rate.map(|rate| LinkFault::Bandwidth {
                bytes_per_second: rate.0,
                shared: bandwidth.shared.unwrap_or(false),
            });
            parts.push(("bandwidth.rate", fault));
        }
        if let Some(slicer) = file.slicer {
            let key = format!("{path}.slicer");
            let variation_bytes = slicer.variation.map_or(0, |bytes| bytes.0);
            let fault = slicer.size.map(|size| {
                let average_bytes = self.size(&format!("{key}.size"), size.0);
                if variation_bytes >= average_bytes {
                    let help = "at most a byte less than `size`: a piece is never empty";
                    let what = "the variation is not smaller than the size";
                    self.problem(&format!("{key}.variation"), what, help);
                }
                LinkFault::Slicer {
                    average_bytes,
                    variation_bytes,
                    delay_ns: self.time(&format!("{key}.delay"), slicer.delay, 0, 0..=HOUR),
                }
            });
            parts.push(("slicer.size", fault));
        }
        if let Some(LossFile::Ways(LossWaysFile {
            share,
            retransmit,
            bursts: None,
            packets: None,
        })) = file.loss.as_ref().filter(|_| via != LinkBackend::Netns)
        {
            let fault = self.modelled_loss(&format!("{path}.loss"), *share, *retransmit);
            parts.push(("loss.share", fault));
        }
        if let Some(LossFile::Share(share)) =
            file.loss.as_ref().filter(|_| via != LinkBackend::Netns)
        {
            let fault = self.modelled_loss(&format!("{path}.loss"), Some(*share), None);
            parts.push(("loss", fault));
        }
        if let Some(CorruptFile::Every(corrupt)) = file.corrupt {
            let fault = corrupt.every.map(|every| LinkFault::Corrupt {
                every_bytes: self.size(&format!("{path}.corrupt.every"), every.0),
            });
            parts.push(("corrupt.every", fault));
        }
    }

    /// What the loss of a share looks like on a stream.
    fn modelled_loss(
        &mut self,
        path: &str,
        share: Option<Share>,
        retransmit: Option<Time>,
    ) -> Option<LinkFault> {
        let retransmit_ns = self.time(
            &format!("{path}.retransmit"),
            retransmit,
            RETRANSMIT_NS,
            MS..=HOUR,
        );
        let share = share?.0;
        if !(share > 0.0 && share < 1.0) {
            let help = "more than 0% and less than 100%; `partition: silence` loses all";
            let what = format!("{}% is out of range", share * 100.0);
            let key = format!("{path}.share");
            let place = if self.document.has(&key) { &key } else { path };
            self.problem(place, what, help);
        }
        Some(LinkFault::Loss {
            share,
            retransmit_ns,
        })
    }

    /// What happens to connections.
    fn connection_kinds(&mut self, path: &str, file: &FaultFile, parts: &mut Parts) {
        if let Some(partition) = file.partition {
            let fault = match partition {
                PartitionFile::Silence => LinkFault::PartitionSilence,
                PartitionFile::Reset => LinkFault::PartitionReset,
            };
            parts.push(("partition", Some(fault)));
        }
        if let Some(latency) = &file.connect_latency {
            let key = format!("{path}.connect_latency");
            let delay = self.delay(&key, latency);
            if latency.correlation.is_some() {
                let what =
                    "the delays of connections have no order in which to resemble each other";
                self.problem(&format!("{key}.correlation"), what, "leave it out");
            }
            parts.push((
                "connect_latency.delay",
                delay.map(LinkFault::ConnectLatency),
            ));
        }
        if let Some(delay) = file.slow_close {
            let delay_ns = delay.0;
            parts.push(("slow_close", Some(LinkFault::SlowClose { delay_ns })));
        }
        if let Some(timeout) = file.timeout {
            let key = format!("{path}.timeout");
            let timeout_ns = self.time(&key, Some(timeout), MS, MS..=HOUR);
            parts.push(("timeout", Some(LinkFault::Timeout { timeout_ns })));
        }
        if let Some(timeout) = file.reset_peer {
            let key = format!("{path}.reset_peer");
            let timeout_ns = self.time(&key, Some(timeout), 0, 0..=HOUR);
            parts.push(("reset_peer", Some(LinkFault::ResetPeer { timeout_ns })));
        }
        if let Some(limit) = file.limit {
            let bytes = self.size(&format!("{path}.limit"), limit.0);
            parts.push(("limit", Some(LinkFault::Limit { bytes })));
        }
    }

    /// Several at one moment; `None` where one of them is wrong.
    fn together(&mut self, path: &str, file: &FaultFile) -> Option<LinkFault> {
        let key = format!("{path}.together");
        let paths = self.document.elements(&key);
        if paths.len() < 2 {
            let help = "list at least two; one alone needs no `together`";
            self.problem(&key, "there is nothing to come together", help);
            return None;
        }
        let names = &KINDS[..KINDS.len() - 1];
        let mut faults: Vec<LinkFault> = Vec::new();
        let mut whole = true;
        for (path, part) in paths.iter().zip(file.together.iter().flatten()) {
            let part = FaultFile::from(part.clone());
            let mut parts = Parts::new();
            self.bytes_kinds(path, &part, LinkBackend::Proxy, &mut parts);
            self.connection_kinds(path, &part, &mut parts);
            let Some(fault) = self.only_one(path, names, parts) else {
                whole = false;
                continue;
            };
            if faults.iter().any(|other| family(other) == family(&fault)) {
                let message = format!("{} stands here twice", family(&fault));
                self.problem(path, message, "one of each kind");
            }
            faults.push(fault);
        }
        whole.then_some(LinkFault::Together(faults))
    }

    /// What a fault strikes; everything, where it does not say.
    fn toxicity(&mut self, path: &str, file: &FaultFile, parts: &Parts) -> Toxicity {
        let key = format!("{path}.toxicity");
        let share = file.toxicity.map_or(1.0, |share| share.0);
        if !(share > 0.0 && share <= 1.0) {
            let what = format!("{}% is out of range", share * 100.0);
            self.problem(&key, what, "more than 0%, 100% at most");
        }
        let per = file.per.unwrap_or_default();
        if file.per.is_some() && file.toxicity.is_none() && !self.document.has(&key) {
            let span = self.document.key_span(&format!("{path}.per"));
            let finding = Finding::new(span, "there is no share to draw")
                .help("say which with `toxicity`, such as `toxicity: 30%`");
            self.findings.push(finding);
        }
        let whole = parts.iter().filter_map(|(_, fault)| fault.as_ref());
        let whole = whole.flat_map(LinkFault::parts).find(|part| {
            matches!(
                part,
                LinkFault::PartitionSilence
                    | LinkFault::PartitionReset
                    | LinkFault::SlowClose { .. }
                    | LinkFault::ConnectLatency(_)
            )
        });
        if let Some(whole) = whole.filter(|_| per == Per::Request) {
            let message = format!("{} is of a connection, not of a request", family(whole));
            self.problem(&format!("{path}.per"), message, "say `per: connection`");
        }
        Toxicity { share, per }
    }

    /// A delay and how it scatters; `None` where it lacks the delay itself.
    fn delay(&mut self, path: &str, file: &LatencyFile) -> Option<Delay> {
        let delay_key = format!("{path}.delay");
        let jitter_key = format!("{path}.jitter");
        let delay_ns = self.time(&delay_key, file.delay, 0, 0..=HOUR);
        let jitter_ns = self.time(&jitter_key, file.jitter, 0, 0..=HOUR);
        let distribution = match &file.distribution {
            None | Some(DistributionFile::Uniform) => {
                if file.delay.is_some() && jitter_ns > delay_ns {
                    self.problem(
                        &jitter_key,
                        "the jitter is larger than the delay",
                        "bytes cannot arrive before they were sent: at most `delay`",
                    );
                }
                Distribution::Uniform
            }
            Some(DistributionFile::Normal) => Distribution::Normal,
            Some(DistributionFile::Pareto) => self.pareto(path, file.shape),
            Some(DistributionFile::File(name)) => Distribution::Empirical {
                delays_ns: self.delays_of(&format!("{path}.distribution"), name),
            },
        };
        let empirical = matches!(distribution, Distribution::Empirical { .. });
        if empirical && file.jitter.is_some() {
            let help = "leave `jitter` out; `delay` is added to each of the file's";
            self.problem(&jitter_key, "the file says how the delays scatter", help);
        }
        if file.shape.is_some() && !matches!(distribution, Distribution::Pareto { .. }) {
            let help = "leave it out, or say `distribution: pareto`";
            self.problem(
                &format!("{path}.shape"),
                "only a pareto tail has a shape",
                help,
            );
        }
        let scatters = jitter_ns > 0 || empirical;
        if file.delay.is_some_and(|delay| delay.0 == 0) && !scatters {
            self.problem(&delay_key, "nothing would be late", "more than 0s");
        }
        if !scatters && !self.document.has(&jitter_key) {
            for (key, is_there) in [
                ("distribution", file.distribution.is_some()),
                ("correlation", file.correlation.is_some()),
            ] {
                if is_there {
                    let what = "nothing scatters: there is no jitter";
                    let help = "add `jitter`, such as `jitter: 10ms`";
                    self.problem(&format!("{path}.{key}"), what, help);
                }
            }
        }
        let correlation = file.correlation.map_or(0.0, |share| share.0);
        if correlation >= 1.0 {
            let what = format!("{}% is out of range", correlation * 100.0);
            self.problem(&format!("{path}.correlation"), what, "below 100%");
        }
        (file.delay.is_some() || empirical).then_some(Delay {
            delay_ns,
            jitter_ns,
            distribution,
            correlation,
        })
    }

    fn pareto(&mut self, path: &str, shape: Option<f64>) -> Distribution {
        let Some(shape) = shape else {
            return Distribution::PARETO;
        };
        if !(shape > 1.0 && shape <= 100.0) {
            let help = "above 1, 100 at most; 3 is heavy, 1.5 is extreme";
            self.problem(
                &format!("{path}.shape"),
                format!("{shape} is out of range"),
                help,
            );
        }
        Distribution::Pareto { shape }
    }

    /// The delays of a file, in rising order.
    fn delays_of(&mut self, path: &str, file: &str) -> Vec<u64> {
        let file = self.beside(file);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("{} cannot be read: {error}", file.display());
                self.problem(path, message, "the path starts at the scenario's folder");
                return Vec::new();
            }
        };
        let (mut delays_ns, wrong) = super::delays::read(&text);
        for (line, why) in wrong {
            let message = format!("line {line} of {}: {why}", file.display());
            let help = "each line is a delay in ms, or with a unit; `#` begins a comment";
            self.problem(path, message, help);
        }
        delays_ns.sort_unstable();
        if let Some(longest) = delays_ns.last().filter(|longest| **longest > HOUR) {
            let message = format!(
                "{} in {} is out of range",
                show_ns(*longest),
                file.display()
            );
            self.problem(path, message, "an hour at most");
        }
        delays_ns
    }

    fn size(&mut self, path: &str, bytes: u64) -> u64 {
        if !(1..=MOST_BYTES).contains(&bytes) {
            let message = format!("{bytes} bytes is out of range");
            self.problem(path, message, "from 1B to 1024GiB");
        }
        bytes
    }
}

/// What kind of fault it is where two at once would contradict each other: both partitions are one.
pub(super) const fn family(part: &LinkFault) -> &'static str {
    match part {
        LinkFault::PartitionSilence | LinkFault::PartitionReset => "a partition",
        LinkFault::Latency(_) => "latency",
        LinkFault::ConnectLatency(_) => "a connect latency",
        LinkFault::Bandwidth { .. } => "a bandwidth",
        LinkFault::SlowClose { .. } => "a slow close",
        LinkFault::Timeout { .. } => "a timeout",
        LinkFault::ResetPeer { .. } => "a reset of peers",
        LinkFault::Slicer { .. } => "a slicer",
        LinkFault::Limit { .. } => "a limit",
        LinkFault::Loss { .. } => "a loss",
        LinkFault::Corrupt { .. } => "a corruption",
        LinkFault::Packets(fault) => match fault {
            PacketFault::Loss(_) => "a loss of packets",
            PacketFault::Reorder { .. } => "a reordering",
            PacketFault::Duplicate { .. } => "a duplication",
            PacketFault::Corrupt { .. } => "a corruption of packets",
            PacketFault::Rate { .. } => "a rate",
            PacketFault::Mtu { .. } => "an MTU",
            PacketFault::Flap { .. } => "a flap",
        },
        LinkFault::Together(_) => "several faults",
    }
}
