//! What a fault of answers does to the items of a request, before they are accounted.

use std::io::{self, Write};

use super::Accounting;
use crate::journal::Point;
use crate::otlp::identities::Item;
use crate::sink::Request;

impl Accounting {
    /// Writes down which items the fault touches, and leaves only those that are accepted; how many
    /// are not.
    pub(super) fn strike(
        &self,
        request: &Request<'_>,
        items: &mut Vec<Item>,
        points: &mut Vec<Point>,
    ) -> io::Result<u64> {
        let Some(treatment) = request.treatment else {
            return Ok(0);
        };
        let all = items.len() + points.len();
        // One of the two is empty, and neither has more than memory holds.
        let kept_out = request.kept_out(all as u64) as usize;
        if let Some(oracle) = &self.oracle {
            let touched = if kept_out == 0 { all } else { kept_out };
            let (kind, signal) = (treatment.kind, request.signal);
            let spans = items
                .iter()
                .take(touched)
                .filter_map(|item| self.shelves.find(signal, item.span_id))
                .map(|(identity, _)| format!("{kind} {signal} {identity}\n"));
            let measured = points.iter().take(touched).map(|point| {
                let key = point.key;
                format!("{kind} {signal} {}@{}\n", key.series, key.time_unix_ns)
            });
            let lines: String = spans.chain(measured).collect();
            let mut oracle = oracle;
            oracle.write_all(lines.as_bytes())?;
        }
        items.drain(..kept_out.min(items.len()));
        points.drain(..kept_out.min(points.len()));
        Ok(kept_out as u64)
    }
}
