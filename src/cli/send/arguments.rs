//! What is wrong with the scenario, said of the arguments that it was made from: the user wrote these,
//! and never saw the scenario.

use crate::scenario::Problem;

/// Keys of the scenario, and the options that they come from.
const OPTIONS: [(&str, &str); 17] = [
    ("arrivals", "--arrivals"),
    ("ca", "--ca"),
    ("cert", "--client-cert"),
    ("count", "--attributes"),
    ("value_bytes", "--attribute-bytes"),
    ("body_bytes", "--body-bytes"),
    ("drain", "--timeout"),
    ("duration", "--for"),
    ("endpoint", "--endpoint"),
    ("from", "--ramp"),
    ("items_per_request", "--batch-size"),
    ("key", "--client-key"),
    ("rate", "--rate"),
    ("service", "--service"),
    ("templates", "--batch-size"),
    ("timeout", "--timeout"),
    ("to", "--ramp"),
];

/// How the headers begin, whose names are the user's.
const HEADERS: &str = "\"headers\":{";

/// The same problems, without the scenario, and of each option the first.
pub fn of_arguments(problems: Vec<Problem>) -> Vec<Problem> {
    let mut told: Vec<Problem> = Vec::new();
    let mut options = Vec::new();
    for mut problem in problems {
        if let Some(option) = option(&problem) {
            if options.contains(&option) {
                continue;
            }
            options.push(option);
            problem.message = format!("{option}: {}", problem.message);
        }
        (problem.source_text, problem.span) = (None, None);
        told.push(problem);
    }
    told
}

/// The option whose value the problem points to.
fn option(problem: &Problem) -> Option<&'static str> {
    let (source, span) = (problem.source_text.as_ref()?, problem.span.as_ref()?);
    let before = source.inner().get(..span.offset())?;
    let headers = before.split_once(HEADERS);
    if headers.is_some_and(|(_, inside)| !inside.contains('}')) {
        return Some("--header");
    }
    // The scenario is JSON on one line: a key, a colon, and its value.
    let key = before
        .strip_suffix("\":")
        .and_then(|b| b.rsplit('"').next());
    let known = OPTIONS.iter().find(|(known, _)| Some(*known) == key);
    known.map(|(_, option)| *option)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    fn problems(change: (&str, &str)) -> Vec<String> {
        let text = r#"{"client":{"headers":{"a":"b"},"kind":"raw","raw":{"timeout":"1s"}},"load":{"logs":{"rate":"10k/s"}},"run":{"drain":"2s","duration":"1s","warmup":"0s"},"scenario":"send","target":{"external":{"endpoint":"a:1"},"name":"endpoint"}}"#;
        let text = text.replace(change.0, change.1);
        let found = scenario::load_text("send", &text, &[]).unwrap_err();
        let told = of_arguments(found);
        assert!(told.iter().all(|problem| problem.source_text.is_none()));
        told.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn each_is_said_of_its_option() {
        for (change, option) in [
            ((r#""timeout":"1s""#, r#""timeout":"0ms""#), "--timeout: "),
            ((r#""drain":"2s""#, r#""drain":"2h""#), "--timeout: "),
            ((r#""duration":"1s""#, r#""duration":"0ms""#), "--for: "),
            ((r#""endpoint":"a:1""#, r#""endpoint":"a""#), "--endpoint: "),
            ((r#""rate":"10k/s""#, r#""rate":"0.1/s""#), "--rate: "),
            ((r#"{"a":"b"}"#, r#"{"a b":"c"}"#), "--header: "),
            ((r#"{"a":"b"}"#, r#"{"a":"b\nc"}"#), "--header: "),
        ] {
            let told = problems(change);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with(option), "{told:?}");
        }
    }
}
