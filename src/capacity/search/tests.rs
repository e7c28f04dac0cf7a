//! The search against pipelines whose limit is known, with noise.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

const TRIALS_MAX: usize = 80;

/// A pipeline whose limit is known, with a limit of its own in each trial.
struct Pipeline {
    limit: f64,
    /// Share by which a trial's limit is off at most.
    noise: f64,
    /// Chance that a trial tells the opposite of the truth.
    lies: f64,
    rng: StdRng,
}

impl Pipeline {
    fn holds(&mut self, rate: f64) -> bool {
        let off = self.noise * (2.0 * self.rng.random::<f64>() - 1.0);
        let truth = rate <= self.limit * (1.0 + off);
        truth != (self.rng.random::<f64>() < self.lies)
    }
}

fn run(bounds: Bounds, pipeline: &mut Pipeline) -> (Search, End, usize) {
    let mut search = Search::new(bounds);
    for trials in 0..TRIALS_MAX {
        match search.next() {
            Step::Done(end) => return (search, end, trials),
            Step::Try(rate) => {
                assert!(rate > 0.0 && rate <= bounds.to, "{rate}");
                let held = pipeline.holds(rate);
                search.record(rate, held);
            }
        }
    }
    panic!("the search does not end: {search:?}");
}

fn bounds(from: f64, within: f64) -> Bounds {
    Bounds {
        from,
        to: 1e7,
        within,
    }
}

proptest! {
    #[test]
    fn the_limit_is_enclosed(
        limit in 100.0..1e6_f64, from in 100.0..1e5_f64, within in 0.01..0.2_f64,
        noise in 0.0..0.02_f64, seed: u64,
    ) {
        let rng = StdRng::seed_from_u64(seed);
        let mut pipeline = Pipeline { limit, noise, lies: 0.0, rng };
        let (search, end, trials) = run(bounds(from, within), &mut pipeline);
        if end == End::Bottom {
            prop_assert!(limit <= from / DESCENT * (1.0 + noise));
        } else {
            let (low, high) = (search.holds().unwrap(), search.gives_way().unwrap());
            prop_assert!(low < high && high <= low * (1.0 + within) * 1.001);
            prop_assert!(low <= limit * (1.0 + noise), "{low} was never held");
            prop_assert!(high >= limit * (1.0 - noise), "{high} was always held");
        }
        // Doublings, halvings of the bracket, and four repeats, with room for overturned votes.
        prop_assert!(trials <= 50, "{trials}");
    }

    #[test]
    fn the_highest_rate_is_where_it_ends(from in 100.0..1e5_f64) {
        let rng = StdRng::seed_from_u64(1);
        let mut pipeline = Pipeline { limit: 1e9, noise: 0.0, lies: 0.0, rng };
        let (search, end, _) = run(bounds(from, 0.03), &mut pipeline);
        prop_assert_eq!((search.holds(), search.gives_way(), end), (Some(1e7), None, End::Top));
    }
}

#[test]
fn a_vote_that_was_wrong_is_overturned_more_often_than_not() {
    let near = |seed: u64| {
        let mut pipeline = Pipeline {
            limit: 20_000.0,
            noise: 0.005,
            lies: 0.05,
            rng: StdRng::seed_from_u64(seed),
        };
        let (search, _, _) = run(bounds(2000.0, 0.03), &mut pipeline);
        let found = search.holds().unwrap_or(0.0);
        (found / 20_000.0 - 1.0).abs() < 0.05
    };
    // Two lies about one rate, or one that is not looked at again, spoil a search: about one in ten.
    let good = (0..1000).filter(|seed| near(*seed)).count();
    assert!(good >= 900, "{good} of 1000");
}

#[test]
fn edges_have_majorities_and_the_rest_one_vote() {
    let mut pipeline = Pipeline {
        limit: 20_000.0,
        noise: 0.0,
        lies: 0.0,
        rng: StdRng::seed_from_u64(1),
    };
    let (search, _, trials) = run(bounds(3000.0, 0.03), &mut pipeline);
    for tried in &search.tried {
        let edge = [search.holds(), search.gives_way()].contains(&Some(tried.rate));
        assert_eq!(tried.held + tried.gave_way, if edge { 2 } else { 1 });
    }
    // 3, 6, 12, 24, then five halvings, then the edge again.
    assert_eq!(trials, 4 + 5 + 2);
}

#[test]
fn a_rate_that_gives_way_at_once_is_gone_below() {
    let mut search = Search::new(bounds(1000.0, 0.1));
    search.record(1000.0, false);
    assert_eq!(search.next(), Step::Try(500.0));
    // And one that only once held is looked at again.
    search.record(1000.0, true);
    assert_eq!(search.next(), Step::Try(1000.0));
    search.record(1000.0, true);
    assert_eq!(search.next(), Step::Try(2000.0));
}
