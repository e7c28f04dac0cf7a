//! The honest relay passes the checks that find every bug, again and again.

use super::{all_delivered, not_held, owned_up, scenario};
use crate::harness::{run, side_by_side};

/// Runs in `cargo test`; SQUALL_REPEATS says another number.
const REPEATS: usize = 20;
/// Runs at a time.
const AT_ONCE: usize = 5;

#[test]
fn the_honest_relay_raises_no_alarm_however_often_it_runs() {
    let repeats = std::env::var("SQUALL_REPEATS").ok();
    let repeats = repeats.and_then(|count| count.parse().ok());
    let seeds: Vec<usize> = (1..=repeats.unwrap_or(REPEATS)).collect();
    side_by_side(AT_ONCE, &seeds, |seed| {
        let text = scenario("", "")
            .replace("duration: 3s", "duration: 1500ms")
            .replace("seed: 7", &format!("seed: {seed}"));
        let finished = run(&text);
        let failed = not_held(&finished);
        assert!(failed.is_empty(), "{failed:?}\n{}", finished.story());
        assert_eq!(finished.code, 0, "{}", finished.story());
        finished.assert_closes();
        all_delivered(&finished);
        assert_eq!(owned_up(&finished), (0, Some(0), true));
    });
}
