//! Why items were lost or doubled, in words, with examples.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::flow;
use crate::evidence::{Batch, OutcomeKind, Producer};
use crate::ledger::{Class, ProducerLedger};
use crate::plan::windows::segment_at;
use crate::record::{Cause, ItemStory};
use crate::signal::Signal;

/// Stories told per cause.
const EXAMPLES: usize = 5;

/// What sets one group of items apart from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    signal: Signal,
    class: Class,
    what: String,
    /// Where it was left, or copied, on a line with targets.
    place: Option<String>,
    /// Fault during which the items were due; empty outside.
    during: Vec<String>,
}

/// What all that is said about an item of one producer and class follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Likeness {
    batch: Option<u64>,
    /// It entered after everything that was ever handed over.
    held: bool,
    segment: Option<usize>,
    /// Its place among those of its class.
    place: Option<usize>,
}

#[derive(Debug, Default)]
struct Group<'a> {
    items: u64,
    first_due_ns: Option<u64>,
    last_due_ns: Option<u64>,
    /// Sequence, batch and due time of a few.
    examples: Vec<(u64, Option<&'a Batch>, Option<u64>)>,
}

/// Groups that are told in the same words.
#[derive(Debug, Default)]
struct Told {
    items: u64,
    first_due_ns: Option<u64>,
    last_due_ns: Option<u64>,
    examples: Vec<ItemStory>,
}

impl Told {
    fn join(&mut self, group: Group<'_>, producer: &Producer, ledger: &ProducerLedger) {
        self.items += group.items;
        self.first_due_ns = min(self.first_due_ns, group.first_due_ns);
        self.last_due_ns = self.last_due_ns.max(group.last_due_ns);
        let room = EXAMPLES.saturating_sub(self.examples.len());
        let examples = group.examples.into_iter().take(room);
        self.examples.extend(
            examples
                .map(|(sequence, batch, due_ns)| story(producer, ledger, sequence, batch, due_ns)),
        );
    }
}

/// Groups of every class but `delivered`, the largest first.
pub(super) fn causes(facts: &Facts<'_>) -> Vec<Cause> {
    let mut groups: BTreeMap<Key, Told> = BTreeMap::new();
    let known = facts.evidence.producers.iter().zip(&facts.ledger.producers);
    for (number, (producer, ledger)) in known.enumerate() {
        let batches = BatchIndex::of(facts, producer);
        let last_handed = batches.last_handed_order(producer);
        for class in Class::ALL.into_iter().filter(|c| *c != Class::Delivered) {
            let places = flow::places(facts, number, class);
            // Words are made once per likeness, not per item: there may be millions of items.
            let mut alike: BTreeMap<Likeness, Group> = BTreeMap::new();
            for sequence in ledger.class(class) {
                let batch = batches.find(sequence);
                let due_ns = producer.due_of(sequence);
                let likeness = Likeness {
                    batch: batch.map(|batch| batch.batch),
                    held: last_handed.is_none_or(|last| producer.entry_order(sequence) > last),
                    segment: due_ns.map(|due_ns| segment_at(&facts.segments, due_ns)),
                    place: places
                        .iter()
                        .position(|(_, items)| items.contains(sequence)),
                };
                let group = alike.entry(likeness).or_default();
                group.items += 1;
                group.first_due_ns = min(group.first_due_ns, due_ns);
                group.last_due_ns = group.last_due_ns.max(due_ns);
                if group.examples.len() < EXAMPLES {
                    group.examples.push((sequence, batch, due_ns));
                }
            }
            for (likeness, group) in alike {
                let batch = group.examples.first().and_then(|(_, batch, _)| *batch);
                let key = Key {
                    signal: producer.signal,
                    class,
                    what: what(class, batch, likeness.held),
                    place: likeness.place.map(|place| places[place].0.clone()),
                    during: likeness
                        .segment
                        .map_or_else(Vec::new, |segment| facts.segments[segment].during.clone()),
                };
                groups.entry(key).or_default().join(group, producer, ledger);
            }
        }
    }
    let mut causes: Vec<Cause> = groups.into_iter().map(cause).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.items));
    causes
}

