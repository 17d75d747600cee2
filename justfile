# One command an activity: `just`, or the line below it. `.ci/run` runs the same.

# All activities.
default:
    @just --list

# Formats the sources.
fmt:
    cargo fmt --all

# The lints, as CI has them.
clippy:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# The documentation, without warnings.
doc:
    RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --all-features

# Everything: unit tests, integration tests, doc examples, the tidy test.
test *args:
    cargo test {{ args }}

# Workloads under faults on purpose, over so many seeds.
faults seeds="10000":
    WAKEFUL_FAULT_SEEDS={{ seeds }} cargo test -p wakeful-tests --features faults --test faults

# One seed of them.
fault seed:
    WAKEFUL_FAULT_SEED={{ seed }} cargo test -p wakeful-tests --features faults --test faults -- --nocapture

# User code that does anything, in all builds: so many seeds of each test, or `600s` for all together.
chaos amount="100000":
    .ci/chaos {{ amount }}

# The models of the wake and sleep protocols, over all interleavings up to a bound.
loom bound="3":
    RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS={{ bound }} CARGO_TARGET_DIR=target/loom \
        cargo test --release -p wakeful --lib models

# The same models, and longer ones, in so many random schedules each.
schedules count="2000":
    RUSTFLAGS="--cfg shuttle" WAKEFUL_SCHEDULES={{ count }} CARGO_TARGET_DIR=target/shuttle \
        cargo test --profile smoke -p wakeful --lib models

# The tests, or those targets, under the address sanitizer, which also finds leaks.
asan *targets:
    .ci/sanitize address {{ targets }}

# The tests of threads, or those targets, under the thread sanitizer; takes `rustup component add rust-src`.
tsan *targets:
    .ci/sanitize thread {{ targets }}

# What runs on a single thread, or those targets, under valgrind.
valgrind *targets:
    .ci/sanitize valgrind {{ targets }}

# Bad clients in great numbers against the examples.
load *args:
    cargo build --release --examples -p wakeful-examples
    .ci/load {{ args }}

# One target under libFuzzer: kv, http, tasks or timers. `cargo install cargo-fuzz` before.
fuzz target seconds="600":
    mkdir -p target/fuzz/corpus/{{ target }}
    RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=target/fuzz cargo fuzz run --fuzz-dir tests/fuzz {{ target }} \
        target/fuzz/corpus/{{ target }} tests/fuzz/seeds/{{ target }} -- -max_total_time={{ seconds }} -timeout=20

# What tokio-console shows, asked of console-subscriber.
console:
    .ci/console

# Compiles the benchmarks and runs each once, to see that they still work.
bench-smoke:
    cargo test --profile smoke -p wakeful-benches --benches

# Wakeful beside other runtimes: writes target/compare/report.html. With `--quick` only in short.
compare *args:
    cargo run --release -p wakeful-benches --bin compare -- {{ args }}

# What has to hold before a change goes in.
ci:
    .ci/run
