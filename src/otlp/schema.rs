//! OTLP's messages as tables: which field holds what. Source: opentelemetry-proto 1.x.

/// What a field of a message may hold.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Not known to this version: skipped, as the specification demands.
    Unknown,
    /// A number, a flag or an enum value, as a varint.
    Varint,
    Fixed64,
    Fixed32,
    /// UTF-8.
    Text,
    Bytes,
    /// Repeated, packed or not.
    Varints,
    /// Repeated, packed or not.
    Fixed64s,
    Message(&'static Message),
}

/// How a field is read that comes as it is meant to. Anything else takes the long way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The long way: unknown, of another wire type, or rare.
    Other,
    Varint,
    Fixed64,
    Fixed32,
    Text,
    Bytes,
    Fixed64s,
    Message,
    /// The span id of an item.
    Id,
    /// The due time of an item.
    Time,
}

/// Messages at which a walk stops to tell its visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landmark {
    Resource,
    Span,
    LogRecord,
    Metric,
    /// Any other message, of which nobody is told.
    None,
}

/// One message type. `fields[n]` is what the field with the number `n + 1` holds.
#[derive(Debug)]
pub struct Message {
    pub name: &'static str,
    pub landmark: Landmark,
    pub fields: &'static [Kind],
    /// What to do with a field, by its key (number and wire type), for the numbers up to 31.
    pub ops: [Op; 256],
    /// Numbers of the fields with an item's span id and due time; 0 and 0 where it is no item.
    pub item: (u32, u32),
}

use Kind::{Bytes, Fixed32, Fixed64, Fixed64s, Message as Of, Text, Unknown, Varint, Varints};

const fn message(name: &'static str, fields: &'static [Kind]) -> Message {
    landmark(name, Landmark::None, fields)
}

const fn landmark(name: &'static str, landmark: Landmark, fields: &'static [Kind]) -> Message {
    let item = match landmark {
        Landmark::Span => (2, 7),
        Landmark::LogRecord => (10, 1),
        _ => (0, 0),
    };
    Message {
        name,
        landmark,
        fields,
        ops: ops(fields, item),
        item,
    }
}

const fn ops(fields: &[Kind], item: (u32, u32)) -> [Op; 256] {
    let mut ops = [Op::Other; 256];
    let mut index = 0;
    while index < fields.len() && index < 31 {
        let number = index + 1;
        let (wire_type, op) = match fields[index] {
            Unknown | Varints => (0, Op::Other),
            Varint => (0, Op::Varint),
            Fixed64 if number == item.1 as usize => (1, Op::Time),
            Fixed64 => (1, Op::Fixed64),
            Fixed32 => (5, Op::Fixed32),
            Text => (2, Op::Text),
            Bytes if number == item.0 as usize => (2, Op::Id),
            Bytes => (2, Op::Bytes),
            Fixed64s => (2, Op::Fixed64s),
            Of(_) => (2, Op::Message),
        };
        ops[number << 3 | wire_type] = op;
        index += 1;
    }
    ops
}

static ANY_VALUE: Message = message(
    "AnyValue",
    &[
        Text,
        Varint,
        Varint,
        Fixed64,
        Of(&ARRAY_VALUE),
        Of(&KEY_VALUE_LIST),
        Bytes,
        Varint,
    ],
);
static ARRAY_VALUE: Message = message("ArrayValue", &[Of(&ANY_VALUE)]);
static KEY_VALUE_LIST: Message = message("KeyValueList", &[Of(&KEY_VALUE)]);
/// The most frequent message of all.
pub static KEY_VALUE: Message = message("KeyValue", &[Text, Of(&ANY_VALUE), Varint]);
static SCOPE: Message = message(
    "InstrumentationScope",
    &[Text, Text, Of(&KEY_VALUE), Varint],
);
static ENTITY_REF: Message = message("EntityRef", &[Text, Text, Text, Text]);
static RESOURCE: Message = landmark(
    "Resource",
    Landmark::Resource,
    &[Of(&KEY_VALUE), Varint, Of(&ENTITY_REF)],
);

/// `ExportTraceServiceRequest`.
pub static TRACES: Message = message("ExportTraceServiceRequest", &[Of(&RESOURCE_SPANS)]);
static RESOURCE_SPANS: Message = message("ResourceSpans", &[Of(&RESOURCE), Of(&SCOPE_SPANS), Text]);
static SCOPE_SPANS: Message = message("ScopeSpans", &[Of(&SCOPE), Of(&SPAN), Text]);
static SPAN: Message = landmark(
    "Span",
    Landmark::Span,
    &[
        Bytes,
        Bytes,
        Text,
        Bytes,
        Text,
        Varint,
        Fixed64,
        Fixed64,
        Of(&KEY_VALUE),
        Varint,
        Of(&EVENT),
        Varint,
        Of(&LINK),
        Varint,
        Of(&STATUS),
        Fixed32,
    ],
);
static EVENT: Message = message("Event", &[Fixed64, Text, Of(&KEY_VALUE), Varint]);
static LINK: Message = message(
    "Link",
    &[Bytes, Bytes, Text, Of(&KEY_VALUE), Varint, Fixed32],
);
static STATUS: Message = message("Status", &[Unknown, Text, Varint]);

