//! Delays from a file: what was measured somewhere, one a line.

use crate::scenario::units::TIME;

/// Most delays that a plan holds.
const MOST: usize = 10_000;
/// A file that is something else entirely need not be listed to its end.
const MOST_WRONG: usize = 5;

/// The delays in nanoseconds, in the file's order, and what is wrong with it by line.
pub(super) fn read(text: &str) -> (Vec<u64>, Vec<(usize, String)>) {
    let mut delays_ns = Vec::new();
    let mut wrong = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        match delay_ns(line) {
            Ok(_) if delays_ns.len() == MOST => {
                wrong.push((index + 1, format!("there are more than {MOST} delays")));
                break;
            }
            Ok(ns) => delays_ns.push(ns),
            Err(why) => wrong.push((index + 1, why)),
        }
        if wrong.len() == MOST_WRONG {
            break;
        }
    }
    if delays_ns.is_empty() && wrong.is_empty() {
        wrong.push((1, "the file has no delays".to_owned()));
    }
    (delays_ns, wrong)
}

/// With a unit, or in milliseconds.
fn delay_ns(line: &str) -> Result<u64, String> {
    let with_unit = match line.parse::<f64>() {
        Ok(_) => format!("{line}ms"),
        Err(_) => line.to_owned(),
    };
    match TIME.parse(&with_unit) {
        // The cast stops at the ends of its range, which is far beyond what a delay may be.
        Ok(ns) => Ok(ns.round() as u64),
        Err(_) => Err(format!("`{line}` is not a delay")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_milliseconds_or_have_a_unit() {
        let text = "# ms\n12\n0.5 # half\n\n3ms\n1.5 s\n250us\n";
        let expected = vec![12_000_000, 500_000, 3_000_000, 1_500_000_000, 250_000];
        assert_eq!(read(text), (expected, vec![]));
    }

    #[test]
    fn broken_lines_are_named() {
        let (delays_ns, wrong) = read("5\nsoon\n-3\n4 parsecs\nnan\n");
        assert_eq!(delays_ns, [5_000_000]);
        let lines: Vec<usize> = wrong.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert_eq!(wrong[0].1, "`soon` is not a delay");
        assert_eq!(read("# nothing\n").1[0].1, "the file has no delays");
        let many = "1\n".repeat(MOST + 1);
        assert_eq!(read(&many).1[0].0, MOST + 1);
    }
}