fn min(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}

fn cause((key, group): (Key, Told)) -> Cause {
    let mut text = key.what;
    if let Some(place) = &key.place {
        let how = match key.class {
            Class::Duplicated => "copied by",
            _ => "left at",
        };
        text.push_str(&format!(", {how} {place}"));
    }
    if let (Some(first), Some(last)) = (group.first_due_ns, group.last_due_ns) {
        text.push_str(&format!(
            ", due between {:.1} s and {:.1} s",
            first as f64 / 1e9,
            last as f64 / 1e9
        ));
    }
    if !key.during.is_empty() {
        text.push_str(&format!(", during {}", key.during.join(" and ")));
    }
    Cause {
        signal: key.signal,
        class: key.class.as_str().to_owned(),
        items: group.items,
        text,
        examples: group.examples,
    }
}

fn what(class: Class, batch: Option<&Batch>, held: bool) -> String {
    let attempts = batch.map_or(0, |batch| batch.attempts.len());
    let last_answer = batch
        .and_then(|batch| batch.attempts.last())
        .and_then(|attempt| attempt.answer.as_ref())
        .map_or("no answer", |answer| answer.text.as_str());
    match class {
        Class::Delivered => "delivered".to_owned(),
        Class::Duplicated if attempts > 1 => {
            "received more than once: sent again after an attempt whose fate the client did not know"
                .to_owned()
        }
        Class::Duplicated => "received more than once, though sent only once".to_owned(),
        Class::Unresolved if batch.is_some() => {
            "in flight when the client was killed, or when the drain ended".to_owned()
        }
        Class::Unresolved => "in the queue of a client that was killed".to_owned(),
        Class::Refused
            if batch
                .and_then(|batch| batch.outcome.as_ref())
                .is_some_and(|outcome| outcome.result == OutcomeKind::Acknowledged) =>
        {
            "rejected by a partial success".to_owned()
        }
        Class::Refused => format!("refused for good: {last_answer}"),
        Class::LostSilently => "acknowledged and never received".to_owned(),
        Class::GivenUp => format!("given up after {attempts} attempt(s), the last: {last_answer}"),
        Class::DroppedByClient if batch.is_some() => {
            "handed to the exporter, which never sent them".to_owned()
        }
        Class::DroppedByClient if held => "still queued when the client shut down".to_owned(),
        Class::DroppedByClient => "entered a full queue".to_owned(),
    }
}

fn story(
    producer: &Producer,
    ledger: &ProducerLedger,
    sequence: u64,
    batch: Option<&Batch>,
    due_ns: Option<u64>,
) -> ItemStory {
    let at = |ns: u64| format!("{:.6} s", ns as f64 / 1e9);
    let mut events = Vec::new();
    if let Some(due_ns) = due_ns {
        events.push(format!("{} due", at(due_ns)));
    }
    let per_arrival = u64::from(producer.items_per_arrival.max(1));
    let arrival = (sequence.saturating_sub(1) / per_arrival) as usize;
    if let Some(released_ns) = producer.released_ns.get(arrival).filter(|at| **at != 0) {
        events.push(format!("{} released", at(*released_ns)));
    }
    if let Some(batch) = batch {
        events.push(format!(
            "{} handed to the exporter in batch {} of {}",
            at(batch.handed_ns),
            batch.batch,
            batch.len()
        ));
        for (number, attempt) in batch.attempts.iter().enumerate() {
            let number = number + 1;
            events.push(format!("{} attempt {number} sent", at(attempt.sent_ns)));
            if let Some(answer) = &attempt.answer {
                events.push(format!(
                    "{} attempt {number} answered: {}",
                    at(answer.at_ns),
                    answer.text
                ));
            }
        }
        if let Some(outcome) = &batch.outcome {
            let result = match outcome.result {
                OutcomeKind::Acknowledged => "acknowledged",
                OutcomeKind::Refused => "refused",
                OutcomeKind::GivenUp => "given up",
            };
            let rejected = match outcome.rejected {
                0 => String::new(),
                n => format!(", {n} items rejected"),
            };
            events.push(format!("{} {result}{rejected}", at(outcome.at_ns)));
        }
    } else {
        events.push("never handed to the exporter".to_owned());
    }
    events.push(if ledger.received.contains(sequence) {
        "received by the sink".to_owned()
    } else {
        "never received by the sink".to_owned()
    });
    ItemStory {
        identity: format!("{}/{sequence}", producer.producer),
        due_s: due_ns.map(|ns| ns as f64 / 1e9),
        batch: batch.map(|batch| batch.batch),
        events,
    }
}

