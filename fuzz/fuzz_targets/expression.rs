//! Any text as an expectation is read or refused in words.
#![no_main]

use std::fmt::Write as _;

use libfuzzer_sys::fuzz_target;
use squall::scenario::load_text;

fuzz_target!(|expectation: &str| {
    // A quoted text in YAML, in which every character stands for itself.
    let mut quoted = String::new();
    for character in expectation.chars() {
        let _ = write!(quoted, "\\U{:08x}", u32::from(character));
    }
    let text = format!(
        "scenario: fuzzed\nrun: {{ warmup: 1s, duration: 3s }}\nload: {{ traces: {{ rate: 1/s }} }}\n\
         faults: [{{ name: cut, at: 1s, for: 1s, partition: silence }}]\nexpect: [\"{quoted}\"]\n"
    );
    if let Err(problems) = load_text("fuzzed.yaml", &text, &[]) {
        assert!(!problems.is_empty());
    }
});
