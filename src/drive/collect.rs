//! Reads what the roles left in their files and puts the evidence together.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use roaring::RoaringTreemap;

use super::{Run, content, sums};
use crate::evidence::{
    Answer, Attempt, Batch, Evidence, Measurements, Outage, Outcome, Producer, RoleEvidence,
    SinkSignal, Times,
};
use crate::ids::PointKey;
use crate::journal::{self, ANSWERS_FILE, BATCHES_FILE, BatchLine, POINTS_FILE, Point, PointsLine};
use crate::mapped::{Arrivals, Bitmap, Words, names};
use crate::plan::{ArrivalPlan, ArrivalProcess, Plan, RoleName};
use crate::signal::Signal;

mod taps;

/// What had been received when the drain's deadline passed.
#[derive(Debug, Default)]
pub struct ReceivedByDeadline {
    sets: BTreeMap<(Signal, u16), RoaringTreemap>,
    at_ns: u64,
}

impl ReceivedByDeadline {
    /// Reads the sink's marks as they are now.
    pub fn read(plan: &Plan, evidence: &Path, now_ns: u64) -> Self {
        let mut sets = BTreeMap::new();
        for (signal, arrivals) in scheduled(plan) {
            for producer in 0..arrivals.producers.max(1) {
                // A file that cannot be read now is reported when it is read at the end.
                if let Ok(bitmap) = Bitmap::open(&evidence.join(names::received(signal, producer)))
                {
                    sets.insert((signal, producer), bitmap.to_set());
                }
            }
        }
        Self {
            sets,
            at_ns: now_ns,
        }
    }
}

/// Signals whose items follow a schedule of their own.
fn scheduled(plan: &Plan) -> impl Iterator<Item = (Signal, &ArrivalPlan)> {
    Signal::ALL
        .into_iter()
        .filter(|signal| plan.is_scheduled(*signal))
        .filter_map(|signal| Some((signal, plan.load.arrivals(signal)?)))
}

/// Puts everything together. A file that cannot be read is an incident, and what it held is missing.
pub(super) fn evidence(run: Run<'_>, ended_ns: u64, exits: Vec<(RoleName, String)>) -> Evidence {
    let mut incidents = run.incidents;
    let folder = run.topology.evidence.as_path();
    let outages = outages(&run.faults.client_kills, &run.client_resumes);
    let load_ended_ns = run.load_ended_ns.unwrap_or(ended_ns);
    let lines: Vec<BatchLine> = or_incident(
        journal::read(&folder.join(BATCHES_FILE)),
        "the client's journal",
        &mut incidents,
    );
    let batches = batches(&lines);
    let answers = or_incident(
        journal::read(&folder.join(ANSWERS_FILE)),
        "the sink's journal of answers",
        &mut incidents,
    );
    let mut producers = Vec::new();
    for (signal, arrivals) in scheduled(run.plan) {
        for index in 0..arrivals.producers.max(1) {
            let read = scheduled_producer(folder, signal, index, arrivals, load_ended_ns);
            let what = format!("the files of {signal} producer {index}");
            if let Some(mut producer) = or_incident(read.map(Some), &what, &mut incidents) {
                producer.outages.clone_from(&outages);
                producer.received_by_deadline = run
                    .by_deadline
                    .as_ref()
                    .and_then(|snapshot| snapshot.sets.get(&(signal, index)).cloned())
                    .unwrap_or_else(|| producer.received.clone());
                producers.push(producer);
            }
        }
    }
    let mut sink = run.sink;
    let mut sums = Vec::new();
    let mut made = Vec::new();
    if let Some(metrics) = &run.plan.load.metrics
        && !run.plan.is_scheduled(Signal::Metrics)
    {
        for index in 0..metrics.arrivals.producers.max(1) {
            let read = measurements(folder, index, &metrics.arrivals, load_ended_ns);
            let what = format!("the measurements of metrics producer {index}");
            let mut read = or_incident(read, &what, &mut incidents);
            only_while_alive(&mut read, &outages);
            made.push(read);
        }
        let receipts: Vec<PointsLine> = or_incident(
            journal::read(&folder.join(POINTS_FILE)),
            "the sink's journal of data points",
            &mut incidents,
        );
        let deadline_ns = run.by_deadline.as_ref().map(|snapshot| snapshot.at_ns);
        let (mut producer, strangers) = points_producer(&lines, &receipts, deadline_ns);
        producer.outages.clone_from(&outages);
        if let Some(seen) = sink
            .signals
            .iter_mut()
            .find(|seen: &&mut SinkSignal| seen.signal == Signal::Metrics)
        {
            seen.unexpected = strangers;
        }
        producers.push(producer);
        sums = or_incident(
            sums::read(folder, &lines, &receipts, !outages.is_empty()),
            "the sums of the metric series",
            &mut incidents,
        );
    }
    let mut content = sink.content.take();
    if let Some(content) = &mut content {
        let read = content::complete(content, folder, &producers, &lines);
        or_incident(read, "what the spans say", &mut incidents);
    }
    let pids = run.sampling.pids();
    let mut live = run.live;
    let (mut taps, mut hop_latencies) = (Vec::new(), Vec::new());
    let places = taps::places(run.plan);
    if !places.is_empty() {
        let known = taps::Known {
            producers: &producers,
            by_key: !run.plan.is_scheduled(Signal::Metrics),
            points: &handed_points(&lines).1,
            counts: run.taps,
        };
        let read = taps::read(folder, &places, known, &live.segments);
        (taps, hop_latencies) = or_incident(read, "what the taps saw", &mut incidents);
    }
    let mut pids = pids;
    for role in run.topology.roles() {
        if role.looks_after_program() {
            pids.insert(role.role.as_str(), role.program.unwrap_or_default());
        }
    }
    let roles = pids
        .into_iter()
        .map(|(name, pid)| RoleEvidence {
            role: name.to_owned(),
            pid,
            exit: exits
                .iter()
                .find(|(role, _)| role.as_str() == name)
                .map_or_else(String::new, |(_, exit)| exit.clone()),
            samples: live.processes.remove(name).unwrap_or_default(),
        })
        .collect();
    Evidence {
        producers,
        batches,
        measurements: made,
        sums,
        sink,
        answers,
        faults: run.faults.into_evidence(),
        packets: run.packets,
        segments: if run.begun.is_empty() {
            Vec::new()
        } else {
            live.segments
        },
        times: Times {
            start_unix_ns: run.clock.start_unix_ns,
            load_ended_ns,
            client_done_ns: run.client_done_ns,
            quiescent_ns: run.quiescent_ns,
            ended_ns,
        },
        series: live.series,
        roles,
        incidents,
        stopped: run.stopped,
        ends_elsewhere: !run.plan.ends_at_sink(),
        target_exits: run.target_exits,
        cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        client_errors: live.client_errors,
        versions: run.topology.versions,
        taps,
        hop_latencies,
        content,
        silences: run.silences.into_values().collect(),
        command: run
            .plan
            .is_command()
            .then(|| run.command.unwrap_or_default()),
    }
}

