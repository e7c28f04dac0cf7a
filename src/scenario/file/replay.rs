//! How a replay sends, in a scenario.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::super::units::Time;
use crate::plan::{OnBrokenLine, Pacer};

/// What a replay sends: a capture, with identities and times of this run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayFile {
    /// Requests as `squall sink --record` or the OpenTelemetry Collector's file exporter writes them: OTLP/JSON
    /// lines, or protobuf with lengths. The path starts at the scenario's folder. `day.pb` stands for
    /// `day.traces.pb` and so on where there is no such file.
    #[schemars(required)]
    pub file: Option<String>,
    /// `own`: as the capture was sent; `2x`: twice as fast; `load`: at the rates of `load`. Default own.
    pub pace: Option<PaceFile>,
    /// Whether it begins again at its end, for as long as the load lasts. Default true.
    pub repeat: Option<bool>,
    /// What to do about a line or message that cannot be read. Default fail.
    pub on_broken_line: Option<OnBrokenLine>,
    /// 1 to 256. Default 1.
    #[schemars(range(min = 1, max = 256))]
    pub connections: Option<u16>,
    /// Most requests that are under way at once, over all connections, 1 to 10000. Default 8 for each connection.
    #[schemars(range(min = 1, max = 10000))]
    pub in_flight: Option<u32>,
    /// Most requests that are due and wait for one of those, 1 to 1000000. Default 1024.
    #[schemars(range(min = 1, max = 1000000))]
    pub queue: Option<u32>,
    /// Longest wait for an answer. Default 10s.
    pub timeout: Option<Time>,
    /// `sleep`, or `spin`: on time, at the cost of a whole core for each signal. Default sleep.
    pub pacer: Option<Pacer>,
}

/// What says when captured requests are due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PaceFile {
    /// So many times as fast as it was.
    Own(f64),
    Load,
}

const EXPECTED: &str = "`own`, a factor such as `2x`, or `load`";

impl PaceFile {
    fn read(text: &str) -> Option<Self> {
        match text.trim() {
            "own" => Some(PaceFile::Own(1.0)),
            "load" => Some(PaceFile::Load),
            text => {
                let number = text.strip_suffix('x')?.trim();
                let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
                let factor = number.parse().ok().filter(|_| plain)?;
                Some(PaceFile::Own(factor))
            }
        }
    }
}

impl<'de> Deserialize<'de> for PaceFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = PaceFile;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<PaceFile, E> {
                // The first line is the message, the second the help.
                PaceFile::read(text)
                    .ok_or_else(|| E::custom(format!("`{text}` is not a pace\n{EXPECTED}")))
            }
        }
        from.deserialize_str(Text)
    }
}

impl JsonSchema for PaceFile {
    fn schema_name() -> Cow<'static, str> {
        "Pace".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(own|load|[0-9]+(\.[0-9]+)? ?x)$",
            "examples": ["own", "2x", "load"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_a_word_or_a_factor() {
        let read = PaceFile::read;
        assert_eq!(read("own"), Some(PaceFile::Own(1.0)));
        assert_eq!(read(" 0.5x"), Some(PaceFile::Own(0.5)));
        assert_eq!(read("load"), Some(PaceFile::Load));
        for text in ["2", "x", "-1x", "infx", "1e9x", "fast", ""] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
