//! A program and all that it has started, as one.

use std::collections::HashMap;

use procfs::process::{Process, Stat};

use super::process::{Scheduled, added};
use crate::evidence::ProcessSample;

/// How often a family is read again that has changed while it was read.
const TRIES: usize = 3;
/// PSS makes the kernel walk through all of a process's memory.
const PSS_EVERY_NS: u64 = 1_000_000_000;

/// Samples the descendants of this very process, over all their ends and restarts: its counters
/// never fall, and hold what those that have ended have used.
///
/// CPU is exact, but for children that nobody waits for. Context switches and bytes of a process
/// lack what it did between its last sample and its end.
#[derive(Debug, Default)]
pub struct FamilySampler {
    members: HashMap<i32, Member>,
    /// What those that have ended leave behind.
    ended: Left,
    latest: ProcessSample,
    pss_due_ns: u64,
}

#[derive(Debug, Default)]
struct Member {
    /// A later process of the same number is not mistaken for it.
    started: u64,
    parent: i32,
    scheduled: Scheduled,
    /// Read and written, with those of children that it has waited for.
    bytes: [u64; 2],
}

#[derive(Debug, Default, Clone, Copy)]
struct Left {
    scheduled: [u64; 3],
    bytes: [u64; 2],
}

impl FamilySampler {
    /// One sample of the processes that `descendants` names, parents before children; `None` while
    /// there is none.
    pub fn sample(
        &mut self,
        at_ns: u64,
        descendants: impl Fn() -> Vec<u32>,
    ) -> Option<ProcessSample> {
        let (own, family) = read(descendants)?;
        self.bury(&family);
        let tick_ns = 1_000_000_000 / procfs::ticks_per_second();
        let waited_for = |stat: &Stat| [stat.cutime, stat.cstime].map(i64::cast_unsigned);
        let mut cpu = waited_for(&own);
        let mut sample = ProcessSample {
            at_ns,
            ..ProcessSample::default()
        };
        let with_pss = at_ns >= self.pss_due_ns;
        let mut going = false;
        let mut living = 0_usize;
        for (process, stat) in &family {
            let children = waited_for(stat);
            cpu = [
                cpu[0] + stat.utime + children[0],
                cpu[1] + stat.stime + children[1],
            ];
            if stat.state == 'Z' {
                continue;
            }
            living += 1;
            going |= !matches!(stat.state, 'T' | 't');
            sample.threads += stat.num_threads.cast_unsigned();
            sample.fds += process.fd_count().unwrap_or(0) as u64;
            if let Ok(status) = process.status() {
                sample.rss_bytes += status.vmrss.unwrap_or(0) * 1024;
                let peak_bytes = status.vmhwm.unwrap_or(0) * 1024;
                sample.rss_peak_bytes = sample.rss_peak_bytes.max(peak_bytes);
            }
            if with_pss && let Some(pss_bytes) = pss_bytes(process) {
                *sample.pss_bytes.get_or_insert(0) += pss_bytes;
            }
            self.members.entry(stat.pid).or_default().see(process, stat);
        }
        if living == 0 {
            return None;
        }
        if with_pss {
            self.pss_due_ns = at_ns + PSS_EVERY_NS;
        }
        let mut left = self.ended;
        for member in self.members.values() {
            left.add(member.scheduled.total(), member.bytes);
        }
        sample.stopped = !going;
        sample.rss_peak_bytes = sample.rss_peak_bytes.max(sample.rss_bytes);
        sample.cpu_user_ns = cpu[0] * tick_ns;
        sample.cpu_system_ns = cpu[1] * tick_ns;
        [
            sample.context_switches_voluntary,
            sample.context_switches_involuntary,
            sample.cpu_waited_ns,
        ] = left.scheduled;
        [sample.read_bytes, sample.written_bytes] = left.bytes;
        self.latest = not_below(sample, &self.latest);
        Some(self.latest)
    }

    /// What has ended stays in the sums.
    fn bury(&mut self, family: &[(Process, Stat)]) {
        let lives = |pid: i32, started: u64| {
            family
                .iter()
                .any(|(_, stat)| stat.pid == pid && stat.starttime == started)
        };
        let (members, ended) = (&mut self.members, &mut self.ended);
        // A parent that goes on has the bytes of a child that it has waited for.
        let heirs: Vec<i32> = family.iter().map(|(_, stat)| stat.pid).collect();
        members.retain(|pid, member| {
            let stays = lives(*pid, member.started);
            if !stays {
                let inherited = heirs.contains(&member.parent);
                let bytes = if inherited { [0, 0] } else { member.bytes };
                ended.add(member.scheduled.total(), bytes);
            }
            stays
        });
    }
}

impl Left {
    fn add(&mut self, scheduled: [u64; 3], bytes: [u64; 2]) {
        self.scheduled = added(self.scheduled, scheduled);
        for (sum, more) in self.bytes.iter_mut().zip(bytes) {
            *sum += more;
        }
    }
}

impl Member {
    fn see(&mut self, process: &Process, stat: &Stat) {
        self.started = stat.starttime;
        self.parent = stat.ppid;
        self.scheduled.see_all(process);
        if let Ok(io) = process.io() {
            self.bytes = [io.rchar, io.wchar];
        }
    }
}

/// This process and its family at one moment. A process that ended meanwhile may stand in its
/// parent's sums already or not, so all is read again.
fn read(descendants: impl Fn() -> Vec<u32>) -> Option<(Stat, Vec<(Process, Stat)>)> {
    let mut attempt = None;
    for _ in 0..TRIES {
        let own = Process::myself().and_then(|own| own.stat()).ok()?;
        let pids = descendants();
        let family: Vec<(Process, Stat)> = pids
            .iter()
            .filter_map(|pid| {
                let process = Process::new(pid.cast_signed()).ok()?;
                let stat = process.stat().ok()?;
                Some((process, stat))
            })
            .collect();
        let whole = family.len() == pids.len();
        attempt = Some((own, family));
        if whole {
            break;
        }
    }
    attempt
}

fn pss_bytes(process: &Process) -> Option<u64> {
    let rollup = process.smaps_rollup().ok()?.memory_map_rollup;
    rollup
        .into_iter()
        .filter_map(|map| map.extension.map.get("Pss").copied())
        .reduce(|sum, more| sum + more)
}

/// The sample with no counter below the last one's.
fn not_below(mut sample: ProcessSample, last: &ProcessSample) -> ProcessSample {
    for (now, last) in [
        (&mut sample.cpu_user_ns, last.cpu_user_ns),
        (&mut sample.cpu_system_ns, last.cpu_system_ns),
        (
            &mut sample.context_switches_voluntary,
            last.context_switches_voluntary,
        ),
        (
            &mut sample.context_switches_involuntary,
            last.context_switches_involuntary,
        ),
        (&mut sample.cpu_waited_ns, last.cpu_waited_ns),
        (&mut sample.read_bytes, last.read_bytes),
        (&mut sample.written_bytes, last.written_bytes),
        (&mut sample.rss_peak_bytes, last.rss_peak_bytes),
    ] {
        *now = (*now).max(last);
    }
    sample
}
