//! Every registered metric has a measurement.

use squall::evidence::Evidence;
use squall::judge::Facts;
use squall::metric::METRICS;
use squall::plan::expectation::Window;
use squall::scenario;

#[test]
fn no_metric_is_without_a_measurement() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quickstart.yaml");
    let plan = scenario::load(&path, &[]).unwrap();
    let evidence = Evidence::default();
    let facts = Facts::of(&plan, &evidence);
    for metric in METRICS {
        for window in [Window::Whole, Window::After("cut".to_owned())] {
            if let Err(why) = facts.measure(metric, None, &window) {
                assert!(!why.contains("squall has no measurement"), "{why}");
            }
        }
    }
}
