//! An error in one line, with all that it comes from.

use std::error::Error;

/// The error and its causes, from the outside in, joined by colons. Libraries of the network say why only
/// there.
pub fn error_chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        next = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("it did not connect")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn every_cause_is_said_once() {
        let inner = std::io::Error::other("refused");
        assert_eq!(error_chain(&Outer(inner)), "it did not connect: refused");
        assert_eq!(error_chain(&std::io::Error::other("alone")), "alone");
    }
}
