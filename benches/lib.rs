//! The benchmarks are the targets of this package: `cargo bench -p wakeful-benches` compares single
//! operations with tokio, `cargo run --release -p wakeful-benches --bin compare` compares Wakeful
//! with other runtimes.
//!
//! It is not a default member, so that `cargo test` does not compile the other runtimes.
