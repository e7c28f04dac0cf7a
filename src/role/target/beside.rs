//! What goes on beside a program while it is started, stopped and started again: samples of it, and
//! scrapes of what it says of itself.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::setup::ScrapeSetup;
use super::subject::Sampler;
use crate::clock::RunClock;
use crate::role::control::Report;
use crate::role::stdio;
use crate::target::prometheus::{Continued, select};
use crate::target::scrape as endpoint;

/// Between two samples.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// Between two scrapes, at least; and how long one may take, at most.
const SCRAPE_EVERY_MIN: Duration = Duration::from_millis(10);
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(2);

/// Begins with the run; dropped, all of it ends.
pub fn begin(
    clock: RunClock,
    sampler: Option<Box<dyn Sampler>>,
    scraped: Option<ScrapeSetup>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if let Some(sampler) = sampler {
        tasks.spawn(sample(clock, sampler));
    }
    if let Some(setup) = scraped {
        tasks.spawn(scrape(clock, setup));
    }
    tasks
}

async fn sample(clock: RunClock, mut sampler: Box<dyn Sampler>) {
    let mut ticks = interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if let Some(sample) = sampler.sample(clock.now_ns()).await {
            stdio::report(&Report::Program(sample));
        }
    }
}

async fn scrape(clock: RunClock, setup: ScrapeSetup) {
    let every = Duration::from_nanos(setup.every_ns).max(SCRAPE_EVERY_MIN);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut continued = Continued::default();
    let mut failed = 0;
    let mut last_failure = None;
    loop {
        ticks.tick().await;
        let text = endpoint::text(&setup.url, SCRAPE_TIMEOUT).await;
        let values = match text {
            Ok(text) => continued.go_on(select(&text, &setup.series)),
            Err(why) => {
                failed += 1;
                last_failure = Some(why);
                std::collections::BTreeMap::new()
            }
        };
        stdio::report(&Report::Scraped {
            at_ns: clock.now_ns(),
            values,
            failed,
            last_failure: last_failure.clone(),
        });
    }
}
