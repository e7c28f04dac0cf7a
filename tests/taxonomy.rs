//! Every trouble that users think in has a scenario that injects it, and the documentation says so.

use std::path::Path;

use squall::plan::taxonomy::{TAXONOMY, table};
use squall::scenario::load;

fn root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn each_row_has_a_scenario_that_has_its_keys_and_plans() {
    for row in TAXONOMY {
        let path = root(&format!("scenarios/{}.yaml", row.scenario));
        let plan = load(&path, &[]).unwrap_or_else(|p| panic!("{}: {p:?}", row.name));
        assert_eq!(plan.scenario, row.scenario);
        let disturbed = !plan.faults.is_empty() || !plan.sink.plant.is_empty();
        assert!(disturbed || row.injected_by == "client.sdk", "{}", row.name);
        let text = std::fs::read_to_string(&path).unwrap();
        for word in row
            .injected_by
            .split([':', '.', ',', ' '])
            .filter(|word| !word.is_empty())
        {
            assert!(
                text.contains(word),
                "{}: no `{word}` in {}",
                row.name,
                row.scenario
            );
        }
        assert!(!plan.expect.is_empty(), "{}", row.name);
    }
}

#[test]
fn what_users_call_trouble_has_a_row() {
    let names: Vec<&str> = TAXONOMY.iter().map(|row| row.name).collect();
    for name in [
        "connection timeout",
        "connection refused",
        "network unreachable",
        "DNS failure",
        "TLS handshake failure",
        "high latency",
        "low throughput",
        "memory leak",
        "CPU overload",
        "corruption",
        "packet loss",
        "serialisation error",
        "validation error",
        "format error",
        "wrong configuration",
        "resources exhausted",
        "full disk",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn the_documented_table_is_current() {
    let page = root("docs/weather.md");
    let text = std::fs::read_to_string(page).unwrap();
    assert!(
        text.contains(&table()),
        "docs/weather.md should contain:\n{}",
        table()
    );
}
