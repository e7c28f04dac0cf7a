//! Which items a request holds: the identity and the due time that each carries.

/// What an item says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The eight bytes of the span id; 0 where there is none of that length.
    pub span_id: u64,
    /// A span's start or a log record's time; 0 where there is none.
    pub time_unix_ns: u64,
}

impl Item {
    /// One that says nothing.
    pub const NOBODY: Self = Self {
        span_id: 0,
        time_unix_ns: 0,
    };

    /// Sets the id from the bytes of its field.
    pub fn set_span_id(&mut self, bytes: &[u8]) {
        self.span_id = bytes.try_into().map_or(0, u64::from_be_bytes);
    }
}

/// Items with consecutive ids and the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub first: Item,
    /// At least 1.
    pub count: u64,
}

impl Run {
    /// The single items.
    pub fn items(self) -> impl Iterator<Item = Item> {
        (0..self.count).map(move |offset| Item {
            span_id: self.first.span_id.wrapping_add(offset),
            ..self.first
        })
    }
}

/// The items of a request, in order. Kept from one request to the next for its memory.
#[derive(Debug, Default)]
pub struct Runs {
    runs: Vec<Run>,
    items: u64,
}

impl Runs {
    pub fn clear(&mut self) {
        self.runs.clear();
        self.items = 0;
    }

    pub fn push(&mut self, item: Item) {
        self.items += 1;
        if let Some(run) = self.runs.last_mut()
            && run.first.span_id.wrapping_add(run.count) == item.span_id
            && run.first.time_unix_ns == item.time_unix_ns
        {
            run.count += 1;
        } else {
            self.runs.push(Run {
                first: item,
                count: 1,
            });
        }
    }

    /// Number of items.
    pub const fn len(&self) -> u64 {
        self.items
    }

    pub const fn is_empty(&self) -> bool {
        self.items == 0
    }

    pub fn first(&self) -> Option<Item> {
        self.runs.first().map(|run| run.first)
    }

    pub fn iter(&self) -> impl Iterator<Item = Run> {
        self.runs.iter().copied()
    }

    pub fn items(&self) -> impl Iterator<Item = Item> {
        self.iter().flat_map(Run::items)
    }

    /// Leaves out the first so many items.
    pub fn drop_first(&mut self, items: u64) {
        let mut rest = items.min(self.items);
        self.items -= rest;
        self.runs.retain_mut(|run| {
            let dropped = rest.min(run.count);
            rest -= dropped;
            run.count -= dropped;
            run.first.span_id = run.first.span_id.wrapping_add(dropped);
            run.count > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_hold_the_items_that_were_pushed(
            ids in prop::collection::vec(prop_oneof![0_u64..6, (u64::MAX - 2)..=u64::MAX], 0..40),
            dropped in 0_usize..50,
        ) {
            let item = |span_id: &u64| Item { span_id: *span_id, time_unix_ns: span_id / 4 % 2 };
            let items: Vec<Item> = ids.iter().map(item).collect();
            let mut runs = Runs::default();
            items.iter().for_each(|item| runs.push(*item));
            prop_assert_eq!(runs.items().collect::<Vec<_>>(), items.clone());
            runs.drop_first(dropped as u64);
            let left = &items[dropped.min(items.len())..];
            prop_assert_eq!(runs.items().collect::<Vec<_>>(), left);
            prop_assert_eq!(runs.len(), left.len() as u64);
        }
    }

    #[test]
    fn a_request_in_sequence_is_one_run() {
        let mut runs = Runs::default();
        for span_id in 7..519 {
            let time_unix_ns = 5;
            runs.push(Item {
                span_id,
                time_unix_ns,
            });
        }
        assert_eq!((runs.iter().count(), runs.len()), (1, 512));
    }

    #[test]
    fn an_id_of_another_length_is_none() {
        let mut item = Item::NOBODY;
        item.set_span_id(&[0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(item.span_id, 0x102);
        item.set_span_id(&[1; 7]);
        assert_eq!(item.span_id, 0);
    }
}
