//! The ledger of a program of the user's own: what it says that it made, against what the sink received by
//! the items' own ids.
//!
//! Here alone a number is a difference: of what never came there is no identity. So it has a row of its
//! own, and is known only where the program says how many it made and every item that came can be told
//! from the others.

use crate::evidence::{CommandEvidence, Evidence, ForeignSignal};
use crate::record::SignalLedger;
use crate::signal::Signal;

/// One signal of such a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSignal {
    /// What it says that it made.
    pub made: Option<u64>,
    pub seen: ForeignSignal,
}

impl OwnSignal {
    /// The signals that came, or that the program says to have made.
    pub fn all(evidence: &Evidence) -> Vec<OwnSignal> {
        let Some(command) = &evidence.command else {
            return Vec::new();
        };
        let each = Signal::ALL.into_iter();
        each.filter_map(|signal| Self::of(evidence, command, signal))
            .collect()
    }

    fn of(evidence: &Evidence, command: &CommandEvidence, signal: Signal) -> Option<Self> {
        let mut foreign = evidence.sink.foreign.iter();
        let seen = foreign.find(|seen| seen.signal == signal).cloned();
        let made = command.made[signal.index()];
        if seen.is_none() && made.is_none() {
            return None;
        }
        let nothing = ForeignSignal {
            signal,
            copies: 0,
            distinct: 0,
            again: 0,
            extra_copies: 0,
            nameless: 0,
            forgotten: 0,
            orphans: 0,
        };
        Some(Self {
            made,
            seen: seen.unwrap_or(nothing),
        })
    }

    /// Different items that came.
    ///
    /// # Errors
    /// When they cannot be told apart.
    pub fn received(&self) -> Result<u64, String> {
        match self.seen.blurred() {
            None => Ok(self.seen.distinct),
            Some(why) => Err(why),
        }
    }

    /// What it made.
    ///
    /// # Errors
    /// When it does not say.
    pub fn made(&self) -> Result<u64, String> {
        self.made.ok_or_else(|| {
            format!(
                "the program did not say how many {} it made, so nothing is known of what never arrived (it can print `squall: made {}=NUMBER`)",
                self.seen.signal.items(),
                self.seen.signal.items().replace(' ', "_"),
            )
        })
    }

    /// What never came.
    ///
    /// # Errors
    /// When that is not known, or less was made than came.
    pub fn lost(&self) -> Result<u64, String> {
        let (made, received) = (self.made()?, self.received()?);
        made.checked_sub(received).ok_or_else(|| {
            let items = self.seen.signal.items();
            format!("{received} different {items} were received, and the program says that it made {made}")
        })
    }

    /// As it is stored.
    pub fn totals(&self) -> SignalLedger {
        let seen = &self.seen;
        let mut why_not: Vec<String> = self.lost().err().into_iter().collect();
        let sum = seen.distinct + seen.extra_copies + seen.nameless + seen.forgotten;
        if sum != seen.copies {
            why_not.push(format!(
                "the sink took {} items and can account for {sum}",
                seen.copies
            ));
        }
        let made = self.made.unwrap_or(0);
        SignalLedger {
            closes: why_not.is_empty(),
            offered: made,
            generated: made,
            delivered: seen.distinct - seen.again,
            duplicated: seen.again,
            extra_copies: seen.extra_copies,
            // Some of these may be copies of others; then `why_not` says so.
            received: seen.distinct + seen.nameless + seen.forgotten,
            never_came: self.lost().unwrap_or(0),
            why_not,
            ..SignalLedger::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(made: Option<u64>, distinct: u64, again: u64, nameless: u64) -> OwnSignal {
        OwnSignal {
            made,
            seen: ForeignSignal {
                signal: Signal::Traces,
                copies: distinct + again + nameless,
                distinct,
                again,
                extra_copies: again,
                nameless,
                forgotten: 0,
                orphans: 0,
            },
        }
    }

    #[test]
    fn what_was_made_and_did_not_come_is_lost() {
        let totals = traces(Some(10), 7, 2, 0).totals();
        assert!(totals.closes, "{:?}", totals.why_not);
        assert_eq!((totals.delivered, totals.duplicated), (5, 2));
        assert_eq!((totals.received, totals.never_came), (7, 3));
        assert_eq!(
            totals.delivered + totals.duplicated + totals.never_came,
            totals.generated
        );
    }

    #[test]
    fn nothing_is_known_of_losses_where_nobody_counts() {
        let unsaid = traces(None, 7, 0, 0);
        assert!(
            unsaid
                .lost()
                .unwrap_err()
                .contains("squall: made spans=NUMBER")
        );
        assert!(!unsaid.totals().closes);
        assert_eq!(unsaid.received(), Ok(7));
        let nameless = traces(Some(10), 7, 0, 2);
        assert!(
            nameless
                .lost()
                .unwrap_err()
                .contains("without trace and span ids")
        );
        assert!(nameless.received().is_err() && !nameless.totals().closes);
    }

    #[test]
    fn more_than_was_made_does_not_close() {
        let totals = traces(Some(5), 7, 0, 0).totals();
        assert!(!totals.closes);
        assert_eq!(totals.never_came, 0);
        assert!(totals.why_not[0].contains("says that it made 5"));
    }

    #[test]
    fn a_signal_of_which_nothing_came_is_there_when_it_was_made() {
        let mut evidence = Evidence {
            command: Some(CommandEvidence::default()),
            ..Evidence::default()
        };
        assert_eq!(OwnSignal::all(&evidence), []);
        evidence.command.as_mut().unwrap().made[Signal::Logs.index()] = Some(4);
        let [logs] = OwnSignal::all(&evidence).try_into().unwrap();
        assert_eq!((logs.lost(), logs.seen.signal), (Ok(4), Signal::Logs));
    }
}
