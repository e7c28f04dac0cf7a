//! What a fault of answers does to the items of a request, before they are accounted.

use std::io::{self, Write};

use super::Accounting;
use crate::journal::Point;
use crate::otlp::identities::Runs;
use crate::sink::Request;

impl Accounting {
    /// Writes down which items the fault touches, and leaves only those that are accepted; how many
    /// are not.
    pub(super) fn strike(
        &self,
        request: &Request<'_>,
        items: &mut Runs,
        points: &mut Vec<Point>,
    ) -> io::Result<u64> {
        let Some(treatment) = request.treatment else {
            return Ok(0);
        };
        // One of the two is empty, and neither has more than memory holds.
        let all = items.len() as usize + points.len();
        let kept_out = request.kept_out(all as u64) as usize;
        if let Some(oracle) = &self.oracle {
            let touched = if kept_out == 0 { all } else { kept_out };
            let (kind, signal) = (treatment.kind, request.signal);
            let spans = items
                .items()
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
        items.drop_first(kept_out as u64);
        points.drain(..kept_out.min(points.len()));
        Ok(kept_out as u64)
    }
}
