//! Makes templates: requests that look like what the SDK client sends for the same plan, or captured
//! ones that are to be sent again.
//!
//! Either way there is a request as protobuf first. [`places`] finds where ids, times and values stand in
//! it, [`binding`] tells what belongs there at each sending, and [`text`] makes JSON of both where that is
//! wanted.
//!
//! - [`traces`], [`logs`], [`metrics`]: requests from a plan's payload; [`sample`] says how their numbers
//!   are meant, [`entropy`] makes their texts harder to compress.
//! - [`captured`]: a request that somebody else sent. [`mod@complete`] adds what an identity needs.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::otlp::walk::walk;
use crate::otlp::{Encoding, Malformed};
use crate::raw::template::Template;
use crate::signal::Signal;
use binding::{Meaning, bind};
use complete::complete;
use entropy::Entropy;
use places::Places;

mod binding;
mod complete;
mod entropy;
pub mod logs;
pub mod metrics;
mod places;
mod sample;
mod text;
pub mod traces;

#[cfg(test)]
mod tests;

/// The instrumentation scope of everything that is generated.
const SCOPE: &str = "squall";

/// What all generated requests have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// `service.name` of the resource.
    pub service: String,
    /// Its further attributes; a `service.name` among them takes the place of `service`.
    pub resource: BTreeMap<String, String>,
    pub seed: u64,
    /// Items of a request, at least one.
    pub items: u32,
    /// Share of each text value and each body that is random, 0 to 1; the rest is the same letters
    /// again and again. Random text has five bits a byte, so that compression leaves about five
    /// eighths of it. `None` is as the SDK client sends: values out of a table.
    pub entropy: Option<f64>,
    pub encoding: Encoding,
}

impl Layout {
    fn items(&self) -> u32 {
        self.items.max(1)
    }

    fn resource(&self) -> Option<Resource> {
        let attribute = |(key, text): (&str, &String)| KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue {
                value: Some(any_value::Value::StringValue(text.clone())),
            }),
            ..KeyValue::default()
        };
        let mut attributes = BTreeMap::from([("service.name", &self.service)]);
        attributes.extend(self.resource.iter().map(|(key, text)| (key.as_str(), text)));
        Some(Resource {
            attributes: attributes.into_iter().map(attribute).collect(),
            ..Resource::default()
        })
    }

    fn scope() -> Option<InstrumentationScope> {
        Some(InstrumentationScope {
            name: SCOPE.to_owned(),
            ..InstrumentationScope::default()
        })
    }

    /// Makes texts for one template of a producer.
    fn entropy(&self, producer: u16, variant: u32) -> Option<Entropy> {
        let stream = u64::from(producer) << 32 | u64::from(variant);
        self.entropy
            .map(|share| Entropy::new(share, self.seed, stream))
    }
}

/// Lays out a request that somebody sent, to be sent again.
///
/// Every item gets an identity, in the order of the request. Its bytes stay as they are but for these:
/// - **Ids.** A trace has a new id, its root being the first item of it in the request. Parents and links
///   that refer to a span in the request follow it; others get an id made of the one they had
///   ([`crate::raw::template::PatchValue::OtherSpanId`]), the same one throughout the request. Log records of one
///   span get ids of their own, for these are their identities. Ids in exemplars stay.
/// - **Times.** The latest time of the request is the due time, and all others are as long before it as
///   they were. A data point's own time is the due time, and its start as long before it as it was.
///   Times that are zero stay so.
/// - **What is missing.** A span or log record without ids gets both (a log record without a trace is one of its
///   own). A data point gets the attribute `squall.series`, with `producer` and its position in
///   the request; one that it has already is replaced.
///
/// # Errors
/// When the bytes are not such a request, or cannot be written in that encoding.
pub fn captured(
    request: &[u8],
    signal: Signal,
    encoding: Encoding,
    producer: u16,
) -> Result<Template, Malformed> {
    walk(signal, request, &mut |_| {})?;
    let mut request = complete(signal, request, producer).into_owned();
    if encoding == Encoding::Json {
        // A field that is given twice has one place in JSON.
        request = text::canonical(signal, &request)?;
    }
    lay(signal, encoding, request, Meaning::Captured)
}

/// Finds the places of a request that has been walked.
fn lay(
    signal: Signal,
    encoding: Encoding,
    request: Vec<u8>,
    meaning: Meaning,
) -> Result<Template, Malformed> {
    let places = Places::find(signal, &request);
    let patches = bind(&places, meaning)?;
    let (bytes, patches) = match encoding {
        Encoding::Protobuf => (request, patches),
        Encoding::Json => text::translate(signal, &request, &patches)?,
    };
    Ok(Template {
        signal,
        encoding,
        bytes,
        patches: patches.into_iter().collect(),
        items: places.items,
    })
}
