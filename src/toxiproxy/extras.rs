//! What Toxiproxy does not have: names of distributions, shares of one, and toxicity per request.

use serde::Serializer;

use super::fields::Fields;
use crate::plan::{Distribution, Per};

/// Reads `distribution`, where it is there.
///
/// # Errors
/// When there is none of this name.
pub fn merge_distribution(fields: &Fields, value: &mut Distribution) -> Result<(), String> {
    *value = match fields.text("distribution")?.as_deref() {
        None => return Ok(()),
        Some("uniform") => Distribution::Uniform,
        Some("normal") => Distribution::Normal,
        Some("pareto") => Distribution::PARETO,
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

/// Reads `per`: whether toxicity is drawn for connections or for requests.
///
/// # Errors
/// When it is neither.
pub fn merge_per(fields: &Fields, value: &mut Per) -> Result<(), String> {
    *value = match fields.text("per")?.as_deref() {
        None => *value,
        Some("connection") => Per::Connection,
        Some("request") => Per::Request,
        Some(other) => return Err(format!("per {other:?} is not connection or request")),
    };
    Ok(())
}

/// A distribution by its name.
///
/// # Errors
/// Those of the serializer.
pub fn as_name<S: Serializer>(value: &Distribution, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.name())
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
        assert_eq!(share, 0.25);
        let mut shape = Distribution::Normal;
        merge_distribution(&fields("{}"), &mut shape).unwrap();
        assert_eq!(shape, Distribution::Normal);
        let wrong = fields(r#"{"distribution":"zipf"}"#);
        assert!(merge_distribution(&wrong, &mut shape).is_err());
        let mut per = Per::Connection;
        merge_per(&fields(r#"{"per":"request"}"#), &mut per).unwrap();
        merge_per(&fields("{}"), &mut per).unwrap();
        assert_eq!(per, Per::Request);
        assert!(merge_per(&fields(r#"{"per":"packet"}"#), &mut per).is_err());
    }
}
