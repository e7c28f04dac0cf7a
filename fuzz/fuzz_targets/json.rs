//! What the JSON rewriter takes, the full reader reads the same way. The first byte chooses the signal.
#![no_main]

#[path = "../../tests/common/agreement.rs"]
mod agreement;

use libfuzzer_sys::fuzz_target;
use squall::signal::Signal;

fuzz_target!(|bytes: &[u8]| {
    if let [first, text @ ..] = bytes
        && let Ok(text) = std::str::from_utf8(text)
    {
        agreement::json(Signal::ALL[usize::from(*first) % 3], text);
    }
});
