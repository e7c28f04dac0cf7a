//! The house rules of DESIGN and ARCHITECTURE, read out of the sources: layers, banned calls,
//! lengths of files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a source file may have.
const LINES_MAX: usize = 500;

/// Each module's layer, from the bottom up. A module may use its own layer only where
/// `MAY_USE_EACH_OTHER` says so, and any layer that `MAY_USE` names.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "words",
        &[
            "signal",
            "ids",
            "metric",
            "evidence",
            "record",
            "stats",
            "units",
            "error_chain",
        ],
    ),
    ("ground", &["clock", "mapped", "journal"]),
    ("input", &["plan", "scenario", "fingerprint"]),
    (
        "machinery",
        &[
            "otlp",
            "load",
            "dns",
            "sdk",
            "limits",
            "link",
            "netns",
            "sink",
            "tap",
            "observe",
            "toxiproxy",
            "toxiproxy_client",
            "raw",
            "capture",
            "relay",
            "target",
        ],
    ),
    ("roles", &["role"]),
    ("conductor", &["topology", "drive"]),
    ("judgment", &["ledger", "judge", "capacity"]),
    ("output", &["store", "report"]),
    ("shell", &["cli", "error", "main", "lib"]),
];

const MAY_USE: &[(&str, &[&str])] = &[
    ("words", &["words"]),
    ("ground", &["words", "ground"]),
    ("input", &["words", "input"]),
    ("machinery", &["words", "ground", "input"]),
    ("roles", &["words", "ground", "input", "machinery", "roles"]),
    // The conductor speaks the roles' protocol and samples them.
    (
        "conductor",
        &["words", "ground", "input", "roles", "conductor"],
    ),
    ("judgment", &["words", "input", "judgment"]),
    ("output", &["words", "input", "output"]),
];

/// Uses across the table that are part of the design, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "words",
        "plan",
        "a record holds the plan that it is a record of",
    ),
    (
        "input",
        "capture",
        "a scenario that replays is checked against what it replays",
    ),
    ("machinery", "otlp", "the wire format is everybody's"),
    (
        "machinery",
        "load",
        "what is sent raw looks like what the SDK sends",
    ),
    (
        "machinery",
        "dns",
        "the client looks its peer up at our own name server",
    ),
    (
        "machinery",
        "link",
        "Toxiproxy's API is another way to command links",
    ),
    ("machinery", "sink", "the relay receives as the sink does"),
    (
        "conductor",
        "observe",
        "the conductor samples the roles' processes",
    ),
    (
        "conductor",
        "netns",
        "the conductor starts roles behind the doors of a packet link",
    ),
    (
        "conductor",
        "limits",
        "and limits them, which are its children",
    ),
    (
        "conductor",
        "target",
        "a limit on a target holds all that it has started",
    ),
    ("judgment", "error", "a verdict is an exit code"),
];

/// Calls that must not appear outside tests, with what to use instead; each with the files in which
/// it has its place.
const BANNED: &[(&str, &str, &[&str])] = &[
    (
        "println!",
        "return text and print it in cli",
        &["cli", "report/live"],
    ),
    (
        "eprintln!",
        "return an error, or print it in cli",
        &["cli", "report/live", "sdk", "role"],
    ),
    ("dbg!", "nothing", &[]),
    ("todo!", "the code itself", &[]),
    ("unimplemented!", "the code itself", &[]),
    ("process::exit", "a returned Exit", &["role/stdio"]),
    ("thread_rng", "a generator with the plan's seed", &[]),
    ("rand::rng()", "a generator with the plan's seed", &[]),
    ("unbounded_channel", "a bounded channel", &[]),
    (
        "unsafe {",
        "safe calls",
        &[
            "mapped",
            "netns/sys",
            "link/timer/kernel",
            "target/disk",
            "role/share",
        ],
    ),
    ("unsafe impl", "safe types", &["netns/sys"]),
    (
        "SystemTime::now",
        "clock",
        &[
            "clock",
            "cli/capacity",
            "cli/clean",
            "cli/compare",
            "cli/cost",
            "cli/selfcheck",
            "cli/session",
            "store",
        ],
    ),
];

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    files
}

/// Path below `src`, without `.rs`.
fn name(path: &Path) -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    path.strip_prefix(src)
        .unwrap()
        .with_extension("")
        .display()
        .to_string()
}

fn module(path: &Path) -> String {
    name(path).split('/').next().unwrap().to_owned()
}

fn layer_of(module: &str) -> Option<&'static str> {
    LAYERS
        .iter()
        .find(|(_, modules)| modules.contains(&module))
        .map(|(layer, _)| *layer)
}

/// The code before the file's tests, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    before_tests
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn is_test_code(path: &Path) -> bool {
    matches!(
        path.file_stem().and_then(|s| s.to_str()),
        Some("tests" | "fixture")
    )
}

#[test]
fn every_module_has_a_layer() {
    let without: Vec<String> = sources()
        .iter()
        .map(|path| module(path))
        .filter(|module| layer_of(module).is_none())
        .collect();
    assert!(without.is_empty(), "add to LAYERS: {without:?}");
}

#[test]
fn layers_are_kept() {
    let may_use: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut broken = Vec::new();
    for path in sources().iter().filter(|path| !is_test_code(path)) {
        let own = module(path);
        let Some(layer) = layer_of(&own) else {
            continue;
        };
        let Some(allowed) = may_use.get(layer) else {
            continue;
        };
        let code = code(path);
        for (used_layer, modules) in LAYERS {
            for used in modules.iter().filter(|used| **used != own) {
                let is_used = code.contains(&format!("crate::{used}::"))
                    || code.contains(&format!("crate::{used};"))
                    || code.contains(&format!("crate::{used}\n"));
                let excepted = EXCEPTIONS
                    .iter()
                    .any(|(from, to, _)| *from == layer && to == used);
                if is_used && !allowed.contains(used_layer) && !excepted {
                    broken.push(format!(
                        "{}: {layer} must not use {used} ({used_layer})",
                        name(path)
                    ));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn pure_layers_know_neither_runtime_nor_files() {
    let mut broken = Vec::new();
    for path in sources().iter().filter(|path| !is_test_code(path)) {
        let pure = matches!(layer_of(&module(path)), Some("words" | "judgment"));
        if !pure {
            continue;
        }
        let code = code(path);
        for banned in ["tokio", "std::fs", "std::net", "SystemTime", "Instant"] {
            if code.contains(banned) {
                broken.push(format!("{}: {banned}", name(path)));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn banned_calls_stay_out() {
    let mut broken = Vec::new();
    for path in sources().iter().filter(|path| !is_test_code(path)) {
        let code = code(path);
        for (call, instead, places) in BANNED {
            let at_home = places.iter().any(|place| name(path).starts_with(place));
            let used = code.lines().any(|line| {
                line.match_indices(call)
                    // `println!` is part of `eprintln!`.
                    .any(|(at, _)| at == 0 || !line.as_bytes()[at - 1].is_ascii_alphanumeric())
            });
            if used && !at_home {
                broken.push(format!("{}: {call}: use {instead}", name(path)));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources()
        .iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(path).unwrap().lines().count();
            (lines > LINES_MAX).then(|| format!("{}: {lines} lines", name(path)))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_file_says_what_is_in_it() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| name(path))
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}
