# What people do with squall, one recipe each. `just --list` shows them.

set positional-arguments

# Show the recipes
default:
    @just --list

# Run the main job on a scenario
run scenario="scenarios/quickstart.yaml" *args:
    cargo run --release -- run {{scenario}} {{args}}

# Run the tests
test *args:
    cargo test {{args}}

# Run the tests with those of `via: toxiproxy` (needs OpenSSL's headers: libssl-dev, pkg-config)
test-toxiproxy *args:
    cargo test --features toxiproxy {{args}}

# Everything that must be clean before a commit
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo clippy --all-targets --features toxiproxy -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
    cargo deny check

# The main job over the shipped scenarios, then the criterion benches; SKIPPED where a scenario needs what is not there
bench:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --release
    # A client of scenarios/command-rust.yaml.
    cargo build --release --example command_client
    skip() { echo "SKIPPED $1: $2"; }
    has() { command -v "$1" > /dev/null; }
    packets() { target/release/squall doctor | grep -q '^packet links *possible'; }
    disks() { target/release/squall doctor | grep -q '^small disks *possible'; }
    for file in scenarios/*.yaml; do
        case "$file" in
            scenarios/soak.yaml) skip "$file" "it takes half an hour: just run $file"; continue ;;
            *target-otelcol.yaml) has otelcol-contrib || { skip "$file" "otelcol-contrib is not in PATH"; continue; } ;;
            *target-rotel*.yaml) has rotel || { skip "$file" "rotel is not in PATH"; continue; } ;;
            *command-python.yaml) python3 -c 'import opentelemetry.sdk, opentelemetry.exporter.otlp.proto' 2> /dev/null || { skip "$file" "python3 has no OpenTelemetry SDK"; continue; } ;;
            *full-disk.yaml) disks || { skip "$file" "squall doctor: small disks are not possible"; continue; } ;;
        esac
        if grep -q 'via: netns' "$file" && ! packets; then
            skip "$file" "squall doctor: packet links are not possible"
            continue
        fi
        target/release/squall run --quiet "$file"
    done
    cargo bench

# What generator and sink carry at most, beside prost at both ends and HTTP/2 alone; about a minute
ends rounds="5":
    SQUALL_ROUNDS={{rounds}} cargo bench --bench ends

# Find every problem of the shipped scenarios
check:
    cargo run --release -- check scenarios/*.yaml

# Write the JSON Schemas anew
schemas:
    cargo run -- schema scenario > schemas/scenario.schema.json
    cargo run -- schema result > schemas/result.schema.json

# Rebuild the reports of a stored run, the latest one by default
report run="latest":
    cargo run --release -- report {{run}}

# Tell what became of the items of a stored run, by cause
explain run="latest":
    cargo run --release -- explain {{run}}

# Look at snapshots that have changed, and accept them
snapshots:
    INSTA_UPDATE=always cargo test
    git diff --stat -- '*.snap'

# The walk and the full decoders agree on this many requests made at random
fuzz-walk requests="10000000" seed="1":
    SQUALL_FUZZ_REQUESTS={{requests}} SQUALL_FUZZ_SEED={{seed}} cargo test --release --test agreement -- --nocapture

# Simulate at length how often comparisons are wrong, with today as the seed; prints rates
calibrate-stats seed=`date -u +%Y%m%d`:
    SQUALL_STATS_SEED={{seed}} cargo test --release --lib stats:: -- --ignored --nocapture --test-threads 1

# Fuzz one target (walk, json, expression, scenario, toxiproxy); needs nightly Rust and cargo-fuzz
fuzz target seconds="60":
    mkdir -p fuzz/corpus/{{target}}
    cargo +nightly fuzz run {{target}} fuzz/corpus/{{target}} fuzz/seeds/{{target}} -- -max_total_time={{seconds}}

# Fuzz every target, five minutes in all
fuzz-all:
    for target in walk json expression scenario toxiproxy; do just fuzz $target 60 || exit 1; done

# Show that fuzzing finds a bug: fails unless it does
fuzz-planted seconds="120":
    mkdir -p fuzz/corpus/planted
    ! RUSTFLAGS="--cfg planted_bug" cargo +nightly fuzz run walk fuzz/corpus/planted fuzz/seeds/walk -- -max_total_time={{seconds}}
