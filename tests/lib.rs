//! The tests are the targets of this package: `cargo test`.
