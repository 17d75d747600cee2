//! `wakeful::sync`: channels, locks and events for the tasks of one thread.

mod support;

#[path = "sync/barrier.rs"]
mod barrier;
#[path = "sync/broadcast.rs"]
mod broadcast;
#[path = "sync/cancellation.rs"]
mod cancellation;
#[path = "sync/hostile.rs"]
mod hostile;
#[path = "sync/mpsc.rs"]
mod mpsc;
#[path = "sync/mutex.rs"]
mod mutex;
#[path = "sync/notify.rs"]
mod notify;
#[path = "sync/once_cell.rs"]
mod once_cell;
#[path = "sync/oneshot.rs"]
mod oneshot;
#[path = "sync/poll.rs"]
mod poll;
#[path = "sync/rwlock.rs"]
mod rwlock;
#[path = "sync/semaphore.rs"]
mod semaphore;
#[path = "sync/set_once.rs"]
mod set_once;
#[path = "sync/user_code.rs"]
mod user_code;
#[path = "sync/watch.rs"]
mod watch;

/// The first line of the message about a guard names the types to use instead.
#[test]
fn a_lock_or_guard_that_is_sent_to_a_thread_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/sync/guard.rs");
    cases.compile_fail("ui/sync/rc_mutex.rs");
}
