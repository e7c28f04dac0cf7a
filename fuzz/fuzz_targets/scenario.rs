//! Any text as a scenario file is read or refused in words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use squall::scenario::load_text;

fuzz_target!(|text: &str| {
    if let Err(problems) = load_text("fuzzed.yaml", text, &[]) {
        assert!(!problems.is_empty());
    }
});
