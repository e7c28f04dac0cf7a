//! OpenTelemetry's own variables: which ones this version of the SDK reads, and which it does not.
//!
//! Taken from the source of opentelemetry_sdk and opentelemetry-otlp 0.33.1 with the thread-based
//! batch processors and periodic reader, which are the ones that the client uses.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::problem::did_you_mean;
use super::units::{TIME, Time};

/// Variables as a scenario gives them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct SdkVariables(pub BTreeMap<String, String>);

/// How a variable's value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A duration, which the SDK reads as milliseconds.
    Milliseconds,
    Count {
        min: u64,
        max: u64,
    },
    Text,
}

const COUNT: Kind = Kind::Count {
    min: 1,
    max: 10_000_000,
};
const LIMIT: Kind = Kind::Count {
    min: 0,
    max: 1_000_000,
};

/// What the SDK reads, with its default. A timeout of one signal is, by default, the general one.
const READ: &[(&str, Kind, &str)] = &[
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", COUNT, "512"),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", COUNT, "2048"),
    ("OTEL_BLRP_SCHEDULE_DELAY", Kind::Milliseconds, "1000"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", COUNT, "512"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", COUNT, "2048"),
    ("OTEL_BSP_SCHEDULE_DELAY", Kind::Milliseconds, "5000"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", Kind::Milliseconds, "10000"),
    ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", Kind::Milliseconds, ""),
    ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", Kind::Milliseconds, ""),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", Kind::Milliseconds, ""),
    ("OTEL_METRIC_EXPORT_INTERVAL", Kind::Milliseconds, "60000"),
    ("OTEL_RESOURCE_ATTRIBUTES", Kind::Text, ""),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", LIMIT, "128"),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", LIMIT, "128"),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", LIMIT, "128"),
];

/// What the SDK knows and ignores with the thread-based processors, or does not know at all, and what to do.
const IGNORED: &[(&str, &str)] = &[
    (
        "OTEL_BSP_EXPORT_TIMEOUT",
        "the exporter's timeout counts: OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    ),
    (
        "OTEL_BSP_MAX_CONCURRENT_EXPORTS",
        "the thread-based processor exports one batch at a time",
    ),
    (
        "OTEL_BLRP_EXPORT_TIMEOUT",
        "the exporter's timeout counts: OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
    ),
    (
        "OTEL_METRIC_EXPORT_TIMEOUT",
        "the exporter's timeout counts: OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
    ),
    (
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "set the length in load.SIGNAL.attributes.value_bytes",
    ),
    (
        "OTEL_ATTRIBUTE_COUNT_LIMIT",
        "for spans there is OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    ),
    (
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "set the length in load.traces.attributes.value_bytes",
    ),
    (
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
        "this version has no variable for it",
    ),
    (
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
        "this version has no variable for it",
    ),
    (
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
        "this version has no variable for it",
    ),
    (
        "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "set the length in load.logs.attributes.value_bytes",
    ),
    (
        "OTEL_METRICS_EXEMPLAR_FILTER",
        "this version makes no exemplars",
    ),
    (
        "OTEL_SDK_DISABLED",
        "leave a signal out of `load` and it is not sent",
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "choose the kinds in load.metrics.instruments",
    ),
];

/// What squall sets itself: part of the variable's name, and how a scenario says it.
const OWN: &[(&str, &str)] = &[
    ("_ENDPOINT", "the client sends to the link of the run"),
    ("_PROTOCOL", "say it with `client.protocol`"),
    ("_COMPRESSION", "say it with `client.compression`"),
    ("_HEADERS", "say it with `client.headers`"),
    ("_INSECURE", "say it with `client.tls`"),
    ("_CERTIFICATE", "say it with `client.tls`"),
    ("_CLIENT_KEY", "say it with `client.tls`"),
    (
        "_TEMPORALITY_PREFERENCE",
        "say it with `client.temporality`",
    ),
    ("OTEL_SERVICE_NAME", "say it with `client.service`"),
    ("OTEL_TRACES_SAMPLER", "say it with `load.traces.sample`"),
    ("OTEL_TRACES_EXPORTER", "say it with `load.traces`"),
    ("OTEL_METRICS_EXPORTER", "say it with `load.metrics`"),
    ("OTEL_LOGS_EXPORTER", "say it with `load.logs`"),
];

/// Why a variable cannot stand in `client.sdk`.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether it is the name that is wrong, and not the value.
    pub of_name: bool,
    pub message: String,
    pub help: String,
}

impl SdkVariables {
    /// Every variable that the SDK reads, defaults included, as the SDK reads it; and what is wrong,
    /// by name.
    pub fn explicit(&self) -> (BTreeMap<String, String>, Vec<(&str, Fault)>) {
        let mut values: BTreeMap<String, String> = READ
            .iter()
            .map(|(name, _, default)| ((*name).to_owned(), (*default).to_owned()))
            .collect();
        let mut faults = Vec::new();
        for (name, text) in &self.0 {
            match value_of(name, text) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(fault) => faults.push((name.as_str(), fault)),
            }
        }
        let general = values["OTEL_EXPORTER_OTLP_TIMEOUT"].clone();
        for (name, kind, default) in READ {
            if *kind == Kind::Milliseconds && default.is_empty() {
                let value = values.entry((*name).to_owned()).or_default();
                if value.is_empty() {
                    value.clone_from(&general);
                }
            }
        }
        (values, faults)
    }
}

