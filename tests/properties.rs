//! Properties of all sequences of operations, checked against simple references.
//! `PROPTEST_CASES=4096` runs sixteen times as many cases as the default.

use proptest::test_runner::Config;

#[path = "properties/bytes.rs"]
mod bytes;
#[path = "properties/locks.rs"]
mod locks;
#[path = "properties/order.rs"]
mod order;
#[path = "properties/sets.rs"]
mod sets;
#[path = "support/mod.rs"]
mod support;

/// 256 cases, unless the environment sets another number; failures are not stored in files.
fn config() -> Config {
    Config {
        failure_persistence: None,
        ..Config::default()
    }
}
