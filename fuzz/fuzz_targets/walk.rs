//! The walk and prost say the same of any bytes. The first byte chooses the signal.
#![no_main]

#[path = "../../tests/common/agreement.rs"]
mod agreement;

use libfuzzer_sys::fuzz_target;
use squall::signal::Signal;

fuzz_target!(|bytes: &[u8]| {
    if let [first, request @ ..] = bytes {
        agreement::protobuf(Signal::ALL[usize::from(*first) % 3], request);
    }
});
