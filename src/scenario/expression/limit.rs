//! The right-hand side of a comparison: a number with its unit, in the metric's base unit.

use super::super::units::{BYTE_GROWTH, BYTES, RATE, TIME, UnitTable};
use super::Fault;
use super::grammar::Term;
use crate::metric::{Metric, Unit};
use crate::plan::expectation::{Limit, Op};

/// Ledger classes that are a part of `generated`, so that no share of theirs exceeds 100 %.
const PARTS_OF_GENERATED: &[&str] = &[
    "delivered",
    "dropped_by_client",
    "duplicated",
    "given_up",
    "late",
    "lost",
    "lost_silently",
    "received",
    "recovered",
    "refused",
    "unresolved",
];

/// The limit, or why the number and unit do not fit the metric.
pub fn limit(term: &Term<'_>, metric: &Metric) -> Result<Limit, Fault> {
    let (number, unit) = (term.number.value, term.unit.value);
    let fault = |message: String, help: String| Fault {
        place: term.number.place.start..term.unit.place.end.max(term.number.place.end),
        message,
        help,
    };
    let absolute = |value| Limit::Absolute {
        value,
        unit: metric.unit,
    };
    match (metric.unit, unit) {
        (Unit::Count, "") => Ok(absolute(number)),
        (Unit::Count, "%") if metric.ledger => Ok(Limit::ShareOfGenerated {
            share: number / 100.0,
        }),
        (Unit::Count, "%") => Err(fault(
            format!("`{}` is no part of what was generated", metric.name),
            "only names of the ledger take a percentage: write a plain number".to_owned(),
        )),
        (Unit::Count, _) => Err(fault(
            format!("`{unit}` does not fit `{}`", metric.name),
            if metric.ledger {
                "write a plain number, or a percentage of what was generated".to_owned()
            } else {
                "write a plain number".to_owned()
            },
        )),
        (Unit::Ratio, "") => Ok(absolute(number)),
        (Unit::Ratio, "%") => Ok(absolute(number / 100.0)),
        (Unit::Ratio, _) => Err(fault(
            format!("`{unit}` does not fit `{}`", metric.name),
            "write a plain number or a percentage, such as `0.8` or `80%`".to_owned(),
        )),
        (Unit::Seconds, _) => in_table(&TIME, 1e9, number, unit)
            .map(absolute)
            .ok_or_else(|| unfit(&TIME, unit, metric))
            .map_err(|(message, help)| fault(message, help)),
        (Unit::Bytes, _) => in_table(&BYTES, 1.0, number, unit)
            .map(absolute)
            .ok_or_else(|| unfit(&BYTES, unit, metric))
            .map_err(|(message, help)| fault(message, help)),
        (Unit::PerSecond, _) => in_table(&RATE, 1.0, number, unit)
            .map(absolute)
            .ok_or_else(|| unfit(&RATE, unit, metric))
            .map_err(|(message, help)| fault(message, help)),
        (Unit::BytesPerSecond, _) => in_table(&BYTE_GROWTH, 1.0, number, unit)
            .map(absolute)
            .ok_or_else(|| unfit(&BYTE_GROWTH, unit, metric))
            .map_err(|(message, help)| fault(message, help)),
    }
}

/// The value in the metric's base unit, which is `base` of the table's own; zero needs no unit.
fn in_table(table: &UnitTable, base: f64, number: f64, unit: &str) -> Option<f64> {
    if unit.is_empty() && number == 0.0 {
        return Some(0.0);
    }
    let (_, size) = table.units.iter().find(|(name, _)| *name == unit)?;
    // Divided by a whole number where there is one: 250ms is 0.25 s and not 0.25000000000000006.
    Some(number * size / base)
}

fn unfit(table: &UnitTable, unit: &str, metric: &Metric) -> (String, String) {
    let message = if unit.is_empty() {
        format!("`{}` needs {} with a unit", metric.name, table.what)
    } else {
        format!("`{unit}` does not fit `{}`", metric.name)
    };
    let help = format!(
        "{} has the units {}: for example `{}`",
        table.what,
        table.names(),
        table.example
    );
    (message, help)
}

/// Whether the comparison's outcome is certain before the run: few metrics are ever negative, and no
/// part is more than the whole.
pub fn certain(metric: &Metric, op: Op, limit: Limit) -> Option<bool> {
    if metric.signed {
        return None;
    }
    let (value, most) = match limit {
        Limit::Absolute { value, .. } => (value, f64::INFINITY),
        Limit::ShareOfGenerated { share } => {
            let part = PARTS_OF_GENERATED.contains(&metric.name);
            (share, if part { 1.0 } else { f64::INFINITY })
        }
    };
    match op {
        Op::GreaterOrEqual if value <= 0.0 => Some(true),
        Op::LessOrEqual if value >= most => Some(true),
        Op::Less if value > most => Some(true),
        Op::Less if value <= 0.0 => Some(false),
        Op::Greater if value >= most => Some(false),
        Op::GreaterOrEqual | Op::Equal if value > most => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::find;

    #[test]
    fn what_is_certain_is_known() {
        let absolute = |value| Limit::Absolute {
            value,
            unit: Unit::Count,
        };
        let share = |share| Limit::ShareOfGenerated { share };
        let lost = find("lost").unwrap();
        let extra = find("extra_copies").unwrap();
        assert_eq!(certain(lost, Op::GreaterOrEqual, absolute(0.0)), Some(true));
        assert_eq!(certain(lost, Op::Less, absolute(0.0)), Some(false));
        assert_eq!(certain(lost, Op::LessOrEqual, absolute(0.0)), None);
        assert_eq!(certain(lost, Op::Equal, absolute(0.0)), None);
        assert_eq!(certain(lost, Op::LessOrEqual, share(1.0)), Some(true));
        assert_eq!(certain(extra, Op::LessOrEqual, share(1.0)), None);
    }

    #[test]
    fn values_are_in_base_units() {
        assert_eq!(in_table(&TIME, 1e9, 250.0, "ms"), Some(0.25));
        assert_eq!(in_table(&TIME, 1e9, 1.0, "m"), Some(60.0));
        assert_eq!(in_table(&BYTES, 1.0, 200.0, "MiB"), Some(209_715_200.0));
        assert_eq!(in_table(&RATE, 1.0, 2.0, "k/s"), Some(2000.0));
        assert_eq!(in_table(&TIME, 1e9, 5.0, ""), None);
        assert_eq!(in_table(&TIME, 1e9, 0.0, ""), Some(0.0));
    }
}