fn value_of(name: &str, text: &str) -> Result<String, Fault> {
    let Some((_, kind, _)) = READ.iter().find(|(known, ..)| *known == name) else {
        return Err(unreadable(name));
    };
    let fault = |message: String, help: String| Fault {
        of_name: false,
        message,
        help,
    };
    match kind {
        Kind::Text => Ok(text.to_owned()),
        Kind::Milliseconds => {
            let ns = TIME.parse(text).map_err(|e| fault(e.message, e.help))?;
            let ms = ns / 1e6;
            if ms < 1.0 || ms.fract() != 0.0 || ms > 86_400_000.0 {
                return Err(fault(
                    format!("{name} cannot be this"),
                    "the SDK counts in whole milliseconds, from 1ms to 24h".to_owned(),
                ));
            }
            Ok((ms as u64).to_string())
        }
        Kind::Count { min, max } => match text.parse::<u64>() {
            Ok(count) if (*min..=*max).contains(&count) => Ok(count.to_string()),
            _ => Err(fault(
                format!("{name} cannot be this"),
                format!("a whole number from {min} to {max}"),
            )),
        },
    }
}

fn unreadable(name: &str) -> Fault {
    let fault = |message: String, help: String| Fault {
        of_name: true,
        message,
        help,
    };
    if let Some((_, why)) = IGNORED.iter().find(|(known, _)| *known == name) {
        return fault(
            format!("this version of the SDK ignores {name}"),
            (*why).to_owned(),
        );
    }
    let own = OWN.iter().find(|(part, _)| name.contains(part));
    if let (true, Some((_, how))) = (name.starts_with("OTEL_"), own) {
        return fault(format!("squall sets {name} itself"), (*how).to_owned());
    }
    let known: Vec<&str> = READ.iter().map(|(known, ..)| *known).collect();
    fault(
        format!("the SDK reads no variable {name}"),
        did_you_mean(name, &known),
    )
}

impl JsonSchema for SdkVariables {
    fn schema_name() -> Cow<'static, str> {
        "SdkVariables".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let properties: serde_json::Map<String, serde_json::Value> = READ
            .iter()
            .map(|(name, kind, _)| ((*name).to_owned(), kind.schema(generator)))
            .collect();
        json_schema!({
            "type": "object",
            "description": "The variables that this version of the SDK reads.",
            "properties": properties,
            "additionalProperties": false
        })
    }
}