/// `ExportLogsServiceRequest`.
pub static LOGS: Message = message("ExportLogsServiceRequest", &[Of(&RESOURCE_LOGS)]);
static RESOURCE_LOGS: Message = message("ResourceLogs", &[Of(&RESOURCE), Of(&SCOPE_LOGS), Text]);
static SCOPE_LOGS: Message = message("ScopeLogs", &[Of(&SCOPE), Of(&LOG_RECORD), Text]);
static LOG_RECORD: Message = landmark(
    "LogRecord",
    Landmark::LogRecord,
    &[
        Fixed64,
        Varint,
        Text,
        Unknown,
        Of(&ANY_VALUE),
        Of(&KEY_VALUE),
        Varint,
        Fixed32,
        Bytes,
        Bytes,
        Fixed64,
        Text,
    ],
);

/// `ExportMetricsServiceRequest`.
pub static METRICS: Message = message("ExportMetricsServiceRequest", &[Of(&RESOURCE_METRICS)]);
static RESOURCE_METRICS: Message = message(
    "ResourceMetrics",
    &[Of(&RESOURCE), Of(&SCOPE_METRICS), Text],
);
static SCOPE_METRICS: Message = message("ScopeMetrics", &[Of(&SCOPE), Of(&METRIC), Text]);
static METRIC: Message = landmark(
    "Metric",
    Landmark::Metric,
    &[
        Text,
        Text,
        Text,
        Unknown,
        Of(&GAUGE),
        Unknown,
        Of(&SUM),
        Unknown,
        Of(&HISTOGRAM),
        Of(&EXPONENTIAL_HISTOGRAM),
        Of(&SUMMARY),
        Of(&KEY_VALUE),
    ],
);
static GAUGE: Message = message("Gauge", &[Of(&NUMBER_POINT)]);
static SUM: Message = message("Sum", &[Of(&NUMBER_POINT), Varint, Varint]);
static HISTOGRAM: Message = message("Histogram", &[Of(&HISTOGRAM_POINT), Varint]);
static EXPONENTIAL_HISTOGRAM: Message =
    message("ExponentialHistogram", &[Of(&EXPONENTIAL_POINT), Varint]);
static SUMMARY: Message = message("Summary", &[Of(&SUMMARY_POINT)]);
static NUMBER_POINT: Message = message(
    "NumberDataPoint",
    &[
        Unknown,
        Fixed64,
        Fixed64,
        Fixed64,
        Of(&EXEMPLAR),
        Fixed64,
        Of(&KEY_VALUE),
        Varint,
    ],
);
static HISTOGRAM_POINT: Message = message(
    "HistogramDataPoint",
    &[
        Unknown,
        Fixed64,
        Fixed64,
        Fixed64,
        Fixed64,
        Fixed64s,
        Fixed64s,
        Of(&EXEMPLAR),
        Of(&KEY_VALUE),
        Varint,
        Fixed64,
        Fixed64,
    ],
);
static EXPONENTIAL_POINT: Message = message(
    "ExponentialHistogramDataPoint",
    &[
        Of(&KEY_VALUE),
        Fixed64,
        Fixed64,
        Fixed64,
        Fixed64,
        Varint,
        Fixed64,
        Of(&BUCKETS),
        Of(&BUCKETS),
        Varint,
        Of(&EXEMPLAR),
        Fixed64,
        Fixed64,
        Fixed64,
    ],
);
static BUCKETS: Message = message("Buckets", &[Varint, Varints]);
static SUMMARY_POINT: Message = message(
    "SummaryDataPoint",
    &[
        Unknown,
        Fixed64,
        Fixed64,
        Fixed64,
        Fixed64,
        Of(&QUANTILE),
        Of(&KEY_VALUE),
        Varint,
    ],
);
static QUANTILE: Message = message("ValueAtQuantile", &[Fixed64, Fixed64]);
static EXEMPLAR: Message = message(
    "Exemplar",
    &[
        Unknown,
        Fixed64,
        Fixed64,
        Bytes,
        Bytes,
        Fixed64,
        Of(&KEY_VALUE),
    ],
);
