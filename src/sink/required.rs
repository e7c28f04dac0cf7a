//! Headers without which the sink takes nothing: proof that whoever sends to it passes them on.

use std::fmt;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// What a request is told that lacks one. It names no value.
pub(super) const MISSING: &str = "a header that the scenario requires is missing or wrong";

/// Headers, each with the one value that is right. Empty: everything is taken.
#[derive(Clone, Default)]
pub struct Required(Vec<(HeaderName, HeaderValue)>);

/// A header that no request can have.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` cannot be required: its name or its value is none that a header can have")]
pub struct NoHeader(String);

impl Required {
    /// # Errors
    /// When a name or a value is none that a header can have.
    pub fn new(headers: &[(String, String)]) -> Result<Self, NoHeader> {
        let headers = headers.iter().map(|(name, value)| {
            let pair = name.parse().ok().zip(value.parse().ok());
            pair.ok_or_else(|| NoHeader(name.clone()))
        });
        headers.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request with these headers is taken.
    pub(super) fn met_by(&self, headers: &HeaderMap) -> bool {
        let has = |(name, value): &(HeaderName, HeaderValue)| {
            headers.get_all(name).iter().any(|given| given == value)
        };
        self.0.iter().all(has)
    }
}

/// The values are secrets.
impl fmt::Debug for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn required(name: &str, value: &str) -> Required {
        Required::new(&[(name.to_owned(), value.to_owned())]).unwrap()
    }

    fn headers(value: &'static str) -> HeaderMap {
        let name = HeaderName::from_static("authorization");
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_value_decides_and_the_case_of_the_name_does_not() {
        let bearer = required("Authorization", "Bearer abc");
        assert!(bearer.met_by(&headers("Bearer abc")));
        assert!(!bearer.met_by(&headers("Bearer abd")));
        assert!(!bearer.met_by(&HeaderMap::new()));
        assert!(Required::default().met_by(&HeaderMap::new()));
    }

    #[test]
    fn values_are_not_shown() {
        let bearer = required("authorization", "Bearer abc");
        assert_eq!(format!("{bearer:?}"), r#"["authorization"]"#);
        let wrong = [("x".to_owned(), "Bearer\nabc".to_owned())];
        let error = Required::new(&wrong).unwrap_err().to_string();
        assert!(error.contains("`x`") && !error.contains("abc"), "{error}");
    }
}
