//! The benchmarks are the targets of this package: `cargo bench -p wakeful-benches`.
//!
//! It is no default member, so that `cargo test` does not compile the peers.
