//! Values as people read them, in checks and summaries.

use crate::metric::Unit;

/// A value with a unit that fits its size: `1.25 s`, `300 MiB`, `0.1 %`.
pub(super) fn value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count => number(value),
        Unit::Seconds => seconds(value),
        Unit::Bytes => bytes(value),
        Unit::PerSecond => format!("{}/s", number(value)),
        Unit::BytesPerSecond => format!("{}/s", bytes(value)),
        Unit::Ratio => format!("{} %", number(value * 100.0)),
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

fn seconds(value: f64) -> String {
    let scaled = |factor: f64, unit: &str| format!("{} {unit}", number(value * factor));
    match value.abs() {
        0.0 => "0 s".to_owned(),
        v if v < 1e-6 => scaled(1e9, "ns"),
        v if v < 1e-3 => scaled(1e6, "µs"),
        v if v < 1.0 => scaled(1e3, "ms"),
        _ => scaled(1.0, "s"),
    }
}

fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = value;
    let mut unit = 0;
    while scaled.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{} {}", number(scaled), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit_the_size() {
        let shown = [
            value(0.0, Unit::Seconds),
            value(0.000_035, Unit::Seconds),
            value(1.25, Unit::Seconds),
            value(314_572_800.0, Unit::Bytes),
            value(0.001, Unit::Ratio),
            value(2000.0, Unit::PerSecond),
            value(3.0, Unit::Count),
        ];
        assert_eq!(
            shown,
            [
                "0 s", "35 µs", "1.250 s", "300 MiB", "0.100 %", "2000/s", "3"
            ]
        );
    }
}
