//! OTLP's messages as JSON writes them: the name of each field, and what stands there.
//! Source: the OTLP specification, section JSON Protobuf Encoding.

/// What a field holds, in JSON and in protobuf.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    Text,
    /// Hexadecimal digits for bytes.
    Hex,
    /// A flag for a varint.
    Flag,
    /// A number for a varint.
    Int32,
    /// A number for a varint.
    Uint32,
    /// A number for a varint in zigzag.
    Sint32,
    /// A number, or a text with one, for a varint.
    Int64,
    /// A number.
    Fixed32,
    /// A number, or a text with one.
    Fixed64,
    /// A number, or a text with one.
    Sfixed64,
    /// A number.
    Double,
    /// A list of [`Form::Fixed64`], packed.
    Fixed64s,
    /// A list of [`Form::Double`], packed.
    Doubles,
    /// A list of numbers, or texts with one, for packed varints.
    Uint64s,
    Message(&'static Shape),
    Messages(&'static Shape),
}

/// One message type.
#[derive(Debug)]
pub struct Shape {
    pub fields: &'static [Field],
    /// Bits of the fields that must be there, by index.
    pub required: u32,
    /// Bits of the fields of which at most one may be there. Where there are any, fields that are not
    /// known are left to the other reader, for it takes them in and may trip over them.
    pub one_of: u32,
}

#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub number: u32,
    pub form: Form,
}

use Form::{
    Double, Doubles, Fixed32, Fixed64, Fixed64s, Flag, Hex, Int32, Int64, Message, Messages,
    Sfixed64, Sint32, Text, Uint32, Uint64s,
};

const fn shape(fields: &'static [Field]) -> Shape {
    Shape {
        fields,
        required: 0,
        one_of: 0,
    }
}

const fn f(name: &'static str, number: u32, form: Form) -> Field {
    Field { name, number, form }
}

/// `bytesValue` is missing: it is rare, and the other reader knows its base64.
static ANY_VALUE: Shape = Shape {
    one_of: 0b11_1111,
    ..shape(&[
        f("stringValue", 1, Text),
        f("intValue", 3, Int64),
        f("boolValue", 2, Flag),
        f("doubleValue", 4, Double),
        f("arrayValue", 5, Message(&ARRAY_VALUE)),
        f("kvlistValue", 6, Message(&KEY_VALUE_LIST)),
    ])
};
static ARRAY_VALUE: Shape = Shape {
    required: 1,
    ..shape(&[f("values", 1, Messages(&ANY_VALUE))])
};
static KEY_VALUE_LIST: Shape = Shape {
    required: 1,
    ..shape(&[f("values", 1, Messages(&KEY_VALUE))])
};
static KEY_VALUE: Shape = Shape {
    required: 1,
    ..shape(&[
        f("key", 1, Text),
        f("value", 2, Message(&ANY_VALUE)),
        f("keyStrindex", 3, Int32),
    ])
};
static SCOPE: Shape = shape(&[
    f("name", 1, Text),
    f("version", 2, Text),
    f("attributes", 3, Messages(&KEY_VALUE)),
    f("droppedAttributesCount", 4, Uint32),
]);
/// Nobody sends any yet: left to the other reader, for no object has the field that is required.
static ENTITY_REF: Shape = Shape {
    required: 1,
    ..shape(&[])
};
static RESOURCE: Shape = shape(&[
    f("attributes", 1, Messages(&KEY_VALUE)),
    f("droppedAttributesCount", 2, Uint32),
    f("entityRefs", 3, Messages(&ENTITY_REF)),
]);

