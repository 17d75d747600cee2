//! The benchmarks are the targets of this package: `cargo bench -p wakeful-benches` for the small
//! things beside tokio, `cargo run --release -p wakeful-benches --bin compare` for the comparison
//! with the other runtimes.
//!
//! It is no default member, so that `cargo test` does not compile the peers.
