//! An abort of a task that is still on its way to the loop's thread.

use std::future::pending;

use loom::sync::Arc;
use loom::thread;

use super::model;
use super::support::{Flaw, Held, Runtime};
use crate::primitives::OnceLock;
use crate::primitives::atomic::{AtomicBool, Ordering};
use crate::runtime::Stop;
use crate::task::AbortHandle;

/// The loop arms, another thread asks: the task is cancelled, or the loop would sleep for ever.
fn asked_while_it_is_armed<S: Send + Sync + Default + 'static>(
    arm: fn(&S, AbortHandle),
    ask: fn(&S),
) {
    let lo = Runtime::new(Flaw::None);
    let task = lo.spawn(pending::<()>());
    let stop = Arc::new(S::default());
    let asker = stop.clone();
    let thread = thread::spawn(move || ask(&asker));
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

/// A copy of `Stop` whose two sides write first and read second, but with no fence between.
#[derive(Default)]
struct Unfenced {
    task: OnceLock<AbortHandle>,
    asked: AtomicBool,
}

impl Unfenced {
    fn carry_out(&self) {
        if self.asked.load(Ordering::Acquire)
            && let Some(task) = self.task.get()
        {
            task.abort();
        }
    }
}

#[test]
fn asked_before_or_after() {
    model(|| asked_while_it_is_armed(Stop::arm, Stop::request));
}

#[test]
#[cfg_attr(shuttle, ignore = "takes a weaker memory than shuttle has")]
#[should_panic(expected = "deadlock")]
fn without_the_fence() {
    model(|| {
        asked_while_it_is_armed::<Unfenced>(
            |stop, task| {
                let _ = stop.task.set(task);
                stop.carry_out();
            },
            |stop| {
                stop.asked.store(true, Ordering::Release);
                stop.carry_out();
            },
        );
    });
}