/// Which batch holds which sequence of one producer.
pub(super) struct BatchIndex<'a> {
    /// `(first, last, batch)`, sorted.
    ranges: Vec<(u64, u64, &'a Batch)>,
}

impl<'a> BatchIndex<'a> {
    pub fn of(facts: &Facts<'a>, producer: &Producer) -> Self {
        let mut ranges: Vec<(u64, u64, &Batch)> = facts
            .evidence
            .batches
            .iter()
            .filter(|batch| batch.signal == producer.signal)
            .flat_map(|batch| batch.items.iter().map(move |range| (range, batch)))
            .filter(|(range, _)| range.producer == producer.producer)
            .map(|(range, batch)| (range.first, range.last, batch))
            .collect();
        ranges.sort_by_key(|(first, last, _)| (*first, *last));
        Self { ranges }
    }

    fn find(&self, sequence: u64) -> Option<&'a Batch> {
        let after = self
            .ranges
            .partition_point(|(first, _, _)| *first <= sequence);
        let (_, last, batch) = self.ranges.get(after.checked_sub(1)?)?;
        (sequence <= *last).then_some(*batch)
    }

    pub fn last_handed_order(&self, producer: &Producer) -> Option<u64> {
        self.ranges
            .iter()
            .flat_map(|(first, last, _)| *first..=*last)
            .map(|sequence| producer.entry_order(sequence))
            .max()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::run;
    use super::*;
    use crate::plan::fixture::{SECOND_NS, cut, plan, plan_with_target};

    /// Causes of a run whose every record after 8 s was lost, each second in another way.
    fn told() -> Vec<String> {
        let mut plan = plan();
        plan.faults.push(cut("cut", 8, 10));
        let mut evidence = run(&plan, |due| (due < 8 * SECOND_NS).then_some(1));
        for batch in &mut evidence.batches {
            let outcome = batch.outcome.as_mut().unwrap();
            match batch.handed_ns / SECOND_NS {
                9 => {
                    outcome.result = OutcomeKind::GivenUp;
                    let answer = batch.attempts[0].answer.as_mut().unwrap();
                    answer.text = "grpc UNAVAILABLE".to_owned();
                }
                10 => outcome.result = OutcomeKind::Refused,
                11 => outcome.rejected = 10,
                _ => {}
            }
        }
        // What was due from 12 s to 13 s met a full queue; what was due from 19 s on stayed in it.
        evidence
            .batches
            .retain(|batch| !matches!(batch.handed_ns / SECOND_NS, 12 | 19));
        let causes = causes(&Facts::of(&plan, &evidence));
        assert!(causes.iter().all(|cause| cause.examples.len() <= EXAMPLES));
        causes
            .iter()
            .map(|cause| format!("{} {}: {}", cause.items, cause.class, cause.text))
            .collect()
    }

    #[test]
    fn on_a_line_with_a_target_a_loss_has_its_place() {
        let plan = plan_with_target();
        let evidence = run(&plan, |due| (due < 8 * SECOND_NS).then_some(1));
        let causes = causes(&Facts::of(&plan, &evidence));
        let text = &causes[0].text;
        let told = "acknowledged and never received, left at relay, due between";
        assert!(text.starts_with(told), "{text}");
    }

    #[test]
    fn each_fate_is_told_in_words_the_largest_first() {
        insta::assert_snapshot!(told().join("\n"));
    }
}
