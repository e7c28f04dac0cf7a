//! Each rule on made-up evidence: kept, violated, and without an occasion.

use proptest::prelude::*;

use super::super::facts::Facts;
use super::super::fixture::healthy;
use super::conformance;
use crate::evidence::{
    Answer, AnswerLine, Attempt, Batch, Evidence, ItemRange, Outcome, OutcomeKind,
};
use crate::plan::fixture::{SECOND_NS, client_fault, cut, plan};
use crate::plan::{Plan, ProcessFault, Protocol, RetryPlan};
use crate::record::ConformanceOutcome::{Kept, NotExercised, Violated};
use crate::record::{Conformance, ConformanceCheck};
use crate::signal::Signal;

const MS: u64 = 1_000_000;
/// What the SDK's events tell of an attempt that gRPC retries.
const UNTOLD: &str = "grpc, retryable (code not told by the SDK)";

/// Three retries after 100, 200 and 400 ms plus up to 100 ms, within 2 s.
fn patient(protocol: Protocol) -> Plan {
    let mut plan = plan();
    plan.client.protocol = protocol;
    plan.client.retry = RetryPlan {
        max_retries: 3,
        initial_delay_ns: 100 * MS,
        max_delay_ns: 1600 * MS,
        max_jitter_ns: 100 * MS,
    };
    plan.client
        .sdk
        .insert("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT".into(), "2000".into());
    plan
}

/// A healthy run whose first batches are these: each the attempts of one, as the time between the
/// answer before and this attempt, and this attempt's answer after 1 ms.
fn evidence(plan: &Plan, batches: &[Vec<(u64, &str)>]) -> Evidence {
    let mut evidence = healthy(plan);
    for (batch, attempts) in evidence.batches.iter_mut().zip(batches) {
        *batch = made(batch, attempts);
    }
    evidence
}

fn made(like: &Batch, attempts: &[(u64, &str)]) -> Batch {
    let mut at_ns = like.handed_ns;
    let mut batch = Batch {
        attempts: Vec::new(),
        ..like.clone()
    };
    let mut last_ok = false;
    for (wait_ns, text) in attempts {
        let sent_ns = at_ns + wait_ns;
        at_ns = sent_ns + MS;
        last_ok = *text == "ok";
        batch.attempts.push(Attempt {
            sent_ns,
            answer: Some(Answer {
                at_ns,
                text: (*text).to_owned(),
                ok: last_ok,
            }),
        });
    }
    batch.outcome = Some(Outcome {
        at_ns,
        result: match last_ok {
            true => OutcomeKind::Acknowledged,
            false => OutcomeKind::GivenUp,
        },
        rejected: 0,
        message: String::new(),
    });
    batch
}

/// What the sink wrote of one attempt of the batch.
fn line(batch: &Batch, attempt: usize, answer: &str, retry_after_ns: Option<u64>) -> AnswerLine {
    AnswerLine {
        at_ns: batch.attempts[attempt].sent_ns + MS / 2,
        signal: batch.signal,
        first: Some((0, batch.items[0].first)),
        items: batch.len(),
        answer: answer.to_owned(),
        retry_after_ns,
        accepted: false,
    }
}

fn judged(plan: &Plan, evidence: &Evidence) -> Conformance {
    conformance(&Facts::of(plan, evidence))
}

fn check(plan: &Plan, evidence: &Evidence, name: &str) -> ConformanceCheck {
    let checks = judged(plan, evidence).checks;
    checks
        .into_iter()
        .find(|check| check.name == name)
        .unwrap_or_else(|| panic!("no check {name}"))
}

const RETRIES: &str = "retryable answers are retried, others are not";
const GROWTH: &str = "the back-off grows";
const JITTER: &str = "the back-off has jitter";
const THROTTLING: &str = "Retry-After and RetryInfo are honoured";
const ATTEMPTS: &str = "no attempt outlives its time-out";
const EXPORTS: &str = "no export outlives its time-out";
const SHUTDOWN: &str = "shutdown flushes within its limit";

