//! Retryable answers are retried, others are not. Sections "Failures" of OTLP/gRPC, and "Failures",
//! "Retryable Response Codes" and "All Other Responses" of OTLP/HTTP; a partial success is not
//! retried either (sections "Partial Success").

use super::super::facts::Facts;
use super::exchange::{Exchange, Said};
use super::limits::timeout_ns;
use super::{Tally, name, seconds};
use crate::plan::RetryPlan;
use crate::record::ConformanceCheck;

pub(super) fn check(facts: &Facts<'_>, exchanges: &[Exchange<'_>]) -> ConformanceCheck {
    let client = &facts.plan.client;
    let mut tally = Tally::default();
    let (mut retried, mut left, mut excused, mut unanswered) = (0_u64, 0_u64, 0_u64, 0_u64);
    for exchange in exchanges {
        let batch = exchange.batch;
        for (index, attempt) in exchange.attempts.iter().enumerate() {
            let again = index + 1 < exchange.attempts.len();
            let over = batch.outcome.is_some();
            match attempt.to_be_retried(client.protocol) {
                Some(false) if again => tally.violated(format!(
                    "{} was sent again after {}, which is not to be retried",
                    name(batch),
                    attempt.said
                )),
                Some(false) if over && attempt.said != Said::Success => {
                    left += 1;
                    tally.kept();
                }
                Some(true) if again => {
                    retried += 1;
                    tally.kept();
                }
                Some(true) if over => {
                    let timeout_ns = timeout_ns(facts.plan, batch.signal);
                    if may_stop(&client.retry, exchange, index, timeout_ns) {
                        excused += 1;
                    } else {
                        tally.violated(format!(
                            "{} was not sent again after {}, {} after its first attempt",
                            name(batch),
                            attempt.said,
                            seconds(spent_ns(exchange, index))
                        ));
                    }
                }
                None if over && !again && attempt.said == Said::Nothing => unanswered += 1,
                _ => {}
            }
        }
    }
    let mut observed = format!("{retried} retryable answers retried, {left} permanent ones not");
    if excused > 0 {
        observed.push_str(&format!(
            ", {excused} not retried because retries or time were used up"
        ));
    }
    if unanswered > 0 {
        observed.push_str(&format!(
            "; {unanswered} batches were given up when no answer came, of which OTLP/gRPC says nothing"
        ));
    }
    tally.conclude(
        "retryable answers are retried, others are not",
        "OTLP: Failures; Retryable Response Codes",
        observed,
        "no attempt was answered with an error whose code is known",
    )
}

fn spent_ns(exchange: &Exchange<'_>, index: usize) -> u64 {
    let answered_ns = exchange.attempts[index].answered_ns;
    let first_ns = exchange.attempts[0].sent_ns;
    answered_ns.map_or(0, |at_ns| at_ns.saturating_sub(first_ns))
}

/// Whether a client with this policy may give up after this attempt: it has no retry left, or the
/// wait before the next would end after the time-out.
fn may_stop(
    retry: &RetryPlan,
    exchange: &Exchange<'_>,
    index: usize,
    timeout_ns: Option<u64>,
) -> bool {
    if index >= retry.max_retries as usize {
        return true;
    }
    let mut delay_ns = retry.initial_delay_ns;
    // A server that asks for more lifts it.
    let mut longest_ns = retry.max_delay_ns;
    let mut wait_ns = 0;
    for attempt in &exchange.attempts[..=index] {
        let asked_ns = attempt.asked().unwrap_or(0);
        if asked_ns > longest_ns {
            longest_ns = u64::MAX;
        }
        delay_ns = delay_ns.max(asked_ns);
        wait_ns = delay_ns.saturating_add(retry.max_jitter_ns);
        delay_ns = delay_ns.saturating_mul(2).min(longest_ns);
    }
    timeout_ns.is_some_and(|timeout| spent_ns(exchange, index).saturating_add(wait_ns) >= timeout)
}
