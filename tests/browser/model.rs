//! What the counters of the made-up run say.

use super::*;

/// Time in tenths of a second, and what the counters say at each.
pub struct Model {
    pub series: StoredSeries,
    pub histograms: Histograms,
}

impl Model {
    pub fn run() -> Self {
        let mut live = Series::default();
        let mut client = ClientSample::default();
        let mut sink = SinkSample::default();
        let mut link = LinkSample::default();
        let mut roles = ["client", "link", "sink", "controller"].map(|role| RoleEvidence {
            role: role.to_owned(),
            pid: 100,
            exit: "exited 0".to_owned(),
            samples: Vec::new(),
        });
        let mut cpu_ns = [0_u64; 4];
        let mut rss = [18_000_000_u64, 6_200_000, 14_000_000, 12_000_000];
        let mut noise = Noise(7);
        for tenth in 0..=234_u64 {
            let at_ns = tenth * SECOND / 10;
            let cut = (80..126).contains(&tenth);
            let mut moved = 0;
            for i in 0..3 {
                let due = if tenth < 200 {
                    (RATES[i] / 10.0) as u64
                } else {
                    0
                };
                let dropped = if (113..120).contains(&tenth) {
                    DROPPED[i] / 7
                } else {
                    0
                };
                client.offered[i] += due;
                client.generated[i] += due;
                let waiting = client.generated[i] - client.handed[i];
                // The backlog goes out faster than it came in.
                let hand = if cut {
                    0
                } else {
                    waiting.min((RATES[i] * 0.225) as u64)
                };
                client.handed[i] += hand;
                client.queued[i] = client.generated[i] - client.handed[i];
                let arrived = if tenth == 80 { 0 } else { hand };
                sink.received[i] += arrived.saturating_sub(dropped);
                if !cut {
                    client.acknowledged[i] = sink.received[i];
                    client.finished[i] =
                        client.handed[i] - (hand / 3 + noise.below(1 + hand / 8)).min(hand);
                }
                moved += arrived;
            }
            client.at_ns = at_ns;
            client.lateness_max_ns = 80_000 + noise.below(240_000);
            live.client.push(client);
            sink.at_ns = at_ns;
            live.sink.push(sink);
            link.at_ns = at_ns;
            link.up_bytes += moved * 188;
            link.down_bytes += moved * 3;
            link.held_bytes = if cut { 0 } else { noise.below(4000) };
            live.link.push(link);
            live.machine.push(MachineSample {
                at_ns,
                load_1m: 0.8,
                steal: noise.below(10) as f64 / 1000.0,
                busy: 0.12 + moved as f64 / 4000.0 + noise.below(40) as f64 / 1000.0,
                pressure_cpu: Some(1.2 + noise.below(10) as f64 / 10.0),
                pressure_memory: None,
                pressure_io: Some(0.1),
            });
            let work = [
                8_000_000 + moved * 40_000,
                1_000_000 + moved * 9_000,
                1_500_000 + moved * 20_000,
                2_500_000,
            ];
            for (index, role) in roles.iter_mut().enumerate() {
                cpu_ns[index] += work[index] + noise.below(1_500_000);
                rss[index] += match index {
                    0 if cut => 130_000,
                    _ => noise.below(9_000),
                };
                role.samples.push(ProcessSample {
                    at_ns,
                    cpu_user_ns: cpu_ns[index],
                    rss_bytes: rss[index],
                    ..ProcessSample::default()
                });
            }
        }
        Self {
            series: StoredSeries {
                live,
                roles: roles.to_vec(),
                delivery: Signal::ALL
                    .map(|signal| latency_bins(signal, &mut noise))
                    .to_vec(),
            },
            histograms: histograms(&mut noise),
        }
    }
}

fn latency_bins(signal: Signal, noise: &mut Noise) -> LatencyBins {
    let p50_s: Vec<Option<f64>> = (0..20_u64)
        .map(|second| {
            let wobble = noise.below(30) as f64 / 1000.0;
            match second {
                // Whoever was due early in the cut waited longest.
                8..=11 => Some(12.6 - second as f64 - 0.5 + wobble),
                12 => Some(0.61 + wobble),
                _ if signal == Signal::Metrics && second % 7 == 6 => None,
                _ => Some(0.055 + wobble),
            }
        })
        .collect();
    let times = |factor: f64| {
        p50_s
            .iter()
            .map(|value| value.map(|v| v * factor))
            .collect()
    };
    LatencyBins {
        signal,
        p90_s: times(1.45),
        p99_s: times(1.7),
        max_s: times(2.1),
        p50_s,
    }
}

fn histograms(noise: &mut Noise) -> Histograms {
    let mut histograms = Histograms::default();
    let mut put = |name: &str, base_ns: u64, slow_share: u64, slow_ns: u64| {
        let mut whole = Latencies::default();
        let mut steady = Latencies::default();
        for _ in 0..20_000 {
            let fast = base_ns / 3 + noise.below(base_ns);
            steady.record_ns(fast, 1);
            let slow = noise.below(1000) < slow_share;
            whole.record_ns(
                if slow {
                    slow_ns / 8 + noise.below(slow_ns)
                } else {
                    fast
                },
                1,
            );
        }
        histograms.whole_run.insert(name.to_owned(), whole);
        histograms.by_phase.insert(format!("steady/{name}"), steady);
    };
    put("delivery.latency", 90 * 1_000_000, 210, 4_300_000_000);
    put("export.response", 94 * 1_000_000, 210, 4_400_000_000);
    put("export.service", 4_000_000, 4, 600_000_000);
    put("lateness", 120_000, 8, 400_000);
    histograms
}

/// xorshift: repeatable, and random enough to look like a machine.
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}
