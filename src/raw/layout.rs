//! Makes templates: requests that look like what the SDK client sends for the same plan, or captured
//! ones that are to be sent again.
//!
//! Either way there is a request as protobuf first. [`places`] finds where ids, times and values stand in
//! it, [`binding`] tells what belongs there at each sending, and [`text`] makes JSON of both where that is
//! wanted.
//!
//! - [`traces`], [`logs`], [`metrics`]: requests from a plan's payload; [`sample`] says how their numbers
//!   are meant, [`entropy`] makes their texts harder to compress.
//! - [`captured`]: requests that somebody else sent. [`mod@complete`] adds what an identity needs.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::otlp::{Encoding, Malformed};
use crate::raw::template::Template;
use crate::signal::Signal;
use binding::{Meaning, bind};
use entropy::Entropy;
use places::Places;

mod binding;
pub mod captured;
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

/// Finds the places of a request that has been walked.
fn lay(
    signal: Signal,
    encoding: Encoding,
    request: Vec<u8>,
    meaning: Meaning<'_>,
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
