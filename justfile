# One command for each activity. `.ci/run` runs the same commands.

# Lists the recipes.
default:
    @just --list

# Formats the sources.
fmt:
    cargo fmt --all

# Lints with all features, and with the default ones.
clippy:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Builds the API documentation; a warning is an error.
doc:
    RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --exclude wakeful-benches --no-deps --all-features

# Builds the web book with the guide and the course: target/book/html/index.html.
book:
    scripts/book

# Checks licences, advisories and sources of dependencies. `cargo install --locked cargo-deny` first.
deny:
    cargo deny check

# Runs unit tests, integration tests, doc examples and the tidy test.
test *args:
    cargo test {{ args }}

# Runs workloads under deliberate faults, one run for each seed.
faults seeds="10000":
    WAKEFUL_FAULT_SEEDS={{ seeds }} cargo test -p wakeful-tests --features faults --test faults

# Repeats one seed.
fault seed:
    WAKEFUL_FAULT_SEED={{ seed }} cargo test -p wakeful-tests --features faults --test faults -- --nocapture

# Runs the models of the protocols between threads, in all interleavings up to a bound.
loom bound="3":
    RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS={{ bound }} CARGO_TARGET_DIR=target/loom \
        cargo test --release -p wakeful-core --lib models

# Runs the same models, and longer ones, in `count` random schedules each.
schedules count="2000":
    RUSTFLAGS="--cfg shuttle" WAKEFUL_SCHEDULES={{ count }} CARGO_TARGET_DIR=target/shuttle \
        cargo test --profile smoke -p wakeful-core --lib models

# Runs all tests, or the given targets, under the address sanitizer, which also finds leaks.
asan *targets:
    scripts/sanitize address {{ targets }}

# Runs the tests that use threads, or the given targets, under the thread sanitizer. Needs rust-src.
tsan *targets:
    scripts/sanitize thread {{ targets }}

# Runs the single-threaded tests, or the given targets, under valgrind.
valgrind *targets:
    scripts/sanitize valgrind {{ targets }}

# Runs thousands of hostile clients against the examples.
load *args:
    cargo build --release --examples -p wakeful-examples
    scripts/load {{ args }}

# Fuzzes one target: kv, http, tasks or timers. `cargo install cargo-fuzz` before.
fuzz target seconds="600":
    mkdir -p target/fuzz/corpus/{{ target }}
    RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=target/fuzz cargo fuzz run --fuzz-dir tests/fuzz {{ target }} \
        target/fuzz/corpus/{{ target }} tests/fuzz/seeds/{{ target }} -- -max_total_time={{ seconds }} -timeout=20

# Checks what tokio-console would show, through console-subscriber.
console:
    scripts/console

# Tests user code that does anything, in all builds: n seeds of each test, or `600s` for all.
chaos amount="100000":
    scripts/chaos {{ amount }}

# Compiles the benchmarks and runs each once, to check that they work.
bench-smoke:
    cargo test --profile smoke -p wakeful-benches --benches

# Compares Wakeful with other runtimes: writes target/compare/report.html. `--quick` is shorter.
compare *args:
    cargo run --release -p wakeful-benches --bin compare -- {{ args }}

# Writes the tables of docs/src/benchmarks.md and of the README, in about ten minutes. Needs an idle
# machine.
benchmarks-page:
    cargo run --release -p wakeful-benches --bin compare -- --samples 3 --net-percent 25 \
        --write docs/src/benchmarks.md,README.md

# Checks other systems and processors, refused system calls, old versions and sets of features.
nightly *steps:
    scripts/nightly {{ steps }}

# Runs all that a change has to pass.
ci:
    .ci/run
