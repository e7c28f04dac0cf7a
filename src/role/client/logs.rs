//! Log records through the SDK.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _};
use opentelemetry::trace::{SpanId, TraceFlags, TraceId};
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};

use crate::ids::Identity;
use crate::load::payload::logs::LogTable;

/// Makes the records of one producer.
pub struct LogSource {
    logger: SdkLogger,
    table: Arc<LogTable>,
    producer: u16,
    records: u64,
}

impl LogSource {
    pub fn new(
        provider: &SdkLoggerProvider,
        table: Arc<LogTable>,
        producer: u16,
        records: u32,
    ) -> Self {
        Self {
            logger: provider.logger("squall"),
            table,
            producer,
            records: u64::from(records.max(1)),
        }
    }

    /// Emits the records of an arrival. The trace context carries the identity.
    pub fn release(&self, arrival: u64, due_unix_ns: u64) {
        let due = UNIX_EPOCH + Duration::from_nanos(due_unix_ns);
        let trace_id = TraceId::from(self.table.trace_id(self.producer, arrival));
        for index in 0..self.records {
            let item = Identity {
                producer: self.producer,
                sequence: arrival * self.records + index + 1,
            };
            let look = self.table.look(item.producer, item.sequence);
            let mut record = self.logger.create_log_record();
            record.set_event_name(look.event_name);
            record.set_timestamp(due);
            record.set_severity_number(look.severity);
            record.set_severity_text(look.severity_text);
            record.set_body(AnyValue::String(look.body));
            record.add_attributes(look.attributes);
            let span_id = SpanId::from(item.to_span_id());
            record.set_trace_context(trace_id, span_id, Some(TraceFlags::SAMPLED));
            self.logger.emit(record);
        }
    }
}
