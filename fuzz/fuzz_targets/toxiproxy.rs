//! Any body is answered by each call of Toxiproxy's API that takes one.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use squall::toxiproxy::Server;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(Builder::new_current_thread().enable_all().build().expect("a runtime"));
}

fuzz_target!(|body: &[u8]| {
    RUNTIME.with_borrow(|runtime| runtime.block_on(Server::new(1, false).try_body(body)));
});
