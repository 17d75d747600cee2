//! Ends of polls, and the reports of those that panicked or took too long.

use super::level::Trouble;
use super::reader::take;
use super::record::Code;
use super::shared::{Origin, Shared};
use super::table::TaskKey;
use super::words::End;
use crate::unwind::catch_panic;

/// Records the end of the running poll, and reports a panic or a stall.
#[cold]
pub(super) fn end_poll(shared: &Shared, result: End) {
    let (_, task) = shared.set_origin(Origin::Outside, 0);
    let (began, cause) = shared.poll.get();
    let stamps = shared.now().saturating_sub(began);
    let seq = shared.push_at(began, Code::Poll, result as u8, stamps, task, cause);
    if let Some(key) = TaskKey::from_word(task) {
        shared.count_poll(key, stamps, seq == 0);
    }
    if stamps > shared.short {
        may_have_stalled(shared, began, stamps, task);
    }
    if result == End::Panicked {
        report(shared, Trouble::Panicked);
    }
}

#[cold]
fn may_have_stalled(shared: &Shared, began: u64, stamps: u64, task: u64) {
    let length = shared.length(stamps);
    if length > shared.stall {
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        shared.push_at(began, Code::Stall, 0, 0, task, nanos);
        report(shared, Trouble::Stalled);
    }
}

#[cold]
fn report(shared: &Shared, trouble: Trouble) {
    if let Some(hook) = &shared.hook {
        let snapshot = take(shared);
        // The hook may be called during a panic, and must not end the loop.
        catch_panic(|| hook.call(trouble, &snapshot));
    }
}
