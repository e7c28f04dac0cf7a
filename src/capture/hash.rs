//! A keyed hash in the place of every value, so that a capture can be shared.
//!
//! Replaced are the texts and bytes of every attribute (of resources, scopes, items, events, links,
//! exemplars and metrics' metadata), the bodies of log records, messages of statuses and trace states.
//! What is left is structure: names, keys, ids, times, kinds and units; numbers unless they are to
//! be replaced as well. Equal values become equal hashes, whatever attribute they are of, so that
//! cardinality stays; a long value stays as long, so that sizes do. Fields that this version of OTLP
//! does not know are left out.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric, metric::Data};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use sha2::Sha256;

use crate::otlp::Malformed;
use crate::signal::Signal;

/// Characters of a hash at least: 64 bits of it.
const TEXT_MIN: usize = 16;
/// Bytes that one round of the hash gives.
const ROUND_BYTES: usize = 32;

/// What is replaced, and by what.
#[derive(Debug)]
pub struct Hasher {
    keyed: Hmac<Sha256>,
    /// Attributes that keep their values.
    keep: BTreeSet<String>,
    numbers: bool,
}

impl Hasher {
    /// Hashes with that key, and leaves the attributes named in `keep` as they are. With `numbers`
    /// those of attributes are replaced as well.
    pub fn new(key: &[u8], keep: impl IntoIterator<Item = String>, numbers: bool) -> Self {
        // A key of any length will do, by the definition of HMAC.
        let keyed = Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
        Self {
            keyed,
            keep: keep.into_iter().collect(),
            numbers,
        }
    }

    /// The request with hashes in the place of values.
    ///
    /// # Errors
    /// When it is not a request of that signal.
    pub fn request(&self, signal: Signal, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let decoded = match signal {
            Signal::Traces => self.traces(body),
            Signal::Metrics => self.metrics(body),
            Signal::Logs => self.logs(body),
        };
        decoded.map_err(|error| Malformed::Undecodable(error.to_string()))
    }

    fn traces(&self, body: &[u8]) -> Result<Vec<u8>, prost::DecodeError> {
        let mut request = ExportTraceServiceRequest::decode(body)?;
        for resource in &mut request.resource_spans {
            self.resource(resource.resource.as_mut());
            for scope in &mut resource.scope_spans {
                self.scope(scope.scope.as_mut());
                scope.spans.iter_mut().for_each(|span| self.span(span));
            }
        }
        Ok(request.encode_to_vec())
    }

    fn metrics(&self, body: &[u8]) -> Result<Vec<u8>, prost::DecodeError> {
        let mut request = ExportMetricsServiceRequest::decode(body)?;
        for resource in &mut request.resource_metrics {
            self.resource(resource.resource.as_mut());
            for scope in &mut resource.scope_metrics {
                self.scope(scope.scope.as_mut());
                scope
                    .metrics
                    .iter_mut()
                    .for_each(|metric| self.metric(metric));
            }
        }
        Ok(request.encode_to_vec())
    }

    fn logs(&self, body: &[u8]) -> Result<Vec<u8>, prost::DecodeError> {
        let mut request = ExportLogsServiceRequest::decode(body)?;
        for resource in &mut request.resource_logs {
            self.resource(resource.resource.as_mut());
            for scope in &mut resource.scope_logs {
                self.scope(scope.scope.as_mut());
                scope.log_records.iter_mut().for_each(|log| self.log(log));
            }
        }
        Ok(request.encode_to_vec())
    }

    fn resource(&self, resource: Option<&mut Resource>) {
        if let Some(resource) = resource {
            self.attributes(&mut resource.attributes);
        }
    }

    fn scope(&self, scope: Option<&mut InstrumentationScope>) {
        if let Some(scope) = scope {
            self.attributes(&mut scope.attributes);
        }
    }

    fn span(&self, span: &mut Span) {
        self.attributes(&mut span.attributes);
        self.state(&mut span.trace_state);
        for event in &mut span.events {
            self.attributes(&mut event.attributes);
        }
        for link in &mut span.links {
            self.attributes(&mut link.attributes);
            self.state(&mut link.trace_state);
        }
        if let Some(status) = &mut span.status {
            self.text(&mut status.message);
        }
    }