#[test]
fn a_run_in_which_nothing_went_wrong_exercises_the_shutdown_alone() {
    let plan = patient(Protocol::Grpc);
    let conformance = judged(&plan, &healthy(&plan));
    for check in &conformance.checks {
        let expected = match check.name.as_str() {
            SHUTDOWN => Kept,
            _ => NotExercised,
        };
        assert_eq!(check.outcome, expected, "{check:?}");
    }
    assert_eq!(conformance.violations(), 0);
    assert!(conformance.waits.is_empty());
}

#[test]
fn what_is_to_be_retried_is_decided_by_the_code() {
    let http = patient(Protocol::HttpProtobuf);
    let grpc = patient(Protocol::Grpc);
    let again = |text| vec![(0, text), (150 * MS, "ok")];
    let left = |text| vec![(0, text)];
    let cases = [
        (&http, again("http 503"), Kept),
        (&http, left("http 503"), Violated),
        (&http, again("http 500"), Violated),
        (&http, left("http 400"), Kept),
        (&http, again("no answer: connection reset"), Kept),
        (&http, left("no answer: connection reset"), Violated),
        (&grpc, left("grpc INVALID_ARGUMENT"), Kept),
        (&grpc, left("grpc UNAVAILABLE"), Violated),
        (&grpc, again("grpc DATA_LOSS"), Kept),
        (&grpc, again("grpc UNKNOWN"), Violated),
        // Nobody knows whether it came with RetryInfo.
        (&grpc, left("grpc RESOURCE_EXHAUSTED"), NotExercised),
        (&grpc, again(UNTOLD), NotExercised),
        (&grpc, left("no answer: transport error"), NotExercised),
        (&http, vec![(0, "ok"), (150 * MS, "ok")], Violated),
    ];
    for (plan, attempts, expected) in cases {
        let evidence = evidence(plan, std::slice::from_ref(&attempts));
        let seen = check(plan, &evidence, RETRIES);
        assert_eq!(seen.outcome, expected, "{attempts:?}: {seen:?}");
        assert_eq!(seen.violations, u64::from(expected == Violated));
        assert_eq!(seen.examples.len(), seen.violations as usize);
    }
}

#[test]
fn a_client_may_stop_when_its_retries_or_its_time_are_used_up() {
    let plan = patient(Protocol::HttpProtobuf);
    let all_used = vec![
        (0, "http 503"),
        (150 * MS, "http 503"),
        (250 * MS, "http 503"),
        (450 * MS, "http 503"),
    ];
    let mut seen = evidence(&plan, &[all_used]);
    let all = check(&plan, &seen, RETRIES);
    assert_eq!((all.outcome, all.violations), (Kept, 0), "{all:?}");
    // Waiting for 200 ms and the jitter would end after the time-out of 2 s.
    seen = evidence(&plan, &[vec![(0, "http 503"), (1_750 * MS, "http 503")]]);
    assert_eq!(check(&plan, &seen, RETRIES).outcome, Kept);
    seen = evidence(&plan, &[vec![(0, "http 503"), (1_600 * MS, "http 503")]]);
    assert_eq!(check(&plan, &seen, RETRIES).outcome, Violated);
    // The client did not live to try again.
    seen.batches[0].outcome = None;
    assert_eq!(check(&plan, &seen, RETRIES).violations, 0);
}

#[test]
fn the_sink_tells_what_the_sdk_keeps_to_itself() {
    let plan = patient(Protocol::Grpc);
    let attempts = vec![(0, UNTOLD), (150 * MS, UNTOLD), (250 * MS, "ok")];
    let mut evidence = evidence(&plan, &[attempts]);
    let batch = evidence.batches[0].clone();
    evidence.answers = vec![line(&batch, 0, "grpc UNAVAILABLE", None)];
    assert_eq!(check(&plan, &evidence, RETRIES).outcome, Kept);
    let wrong = line(&batch, 1, "grpc INVALID_ARGUMENT", None);
    evidence.answers.push(wrong.clone());
    let seen = check(&plan, &evidence, RETRIES);
    assert_eq!(seen.outcome, Violated);
    assert!(
        seen.examples[0].contains("grpc INVALID_ARGUMENT"),
        "{seen:?}"
    );
    // An answer about other items, of another signal, or at another time is not about this batch.
    for spoil in [
        (|line| line.first = Some((0, 1_999))) as fn(&mut AnswerLine),
        |line| line.signal = Signal::Traces,
        |line| line.at_ns += SECOND_NS,
    ] {
        let mut other = wrong.clone();
        spoil(&mut other);
        evidence.answers[1] = other;
        assert_eq!(check(&plan, &evidence, RETRIES).violations, 0);
    }
    // Where two answers fit one attempt, neither is believed.
    evidence.answers[1] = wrong.clone();
    evidence.answers.push(line(&batch, 1, "none", None));
    assert_eq!(check(&plan, &evidence, RETRIES).violations, 0);
}

