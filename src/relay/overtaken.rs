//! Data points that were sent on after newer ones of their series: what reordering is to a backend.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::edit;
use super::queue::Message;
use crate::signal::Signal;

/// The newest time that was sent of each series. Right as long as one request is sent at a time.
#[derive(Debug, Default)]
pub struct Overtaken {
    newest: Mutex<BTreeMap<String, u64>>,
}

impl Overtaken {
    /// Of a message that was sent: the points that are older than what was sent before.
    pub fn points(&self, message: &Message) -> Vec<String> {
        if message.signal != Signal::Metrics {
            return Vec::new();
        }
        // A map is whole, whatever became of the thread that changed it.
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let names = edit::names(message.signal, &message.body).into_iter();
        names
            .filter(|name| {
                let Some((series, time)) = name.split_once('@') else {
                    return false;
                };
                let time: u64 = time.parse().unwrap_or_default();
                let known = newest.entry(series.to_owned()).or_default();
                let is_older = time < *known;
                *known = time.max(*known);
                is_older
            })
            .collect()
    }
}
