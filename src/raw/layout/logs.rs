//! Requests of log records.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::transform::common::tonic::Attributes;
use prost::Message;

use super::binding::Meaning;
use super::sample::DUE_UNIX_NS;
use super::traces::{span_id, trace_id};
use super::{Layout, lay};
use crate::load::payload::logs::LogTable;
use crate::otlp::Malformed;
use crate::plan::LogPayload;
use crate::raw::template::Template;
use crate::signal::Signal;

/// Flags of a record whose trace is sampled.
const FLAGS: u32 = 1;

/// Makes requests of log records.
#[derive(Debug)]
pub struct LogLayout {
    layout: Layout,
    table: LogTable,
}

impl LogLayout {
    pub fn new(layout: Layout, payload: &LogPayload) -> Self {
        Self {
            table: LogTable::new(payload, layout.seed),
            layout,
        }
    }

    /// The records that the SDK client would make of its arrival number `variant`. As with the client,
    /// all records of a request name one trace.
    ///
    /// # Errors
    /// When the request would be too long.
    pub fn template(&self, producer: u16, variant: u32) -> Result<Template, Malformed> {
        let mut entropy = self.layout.entropy(producer, variant);
        let log_records = (0..self.layout.items())
            .map(|item| {
                let mut record = self.record(producer, variant, item);
                if let Some(entropy) = &mut entropy {
                    entropy.stir(&mut record.attributes);
                    record.body.iter_mut().for_each(|b| entropy.stir_value(b));
                }
                record
            })
            .collect();
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: self.layout.resource(),
                scope_logs: vec![ScopeLogs {
                    scope: Layout::scope(),
                    log_records,
                    ..ScopeLogs::default()
                }],
                ..ResourceLogs::default()
            }],
        };
        let bytes = request.encode_to_vec();
        lay(Signal::Logs, self.layout.encoding, bytes, Meaning::Sample)
    }

    fn record(&self, producer: u16, variant: u32, item: u32) -> LogRecord {
        let items = u64::from(self.layout.items());
        let sequence = u64::from(variant) * items + u64::from(item) + 1;
        let look = self.table.look(producer, sequence);
        let body = any_value::Value::StringValue(look.body.into());
        LogRecord {
            time_unix_nano: DUE_UNIX_NS,
            observed_time_unix_nano: DUE_UNIX_NS,
            severity_number: look.severity as i32,
            severity_text: look.severity_text.to_owned(),
            body: Some(AnyValue { value: Some(body) }),
            attributes: look.attributes.into_iter().collect::<Attributes>().0,
            flags: FLAGS,
            trace_id: trace_id(0),
            span_id: span_id(item),
            event_name: look.event_name.to_owned(),
            ..LogRecord::default()
        }
    }
}
