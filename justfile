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

# The tests under the address sanitizer, which also finds leaks. What counts syscalls is left out: a
# process can't be traced by strace and searched for leaks at once.
asan:
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address --cfg wakeful_plain_alloc" CARGO_TARGET_DIR=target/asan \
        cargo test -p wakeful -p wakeful-tests --lib --tests \
        --target "$(rustc -vV | sed -n 's/^host: //p')" -- \
        --skip messages --skip no_syscall --skip without_a_syscall --skip one_read_and_one_write

# The tests of threads under the thread sanitizer. It does not know fences, and std is not
# instrumented: a report that names `fence`, or only std, is to be judged by hand.
tsan:
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer" \
        CARGO_TARGET_DIR=target/tsan \
        cargo test -p wakeful-tests --test wakers --test handles --test remote \
        --target "$(rustc -vV | sed -n 's/^host: //p')"

# Compiles the benchmarks and runs each once, to see that they still work.
bench-smoke:
    cargo test --release -p wakeful-benches --benches

# What has to hold before a change goes in.
ci:
    .ci/run
