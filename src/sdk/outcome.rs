//! How a batch ended, by the rules of OTLP and as the SDK classified it.

use crate::evidence::OutcomeKind;

/// What is known of the last request of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastAnswer {
    /// Nothing was sent, or nothing came back; in words.
    None(String),
    /// An HTTP status.
    Http(u16),
    /// A gRPC code that the peer sent, as [`tonic::Code`] is debug-printed.
    Grpc(String),
}

impl LastAnswer {
    /// The gRPC answer that the SDK's error tells. A cause behind the code means that the code was
    /// made up by the client's own transport.
    pub fn of_grpc_error(message: &str) -> Self {
        const MARK: &str = "failed with gRPC code: ";
        let Some((_, told)) = message.split_once(MARK) else {
            return LastAnswer::None(message.to_owned());
        };
        match told.split_once(": ") {
            Some((_, cause)) => LastAnswer::None(cause.to_owned()),
            None => LastAnswer::Grpc(told.to_owned()),
        }
    }

    /// `grpc UNAVAILABLE`, `http 503`, `no answer: ...`
    pub fn text(&self) -> String {
        match self {
            LastAnswer::None(why) => format!("no answer: {why}"),
            LastAnswer::Http(status) => format!("http {status}"),
            LastAnswer::Grpc(code) => format!("grpc {}", screaming(code)),
        }
    }
}

/// How a batch that did not succeed ended. `told_permanent`: the SDK said that its last answer was
/// not to be retried.
pub fn of_failure(last: &LastAnswer, told_permanent: bool) -> OutcomeKind {
    let permanent = match last {
        LastAnswer::None(_) => false,
        LastAnswer::Http(status) => !matches!(status, 429 | 502 | 503 | 504),
        LastAnswer::Grpc(code) => match code.as_str() {
            "Cancelled" | "DeadlineExceeded" | "Aborted" | "OutOfRange" | "Unavailable"
            | "DataLoss" => false,
            // Permanent unless the answer said when to come back, which only the SDK saw.
            "ResourceExhausted" => told_permanent,
            _ => true,
        },
    };
    if permanent {
        OutcomeKind::Refused
    } else {
        OutcomeKind::GivenUp
    }
}

fn screaming(camel: &str) -> String {
    let mut text = String::with_capacity(camel.len() + 4);
    for (index, letter) in camel.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_the_peer_is_told_from_one_of_the_transport() {
        let peer = "TonicTracesClient export failed with gRPC code: InvalidArgument";
        let peer = LastAnswer::of_grpc_error(peer);
        assert_eq!(peer.text(), "grpc INVALID_ARGUMENT");
        assert_eq!(of_failure(&peer, false), OutcomeKind::Refused);
        let own =
            "TonicLogsClient export failed with gRPC code: Unknown: transport error: broken pipe";
        let own = LastAnswer::of_grpc_error(own);
        assert_eq!(own.text(), "no answer: transport error: broken pipe");
        assert_eq!(of_failure(&own, true), OutcomeKind::GivenUp);
    }

    #[test]
    fn retryable_answers_are_given_up() {
        for code in ["Unavailable", "DeadlineExceeded", "DataLoss"] {
            let answer = LastAnswer::Grpc(code.to_owned());
            assert_eq!(of_failure(&answer, false), OutcomeKind::GivenUp, "{code}");
        }
        for status in [429, 502, 503, 504] {
            let answer = LastAnswer::Http(status);
            assert_eq!(of_failure(&answer, false), OutcomeKind::GivenUp, "{status}");
        }
        for status in [400, 401, 404, 413, 500] {
            let answer = LastAnswer::Http(status);
            assert_eq!(of_failure(&answer, false), OutcomeKind::Refused, "{status}");
        }
    }

    #[test]
    fn an_exhausted_resource_is_permanent_when_the_sdk_says_so() {
        let answer = LastAnswer::Grpc("ResourceExhausted".to_owned());
        assert_eq!(of_failure(&answer, true), OutcomeKind::Refused);
        assert_eq!(of_failure(&answer, false), OutcomeKind::GivenUp);
    }
}
