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
}

use Kind::{Bytes, Fixed32, Fixed64, Fixed64s, Message as Of, Text, Unknown, Varint, Varints};

const fn message(name: &'static str, fields: &'static [Kind]) -> Message {
    Message {
        name,
        landmark: Landmark::None,
        fields,
    }
}

const fn landmark(name: &'static str, landmark: Landmark, fields: &'static [Kind]) -> Message {
    Message {
        name,
        landmark,
        fields,
    }
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
static KEY_VALUE: Message = message("KeyValue", &[Text, Of(&ANY_VALUE), Varint]);
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
