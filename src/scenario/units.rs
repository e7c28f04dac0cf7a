//! Values with units, as scenarios and expectations write them: `250ms`, `2k/s`, `64KiB`, `1MB/s`, `0.1%`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A kind of value: its name, an example, and its units with their size in the base unit.
pub struct UnitTable {
    /// `a duration`
    pub what: &'static str,
    pub example: &'static str,
    pub units: &'static [(&'static str, f64)],
}

/// Base unit: nanosecond.
pub const TIME: UnitTable = UnitTable {
    what: "a duration",
    example: "250ms",
    units: &[
        ("ns", 1.0),
        ("us", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9),
    ],
};

/// Base unit: per second.
pub const RATE: UnitTable = UnitTable {
    what: "a rate",
    example: "2k/s",
    units: &[
        ("/s", 1.0),
        ("k/s", 1e3),
        ("M/s", 1e6),
        ("/min", 1.0 / 60.0),
        ("/h", 1.0 / 3600.0),
    ],
};

/// Base unit: byte.
pub const BYTES: UnitTable = UnitTable {
    what: "a size",
    example: "64KiB",
    units: &[
        ("B", 1.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("KiB", 1024.0),
        ("MiB", 1048576.0),
        ("GiB", 1073741824.0),
    ],
};

/// Base unit: byte per second.
pub const BYTE_RATE: UnitTable = UnitTable {
    what: "a bandwidth",
    example: "1MB/s",
    units: &[
        ("B/s", 1.0),
        ("kB/s", 1e3),
        ("MB/s", 1e6),
        ("GB/s", 1e9),
        ("KiB/s", 1024.0),
        ("MiB/s", 1048576.0),
        ("GiB/s", 1073741824.0),
    ],
};

/// Base unit: byte per second. Limits of rates and of growth, which is slow.
pub const BYTE_GROWTH: UnitTable = UnitTable {
    what: "bytes per time",
    example: "1MiB/min",
    units: &[
        ("B/s", 1.0),
        ("kB/s", 1e3),
        ("MB/s", 1e6),
        ("GB/s", 1e9),
        ("KiB/s", 1024.0),
        ("MiB/s", 1048576.0),
        ("GiB/s", 1073741824.0),
        ("B/min", 1.0 / 60.0),
        ("kB/min", 1e3 / 60.0),
        ("MB/min", 1e6 / 60.0),
        ("GB/min", 1e9 / 60.0),
        ("KiB/min", 1024.0 / 60.0),
        ("MiB/min", 1048576.0 / 60.0),
        ("GiB/min", 1073741824.0 / 60.0),
        ("B/h", 1.0 / 3600.0),
        ("kB/h", 1e3 / 3600.0),
        ("MB/h", 1e6 / 3600.0),
        ("GB/h", 1e9 / 3600.0),
        ("KiB/h", 1024.0 / 3600.0),
        ("MiB/h", 1048576.0 / 3600.0),
        ("GiB/h", 1073741824.0 / 3600.0),
    ],
};

/// Base unit: one, so that 100 % is 1.
pub const SHARE: UnitTable = UnitTable {
    what: "a percentage",
    example: "0.1%",
    units: &[("%", 0.01)],
};

/// Why a text is no value of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitError {
    pub message: String,
    pub help: String,
}

/// The first line is the message, the second the help: see `reader::ReadError`.
impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.message, self.help)
    }
}

