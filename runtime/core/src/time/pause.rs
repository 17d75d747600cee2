//! Virtual time for tests: a clock that is stopped and jumps.

use std::rc::Rc;
use std::time::Duration;

use super::clock::nanos;
use crate::reactor::current;

/// Stops the clock of this runtime. From then on it is moved by [`advance`]; and when no task is
/// ready, it jumps to the next timer.
///
/// It does not jump while a result of [`spawn_blocking`](crate::spawn_blocking) or of a file
/// operation is awaited, nor before the descriptors have been checked for events. It can't know
/// what other threads and processes are about to send; a test that waits for them should not stop
/// the clock.
///
/// # Panics
///
/// If the clock is already stopped, or outside a runtime.
///
/// ```
/// use std::time::Duration;
/// use wakeful::time::{Instant, pause, sleep};
///
/// wakeful::block_on(async {
///     pause();
///     let before = Instant::now();
///     sleep(Duration::from_secs(3600)).await; // takes no time
///     assert_eq!(before.elapsed(), Duration::from_secs(3600));
/// });
/// ```
#[track_caller]
pub fn pause() {
    // Not inside `with`: timers that are due fire, and their wakers may run user code.
    let reactor = current::with(Rc::clone);
    assert!(
        !reactor.timers().clock.is_paused(),
        "`time::pause`: the clock is paused already"
    );
    reactor.pause_clock();
    reactor.notify_host();
}

/// Lets the clock of this runtime continue from the time at which it was stopped.
///
/// # Panics
///
/// If the clock is not paused, or outside a runtime.
///
/// ```
/// use wakeful::time::{Instant, pause, resume};
///
/// wakeful::block_on(async {
///     pause();
///     let before = Instant::now();
///     assert_eq!(Instant::now(), before);
///     resume();
///     assert!(Instant::now() >= before);
/// });
/// ```
#[track_caller]
pub fn resume() {
    current::with(|reactor| {
        assert!(
            reactor.timers().clock.is_paused(),
            "`time::resume`: the clock is not paused"
        );
        reactor.timers().clock.resume();
        reactor.notify_host();
    });
}

/// Moves a stopped clock forward by `duration`, and runs the tasks whose timers become due. The
/// clock stops at 292 years from the beginning of its range, some 200 years from now, and does not
/// jump to timers beyond that either.
///
/// # Panics
///
/// If the clock is not paused, or outside a runtime.
///
/// # Cancel safety
///
/// The clock moves at the first poll, also if the future is dropped afterwards.
///
/// ```
/// use std::time::Duration;
/// use wakeful::time::{advance, pause, sleep};
///
/// wakeful::block_on(async {
///     pause();
///     let task = wakeful::spawn(async { sleep(Duration::from_secs(60)).await });
///     wakeful::task::yield_now().await; // the task begins to sleep
///     advance(Duration::from_secs(60)).await;
///     assert!(task.is_finished());
/// });
/// ```
pub async fn advance(duration: Duration) {
    // As in `pause`.
    let reactor = current::with(Rc::clone);
    let timers = reactor.timers();
    assert!(
        timers.clock.is_paused(),
        "`time::advance`: the clock is not paused: call `pause` first"
    );
    let target = timers.clock.now().saturating_add(nanos(duration));
    timers.clock.advance_to(target);
    timers.read_clock();
    reactor.notify_host();
    crate::task::yield_now().await;
}