#[test]
fn an_exhausted_resource_is_retried_only_with_a_wait() {
    let plan = patient(Protocol::Grpc);
    for (asked, again, expected) in [
        (Some(50 * MS), true, Kept),
        (None, true, Violated),
        (None, false, Kept),
        (Some(50 * MS), false, Violated),
    ] {
        let attempts = match again {
            true => vec![(0, UNTOLD), (150 * MS, "ok")],
            false => vec![(0, "grpc RESOURCE_EXHAUSTED")],
        };
        let mut evidence = evidence(&plan, &[attempts]);
        let batch = evidence.batches[0].clone();
        evidence.answers = vec![line(&batch, 0, "grpc RESOURCE_EXHAUSTED", asked)];
        let seen = check(&plan, &evidence, RETRIES);
        assert_eq!(seen.outcome, expected, "{asked:?} {again}: {seen:?}");
    }
}

/// Batches with two retries each, after these waits.
fn waits(plan: &Plan, waits: &[(u64, u64)]) -> Evidence {
    let attempts: Vec<_> = waits
        .iter()
        .map(|(first, second)| vec![(0, UNTOLD), (*first, UNTOLD), (*second, "ok")])
        .collect();
    evidence(plan, &attempts)
}

#[test]
fn the_back_off_grows_by_its_medians() {
    let plan = patient(Protocol::Grpc);
    let growing = [(110, 230), (190, 260), (150, 290)].map(|(a, b)| (a * MS, b * MS));
    let seen = waits(&plan, &growing);
    assert_eq!(check(&plan, &seen, GROWTH).outcome, Kept);
    let told = judged(&plan, &seen).waits;
    assert_eq!((told[0].retry, told[0].count), (1, 3));
    let s = |ms: u64| ms as f64 / 1e3;
    assert_eq!(
        (told[0].min_s, told[0].median_s, told[0].max_s),
        (s(110), s(150), s(190))
    );
    assert_eq!((told[1].min_s, told[1].max_s), (s(230), s(290)));

    let constant = waits(&plan, &[(100 * MS, 100 * MS); 3]);
    let seen = check(&plan, &constant, GROWTH);
    assert_eq!((seen.outcome, seen.violations), (Violated, 1));
    assert_eq!(
        check(&plan, &waits(&plan, &growing[..2]), GROWTH).outcome,
        NotExercised
    );
    // A policy whose jitter hides the growth, or which allows none, asks for nothing.
    let mut hidden = plan.clone();
    hidden.client.retry.max_jitter_ns = 101 * MS;
    assert_eq!(check(&hidden, &constant, GROWTH).outcome, NotExercised);
    let mut flat = plan;
    flat.client.retry.max_delay_ns = 100 * MS;
    assert_eq!(check(&flat, &constant, GROWTH).outcome, NotExercised);
}

#[test]
fn jitter_is_scatter_that_is_more_than_noise() {
    let plan = patient(Protocol::Grpc);
    let scattered: Vec<(u64, u64)> = (0..8)
        .map(|i| ((100 + 12 * i) * MS, (200 + 12 * i) * MS))
        .collect();
    assert_eq!(
        check(&plan, &waits(&plan, &scattered), JITTER).outcome,
        Kept
    );
    assert_eq!(
        check(&plan, &waits(&plan, &scattered[..7]), JITTER).outcome,
        NotExercised
    );
    // A busy machine is late now and then: that is no jitter.
    let mut metronome = vec![(100 * MS, 200 * MS); 9];
    metronome[0] = (170 * MS, 290 * MS);
    let seen = check(&plan, &waits(&plan, &metronome), JITTER);
    assert_eq!((seen.outcome, seen.violations), (Violated, 1));
}

