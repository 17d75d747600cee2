//! Time for tests: it stands still, and jumps.

use std::rc::Rc;
use std::time::Duration;

use super::clock::nanos;
use crate::reactor::current;

/// Stops the clock of this runtime. From then on it moves by [`advance`], and by itself when the
/// loop has nothing to do: it then jumps to the next timer.
///
/// It does not jump while a result of [`spawn_blocking`](crate::spawn_blocking) is awaited, nor
/// before the sockets were asked once. It can't know what other threads and processes are about to
/// send; a test that waits for those should not stop the clock.
///
/// # Panics
///
/// If the clock is stopped already, or outside a runtime.
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
    // Not inside `with`: timers that are due fire, and what they wake may do anything.
    let reactor = current::with(Rc::clone);
    assert!(
        !reactor.timers().clock.is_paused(),
        "`time::pause`: the clock is stopped already"
    );
    reactor.pause_clock();
}

/// Lets the clock of this runtime go on, from where it stands.
///
/// # Panics
///
/// If the clock is not stopped, or outside a runtime.
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
            "`time::resume`: the clock is not stopped"
        );
        reactor.timers().clock.resume();
    });
}

/// Moves a stopped clock on by `duration`, and lets the tasks run whose timers that reaches. It goes on to 292
/// years from its beginning at most, some 200 from now; the clock does not jump to timers beyond that either.
///
/// # Panics
///
/// If the clock is not stopped, or outside a runtime.
///
/// # Cancel safety
///
/// The clock has moved as soon as this was polled once.
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
        "`time::advance`: stop the clock with `pause` first"
    );
    let target = timers.clock.now().saturating_add(nanos(duration));
    timers.clock.advance_to(target);
    timers.read_clock();
    crate::task::yield_now().await;
}
