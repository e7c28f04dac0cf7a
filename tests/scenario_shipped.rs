//! Every shipped scenario is loaded and planned, fits its schema, and is the same for the same seed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use squall::plan::{ArrivalProcess, Plan, Protocol, TEMPLATE_NAMES, TlsPlan};
use squall::scenario::storms::LIBRARY;
use squall::scenario::{STARTING, load, load_text, schema};
use squall::signal::Signal;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn shipped() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root("scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    files
}

fn plan(path: &Path, overrides: &[&str]) -> Plan {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    load(path, &overrides).unwrap_or_else(|problems| panic!("{}: {problems:?}", path.display()))
}

/// What a plan stands for: its JSON and every due time of its schedule.
fn fingerprint(plan: &Plan) -> String {
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(plan).unwrap());
    for signal in Signal::ALL {
        let Some(arrivals) = plan.load.arrivals(signal) else {
            continue;
        };
        for producer in 0..arrivals.producers {
            for due in plan.due_times_ns(signal, producer) {
                hash.update(due.to_le_bytes());
            }
        }
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn each_is_planned_and_named_after_its_file() {
    let files = shipped();
    let names: BTreeSet<String> = files.iter().map(|path| plan(path, &[]).scenario).collect();
    let expected: BTreeSet<String> = files
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, expected);
    for name in [
        "quickstart",
        "latency",
        "partition",
        "reset",
        "bandwidth",
        "crash",
        "grpc",
        "http-protobuf",
        "http-json",
        "grpc-gzip",
        "http-zstd",
        "traces",
        "metrics",
        "logs",
        "tls",
        "closed-loop",
        "netns-loss",
        "netns-bursts",
        "restart-sink",
        "restart-client",
        "crash-loop",
        "cpu-limit",
        "stress",
        "overloaded",
        "lost-responses",
        "partial",
        "tls-expired",
        "target-quickstart",
        "target-rotel",
        "target-rotel-http",
        "target-rotel-crash",
        "target-otelcol",
        "raw",
        "replay",
    ] {
        assert!(names.contains(name), "{name} is not shipped");
    }
}

#[test]
fn the_templates_of_the_readme_are_those_of_targets() {
    let readme = std::fs::read_to_string(root("README.md")).unwrap();
    let told: Vec<&str> = readme
        .lines()
        .filter(|line| line.starts_with("| `{{ "))
        .collect();
    let known: Vec<String> = TEMPLATE_NAMES
        .iter()
        .map(|(name, meaning)| format!("| `{{{{ {name} }}}}` | {meaning} |"))
        .collect();
    assert_eq!(told, known);
}