    fn log(&self, log: &mut LogRecord) {
        self.attributes(&mut log.attributes);
        if let Some(body) = &mut log.body {
            self.value(body);
        }
    }

    fn metric(&self, metric: &mut Metric) {
        self.attributes(&mut metric.metadata);
        let point = |attributes: &mut Vec<KeyValue>, exemplars: &mut Vec<Exemplar>| {
            self.attributes(attributes);
            for exemplar in exemplars {
                self.attributes(&mut exemplar.filtered_attributes);
            }
        };
        match &mut metric.data {
            None => {}
            Some(Data::Gauge(gauge)) => {
                for at in &mut gauge.data_points {
                    point(&mut at.attributes, &mut at.exemplars);
                }
            }
            Some(Data::Sum(sum)) => {
                for at in &mut sum.data_points {
                    point(&mut at.attributes, &mut at.exemplars);
                }
            }
            Some(Data::Histogram(histogram)) => {
                for at in &mut histogram.data_points {
                    point(&mut at.attributes, &mut at.exemplars);
                }
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                for at in &mut histogram.data_points {
                    point(&mut at.attributes, &mut at.exemplars);
                }
            }
            Some(Data::Summary(summary)) => {
                for at in &mut summary.data_points {
                    point(&mut at.attributes, &mut Vec::new());
                }
            }
        }
    }

    fn attributes(&self, attributes: &mut [KeyValue]) {
        for attribute in attributes {
            if !self.keep.contains(&attribute.key)
                && let Some(value) = &mut attribute.value
            {
                self.value(value);
            }
        }
    }

    fn value(&self, value: &mut AnyValue) {
        match &mut value.value {
            None | Some(Value::BoolValue(_) | Value::StringValueStrindex(_)) => {}
            Some(Value::StringValue(text)) => self.text(text),
            Some(Value::BytesValue(bytes)) => {
                let len = bytes.len().max(TEXT_MIN / 2);
                *bytes = self.bytes(bytes, len);
            }
            Some(Value::ArrayValue(array)) => {
                array.values.iter_mut().for_each(|value| self.value(value));
            }
            Some(Value::KvlistValue(list)) => self.attributes(&mut list.values),
            Some(Value::IntValue(number)) if self.numbers => {
                // 31 bits, so that it is as long on the wire as most numbers, and above zero.
                *number = (self.number(&number.to_be_bytes()) >> 33) as i64;
            }
            Some(Value::DoubleValue(number)) if self.numbers => {
                *number = (self.number(&number.to_be_bytes()) >> 11) as f64 / 1e3;
            }
            Some(Value::IntValue(_) | Value::DoubleValue(_)) => {}
        }
    }

    /// An empty text says nothing and stays.
    fn text(&self, text: &mut String) {
        if text.is_empty() {
            return;
        }
        let len = text.len().max(TEXT_MIN);
        let mut hashed = String::with_capacity(len + 1);
        for byte in self.bytes(text.as_bytes(), len.div_ceil(2)) {
            for digit in [byte >> 4, byte & 0xf] {
                hashed.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        hashed.truncate(len);
        *text = hashed;
    }

    /// A trace state stays one: a list of one member.
    fn state(&self, state: &mut String) {
        if state.is_empty() {
            return;
        }
        self.text(state);
        // A member's value has 256 characters at most.
        state.truncate(256);
        state.insert_str(0, "hash=");
    }

    fn number(&self, of: &[u8]) -> u64 {
        let bytes = self.bytes(of, 8);
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// So many bytes that depend on the key and on all of `of`.
    fn bytes(&self, of: &[u8], len: usize) -> Vec<u8> {
        let mut first = self.keyed.clone();
        first.update(of);
        let first = first.finalize().into_bytes();
        let mut bytes = Vec::with_capacity(len.next_multiple_of(ROUND_BYTES));
        bytes.extend_from_slice(&first);
        for round in 1_u64.. {
            if bytes.len() >= len {
                break;
            }
            // From the hash and not from the value, so that a long one is read once.
            let mut more = self.keyed.clone();
            more.update(&first);
            more.update(&round.to_be_bytes());
            bytes.extend_from_slice(&more.finalize().into_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

#[cfg(test)]
mod tests;