#[test]
fn a_wait_that_the_server_asked_for_is_kept_or_not() {
    let plan = patient(Protocol::HttpProtobuf);
    for (waited, expected) in [
        (1_000 * MS, Kept),
        (1_300 * MS, Kept),
        (990 * MS, Violated),
        (100 * MS, Violated),
    ] {
        let mut evidence = evidence(&plan, &[vec![(0, "http 429"), (waited, "ok")]]);
        let batch = evidence.batches[0].clone();
        evidence.answers = vec![line(&batch, 0, "http 429", Some(SECOND_NS))];
        let seen = check(&plan, &evidence, THROTTLING);
        assert_eq!(seen.outcome, expected, "{waited}: {seen:?}");
        // It is not the client's own back-off.
        assert!(judged(&plan, &evidence).waits.is_empty());
        evidence.answers[0].retry_after_ns = Some(0);
        assert_eq!(check(&plan, &evidence, THROTTLING).outcome, NotExercised);
    }
    // Given up instead of waiting.
    let mut evidence = evidence(&plan, &[vec![(0, "http 429")]]);
    let batch = evidence.batches[0].clone();
    evidence.answers = vec![line(&batch, 0, "http 429", Some(3 * SECOND_NS))];
    let seen = check(&plan, &evidence, THROTTLING);
    assert_eq!(seen.outcome, NotExercised);
    assert!(seen.observed.contains("given up"), "{seen:?}");
    assert_eq!(check(&plan, &evidence, RETRIES).violations, 0);
}

#[test]
fn an_answer_that_a_fault_may_have_swallowed_asked_for_nothing() {
    let mut plan = patient(Protocol::Grpc);
    let attempts = vec![(0, UNTOLD), (100 * MS, "ok")];
    let mut seen = evidence(&plan, std::slice::from_ref(&attempts));
    let batch = seen.batches[0].clone();
    seen.answers = vec![line(&batch, 0, "grpc UNAVAILABLE", Some(SECOND_NS))];
    assert_eq!(check(&plan, &seen, THROTTLING).outcome, Violated);
    plan.faults.push(cut("cut", 0, 1));
    let mut cut = evidence(&plan, &[attempts]);
    cut.answers = seen.answers;
    assert_eq!(check(&plan, &cut, THROTTLING).outcome, NotExercised);
}

#[test]
fn time_outs_are_of_attempts_and_of_exports() {
    let plan = patient(Protocol::Grpc);
    for (lasted_ms, expected) in [
        (1_000, NotExercised),
        (1_990, Kept),
        (2_200, Kept),
        (2_300, Violated),
    ] {
        let mut evidence = healthy(&plan);
        let batch = &mut evidence.batches[0];
        let end_ns = batch.handed_ns + lasted_ms * MS;
        batch.attempts[0].answer.as_mut().unwrap().at_ns = end_ns;
        batch.outcome.as_mut().unwrap().at_ns = end_ns;
        for name in [ATTEMPTS, EXPORTS] {
            let seen = check(&plan, &evidence, name);
            assert_eq!(seen.outcome, expected, "{lasted_ms}: {seen:?}");
        }
        // An attempt that was never answered, of a batch that never ended.
        let batch = &mut evidence.batches[0];
        batch.attempts[0].answer = None;
        batch.outcome = None;
        assert_eq!(check(&plan, &evidence, ATTEMPTS).outcome, Violated);
    }
    // Two attempts, each within the time-out, and together far beyond it.
    let mut evidence = evidence(&plan, &[vec![(0, "http 503"), (1_500 * MS, "http 503")]]);
    let end_ns = evidence.batches[0].attempts[1].sent_ns + 1_500 * MS;
    let batch = &mut evidence.batches[0];
    batch.attempts[1].answer.as_mut().unwrap().at_ns = end_ns;
    batch.outcome.as_mut().unwrap().at_ns = end_ns;
    assert_eq!(check(&plan, &evidence, ATTEMPTS).outcome, NotExercised);
    assert_eq!(check(&plan, &evidence, EXPORTS).outcome, Violated);
}