#[test]
fn the_weather_of_the_readme_can_be_had() {
    let readme = std::fs::read_to_string(root("README.md")).unwrap();
    let (_, weather) = readme.split_once("\n## Weather\n").unwrap();
    let (_, example) = weather.split_once("```yaml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let base = "scenario: x\nload: { traces: { rate: 10/s } }\n";
    let plan = squall::scenario::load_text("x.yaml", &format!("{base}{example}"), &[]).unwrap();
    for name in ["cut", "gusts", "last-straw", "flaky-wifi.dropout"] {
        assert!(plan.faults.iter().any(|fault| fault.name == name), "{name}");
    }
}

/// A configuration in `scenarios/targets/` is one that a scenario takes, and YAML once it is filled in.
#[test]
fn each_configuration_of_a_target_is_used_and_can_be_read() {
    for entry in std::fs::read_dir(root("scenarios/targets")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let used = shipped().iter().any(|scenario| {
            let text = std::fs::read_to_string(scenario).unwrap();
            text.contains(&format!("from: targets/{name}"))
        });
        // Or it is what a known image starts with.
        let images = std::fs::read_to_string(root("src/plan/images.rs")).unwrap();
        let used = used || images.contains(&format!("targets/{name}"));
        assert!(used, "{name}");
        let values = TEMPLATE_NAMES.iter();
        let values = values.map(|(name, _)| ((*name).to_owned(), "127.0.0.1:1".to_owned()));
        let text = std::fs::read_to_string(&path).unwrap();
        let filled = squall::plan::template::render(&text, &values.collect()).unwrap();
        let value: serde_json::Value = serde_saphyr::from_str(&filled).unwrap();
        assert!(value.is_object(), "{name}");
    }
}

#[test]
fn each_says_what_its_name_promises() {
    let of = |name: &str| plan(&root(&format!("scenarios/{name}.yaml")), &[]);
    assert_eq!(of("grpc").client.protocol, Protocol::Grpc);
    assert_eq!(of("http-protobuf").client.protocol, Protocol::HttpProtobuf);
    assert_eq!(of("http-json").client.protocol, Protocol::HttpJson);
    assert_eq!(of("tls").client.tls, TlsPlan::Generated { mutual: true });
    let only = |name: &str| of(name).load.signals().collect::<Vec<_>>();
    assert_eq!(only("traces"), [Signal::Traces]);
    assert_eq!(only("metrics"), [Signal::Metrics]);
    assert_eq!(only("logs"), [Signal::Logs]);
    let closed = of("closed-loop").load.traces.unwrap().arrivals.process;
    assert_eq!(closed, ArrivalProcess::ClosedLoop { outstanding: 512 });
    let quickstart = of("quickstart");
    assert_eq!(quickstart.load.signals().count(), 3);
    assert_eq!(quickstart.faults.len(), 1);
    assert!(quickstart.expect.len() >= 8);
    assert_eq!(quickstart.client.sdk["OTEL_BSP_SCHEDULE_DELAY"], "200");
    assert_eq!(quickstart.client.sdk["OTEL_SPAN_LINK_COUNT_LIMIT"], "128");
}

#[test]
fn each_fits_the_schema_that_it_names() {
    let validator = jsonschema::validator_for(schema::scenario().as_value()).unwrap();
    for path in shipped() {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("# yaml-language-server: $schema=../schemas/scenario.schema.json\n"),
            "{}",
            path.display()
        );
        let value: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
    let value: serde_json::Value = serde_saphyr::from_str(STARTING).unwrap();
    assert!(validator.is_valid(&value));

    let storms = jsonschema::validator_for(schema::storm().as_value()).unwrap();
    for (name, text) in LIBRARY {
        let value: serde_json::Value = serde_saphyr::from_str(text).unwrap();
        assert!(storms.is_valid(&value), "{name}");
    }
}

#[test]
fn what_the_reader_refuses_the_schema_refuses_too() {
    let validator = jsonschema::validator_for(schema::scenario().as_value()).unwrap();
    for name in [
        "unknown_keys",
        "missing_basics",
        "missing_units",
        "wrong_units",
        "wrong_types",
        "empty_values",
        "unknown_choices",
        "bad_name",
        "sdk_variables",
        "out_of_range",
        "two_shapes",
    ] {
        let path = root(&format!("tests/malformed/{name}.yaml"));
        let text = std::fs::read_to_string(path).unwrap();
        let value: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert!(!validator.is_valid(&value), "{name}");
    }
}

#[test]
fn the_schemas_ranges_are_the_readers() {
    let schema = schema::scenario().to_value();
    let base = "scenario: x\nclient: { sdk: { OTEL_SPAN_EVENT_COUNT_LIMIT: 9999, OTEL_SPAN_LINK_COUNT_LIMIT: 9999 } }\nload: { traces: { rate: 1k/s }, logs: { rate: 1k/s }, metrics: { rate: 1k/s } }\n";
    let mut checked = 0;
    for (definition, path) in [
        ("ClientFile", "client"),
        ("RetryFile", "client.retry"),
        ("TracesFile", "load.traces"),
        ("LogsFile", "load.logs"),
        ("MetricsFile", "load.metrics"),
        ("AttributesFile", "load.traces.attributes"),
    ] {
        let properties = schema["$defs"][definition]["properties"]
            .as_object()
            .unwrap();
        for (key, property) in properties {
            let Some(max) = property["maximum"].as_u64() else {
                continue;
            };
            let min = property["minimum"].as_u64().unwrap();
            // Several clients need a producer each, and send no metrics.
            let base = match key.as_str() {
                "instances" => {
                    "scenario: x\nclient: { producers: 64 }\nload: { logs: { rate: 1k/s } }\n"
                }
                _ => base,
            };
            let set = |value: u64| load_text("x", base, &[format!("{path}.{key}={value}")]).is_ok();
            assert!(set(max) && set(min), "{path}.{key} refuses {min} or {max}");
            assert!(!set(max + 1), "{path}.{key} takes {}", max + 1);
            assert!(min == 0 || !set(min - 1), "{path}.{key} takes {}", min - 1);
            checked += 1;
        }
    }
    assert!(checked >= 11, "{checked}");
}

#[test]
fn the_committed_schemas_are_current() {
    for (file, schema) in [
        ("schemas/scenario.schema.json", schema::scenario()),
        ("schemas/storm.schema.json", schema::storm()),
        ("schemas/result.schema.json", schema::result()),
    ] {
        let committed = std::fs::read_to_string(root(file)).unwrap_or_default();
        assert!(
            committed == schema::printed(&schema),
            "{file} is not current: write it anew with `squall schema`"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_plan_and_schedule() {
    let path = root("scenarios/quickstart.yaml");
    let first = fingerprint(&plan(&path, &[]));
    assert_eq!(first, fingerprint(&plan(&path, &[])));
    assert_ne!(first, fingerprint(&plan(&path, &["seed=43"])));
    let mut other_seed = plan(&path, &["seed=43"]);
    other_seed.seed = 42;
    assert_eq!(first, fingerprint(&other_seed), "only the seed differs");
}

#[test]
fn overrides_reach_every_kind_of_leaf() {
    let path = root("scenarios/quickstart.yaml");
    let plan = plan(
        &path,
        &[
            "load.traces.rate=5k/s",
            "faults.0.at=3s",
            "load.logs.attributes.count=2",
            "client.headers.x-tenant=blue",
            "expect.0=lost <= 1%",
            "load.metrics.instruments=[gauge]",
        ],
    );
    let traces = plan.load.traces.as_ref().unwrap();
    assert_eq!(traces.arrivals.profile.rate_at(0), 5000.0);
    assert_eq!(plan.faults[0].start_ns, 3_000_000_000);
    assert_eq!(plan.load.logs.as_ref().unwrap().payload.attributes.count, 2);
    assert_eq!(plan.client.headers["x-tenant"].reveal(), "blue");
    assert_eq!(plan.expect[0].text, "lost <= 1%");
}

#[test]
fn a_stored_plan_is_read_back_and_asks_for_its_secrets() {
    let path = root("scenarios/quickstart.yaml");
    let first = plan(&path, &["client.headers.authorization=Bearer hunter2"]);
    let json = serde_json::to_string_pretty(&first).unwrap();
    assert!(!json.contains("hunter2"));

    let problems = load_text("plan.json", &json, &[]).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].help.as_deref(),
        Some("give it again: --set client.headers.authorization=...")
    );

    let again = ["client.headers.authorization=Bearer hunter2".to_owned()];
    assert_eq!(load_text("plan.json", &json, &again).unwrap(), first);

    // The same for what a target's program is given.
    let text = "scenario: x\nload: { logs: { rate: 10/s } }\ntarget:\n  process:\n    command: collector\n    env: { TOKEN: { env: PATH }, PLAIN: shown }\n";
    let secret = load_text("x.yaml", text, &[]).unwrap();
    let stored = serde_json::to_string_pretty(&secret).unwrap();
    assert!(stored.contains("shown") && !stored.contains(&std::env::var("PATH").unwrap()));
    let problems = load_text("plan.json", &stored, &[]).unwrap_err();
    let path = "targets.0.kind.process.secret_env.TOKEN";
    let help = format!("give it again: --set {path}=...");
    assert_eq!(problems[0].help.as_ref(), Some(&help));
    let given = load_text("plan.json", &stored, &[format!("{path}=12")]).unwrap();
    assert_eq!(given.targets.len(), 1);

    let later = json.replacen("\"format\": 2", "\"format\": 3", 1);
    let problems = load_text("plan.json", &later, &again).unwrap_err();
    assert!(problems[0].message.contains("format"), "{problems:?}");

    let wrong = [again[0].clone(), "run.nothing=1".to_owned()];
    assert!(load_text("plan.json", &json, &wrong).is_err());
}

#[test]
fn init_writes_a_scenario_that_passes_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let squall = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_squall"))
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    assert_eq!(squall(&["init"]).status.code(), Some(0));
    let written = std::fs::read_to_string(folder.path().join("scenario.yaml")).unwrap();
    assert_eq!(written, STARTING);
    assert_eq!(squall(&["check", "scenario.yaml"]).status.code(), Some(0));
    let again = squall(&["init", "scenario.yaml"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists and is not overwritten"));
}

#[test]
fn the_printed_plan_is_explicit_and_the_same_in_both_forms() {
    let print = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_squall"))
            .arg("plan")
            .args(arguments)
            .current_dir(root(""))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let yaml = print(&["scenarios/quickstart.yaml"]);
    let json = print(&["scenarios/quickstart.yaml", "--json"]);
    let from_yaml: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
    let from_json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(from_yaml, from_json);
    insta::assert_snapshot!("quickstart_plan", yaml);
}
