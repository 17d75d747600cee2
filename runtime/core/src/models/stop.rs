//! Models of an abort of a task that another thread spawned and the loop has not received yet.

use std::future::pending;

use loom::sync::Arc;
use loom::thread;

use super::model;
use super::support::{Flaw, Held, Runtime};
use crate::primitives::OnceLock;
use crate::primitives::atomic::{AtomicBool, Ordering};
use crate::runtime::Stop;
use crate::task::AbortHandle;

/// The loop arms the `Stop` while another thread requests the abort. If the request were lost, the
/// task would not be cancelled and the loop would sleep forever.
fn requested_while_it_is_armed<S: Send + Sync + Default + 'static>(
    arm: fn(&S, AbortHandle),
    request: fn(&S),
) {
    let lo = Runtime::new(Flaw::None);
    let task = lo.spawn(pending::<()>());
    let stop = Arc::new(S::default());
    let shared = stop.clone();
    let thread = thread::spawn(move || request(&shared));
    let mut held = Held::new((lo, task, stop));
    let (lo, task, stop) = &mut *held;
    arm(stop, task.abort_handle());
    lo.run_until_finished(task);
    assert!(task.try_take().unwrap().unwrap_err().is_cancelled());
    thread.join().unwrap();
    let (lo, task, stop) = held.take();
    drop((task, stop));
    lo.end();
}

/// A copy of `Stop` whose two sides write, then read, without a fence in between.
#[derive(Default)]
struct Unfenced {
    task: OnceLock<AbortHandle>,
    requested: AtomicBool,
}

impl Unfenced {
    fn carry_out(&self) {
        if self.requested.load(Ordering::Acquire)
            && let Some(task) = self.task.get()
        {
            task.abort();
        }
    }
}

#[test]
fn a_request_before_or_after_the_arming_cancels() {
    model(|| requested_while_it_is_armed(Stop::arm, Stop::request));
}

#[test]
#[cfg_attr(shuttle, ignore = "fails only in a weaker memory model than shuttle's")]
#[should_panic(expected = "deadlock")]
fn without_the_fence() {
    model(|| {
        requested_while_it_is_armed::<Unfenced>(
            |stop, task| {
                let _ = stop.task.set(task);
                stop.carry_out();
            },
            |stop| {
                stop.requested.store(true, Ordering::Release);
                stop.carry_out();
            },
        );
    });
}
