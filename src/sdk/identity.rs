//! Ids that carry identities. The SDK's generator takes no arguments, so the producer thread says
//! beforehand what its next span is to be called.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;

thread_local! {
    static NEXT: Cell<(u128, u64)> = const { Cell::new((0, 0)) };
}

/// The next span that this thread starts gets this span id, and if it is a root this trace id.
pub fn set_next(trace_id: u128, span_id: u64) {
    NEXT.set((trace_id, span_id));
}

/// Gives out what [`set_next`] was told on the same thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identities;

impl IdGenerator for Identities {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(NEXT.get().0)
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(NEXT.get().1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_its_own_next_id() {
        set_next(1, 2);
        let other = std::thread::spawn(|| {
            set_next(3, 4);
            (Identities.new_trace_id(), Identities.new_span_id())
        });
        assert_eq!(other.join().unwrap(), (TraceId::from(3), SpanId::from(4)));
        assert_eq!(Identities.new_trace_id(), TraceId::from(1));
        assert_eq!(Identities.new_span_id(), SpanId::from(2));
    }
}
