//! How many items a program says that it made: `squall: made spans=1000 log_records=20` on a line of its
//! own. Numbers are totals so far; of each, the last one counts.

use crate::signal::Signal;

/// What such a line begins with.
pub const PREFIX: &str = "squall: made ";
/// A longer line is none of these.
const LINE_MAX: usize = 256;

/// What has been said so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// In slots of [`Signal::index`].
    pub items: [Option<u64>; 3],
    /// The first line that begins as one and cannot be read.
    pub unread: Option<String>,
}

/// Finds the lines in what a program says.
#[derive(Debug, Default)]
pub struct Lines {
    /// Of the line that is being said, as long as it can be one.
    line: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// Reads on; whether anything new is in `made`.
    pub fn hear(&mut self, said: &[u8], made: &mut Made) -> bool {
        let mut rest = said;
        let mut heard = false;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.add(&rest[..end]);
            heard |= self.end(made);
            rest = &rest[end + 1..];
        }
        self.add(rest);
        heard
    }

    /// The program has said all: a last line may lack its end.
    pub fn end(&mut self, made: &mut Made) -> bool {
        let heard = !self.too_long && read(&self.line, made);
        self.line.clear();
        self.too_long = false;
        heard
    }

    fn add(&mut self, part: &[u8]) {
        self.too_long |= self.line.len() + part.len() > LINE_MAX;
        if !self.too_long {
            self.line.extend_from_slice(part);
        }
    }
}

/// Takes what a line tells; whether it is such a line.
fn read(line: &[u8], made: &mut Made) -> bool {
    let Ok(line) = std::str::from_utf8(line) else {
        return false;
    };
    let Some(counts) = line.trim_end().strip_prefix(PREFIX.trim_end()) else {
        return false;
    };
    let mut items = made.items;
    let mut any = false;
    let well_formed = counts.split_whitespace().all(|count| {
        any = true;
        let Some((name, value)) = count.split_once('=') else {
            return false;
        };
        let (Some(signal), Ok(value)) = (signal(name), value.parse()) else {
            return false;
        };
        items[signal.index()] = Some(value);
        true
    });
    if well_formed && any {
        made.items = items;
    } else if made.unread.is_none() {
        made.unread = Some(line.trim_end().to_owned());
    }
    true
}

fn signal(name: &str) -> Option<Signal> {
    match name {
        "spans" => Some(Signal::Traces),
        "data_points" => Some(Signal::Metrics),
        "log_records" => Some(Signal::Logs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(parts: &[&str]) -> Made {
        let (mut lines, mut made) = (Lines::default(), Made::default());
        for part in parts {
            lines.hear(part.as_bytes(), &mut made);
        }
        lines.end(&mut made);
        made
    }

    #[test]
    fn the_last_number_of_each_counts() {
        let made = heard(&[
            "hello\nsquall: made spans=10 log_records=2\nnoise squall: made spans=99\n",
            "squall: made spans=2",
            "5\r\nsquall: made data_points=7",
        ]);
        assert_eq!(made.items, [Some(25), Some(7), Some(2)]);
        assert_eq!(made.unread, None);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_kept_and_changes_nothing() {
        for line in [
            "squall: made spans=ten",
            "squall: made 10",
            "squall: made span=10",
            "squall: made",
            "squall: made spans=-1",
        ] {
            let made = heard(&["squall: made spans=3\n", line]);
            assert_eq!(made.items[0], Some(3), "{line}");
            assert_eq!(made.unread.as_deref(), Some(line));
        }
    }

    #[test]
    fn a_flood_without_line_ends_is_not_kept() {
        let (mut lines, mut made) = (Lines::default(), Made::default());
        for _ in 0..1000 {
            lines.hear(&[b'x'; 1000], &mut made);
        }
        assert!(lines.line.capacity() <= 2 * LINE_MAX);
        lines.hear(b"\nsquall: made spans=1\n", &mut made);
        assert_eq!(made.items[0], Some(1));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_words_are_cut(
            numbers in prop::collection::vec(0_u64..1000, 1..5),
            cuts in prop::collection::vec(0_usize..200, 0..5),
        ) {
            let text: String = numbers
                .iter()
                .map(|n| format!("{PREFIX}spans={n}\nother words\n"))
                .collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % text.len()).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let parts: Vec<&str> = cuts.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect();
            prop_assert_eq!(heard(&parts).items[0], numbers.last().copied());
        }
    }
}
