//! What the engine tells of a container: CPU, memory, tasks, bytes read and written.

use futures_util::StreamExt;
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::ContainerStatsResponse;
use testcontainers::bollard::query_parameters::StatsOptionsBuilder;
use tokio::sync::watch;

use crate::evidence::ProcessSample;

/// The container that is the target's now.
#[derive(Clone)]
pub struct Live {
    pub docker: Docker,
    pub id: String,
    /// It is paused.
    pub stopped: bool,
}

/// Nothing while there is none.
pub type Current = Option<Live>;

/// Samples a target over all its containers.
///
/// Memory is what the limit applies to, without page cache that nobody has used lately. Threads are
/// the container's tasks. Bytes are those that went to and from block devices, and descriptors and
/// context switches are 0, for an engine does not count them. What a container did between its last
/// sample and its end is not seen.
pub struct Statistics {
    current: watch::Receiver<Current>,
    /// Whose numbers `latest` are.
    seen: String,
    latest: ProcessSample,
    /// Of containers before this one.
    ended: ProcessSample,
}

impl Statistics {
    pub fn new(current: watch::Receiver<Current>) -> Self {
        Self {
            current,
            seen: String::new(),
            latest: ProcessSample::default(),
            ended: ProcessSample::default(),
        }
    }

    /// The container now, stamped with `at_ns`; nothing while there is none.
    pub async fn sample(&mut self, at_ns: u64) -> Option<ProcessSample> {
        let (id, stopped, told) = loop {
            let Live {
                docker,
                id,
                stopped,
            } = self.current.borrow_and_update().clone()?;
            if stopped && self.seen == id {
                // It uses nothing, so that nobody needs to be asked.
                let total = sum(&self.ended, &self.latest);
                return Some(ProcessSample {
                    at_ns,
                    stopped,
                    ..total
                });
            }
            let options = StatsOptionsBuilder::new()
                .stream(false)
                .one_shot(true)
                .build();
            let mut answer = Box::pin(docker.stats(&id, Some(options)));
            tokio::select! {
                told = answer.next() => break (id, stopped, told?.ok()?),
                // Engines may take a second to answer, and a pause may be as short.
                changed = self.current.changed() => changed.ok()?,
            }
        };
        let own = sample_of(&told)?;
        if self.seen != id {
            self.ended = sum(&self.ended, &self.latest);
            self.seen = id;
        }
        self.latest = own;
        let total = sum(&self.ended, &own);
        Some(ProcessSample {
            at_ns,
            stopped,
            ..total
        })
    }
}

/// Counters are added up; what is a state is the later one's.
fn sum(ended: &ProcessSample, own: &ProcessSample) -> ProcessSample {
    ProcessSample {
        cpu_user_ns: ended.cpu_user_ns + own.cpu_user_ns,
        cpu_system_ns: ended.cpu_system_ns + own.cpu_system_ns,
        rss_peak_bytes: ended.rss_peak_bytes.max(own.rss_peak_bytes),
        read_bytes: ended.read_bytes + own.read_bytes,
        written_bytes: ended.written_bytes + own.written_bytes,
        ..*own
    }
}

/// `None` for a container that does not run, of which the engine tells nothing but zeroes.
fn sample_of(told: &ContainerStatsResponse) -> Option<ProcessSample> {
    let cpu = told.cpu_stats.as_ref()?.cpu_usage.as_ref()?;
    let total_ns = cpu.total_usage?;
    let memory = told.memory_stats.as_ref()?;
    let usage = memory.usage?;
    // Control groups of version 1 and of version 2 name it differently.
    let idle_cache = ["total_inactive_file", "inactive_file"]
        .iter()
        .find_map(|name| memory.stats.as_ref()?.get(*name))
        .copied()
        .unwrap_or(0);
    let rss_bytes = usage.saturating_sub(idle_cache);
    // The two parts are counted more coarsely than their sum.
    let system_ns = cpu.usage_in_kernelmode.unwrap_or(0).min(total_ns);
    let [read_bytes, written_bytes] = transferred(told);
    Some(ProcessSample {
        cpu_user_ns: total_ns - system_ns,
        cpu_system_ns: system_ns,
        rss_bytes,
        rss_peak_bytes: memory.max_usage.unwrap_or(0).max(rss_bytes),
        threads: told
            .pids_stats
            .as_ref()
            .and_then(|pids| pids.current)
            .unwrap_or(0),
        read_bytes,
        written_bytes,
        ..ProcessSample::default()
    })
}

/// Bytes read from and written to block devices.
fn transferred(told: &ContainerStatsResponse) -> [u64; 2] {
    let entries = told
        .blkio_stats
        .as_ref()
        .and_then(|io| io.io_service_bytes_recursive.as_deref())
        .unwrap_or_default();
    ["read", "write"].map(|wanted| {
        entries
            .iter()
            .filter(|entry| {
                let op = entry.op.as_deref().unwrap_or_default();
                op.eq_ignore_ascii_case(wanted)
            })
            .filter_map(|entry| entry.value)
            .sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: serde_json::Value) -> ContainerStatsResponse {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn both_versions_of_control_groups_are_understood() {
        let one = told(serde_json::json!({
            "cpu_stats": {"cpu_usage": {"total_usage": 1000, "usage_in_kernelmode": 300}},
            "memory_stats": {"usage": 500, "max_usage": 900, "stats": {"total_inactive_file": 100, "inactive_file": 7}},
            "pids_stats": {"current": 4},
            "blkio_stats": {"io_service_bytes_recursive": [
                {"op": "Read", "value": 10}, {"op": "Write", "value": 20}, {"op": "Total", "value": 30}]},
        }));
        let sample = sample_of(&one).unwrap();
        assert_eq!((sample.cpu_user_ns, sample.cpu_system_ns), (700, 300));
        assert_eq!((sample.rss_bytes, sample.rss_peak_bytes), (400, 900));
        assert_eq!((sample.read_bytes, sample.written_bytes), (10, 20));
        assert_eq!(sample.threads, 4);

        let two = told(serde_json::json!({
            "cpu_stats": {"cpu_usage": {"total_usage": 1000, "usage_in_kernelmode": 1300}},
            "memory_stats": {"usage": 500, "stats": {"inactive_file": 100}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": "read", "value": 10}]},
        }));
        let sample = sample_of(&two).unwrap();
        assert_eq!((sample.cpu_user_ns, sample.cpu_system_ns), (0, 1000));
        assert_eq!((sample.rss_bytes, sample.rss_peak_bytes), (400, 400));
        assert_eq!((sample.read_bytes, sample.written_bytes), (10, 0));
    }

    #[test]
    fn one_that_has_ended_tells_nothing() {
        let ended = told(serde_json::json!({
            "cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {},
        }));
        assert!(sample_of(&ended).is_none());
    }

    #[test]
    fn counters_of_containers_before_are_not_lost() {
        let before = ProcessSample {
            cpu_user_ns: 5,
            rss_bytes: 80,
            rss_peak_bytes: 90,
            written_bytes: 3,
            ..ProcessSample::default()
        };
        let own = ProcessSample {
            cpu_user_ns: 2,
            rss_bytes: 10,
            rss_peak_bytes: 11,
            written_bytes: 4,
            ..ProcessSample::default()
        };
        let total = sum(&before, &own);
        assert_eq!((total.cpu_user_ns, total.written_bytes), (7, 7));
        assert_eq!((total.rss_bytes, total.rss_peak_bytes), (10, 90));
    }
}
