//! No bytes make the reader panic, and problems always point into their text.

use std::path::Path;

use proptest::prelude::*;
use squall::scenario::{Problem, load, load_text};

const GOOD: &str = include_str!("../scenarios/quickstart.yaml");

fn point_into_their_text(problems: &[Problem]) {
    for problem in problems {
        // Rendering is where a wrong span would panic.
        let shown = format!("{:?}", miette::Report::new(problem.clone()));
        assert!(!shown.is_empty() && !problem.message.is_empty());
    }
}

fn read(text: &str) {
    if let Err(problems) = load_text("x.yaml", text, &[]) {
        assert!(!problems.is_empty());
        point_into_their_text(&problems);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC*") {
        read(&text);
    }

    #[test]
    fn any_yaml_like_text(text in "[-a-z0-9:{}\\[\\]&*!|>'\"%@#,? \n\té€]{0,200}") {
        read(&text);
    }

    #[test]
    fn any_mutation_of_a_good_scenario(
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[-a-z0-9:{}\\[\\]&*'\" \n/%é]{0,4}", 0_usize..6), 1..8),
    ) {
        let mut text: Vec<char> = GOOD.chars().collect();
        for (at, put, remove) in edits {
            let at = at.index(text.len());
            let end = (at + remove).min(text.len());
            text.splice(at..end, put.chars());
        }
        read(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_override(text in "(load|faults|expect|client|seed)[a-z0-9.]{0,20}=?\\PC{0,20}") {
        if let Err(problems) = load_text("x.yaml", GOOD, &[text]) {
            point_into_their_text(&problems);
        }
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.yaml");
        std::fs::write(&path, bytes).unwrap();
        if let Err(problems) = load(&path, &[]) {
            point_into_their_text(&problems);
        }
    }
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    std::fs::write(&path, vec![b'#'; 5 << 20]).unwrap();
    let problems = load(&path, &[]).unwrap_err();
    assert!(problems[0].message.ends_with("is larger than 4 MiB"));
    assert!(load(Path::new("/"), &[]).is_err());
}

#[test]
fn problems_without_end_are_not_listed_without_end() {
    let mut text = "scenario: x\nload:\n  traces: { rate: 1k/s }\n".to_owned();
    for index in 0..5000 {
        text.push_str(&format!("key{index}: 1\n"));
    }
    let problems = load_text("x.yaml", &text, &[]).unwrap_err();
    assert_eq!(problems.len(), 201);
}
