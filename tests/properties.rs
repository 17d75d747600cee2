//! What holds for every sequence of operations, against a reference that is too simple to be wrong.
//! `PROPTEST_CASES=4096` tries sixteen times as many as usual.

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

/// 256 cases, unless the environment asks for others; nothing is left behind.
fn config() -> Config {
    Config {
        failure_persistence: None,
        ..Config::default()
    }
}