impl UnitTable {
    /// Names of the units, for messages.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.units.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// The value in the base unit: never negative, always finite.
    pub fn parse(&self, text: &str) -> Result<f64, UnitError> {
        let text = text.trim();
        let digits = text
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')
            .unwrap_or(text.len());
        let (number, unit) = (text[..digits].replace('_', ""), text[digits..].trim());
        let fault = |message: String| UnitError {
            message,
            help: format!(
                "write {} as a number and a unit ({}), for example `{}`",
                self.what,
                self.names(),
                self.example
            ),
        };
        if text.starts_with('-') {
            return Err(fault(format!("{} is never negative", self.what)));
        }
        let number: f64 = match number.parse() {
            Ok(number) => number,
            Err(_) => return Err(fault(format!("this is not {}", self.what))),
        };
        if unit.is_empty() {
            return Err(fault(format!("{} needs a unit", self.what)));
        }
        let Some((_, size)) = self.units.iter().find(|(name, _)| *name == unit) else {
            return Err(fault(format!("`{unit}` is not a unit of {}", self.what)));
        };
        let value = number * size;
        if !value.is_finite() {
            return Err(fault(format!("this is more than {} can be", self.what)));
        }
        Ok(value)
    }

    fn whole(&self, text: &str) -> Result<u64, UnitError> {
        let value = self.parse(text)?.round();
        // Beyond 2^53 neighbouring numbers can no longer be told apart.
        if value > 9e15 {
            return Err(UnitError {
                message: format!("this is more than {} can be", self.what),
                help: format!("for example `{}`", self.example),
            });
        }
        Ok(value as u64)
    }

    fn schema(&self) -> Schema {
        let units: Vec<&str> = self.units.iter().map(|(name, _)| *name).collect();
        let pattern = format!(r"^[0-9_]+(\.[0-9_]+)? ?({})$", units.join("|"));
        json_schema!({ "type": "string", "pattern": pattern, "examples": [self.example] })
    }
}

/// Declares a type of the scenario file that is read by a table and has the table's schema.
macro_rules! value {
    ($name:ident, $inner:ty, $table:expr, $parse:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "{} such as `{}`", $table.what, $table.example)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $table.$parse(text).map($name).map_err(E::custom)
                    }
                }
                from.deserialize_str(Text)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $table.schema()
            }
        }
    };
}

value!(Time, u64, TIME, whole, "A duration in nanoseconds.");
value!(Rate, f64, RATE, parse, "Items per second.");
value!(Bytes, u64, BYTES, whole, "A size in bytes.");
value!(ByteRate, u64, BYTE_RATE, whole, "Bytes per second.");
value!(Share, f64, SHARE, parse, "A share: 1 is 100 %.");

/// A duration as a scenario would write it, in the largest unit that keeps it whole.
pub fn show_ns(ns: u64) -> String {
    if ns == 0 {
        return "0s".to_owned();
    }
    let units = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    match units.iter().find(|(_, size)| ns.is_multiple_of(*size)) {
        Some((name, size)) => format!("{}{name}", ns / size),
        None => format!("{ns}ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_kind_reads_its_units() {
        assert_eq!(TIME.whole("250ms"), Ok(250_000_000));
        assert_eq!(TIME.whole("1.5 s"), Ok(1_500_000_000));
        assert_eq!(RATE.parse("2k/s"), Ok(2000.0));
        assert_eq!(RATE.parse("120/min"), Ok(2.0));
        assert_eq!(BYTES.whole("64KiB"), Ok(65_536));
        assert_eq!(BYTE_RATE.whole("1MB/s"), Ok(1_000_000));
        assert_eq!(SHARE.parse("100%"), Ok(1.0));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let message = |text| TIME.parse(text).unwrap_err().message;
        assert_eq!(message("250"), "a duration needs a unit");
        assert_eq!(
            message("3 parsecs"),
            "`parsecs` is not a unit of a duration"
        );
        assert_eq!(message("soon"), "this is not a duration");
        assert_eq!(message("-1s"), "a duration is never negative");
        assert!(TIME.whole("99999999h").is_err());
    }

    proptest! {
        #[test]
        fn a_shown_duration_reads_back(ns in 0_u64..9_000_000_000_000_000) {
            prop_assert_eq!(TIME.whole(&show_ns(ns)), Ok(ns));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            for table in [TIME, RATE, BYTES, BYTE_RATE, SHARE] {
                if let Ok(value) = table.parse(&text) {
                    prop_assert!(value.is_finite() && value >= 0.0);
                }
            }
        }
    }
}
