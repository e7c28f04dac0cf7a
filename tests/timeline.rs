//! The same seed draws the same timeline, whatever else is in the scenario; another seed another one.

use squall::plan::windows::segments;
use squall::plan::{FaultPlan, Plan};
use squall::scenario::load_text;
use squall::scenario::storms::LIBRARY;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

fn plan(seed: u64, more: &str) -> Plan {
    let text = format!(
        "scenario: x\nseed: {seed}\nrun: {{ duration: 60s }}\nload: {{ traces: {{ rate: 1/s }} }}\n{more}"
    );
    load_text("x.yaml", &text, &[]).unwrap_or_else(|problems| panic!("{more}: {problems:?}"))
}

/// Start and end of each occurrence of one fault, in milliseconds.
fn times(plan: &Plan, name: &str) -> Vec<(u64, u64)> {
    let faults = plan.faults.iter().filter(|fault| fault.name == name);
    faults
        .map(|fault| (fault.start_ns / MS, fault.end_ns.unwrap() / MS))
        .collect()
}

#[test]
fn fixed_times_are_what_was_written() {
    let of = |entry: &str| {
        times(
            &plan(1, &format!("faults: [ {{ name: a, {entry} }} ]")),
            "a",
        )
    };
    assert_eq!(
        of("at: 10s, for: 2s, every: 5s, times: 3, partition: silence"),
        [(10_000, 12_000), (15_000, 17_000), (20_000, 22_000)]
    );
    // As many as end within the run of 60 s: the one at 58 s would not.
    let all = of("at: 10s, for: 3s, every: 8s, slow_close: 1s");
    assert_eq!(all.len(), 6);
    assert_eq!(all[5], (50_000, 53_000));
    let once = plan(1, "faults: [ { name: a, at: 1s, for: 1s, pause: sink } ]");
    assert_eq!(once.faults[0].occurrence, 1);
}

#[test]
fn occurrences_are_numbered_share_a_name_and_never_overlap() {
    let entry = "faults: [ { name: a, at: { between: [1s, 5s] }, for: { between: [200ms, 900ms] }, every: { between: [1s, 4s] }, partition: silence } ]";
    for seed in 0..50 {
        let plan = plan(seed, entry);
        assert!(plan.faults.len() >= 10, "{}", plan.faults.len());
        for (number, fault) in (1..).zip(&plan.faults) {
            assert_eq!(fault.occurrence, number);
            let length = fault.end_ns.unwrap() - fault.start_ns;
            assert!((200 * MS..=900 * MS).contains(&length), "{length}");
        }
        assert!((SECOND..=5 * SECOND).contains(&plan.faults[0].start_ns));
        for pair in plan.faults.windows(2) {
            assert!(pair[0].end_ns.unwrap() < pair[1].start_ns);
            let gap = pair[1].start_ns - pair[0].start_ns;
            assert!((SECOND..=4 * SECOND).contains(&gap), "{gap}");
        }
        // Recovery and onset cut the windows further; together they are what was drawn.
        let windows = segments(&plan).into_iter();
        let covered_ns: u64 = windows
            .filter(|segment| segment.during == ["a"])
            .map(|segment| segment.end_ns - segment.start_ns)
            .sum();
        let faults = plan.faults.iter();
        let drawn_ns: u64 = faults.map(|f| f.end_ns.unwrap() - f.start_ns).sum();
        assert_eq!(covered_ns, drawn_ns);
    }
}

#[test]
fn a_draw_does_not_depend_on_other_faults_or_on_their_order() {
    let a =
        "{ name: a, at: { between: [1s, 20s] }, for: { between: [1s, 9s] }, partition: silence }";
    let b = "{ name: b, at: { between: [1s, 20s] }, for: { between: [1s, 9s] }, latency: { delay: 1ms } }";
    let alone = times(&plan(5, &format!("faults: [ {a} ]")), "a");
    let first = plan(5, &format!("faults: [ {a}, {b} ]"));
    let last = plan(
        5,
        &format!("faults: [ {b}, {a} ]\nstorms: [ {{ use: slow-disk, at: 40s }} ]"),
    );
    assert_eq!(times(&first, "a"), alone);
    assert_eq!(times(&last, "a"), alone);
    assert_ne!(times(&first, "b"), alone, "faults draw for themselves");
    assert_eq!(times(&first, "b"), times(&last, "b"));
}

