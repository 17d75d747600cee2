//! The timer for hyper.

use std::pin::Pin;
use std::time::{Duration, Instant};

use wakeful_core::time::{self, Instant as LoopInstant};

use crate::sleep::Sleep;

/// Timer for the timeouts of hyper, with the clock of the runtime, which a test can
/// [`pause`](wakeful_core::time::pause).
///
/// hyper requires sleeps that are `Send`. On the thread that made it, a sleep is a
/// [`wakeful::time::Sleep`](wakeful_core::time::Sleep), and a reset allocates nothing. On another
/// thread a poll spawns a task on the owner thread, which waits in its place. After the runtime has
/// ended, a sleep stays pending on other threads; on the owner thread it panics, as a `Sleep` does.
/// Dropped on another thread, it is sent back, as a [`ThreadBound`](wakeful_core::ThreadBound) is.
///
/// # Panics
///
/// Creating a sleep panics outside a runtime.
///
/// ```
/// use std::time::Duration;
/// use hyper::rt::Timer as _;
/// use wakeful_hyper::Timer;
///
/// wakeful::block_on(async {
///     wakeful::time::pause();
///     let timer = Timer::new();
///     let before = timer.now();
///     timer.sleep(Duration::from_secs(30)).await; // takes no time
///     assert_eq!(timer.now() - before, Duration::from_secs(30));
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer {
    _private: (),
}

impl Timer {
    /// Returns a timer for the runtime in which it is used.
    pub fn new() -> Timer {
        Timer::default()
    }
}

impl hyper::rt::Timer for Timer {
    #[track_caller]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep::new(time::sleep(duration)))
    }

    #[track_caller]
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep::new(time::sleep_until(deadline.into())))
    }

    fn now(&self) -> Instant {
        LoopInstant::now().into_std()
    }

    #[track_caller]
    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(ours) => ours.reset(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}
