//! Sizes, times, rates and shares on the command line: a number and a unit.

use std::time::Duration;

use crate::scenario::units::{RATE, SHARE, UnitTable};

/// A size such as `64MiB`, in bytes.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let units = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("B", 1),
    ];
    let wanted = "a size in B, KiB, MiB or GiB, such as 64MiB";
    parse(text, &units, wanted).and_then(|bytes| match bytes {
        0 => Err("expected more than nothing".to_owned()),
        bytes => Ok(bytes),
    })
}

/// A time such as `500ms`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    parse(text, &units, "a time in ms, s, m or h, such as 30s").map(Duration::from_millis)
}

/// A rate such as `10k/s`, in items per second.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    above_zero(&RATE, text)
}

/// A share such as `3%`; 1 is all.
pub fn parse_share(text: &str) -> Result<f64, String> {
    above_zero(&SHARE, text)
}

fn above_zero(table: &UnitTable, text: &str) -> Result<f64, String> {
    match table.parse(text) {
        Ok(value) if value > 0.0 => Ok(value),
        Ok(_) => Err("expected more than nothing".to_owned()),
        Err(error) => Err(format!("{}: {}", error.message, error.help)),
    }
}

fn parse(text: &str, units: &[(&str, u64)], wanted: &str) -> Result<u64, String> {
    units
        .iter()
        .find_map(|(unit, factor)| {
            let number = text.strip_suffix(unit)?.trim_end();
            number.parse::<u64>().ok()?.checked_mul(*factor)
        })
        .ok_or_else(|| format!("expected {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_a_unit_that_is_known() {
        assert_eq!(parse_bytes("64MiB"), Ok(64 << 20));
        assert_eq!(parse_bytes("10 B"), Ok(10));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "5", "MiB", "-1s", "1.5s", "3 lightyears"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_rate("10k/s"), Ok(10_000.0));
        assert_eq!(parse_share("3%"), Ok(0.03));
        for wrong in ["0/s", "10k", "-1/s", "1e12"] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
        assert!(parse_bytes("99999999999999GiB").is_err());
        assert!(parse_bytes("0B").is_err());
    }
}
