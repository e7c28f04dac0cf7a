//! Attributes that Toxiproxy does not have: names of distributions, and shares of one.

use serde::Serialize;

use super::fields::Fields;
use crate::link::fault::shape::Shape;

/// How the jitter of a latency is spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    #[default]
    Uniform,
    Normal,
    Pareto,
}

impl Distribution {
    pub const fn shape(self) -> Shape {
        match self {
            Distribution::Uniform => Shape::Uniform,
            Distribution::Normal => Shape::Normal,
            Distribution::Pareto => Shape::Pareto,
        }
    }
}

/// Reads `distribution`, where it is there.
///
/// # Errors
/// When there is none of this name.
pub fn merge_distribution(fields: &Fields, value: &mut Distribution) -> Result<(), String> {
    *value = match fields.text("distribution")?.as_deref() {
        None => *value,
        Some("uniform") => Distribution::Uniform,
        Some("normal") => Distribution::Normal,
        Some("pareto") => Distribution::Pareto,
        Some(other) => {
            return Err(format!(
                "distribution {other:?} is not uniform, normal or pareto"
            ));
        }
    };
    Ok(())
}

/// Reads a share, where it is there.
///
/// # Errors
/// When it is not from 0 up to, but not including, 1.
pub fn merge_share(fields: &Fields, name: &str, value: &mut f32) -> Result<(), String> {
    let Some(new) = fields.float(name)? else {
        return Ok(());
    };
    if !(0.0..1.0).contains(&new) {
        return Err(format!(
            "{name} {new} is not from 0 up to, but not including, 1"
        ));
    }
    *value = new;
    Ok(())
}

/// A share in millionths.
pub fn ppm(share: f32) -> u32 {
    // A share below 1 fits; the cast stops at the ends of its range.
    (f64::from(share) * 1e6).round() as u32
}

/// For what is shown only where it was set.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_names_are_checked() {
        let fields = |text: &str| Fields::parse(text.as_bytes()).unwrap();
        let mut share = 0.5;
        merge_share(&fields("{}"), "a", &mut share).unwrap();
        assert_eq!(share, 0.5);
        for wrong in [r#"{"a":1}"#, r#"{"a":-0.1}"#, r#"{"a":"x"}"#] {
            assert!(merge_share(&fields(wrong), "a", &mut share).is_err());
        }
        merge_share(&fields(r#"{"A":0.25}"#), "a", &mut share).unwrap();
        assert_eq!(ppm(share), 250_000);
        let mut shape = Distribution::Normal;
        merge_distribution(&fields("{}"), &mut shape).unwrap();
        assert_eq!(shape, Distribution::Normal);
        let wrong = fields(r#"{"distribution":"zipf"}"#);
        assert!(merge_distribution(&wrong, &mut shape).is_err());
    }
}