impl Kind {
    fn schema(self, generator: &mut SchemaGenerator) -> serde_json::Value {
        match self {
            Kind::Milliseconds => generator.subschema_for::<Time>().to_value(),
            Kind::Count { min, max } => {
                serde_json::json!({ "type": "integer", "minimum": min, "maximum": max })
            }
            Kind::Text => serde_json::json!({ "type": "string" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explicit(given: &[(&str, &str)]) -> (BTreeMap<String, String>, Vec<String>) {
        let variables = SdkVariables(
            given
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        );
        let (values, faults) = variables.explicit();
        (values, faults.into_iter().map(|(_, f)| f.message).collect())
    }

    #[test]
    fn defaults_are_explicit_and_durations_are_milliseconds() {
        let (values, faults) = explicit(&[
            ("OTEL_BSP_SCHEDULE_DELAY", "200ms"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "3s"),
        ]);
        assert!(faults.is_empty());
        assert_eq!(values.len(), READ.len());
        assert_eq!(values["OTEL_BSP_SCHEDULE_DELAY"], "200");
        assert_eq!(values["OTEL_EXPORTER_OTLP_LOGS_TIMEOUT"], "3000");
        assert_eq!(values["OTEL_BSP_MAX_QUEUE_SIZE"], "2048");
    }

    #[test]
    fn what_would_do_nothing_is_refused() {
        for (name, _) in IGNORED {
            let (_, faults) = explicit(&[(name, "1s")]);
            assert_eq!(faults, [format!("this version of the SDK ignores {name}")]);
        }
        let (_, faults) = explicit(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "x")]);
        assert_eq!(
            faults,
            ["squall sets OTEL_EXPORTER_OTLP_TRACES_ENDPOINT itself"]
        );
        let (_, faults) = explicit(&[("OTEL_BSP_QUEUE_SIZE", "1")]);
        assert_eq!(faults, ["the SDK reads no variable OTEL_BSP_QUEUE_SIZE"]);
    }

    #[test]
    fn names_and_defaults_are_the_sdks_own() {
        use opentelemetry_otlp::{OTEL_EXPORTER_OTLP_TIMEOUT, OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT};
        use opentelemetry_sdk::{logs, metrics, trace};
        let (values, _) = explicit(&[]);
        let ms = |duration: std::time::Duration| duration.as_millis().to_string();
        for (name, default) in [
            (
                trace::OTEL_BSP_SCHEDULE_DELAY,
                ms(trace::OTEL_BSP_SCHEDULE_DELAY_DEFAULT),
            ),
            (
                trace::OTEL_BSP_MAX_QUEUE_SIZE,
                trace::OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT.to_string(),
            ),
            (
                trace::OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
                trace::OTEL_BSP_MAX_EXPORT_BATCH_SIZE_DEFAULT.to_string(),
            ),
            (
                logs::OTEL_BLRP_SCHEDULE_DELAY,
                ms(logs::OTEL_BLRP_SCHEDULE_DELAY_DEFAULT),
            ),
            (
                logs::OTEL_BLRP_MAX_QUEUE_SIZE,
                logs::OTEL_BLRP_MAX_QUEUE_SIZE_DEFAULT.to_string(),
            ),
            (
                logs::OTEL_BLRP_MAX_EXPORT_BATCH_SIZE,
                logs::OTEL_BLRP_MAX_EXPORT_BATCH_SIZE_DEFAULT.to_string(),
            ),
            (
                metrics::OTEL_METRIC_EXPORT_INTERVAL,
                ms(metrics::OTEL_METRIC_EXPORT_INTERVAL_DEFAULT),
            ),
            (
                OTEL_EXPORTER_OTLP_TIMEOUT,
                ms(OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT),
            ),
        ] {
            assert_eq!(values[name], default, "{name}");
        }
        let limits = trace::SpanLimits::default();
        for (name, default) in [
            ("ATTRIBUTE", limits.max_attributes_per_span),
            ("EVENT", limits.max_events_per_span),
            ("LINK", limits.max_links_per_span),
        ] {
            let name = format!("OTEL_SPAN_{name}_COUNT_LIMIT");
            assert_eq!(values[&name], default.to_string(), "{name}");
        }
    }
}
