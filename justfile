# One command an activity: `just`, or the line below it. `.ci/run` runs the same.

# All activities.
default:
    @just --list

# Formats the sources.
fmt:
    cargo fmt --all

# The lints, as CI has them.
clippy:
    cargo clippy --all-targets --all-features -- -D warnings

# The documentation, without warnings.
doc:
    RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --all-features

# Everything: unit tests, integration tests, doc examples, the tidy test.
test *args:
    cargo test {{ args }}

# The models of the wake and sleep protocols, over all interleavings up to a bound.
loom bound="3":
    RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS={{ bound }} CARGO_TARGET_DIR=target/loom \
        cargo test --release -p wakeful --lib models

# The runtime's tests under the address sanitizer (nightly).
asan:
    RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/asan \
        cargo +nightly test -p wakeful -p wakeful-net -p wakeful-tests --lib --tests \
        --target "$(rustc -vV | sed -n 's/^host: //p')" -- --skip messages

# The same under the thread sanitizer (nightly with rust-src, because std is instrumented too).
tsan:
    RUSTFLAGS=-Zsanitizer=thread CARGO_TARGET_DIR=target/tsan \
        cargo +nightly test -Zbuild-std -p wakeful -p wakeful-net -p wakeful-tests --lib --tests \
        --target "$(rustc -vV | sed -n 's/^host: //p')" -- --skip messages

# Compiles the benchmarks and runs each once, to see that they still work.
bench-smoke:
    cargo test --release -p wakeful-benches --benches

# What has to hold before a change goes in.
ci:
    .ci/run