/// `ExportTraceServiceRequest`.
pub static TRACES: Shape = shape(&[f("resourceSpans", 1, Messages(&RESOURCE_SPANS))]);
static RESOURCE_SPANS: Shape = shape(&[
    f("resource", 1, Message(&RESOURCE)),
    f("scopeSpans", 2, Messages(&SCOPE_SPANS)),
    f("schemaUrl", 3, Text),
]);
static SCOPE_SPANS: Shape = shape(&[
    f("scope", 1, Message(&SCOPE)),
    f("spans", 2, Messages(&SPAN)),
    f("schemaUrl", 3, Text),
]);
static SPAN: Shape = shape(&[
    f("traceId", 1, Hex),
    f("spanId", 2, Hex),
    f("traceState", 3, Text),
    f("parentSpanId", 4, Hex),
    f("flags", 16, Fixed32),
    f("name", 5, Text),
    f("kind", 6, Int32),
    f("startTimeUnixNano", 7, Fixed64),
    f("endTimeUnixNano", 8, Fixed64),
    f("attributes", 9, Messages(&KEY_VALUE)),
    f("droppedAttributesCount", 10, Uint32),
    f("events", 11, Messages(&EVENT)),
    f("droppedEventsCount", 12, Uint32),
    f("links", 13, Messages(&LINK)),
    f("droppedLinksCount", 14, Uint32),
    f("status", 15, Message(&STATUS)),
]);
static EVENT: Shape = shape(&[
    f("timeUnixNano", 1, Fixed64),
    f("name", 2, Text),
    f("attributes", 3, Messages(&KEY_VALUE)),
    f("droppedAttributesCount", 4, Uint32),
]);
static LINK: Shape = shape(&[
    f("traceId", 1, Hex),
    f("spanId", 2, Hex),
    f("traceState", 3, Text),
    f("attributes", 4, Messages(&KEY_VALUE)),
    f("droppedAttributesCount", 5, Uint32),
    f("flags", 6, Fixed32),
]);
static STATUS: Shape = shape(&[f("message", 2, Text), f("code", 3, Int32)]);

/// `ExportLogsServiceRequest`.
pub static LOGS: Shape = shape(&[f("resourceLogs", 1, Messages(&RESOURCE_LOGS))]);
static RESOURCE_LOGS: Shape = shape(&[
    f("resource", 1, Message(&RESOURCE)),
    f("scopeLogs", 2, Messages(&SCOPE_LOGS)),
    f("schemaUrl", 3, Text),
]);
static SCOPE_LOGS: Shape = shape(&[
    f("scope", 1, Message(&SCOPE)),
    f("logRecords", 2, Messages(&LOG_RECORD)),
    f("schemaUrl", 3, Text),
]);
static LOG_RECORD: Shape = shape(&[
    f("timeUnixNano", 1, Fixed64),
    f("observedTimeUnixNano", 11, Fixed64),
    f("severityNumber", 2, Int32),
    f("severityText", 3, Text),
    f("body", 5, Message(&ANY_VALUE)),
    f("attributes", 6, Messages(&KEY_VALUE)),
    f("droppedAttributesCount", 7, Uint32),
    f("flags", 8, Fixed32),
    f("traceId", 9, Hex),
    f("spanId", 10, Hex),
    f("eventName", 12, Text),
]);