#[test]
fn each_storm_of_the_library_draws_the_same_for_the_same_seed() {
    for (name, _) in LIBRARY {
        let more = format!("storms: [ {{ use: {name}, at: {{ between: [5s, 30s] }} }} ]");
        let first: Vec<FaultPlan> = plan(42, &more).faults;
        assert!(first.len() >= 3, "{name}");
        assert_eq!(first, plan(42, &more).faults, "{name}");
        assert_ne!(first, plan(43, &more).faults, "{name}");
        assert!(
            first
                .iter()
                .all(|fault| fault.storm.as_deref() == Some(name))
        );
        assert!(
            first
                .iter()
                .all(|fault| fault.name.starts_with(&format!("{name}.")))
        );
        assert!(first.iter().all(|fault| fault.start_ns >= 5 * SECOND));
    }
}

#[test]
fn each_storm_of_the_library_is_for_every_protocol() {
    for (name, _) in LIBRARY {
        let faults = ["grpc", "http/protobuf", "http/json"].map(|protocol| {
            let client = format!("client: {{ protocol: {protocol} }}");
            let more = format!("{client}\nstorms: [ {{ use: {name}, at: 5s }} ]");
            plan(1, &more).faults
        });
        assert_eq!(faults[0], faults[1], "{name}");
        assert_eq!(faults[0], faults[2], "{name}");
    }
}

#[test]
fn a_stored_plan_is_exactly_the_plan() {
    for (name, _) in &LIBRARY {
        // What waits for a condition cannot be combined with a restart of the sink.
        let late = match *name {
            "rolling-restart" => "",
            _ => "{ name: late, at: 30s, when: client.queue > 50%, for: 1s, pause: client }",
        };
        let more = format!("faults: [ {late} ]\nstorms: [ {{ use: {name}, at: 5s }} ]");
        let plan = plan(7, &more);
        let json = serde_json::to_string_pretty(&plan).unwrap();
        assert_eq!(load_text("plan.json", &json, &[]).unwrap(), plan, "{name}");
    }
    // A plan from before there were occurrences.
    let plan = plan(
        7,
        "faults: [ { name: cut, at: 3s, for: 1s, partition: reset } ]",
    );
    let mut old = serde_json::to_value(&plan).unwrap();
    old["faults"][0]
        .as_object_mut()
        .unwrap()
        .remove("occurrence");
    assert_eq!(load_text("plan.json", &old.to_string(), &[]).unwrap(), plan);
}

#[test]
fn a_storm_is_one_window_from_its_first_start_to_its_last_end() {
    let plan = plan(
        1,
        "storms: [ { use: rolling-restart, at: 10s, name: deploy } ]",
    );
    let segments = segments(&plan);
    let of = |name: &str| -> Vec<_> {
        let within = segments
            .iter()
            .filter(|segment| segment.during.iter().any(|n| n == name));
        within.collect()
    };
    let storm = of("deploy");
    let end_ns = plan.faults.iter().map(|fault| fault.end_ns.unwrap()).max();
    assert_eq!(storm[0].start_ns, 10 * SECOND);
    assert_eq!(storm.last().map(|segment| segment.end_ns), end_ns);
    assert!(
        storm
            .windows(2)
            .all(|pair| pair[0].end_ns == pair[1].start_ns)
    );
    // There are gaps between its faults, and they belong to it.
    assert!(storm.iter().any(|segment| segment.during == ["deploy"]));
    assert!(of("deploy.restart").len() < storm.len());
    let after = segments
        .iter()
        .find(|segment| segment.after.iter().any(|n| n == "deploy"));
    assert_eq!(after.map(|segment| segment.start_ns), end_ns);
}

#[test]
fn a_condition_waits_for_the_warm_up_unless_told_otherwise() {
    let more = "faults: [ { name: a, when: client.queue > 50%, for: 1s, partition: silence } ]";
    let plan = plan(1, more);
    let fault = &plan.faults[0];
    assert_eq!(fault.start_ns, plan.run.warmup_ns);
    assert_eq!(fault.when.as_ref().unwrap().text, "client.queue > 50%");
    assert_eq!(fault.end_from(30 * SECOND), Some(31 * SECOND));
    // Nobody knows its window before the run.
    assert!(
        segments(&plan)
            .iter()
            .all(|segment| segment.during.is_empty())
    );
}
