//! The end of all tasks: they are asked to end, or cancelled, and what is left of them is given to
//! those who hold references.

use super::tasks::TaskIter;
use super::{ClassQueue, Executor};
use crate::task::lifecycle;
use crate::task::release;
use crate::task::state::QUEUED;

impl Executor {
    /// From here on a task is cancelled as it is spawned.
    fn close(&self) {
        self.closing.set(true);
        self.slow_spawn.set(true);
        self.tasks.pin();
    }

    /// Asks every task to end. They are dropped as the loop comes to them; later spawns are
    /// cancelled at once.
    pub(crate) fn abort_all(&self) {
        self.close();
        let mut walk = TaskIter::default();
        while let Some(task) = self.tasks.next(&mut walk) {
            if Some(task) != self.main.get() {
                lifecycle::abort_here::<ClassQueue>(task);
            }
        }
    }

    /// Drops every future. What they drop may wake, spawn and abort; the new ones are cancelled at
    /// once.
    pub(crate) fn cancel_all(&self) {
        self.close();
        let main = self.main.get();
        let mut walk = TaskIter::default();
        // A drop may spawn behind the walk, but only a task that is cancelled already.
        while let Some(task) = self.tasks.next(&mut walk) {
            // One that is not whole is done, or being cancelled by a spawn further up the stack.
            if Some(task) != main && lifecycle::is_whole(task) {
                // SAFETY: owner thread; whole; not running, as the loop has ended.
                unsafe { lifecycle::cancel::<ClassQueue>(task) };
            }
        }
        self.drop_orders();
        // The last, as all that runs before is user code, which may reach it through `main`.
        if let Some(main) = self.main.take() {
            // SAFETY: owner thread; only this cancels it, once; not running, as the loop has ended.
            unsafe { lifecycle::cancel::<ClassQueue>(main) };
        }
    }

    /// Hands what is still referenced to those who hold it, and closes the way in. No user code
    /// runs in here but the drops of calls that came too late.
    pub(crate) fn release_remaining(&self) {
        self.released.set(true);
        self.each_queue(|queue| {
            // All are done, so this gives the references up.
            while let Some(task) = queue.run_queue.pop() {
                drop(task);
            }
        });
        let mut walk = TaskIter::default();
        while let Some(task) = self.tasks.next(&mut walk) {
            // SAFETY: what a walk meets is alive.
            let state = unsafe { &(*task.as_ptr()).state };
            if state.is(QUEUED) {
                // In the hands of someone who keeps a `Ready`, which has a reference.
                state.clear(QUEUED);
                // SAFETY: the scheduler's reference, as the task is done and no longer queued.
                unsafe { release::drop_here(task) };
            }
            // SAFETY: owner thread; the queue is empty and all are done. What a walk meets is still
            // referenced, or it would have been freed.
            unsafe { lifecycle::merge::<ClassQueue>(task) };
        }
        self.tasks.clear();
        self.remote.close();
        self.empty_closed();
        if let Some(observer) = self.observer() {
            observer.beat().end();
        }
    }
}
