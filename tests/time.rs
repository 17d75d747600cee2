//! Timers, timeouts, intervals and the clock. Durations are tested with a paused clock; the
//! system's clock is only used to show that no timer fires early.

#[path = "time/clock.rs"]
mod clock;
#[path = "time/interval.rs"]
mod interval;
#[path = "time/sleep.rs"]
mod sleep;
#[path = "time/syscalls.rs"]
mod syscalls;
#[path = "time/timeout.rs"]
mod timeout;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use wakeful::Runtime;

/// Returns a runtime whose clock is paused from the start.
fn paused() -> Runtime {
    Runtime::builder()
        .start_paused(true)
        .build()
        .expect("the system has descriptors left")
}

/// Runs `future` with the clock paused.
fn with_paused_clock<F: Future>(future: F) -> F::Output {
    paused().block_on(future)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns the message of the panic of `f`.
fn panic_message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast::<&str>().expect("a text").to_string(),
    }
}

/// A waker that counts its wakes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
