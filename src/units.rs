//! Numbers as people read them: few digits, a fitting unit.

use crate::metric::Unit;

/// What stands for a figure that was not measured.
pub const UNKNOWN: &str = "–";

/// `12,345`
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits, without an exponent: `0.123`, `12.3`, `1,234`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return UNKNOWN.to_owned();
    }
    if size >= 999.5 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(size.round() as u64));
    }
    if value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    let decimals = match size {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        size if size >= 0.0995 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// Seconds with a fitting unit: `250 ms`, `1.50 s`, `3 min 20 s`.
pub fn seconds(value: f64) -> String {
    let size = value.abs();
    if size >= 120.0 {
        let whole = size.round() as u64;
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{} min {} s", whole / 60, whole % 60);
    }
    scaled(
        value,
        &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")],
    )
}

/// A moment of the run: seconds since its start, to the millisecond at most.
pub fn moment(at_s: f64) -> String {
    let text = format!("{at_s:.3}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    format!("{short} s")
}

/// Bytes with a decimal prefix: `12.3 kB`.
pub fn bytes(value: f64) -> String {
    scaled(value, &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")])
}

/// A share as a percentage that never rounds something to nothing or nearly all to all.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return UNKNOWN.to_owned();
    }
    let percent = 100.0 * part as f64 / whole as f64;
    match percent {
        _ if part == 0 => "0 %".to_owned(),
        _ if part == whole => "100 %".to_owned(),
        percent if percent < 0.01 => "< 0.01 %".to_owned(),
        percent if percent > 99.99 => "> 99.99 %".to_owned(),
        percent if !(1.0..=99.0).contains(&percent) => format!("{percent:.2} %"),
        percent => format!("{} %", number(percent)),
    }
}

/// A metric's value in its base unit. Ratios are cores, factors or shares: their name tells.
pub fn metric(name: &str, unit: Option<Unit>, value: f64) -> String {
    match unit {
        _ if !value.is_finite() => UNKNOWN.to_owned(),
        // The kernel counts CPU time in steps, and not one was seen.
        Some(Unit::Seconds) if value == 0.0 && name.contains(".cpu.per_") => UNKNOWN.to_owned(),
        // Recovery is seen in bins of a second, and this was the first of them.
        Some(Unit::Seconds) if value == 0.0 && name.ends_with("recovery.time") => {
            "< 1 s".to_owned()
        }
        Some(Unit::Seconds) => seconds(value),
        Some(Unit::Bytes) => bytes(value),
        Some(Unit::PerSecond) => format!("{}/s", number(value)),
        // Growth is slow: a minute is what it is told by.
        Some(Unit::BytesPerSecond) if name.ends_with(".slope") => {
            format!("{}/min", bytes(value * 60.0))
        }
        Some(Unit::BytesPerSecond) => format!("{}/s", bytes(value)),
        Some(Unit::Ratio) if name.ends_with(".cpu") => format!("{} cores", number(value)),
        Some(Unit::Ratio) if name.ends_with("amplification") => format!("{value:.3} ×"),
        Some(Unit::Ratio) => format!("{} %", number(value * 100.0)),
        Some(Unit::Count) | None => number(value),
    }
}

/// The value in the largest unit of which it has at least one, else in the last.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    if value == 0.0 {
        let base = units.iter().find(|(scale, _)| *scale == 1.0);
        return format!("0 {}", base.map_or("", |(_, name)| name));
    }
    let size = value.abs();
    let fitting = units.iter().find(|(scale, _)| size >= *scale * 0.9995);
    match fitting.or(units.last()) {
        Some((scale, name)) => format!("{} {name}", number(value / scale)),
        None => number(value),
    }
}

/// A fault by its name, and which time it was where it came more than once: `cut (2 of 3)`.
pub fn occurrence(name: &str, number: u32, of: u32) -> String {
    if of > 1 {
        format!("{name} ({number} of {of})")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_separators() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!(number(0.12345), "0.123");
        assert_eq!(number(12.345), "12.3");
        assert_eq!(number(1234.5), "1,235");
        assert_eq!(number(-2.0), "-2");
        assert_eq!(number(f64::NAN), UNKNOWN);
    }

    #[test]
    fn units_fit_the_size() {
        assert_eq!(seconds(0.25), "250 ms");
        assert_eq!(seconds(0.99999), "1.00 s");
        assert_eq!(seconds(0.000_012_3), "12.3 µs");
        assert_eq!(seconds(200.0), "3 min 20 s");
        assert_eq!(seconds(0.0), "0 s");
        assert_eq!(bytes(123_456.0), "123 kB");
        assert_eq!(moment(8.0), "8 s");
        assert_eq!(moment(12.3456), "12.346 s");
    }

    #[test]
    fn a_share_is_never_rounded_to_all_or_nothing() {
        assert_eq!(share(1, 1_000_000), "< 0.01 %");
        assert_eq!(share(999_999, 1_000_000), "> 99.99 %");
        assert_eq!(share(9_950, 10_000), "99.50 %");
        assert_eq!(share(0, 10), "0 %");
        assert_eq!(share(10, 10), "100 %");
        assert_eq!(share(1, 0), UNKNOWN);
    }

    #[test]
    fn cpu_time_too_short_to_be_counted_is_unknown() {
        let unit = Some(Unit::Seconds);
        assert_eq!(metric("link.cpu.per_byte", unit, 0.0), UNKNOWN);
        assert_eq!(metric("recovery.time", unit, 0.0), "< 1 s");
        assert_eq!(metric("delivery.gap", unit, 0.0), "0 s");
    }

    #[test]
    fn ratios_are_read_by_name() {
        assert_eq!(metric("client.cpu", Some(Unit::Ratio), 0.5), "0.500 cores");
        assert_eq!(
            metric("retry.amplification", Some(Unit::Ratio), 1.25),
            "1.250 ×"
        );
        assert_eq!(metric("machine.busy.mean", Some(Unit::Ratio), 0.5), "50 %");
    }
}