/// `ExportMetricsServiceRequest`.
pub static METRICS: Shape = shape(&[f("resourceMetrics", 1, Messages(&RESOURCE_METRICS))]);
static RESOURCE_METRICS: Shape = shape(&[
    f("resource", 1, Message(&RESOURCE)),
    f("scopeMetrics", 2, Messages(&SCOPE_METRICS)),
    f("schemaUrl", 3, Text),
]);
static SCOPE_METRICS: Shape = shape(&[
    f("scope", 1, Message(&SCOPE)),
    f("metrics", 2, Messages(&METRIC)),
    f("schemaUrl", 3, Text),
]);
static METRIC: Shape = Shape {
    one_of: 0b1_1111_0000,
    ..shape(&[
        f("name", 1, Text),
        f("description", 2, Text),
        f("unit", 3, Text),
        f("metadata", 12, Messages(&KEY_VALUE)),
        f("gauge", 5, Message(&GAUGE)),
        f("sum", 7, Message(&SUM)),
        f("histogram", 9, Message(&HISTOGRAM)),
        f("exponentialHistogram", 10, Message(&EXPONENTIAL_HISTOGRAM)),
        f("summary", 11, Message(&SUMMARY)),
    ])
};
static GAUGE: Shape = shape(&[f("dataPoints", 1, Messages(&NUMBER_POINT))]);
static SUM: Shape = shape(&[
    f("dataPoints", 1, Messages(&NUMBER_POINT)),
    f("aggregationTemporality", 2, Int32),
    f("isMonotonic", 3, Flag),
]);
static HISTOGRAM: Shape = shape(&[
    f("dataPoints", 1, Messages(&HISTOGRAM_POINT)),
    f("aggregationTemporality", 2, Int32),
]);
static EXPONENTIAL_HISTOGRAM: Shape = shape(&[
    f("dataPoints", 1, Messages(&EXPONENTIAL_POINT)),
    f("aggregationTemporality", 2, Int32),
]);
static SUMMARY: Shape = shape(&[f("dataPoints", 1, Messages(&SUMMARY_POINT))]);
static NUMBER_POINT: Shape = Shape {
    one_of: 0b11,
    ..shape(&[
        f("asDouble", 4, Double),
        f("asInt", 6, Sfixed64),
        f("attributes", 7, Messages(&KEY_VALUE)),
        f("startTimeUnixNano", 2, Fixed64),
        f("timeUnixNano", 3, Fixed64),
        f("exemplars", 5, Messages(&EXEMPLAR)),
        f("flags", 8, Uint32),
    ])
};
static HISTOGRAM_POINT: Shape = shape(&[
    f("attributes", 9, Messages(&KEY_VALUE)),
    f("startTimeUnixNano", 2, Fixed64),
    f("timeUnixNano", 3, Fixed64),
    f("count", 4, Fixed64),
    f("sum", 5, Double),
    f("bucketCounts", 6, Fixed64s),
    f("explicitBounds", 7, Doubles),
    f("exemplars", 8, Messages(&EXEMPLAR)),
    f("flags", 10, Uint32),
    f("min", 11, Double),
    f("max", 12, Double),
]);
static EXPONENTIAL_POINT: Shape = shape(&[
    f("attributes", 1, Messages(&KEY_VALUE)),
    f("startTimeUnixNano", 2, Fixed64),
    f("timeUnixNano", 3, Fixed64),
    f("count", 4, Fixed64),
    f("sum", 5, Double),
    f("scale", 6, Sint32),
    f("zeroCount", 7, Fixed64),
    f("positive", 8, Message(&BUCKETS)),
    f("negative", 9, Message(&BUCKETS)),
    f("flags", 10, Uint32),
    f("exemplars", 11, Messages(&EXEMPLAR)),
    f("min", 12, Double),
    f("max", 13, Double),
    f("zeroThreshold", 14, Double),
]);
static BUCKETS: Shape = shape(&[f("offset", 1, Sint32), f("bucketCounts", 2, Uint64s)]);
static SUMMARY_POINT: Shape = shape(&[
    f("attributes", 7, Messages(&KEY_VALUE)),
    f("startTimeUnixNano", 2, Fixed64),
    f("timeUnixNano", 3, Fixed64),
    f("count", 4, Fixed64),
    f("sum", 5, Double),
    f("quantileValues", 6, Messages(&QUANTILE)),
    f("flags", 8, Uint32),
]);
static QUANTILE: Shape = shape(&[f("quantile", 1, Double), f("value", 2, Double)]);
static EXEMPLAR: Shape = Shape {
    one_of: 0b11,
    ..shape(&[
        f("asDouble", 3, Double),
        f("asInt", 6, Sfixed64),
        f("filteredAttributes", 7, Messages(&KEY_VALUE)),
        f("timeUnixNano", 2, Fixed64),
        f("spanId", 4, Hex),
        f("traceId", 5, Hex),
    ])
};
