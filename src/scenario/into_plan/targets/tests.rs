//! What `check` says of targets, and what they are by default.

use crate::plan::{Plan, ReadySign};
use crate::scenario::problem::Problem;
use crate::scenario::{load, load_text};

fn read(more: &str) -> Result<Plan, Vec<Problem>> {
    let text = format!("scenario: x\nload: {{ logs: {{ rate: 10/s }} }}\n{more}");
    load_text("x.yaml", &text, &[])
}

/// What is wrong with a target of a program that says `more`: the messages, and where they point.
fn wrong(more: &str) -> Vec<(String, String)> {
    let text = format!("target: {{ name: one, process: {{ command: sleep }}, {more} }}");
    pointed(&text)
}

fn pointed(more: &str) -> Vec<(String, String)> {
    let problems = read(more).err().unwrap_or_default();
    problems
        .into_iter()
        .map(|problem| {
            let source = problem.source_text.unwrap();
            let span = problem.span.unwrap();
            let text = &source.inner()[span.offset()..span.offset() + span.len()];
            (problem.message, text.to_owned())
        })
        .collect()
}

#[test]
fn what_cannot_be_asked_is_said() {
    for (more, message) in [
        ("ready: { tcp: \"4317\" }", "`4317` is not an address"),
        ("ready: { grpc_health: \"x:\" }", "`x:` is not an address"),
        ("ready: { says: \"\" }", "nothing is no sign"),
        (
            "ready: { http: \"https://{{ status }}/\" }",
            "`https://{{ status }}/` is not a URL that squall can ask",
        ),
        (
            "metrics: { url: \"{{ metrics }}/metrics\" }",
            "`{{ metrics }}/metrics` is not a URL that squall can ask",
        ),
        (
            "metrics: { series: { q: \"a{b\" } }",
            "`a{b` names no series",
        ),
        ("metrics: { series: { q: \"\" } }", "`` names no series"),
        (
            "metrics: { series: { q: a }, lost: [q, q] }",
            "`q` is named a second time",
        ),
    ] {
        let found = wrong(more);
        assert_eq!(found.len(), 1, "{more}: {found:?}");
        assert_eq!(found[0].0, message, "{more}");
    }
    let fine = "ready: { http: \"http://{{ status }}/x?y\", within: 1s }, metrics: { series: { q: 'a{b=\"c\"}' } }";
    assert_eq!(wrong(fine), []);
    assert_eq!(
        wrong("ready: { tcp: \"{{ metrics.host }}:{{ metrics.port }}\" }"),
        []
    );
}

#[test]
fn files_have_names_that_are_not_the_programs_own() {
    for name in ["\"\"", "data", "data/x.yaml", "/etc/x", "../x"] {
        let text = format!("target: {{ process: {{ command: sleep, files: {{ {name}: a }} }} }}");
        assert_eq!(pointed(&text).len(), 1, "{name}");
    }
    assert!(read("target: { process: { command: sleep, files: { database.yaml: a } } }").is_ok());
}

#[test]
fn every_wrong_name_of_a_template_is_pointed_at() {
    let text = "target:\n  process:\n    command: sleep\n    files:\n      config.yaml: |\n        a: {{ exprot }}\n        b: {{ listen.grpc }}\n        c: {{ datta }}\n";
    let found = pointed(text);
    let places: Vec<&str> = found.iter().map(|(_, at)| at.as_str()).collect();
    assert_eq!(places, ["{{ exprot }}", "{{ datta }}"], "{found:?}");
}

#[test]
fn a_file_that_was_read_is_named_with_its_line_and_its_text_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.yaml");
    let scenario = folder.path().join("s.yaml");
    let text = "scenario: x\nload: { logs: { rate: 10/s } }\ntarget: { process: { command: sleep, files: { c.yaml: { from: c.yaml } } } }\n";
    std::fs::write(&scenario, text).unwrap();
    std::fs::write(&config, "key: hunter2\nx: {{ listne.grpc }}\n").unwrap();
    let problems = load(&scenario, &[]).unwrap_err();
    assert!(problems[0].message.contains("c.yaml:2: "), "{problems:?}");
    std::fs::write(&config, "key: hunter2\nx: {{ listen.grpc }}\n").unwrap();
    let plan = load(&scenario, &[]).unwrap();
    let stored = serde_json::to_string(&plan).unwrap();
    assert!(!stored.contains("hunter2"), "{stored}");
    let again = load_text("plan.json", &stored, &[]).unwrap();
    assert_eq!(again, plan);
    std::fs::write(&config, "key: other\n").unwrap();
    let problems = load_text("plan.json", &stored, &[]).unwrap_err();
    assert!(
        problems[0].message.contains("is not what it was"),
        "{problems:?}"
    );
}

#[test]
fn a_target_is_asked_where_what_stands_before_it_speaks_to_it() {
    let text = "targets:\n  - { name: last, relay: [], to: sink }\n  - { name: first, process: { command: sleep }, exports: http, to: last }\nclient: { to: [first] }\n";
    let plan = read(text).unwrap();
    let asked = |index: usize| match &plan.targets[index].ready.sign {
        ReadySign::Tcp(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (asked(0), asked(1)),
        (
            "{{ listen.http }}".to_owned(),
            "{{ listen.grpc }}".to_owned()
        )
    );
}

#[test]
fn names_that_are_taken_and_slips_are_said_once_and_plainly() {
    let taken = pointed("target: { name: target2, process: { command: sleep } }");
    assert_eq!(taken[0].0, "`target2` is a name that squall itself uses");
    let nowhere =
        read("targets: [ { name: sink, relay: [] }, { name: a, relay: [], to: nowhere } ]");
    let helps: Vec<String> = nowhere
        .unwrap_err()
        .into_iter()
        .filter_map(|p| p.help)
        .collect();
    assert!(
        helps.iter().any(|help| help == "one of `a`, `sink`"),
        "{helps:?}"
    );
    let slip = pointed("target: { name: one, proces: { command: sleep } }");
    assert_eq!(slip.len(), 1, "{slip:?}");
}