/// Each time without a client. One that was killed before it kept the schedule again did not end the
/// time without one.
fn outages(kills_ns: &[u64], resumes_ns: &[u64]) -> Vec<Outage> {
    let next = |times: &[u64], after_ns: u64| times.iter().copied().find(|at| *at > after_ns);
    kills_ns
        .iter()
        .map(|killed_ns| {
            let back = next(resumes_ns, *killed_ns);
            let killed_again = next(kills_ns, *killed_ns);
            Outage {
                killed_ns: *killed_ns,
                back_ns: match (back, killed_again) {
                    (Some(back), Some(killed)) => Some(back.min(killed)),
                    (back, killed) => back.or(killed),
                },
            }
        })
        .collect()
}

fn or_incident<T: Default>(read: io::Result<T>, what: &str, incidents: &mut Vec<String>) -> T {
    read.unwrap_or_else(|error| {
        incidents.push(format!("cannot read {what}: {error}"));
        T::default()
    })
}

fn scheduled_producer(
    folder: &Path,
    signal: Signal,
    producer: u16,
    plan: &ArrivalPlan,
    load_ended_ns: u64,
) -> io::Result<Producer> {
    let set = |name: String| Bitmap::open(&folder.join(name)).map(|bitmap| bitmap.to_set());
    let arrivals = Arrivals::open(&folder.join(names::arrivals(signal, producer)))?;
    let (due_ns, released_ns) = offered(&arrivals, plan, load_ended_ns);
    let received = set(names::received(signal, producer))?;
    let extra_copies = Words::open(&folder.join(names::extra_copies(signal, producer)))?;
    Ok(Producer {
        signal,
        producer,
        items_per_arrival: plan.items_per_arrival,
        due_ns,
        released_ns,
        entered: set(names::entered(signal, producer))?,
        sampled_out: set(names::sampled_out(signal, producer))?,
        received_again: set(names::received_again(signal, producer))?,
        extra_copies: extra_copies.get(0),
        third_copies: extra_copies.get(1),
        received_by_deadline: received.clone(),
        received,
        outages: Vec::new(),
    })
}

fn measurements(
    folder: &Path,
    producer: u16,
    plan: &ArrivalPlan,
    load_ended_ns: u64,
) -> io::Result<Measurements> {
    let arrivals = Arrivals::open(&folder.join(names::arrivals(Signal::Metrics, producer)))?;
    let (due_ns, released_ns) = offered(&arrivals, plan, load_ended_ns);
    Ok(Measurements {
        due_ns,
        released_ns,
    })
}

/// Due and release times of the arrivals that came due before the load ended. A closed loop has
/// only those that it released.
fn offered(arrivals: &Arrivals, plan: &ArrivalPlan, load_ended_ns: u64) -> (Vec<u64>, Vec<u64>) {
    let closed_loop = matches!(plan.process, ArrivalProcess::ClosedLoop { .. });
    (0..arrivals.len())
        .map(|index| (arrivals.due_ns(index), arrivals.released_ns(index)))
        .take_while(|(due_ns, released_ns)| {
            *released_ns != 0 || (!closed_loop && *due_ns < load_ended_ns)
        })
        .unzip()
}

