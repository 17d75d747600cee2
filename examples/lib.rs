//! The examples are the targets of this package: `cargo run --example NAME`.
