//! Why a packet link cannot be had, and what to allow.

use std::io;

use thiserror::Error;

use super::impairment::Nonsense;

/// What went wrong with a packet link.
#[derive(Debug, Error)]
pub enum NetnsError {
    #[error("packet links need Linux: its network namespaces are what they are made of")]
    NotLinux,
    #[error("no packet link: {step}: {source}\n{allow}")]
    Refused {
        step: &'static str,
        source: io::Error,
        /// What to allow, one way a line.
        allow: String,
    },
    #[error("no packet link: {what}: {source}")]
    SetUp {
        what: &'static str,
        source: io::Error,
    },
    #[error("an MTU of {mtu_bytes} bytes: it must be 68 to 65535")]
    Mtu { mtu_bytes: u32 },
    #[error("congestion control {wanted} cannot be pinned on the packet link: {source}\n{allow}")]
    Congestion {
        wanted: String,
        /// What may be pinned, and how to allow more.
        allow: String,
        source: io::Error,
    },
    #[error(transparent)]
    Nonsense(#[from] Nonsense),
    #[error("impairment {id} is active already")]
    Active { id: usize },
    #[error("no impairment {id} is active")]
    NotActive { id: usize },
    #[error("the relay has ended")]
    RelayGone,
    #[error("a thread cannot enter a user namespace; start a process there instead")]
    NoThreads,
}

impl NetnsError {
    /// What went wrong, and what to do about it; the latter is empty where nobody knows.
    pub fn told(&self) -> (String, String) {
        let text = self.to_string();
        match text.split_once('\n') {
            Some((why, help)) => (why.to_owned(), help.to_owned()),
            None => (text, String::new()),
        }
    }
}
