//! A stand-in for the runtime, with the functions that the attributes call.
#![allow(dead_code)] // each test uses a part of it

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

thread_local! {
    static CALLS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

fn record(call: &'static str) {
    CALLS.with_borrow_mut(|calls| calls.push(call));
}

/// Returns the calls since the last call of this function, in order.
pub fn calls() -> Vec<&'static str> {
    CALLS.take()
}

pub struct Builder;
pub struct Runtime;

impl Builder {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Builder {
        record("new");
        Builder
    }

    pub fn name(&mut self, name: &str) -> &mut Builder {
        record(match name {
            "metrics" => "name(metrics)",
            _ => "name(?)",
        });
        self
    }

    pub fn start_paused(&mut self, paused: bool) -> &mut Builder {
        record(if paused {
            "start_paused(true)"
        } else {
            "start_paused(false)"
        });
        self
    }

    pub fn detect_stalls(&mut self, threshold: Duration) -> &mut Builder {
        record(match threshold.as_millis() {
            1000 => "detect_stalls(1s)",
            100 => "detect_stalls(100ms)",
            _ => "detect_stalls(?)",
        });
        self
    }

    pub fn detect_deadlocks(&mut self, _: bool) -> &mut Builder {
        record("detect_deadlocks");
        self
    }

    pub fn fail_on_deadlock(&mut self) -> &mut Builder {
        record("fail_on_deadlock");
        self
    }

    pub fn max_poll(&mut self, limit: Duration) -> &mut Builder {
        record(match limit.as_micros() {
            5000 => "max_poll(5ms)",
            7 => "max_poll(7us)",
            _ => "max_poll(?)",
        });
        self
    }

    pub fn build(&mut self) -> io::Result<Runtime> {
        record("build");
        Ok(Runtime)
    }
}

impl Runtime {
    /// Polls until the future is ready. No future here waits for an event.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        record("block_on");
        let mut future = pin!(future);
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        record("drop");
    }
}

/// A runtime that cannot be built.
pub mod broken {
    use std::io;

    pub struct Builder;

    impl Builder {
        #[allow(clippy::new_without_default)]
        pub fn new() -> Builder {
            Builder
        }

        pub fn build(&mut self) -> io::Result<super::Runtime> {
            Err(io::Error::other("no descriptors left"))
        }
    }
}