/// A killed generator owed nothing after its last release, until it was back.
fn only_while_alive(made: &mut Measurements, outages: &[Outage]) {
    for outage in outages {
        let pairs: Vec<(u64, u64)> = made
            .due_ns
            .iter()
            .copied()
            .zip(made.released_ns.iter().copied())
            .collect();
        let last = pairs
            .iter()
            .rposition(|(_, released)| *released != 0 && *released <= outage.killed_ns);
        let owed = last.map_or(0, |last| last + 1);
        let is_back = |due_ns: u64| outage.back_ns.is_some_and(|back| due_ns >= back);
        (made.due_ns, made.released_ns) = pairs
            .into_iter()
            .enumerate()
            .filter(|(index, (due, released))| *index < owed || *released != 0 || is_back(*due))
            .map(|(_, pair)| pair)
            .unzip();
    }
}

/// The journal's lines as batches, in the order of their numbers.
fn batches(lines: &[BatchLine]) -> Vec<Batch> {
    let mut batches: BTreeMap<u64, Batch> = BTreeMap::new();
    for line in lines {
        match line {
            BatchLine::Handed {
                batch,
                signal,
                at_ns,
                items,
                ..
            } => {
                batches.insert(
                    *batch,
                    Batch {
                        batch: *batch,
                        signal: *signal,
                        items: items.clone(),
                        handed_ns: *at_ns,
                        attempts: Vec::new(),
                        outcome: None,
                        way: 0,
                    },
                );
            }
            BatchLine::Way { batch, way } => {
                if let Some(batch) = batches.get_mut(batch) {
                    batch.way = *way;
                }
            }
            BatchLine::Sent { batch, at_ns } => {
                if let Some(batch) = batches.get_mut(batch) {
                    batch.attempts.push(Attempt {
                        sent_ns: *at_ns,
                        answer: None,
                    });
                }
            }
            BatchLine::Answered {
                batch,
                at_ns,
                ok,
                text,
            } => {
                let attempt = batches
                    .get_mut(batch)
                    .and_then(|batch| batch.attempts.last_mut());
                if let Some(attempt) = attempt {
                    attempt.answer = Some(Answer {
                        at_ns: *at_ns,
                        text: text.clone(),
                        ok: *ok,
                    });
                }
            }
            BatchLine::Ended {
                batch,
                at_ns,
                result,
                rejected,
                message,
            } => {
                if let Some(batch) = batches.get_mut(batch) {
                    batch.outcome = Some(Outcome {
                        at_ns: *at_ns,
                        result: *result,
                        rejected: *rejected,
                        message: message.clone(),
                    });
                }
            }
        }
    }
    batches.into_values().collect()
}

/// When each data point was handed over, and its sequence by its key.
fn handed_points(lines: &[BatchLine]) -> (Vec<u64>, HashMap<PointKey, u64>) {
    let mut due_ns = Vec::new();
    let mut by_key = HashMap::new();
    for line in lines {
        if let BatchLine::Handed { at_ns, points, .. } = line {
            for point in points {
                due_ns.push(*at_ns);
                by_key.insert(point.key, due_ns.len() as u64);
            }
        }
    }
    (due_ns, by_key)
}

/// The data points of the run as one producer: each point is an arrival of its own, due when it
/// was collected. Also tells how many points arrived that the client never handed over.
fn points_producer(
    lines: &[BatchLine],
    receipts: &[PointsLine],
    deadline_ns: Option<u64>,
) -> (Producer, u64) {
    let (due_ns, by_key) = handed_points(lines);
    let mut entered = RoaringTreemap::new();
    if !due_ns.is_empty() {
        entered.insert_range(1..=due_ns.len() as u64);
    }
    let mut received = RoaringTreemap::new();
    let mut received_again = RoaringTreemap::new();
    let mut by_deadline = RoaringTreemap::new();
    let mut extra_copies = 0;
    let mut third_copies = 0;
    let mut strangers = 0;
    for line in receipts {
        for Point { key, .. } in &line.points {
            let Some(sequence) = by_key.get(key) else {
                strangers += 1;
                continue;
            };
            if !received.insert(*sequence) {
                third_copies += u64::from(!received_again.insert(*sequence));
                extra_copies += 1;
            }
            if deadline_ns.is_none_or(|deadline| line.at_ns <= deadline) {
                by_deadline.insert(*sequence);
            }
        }
    }
    let producer = Producer {
        signal: Signal::Metrics,
        producer: 0,
        items_per_arrival: 1,
        released_ns: due_ns.clone(),
        due_ns,
        entered,
        sampled_out: RoaringTreemap::new(),
        received,
        received_again,
        extra_copies,
        third_copies,
        received_by_deadline: by_deadline,
        outages: Vec::new(),
    };
    (producer, strangers)
}

#[cfg(test)]
mod tests;
