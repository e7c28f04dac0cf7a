//! Requests of a client whose items have ids of their own.

use std::cell::RefCell;

use super::Accounting;
use crate::journal::Point;
use crate::otlp::Malformed;
use crate::otlp::walk::walk;
use crate::sink::foreign::{Foreign, Sighting, see};
use crate::sink::traffic::lock;
use crate::sink::{Answer, Request, Taken};

thread_local! {
    /// Kept from one request to the next for its memory.
    static SCRATCH: RefCell<(Vec<Sighting>, Vec<Point>)> = RefCell::default();
}

impl Accounting {
    /// Knows items by the ids that their sender gave them.
    #[must_use]
    pub fn by_their_ids(mut self, wanted: bool) -> Self {
        self.foreign = wanted.then(Foreign::default);
        self
    }

    pub(super) fn take_foreign(
        &self,
        foreign: &Foreign,
        request: &Request<'_>,
    ) -> Result<Taken, Malformed> {
        SCRATCH.with_borrow_mut(|(items, points)| {
            items.clear();
            walk(request.signal, request.body, &mut |found| {
                see(found, points, items);
            })?;
            Ok(Taken {
                answer: self.answer_foreign(foreign, request, items),
                first: None,
                items: items.len() as u64,
            })
        })
    }

    fn answer_foreign(
        &self,
        foreign: &Foreign,
        request: &Request<'_>,
        items: &[Sighting],
    ) -> Answer {
        let unavailable = |why: &str| Answer::Unavailable(why.to_owned());
        if self.clock.get().is_none() {
            return unavailable("the run has not begun");
        }
        let mut book = lock(&self.books[request.signal.index()]);
        if book.frozen {
            return unavailable("the sink is being put away");
        }
        let rejected = request.kept_out(items.len() as u64);
        // No more than there are items.
        book.received += foreign.take(request.signal, &items[rejected as usize..]);
        match rejected {
            0 => Answer::Accepted,
            rejected => Answer::Partial {
                rejected,
                why: "rejected by a fault".to_owned(),
            },
        }
    }
}
