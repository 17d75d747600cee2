//! Workloads on a runtime whose waits, events and system calls fail on purpose: nothing may be
//! lost, and nothing may hang. A seed decides which faults happen.
//!
//! `WAKEFUL_FAULT_SEEDS=10000` runs 10,000 seeds instead of 300, `WAKEFUL_FAULT_SEED=7` only that
//! one. A seed that fails prints the command that repeats it.

#[path = "faults/campaign.rs"]
mod campaign;
#[path = "faults/cases.rs"]
mod cases;
#[path = "faults/echo.rs"]
mod echo;
#[path = "faults/requests.rs"]
mod requests;
#[path = "faults/timers.rs"]
mod timers;

/// The example, with its own tests.
#[allow(dead_code, reason = "its `main` is not called")]
#[path = "../examples/kv/main.rs"]
mod kv;

use wakeful::faults::Kind;

use campaign::campaign;

#[test]
fn echo_loses_no_byte_under_faults() {
    let kinds = [
        Kind::Interrupted,
        Kind::WouldBlock,
        Kind::Short,
        Kind::Early,
        Kind::LateEvent,
        Kind::Split,
        Kind::Twice,
        Kind::Spurious,
        Kind::Reordered,
        Kind::NoDescriptors,
        Kind::Aborted,
    ];
    campaign("echo_loses_no_byte_under_faults", &kinds, echo::run);
}

#[test]
fn kv_answers_every_request_under_faults() {
    let kinds = [
        Kind::Interrupted,
        Kind::WouldBlock,
        Kind::Short,
        Kind::Early,
        Kind::LateEvent,
        Kind::Spurious,
        Kind::NoDescriptors,
        Kind::Aborted,
    ];
    campaign(
        "kv_answers_every_request_under_faults",
        &kinds,
        requests::run,
    );
}

#[test]
fn timers_and_remote_wakes_work_under_faults() {
    let kinds = [Kind::Early, Kind::LateNotify, Kind::ClockStands];
    campaign(
        "timers_and_remote_wakes_work_under_faults",
        &kinds,
        timers::run,
    );
}
