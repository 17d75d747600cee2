//! Shutdown of the executor, in this order:
//!
//! 1. `abort_all`, if the runtime shuts down with a deadline: each task is marked and queued, and
//!    the loop drops its future. From here on new tasks are cancelled as they are spawned.
//! 2. `cancel_all`: the remaining futures are dropped, then the custom orders, then the future of
//!    `block_on`. This runs user code.
//! 3. `release_remaining`: the queues are emptied, and tasks that are still referenced are merged:
//!    each takes a count of the executor's `Arc`, and is freed with its last reference, on
//!    whichever thread. The remote queue is closed and emptied.

use std::collections::HashSet;

use super::tasks::TaskIter;
use super::{ClassQueue, Executor};
use crate::task::Id;
use crate::task::lifecycle;
use crate::task::release;
use crate::task::state::QUEUED;

impl Executor {
    /// Lets tasks be cancelled as they are spawned, from here on.
    fn close(&self) {
        self.closing.set(true);
        self.slow_spawn.set(true);
        self.tasks.pin();
    }

    /// Aborts every task. The loop drops their futures when it takes them out of the queue; tasks
    /// that are spawned later are cancelled at once.
    pub(crate) fn abort_all(&self) {
        self.close();
        let mut iter = TaskIter::default();
        while let Some(task) = self.tasks.next(&mut iter) {
            if Some(task) != self.main.get() {
                lifecycle::abort_here::<ClassQueue>(task);
            }
        }
    }

    /// Aborts the tasks with these ids.
    pub(super) fn abort_some(&self, ids: &HashSet<Id>) {
        if self.is_released() {
            return;
        }
        let mut iter = TaskIter::default();
        while let Some(task) = self.tasks.next(&mut iter) {
            // SAFETY: the tasks of the iteration are alive: an abort frees none.
            if ids.contains(&unsafe { task.as_ref() }.id) {
                lifecycle::abort_here::<ClassQueue>(task);
            }
        }
    }

    /// Drops every future. The drops may wake, spawn and abort; new tasks are cancelled at once.
    pub(crate) fn cancel_all(&self) {
        self.close();
        let main = self.main.get();
        let mut iter = TaskIter::default();
        // A drop may spawn a task that the iteration misses, but that is cancelled already.
        while let Some(task) = self.tasks.next(&mut iter) {
            // A task that is not whole is done, or is being cancelled further up the stack.
            if Some(task) != main && lifecycle::is_whole(task) {
                // SAFETY: owner thread; whole; not running, as the loop has ended.
                unsafe { lifecycle::cancel::<ClassQueue>(task) };
            }
        }
        self.drop_orders();
        // The main task is the last: user code that ran before may have reached it through `main`.
        if let Some(main) = self.main.take() {
            // SAFETY: owner thread; it is cancelled here alone, once; not running, as the loop has
            // ended.
            unsafe { lifecycle::cancel::<ClassQueue>(main) };
        }
    }

    /// Leaves each task that is still referenced to the holders of its references, and closes the
    /// remote queue. The only user code that runs in here is the drops of calls that came too late.
    pub(crate) fn release_remaining(&self) {
        self.released.set(true);
        self.each_queue(|queue| {
            // All tasks are done, so dropping a `Runnable` releases its reference.
            while let Some(task) = queue.run_queue.pop() {
                drop(task);
            }
        });
        let mut iter = TaskIter::default();
        while let Some(task) = self.tasks.next(&mut iter) {
            // SAFETY: the tasks of the iteration are alive.
            let state = unsafe { &(*task.as_ptr()).state };
            if state.is(QUEUED) {
                // A `Ready` of the user holds the task, with a reference of its own.
                state.clear(QUEUED);
                // SAFETY: the scheduler's reference, as the task is done and no longer queued.
                unsafe { release::drop_here(task) };
            }
            // SAFETY: owner thread; the queue is empty and all tasks are done. The tasks of the
            // iteration are still referenced, or they would have been freed.
            unsafe { lifecycle::merge::<ClassQueue>(task) };
        }
        self.tasks.clear();
        self.remote.close();
        self.empty_closed();
        if let Some(observer) = self.observer() {
            observer.marker().end();
        }
    }
}