#[test]
fn a_client_that_was_stopped_itself_is_not_blamed_for_the_time() {
    let mut plan = patient(Protocol::Grpc);
    plan.faults
        .push(client_fault("nap", 0, Some(5), ProcessFault::Pause));
    let mut evidence = healthy(&plan);
    let batch = &mut evidence.batches[0];
    let end_ns = batch.handed_ns + 4 * SECOND_NS;
    batch.attempts[0].answer.as_mut().unwrap().at_ns = end_ns;
    batch.outcome.as_mut().unwrap().at_ns = end_ns;
    for name in [ATTEMPTS, EXPORTS] {
        assert_eq!(check(&plan, &evidence, name).outcome, NotExercised);
    }
}

#[test]
fn a_shutdown_is_in_time_and_leaves_nothing_that_it_had_time_for() {
    let plan = patient(Protocol::Grpc);
    let took = |ms: u64, left: bool| {
        let mut evidence = healthy(&plan);
        evidence.times.client_done_ns = Some(evidence.times.load_ended_ns + ms * MS);
        if left {
            // The last batch never left the queue, and nothing of it arrived.
            let range: ItemRange = evidence.batches.pop().unwrap().items[0];
            for sequence in range.first..=range.last {
                evidence.producers[0].received.remove(sequence);
            }
        }
        check(&plan, &evidence, SHUTDOWN).outcome
    };
    assert_eq!(took(10, false), Kept);
    assert_eq!(took(10, true), Violated);
    assert_eq!(took(1_000, true), Kept);
    assert_eq!(took(1_500, false), Violated);
    // A queue as small as what came last may have dropped it.
    let mut small = patient(Protocol::Grpc);
    small
        .client
        .sdk
        .insert("OTEL_BLRP_MAX_QUEUE_SIZE".to_owned(), "10".to_owned());
    let mut evidence = healthy(&small);
    let range: ItemRange = evidence.batches.pop().unwrap().items[0];
    for sequence in range.first..=range.last {
        evidence.producers[0].received.remove(sequence);
    }
    assert_eq!(check(&small, &evidence, SHUTDOWN).outcome, Kept);
    let mut killed = healthy(&plan);
    killed.times.client_done_ns = None;
    assert_eq!(check(&plan, &killed, SHUTDOWN).outcome, NotExercised);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The SDK's own policy breaks no rule, whatever the jitter, and however many batches retry.
    #[test]
    fn an_exponential_back_off_with_jitter_is_never_blamed(
        jitters in proptest::collection::vec((0_u64..100, 0_u64..=100, 0_u64..=100), 1..40),
    ) {
        let plan = patient(Protocol::HttpProtobuf);
        let attempts: Vec<_> = jitters
            .iter()
            .map(|(a, b, c)| vec![
                (0, "http 503"),
                ((100 + a) * MS, "http 503"),
                ((200 + b) * MS, "http 503"),
                ((400 + c) * MS, "ok"),
            ])
            .collect();
        let conformance = judged(&plan, &evidence(&plan, &attempts));
        for check in &conformance.checks {
            // Forty draws may happen to lie close together: chance is not on trial here.
            prop_assert!(check.violations == 0 || check.name == JITTER, "{check:?}");
        }
        let counts: Vec<u64> = conformance.waits.iter().map(|waits| waits.count).collect();
        prop_assert_eq!(counts, vec![jitters.len() as u64; 3]);
    }

    /// A wait is honoured exactly when it is at least as long as asked, up to a timer's rounding.
    #[test]
    fn a_wait_is_honoured_when_it_is_long_enough(asked in 2_u64..1500, waited in 0_u64..1500) {
        let plan = patient(Protocol::HttpProtobuf);
        let mut evidence = evidence(&plan, &[vec![(0, "http 503"), (waited * MS, "ok")]]);
        let batch = evidence.batches[0].clone();
        evidence.answers = vec![line(&batch, 0, "http 503", Some(asked * MS))];
        let expected = if waited + 1 >= asked { Kept } else { Violated };
        prop_assert_eq!(check(&plan, &evidence, THROTTLING).outcome, expected);
    }
}
