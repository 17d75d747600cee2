//! The end of all tasks: they are asked to end, or cancelled, and what is left of them is given to
//! those who hold references.

use super::tasks::Walk;
use super::{Executor, Lane};
use crate::task::runnable;
use crate::task::state::QUEUED;
use crate::task::waker;

impl Executor {
    /// From here on a task is cancelled as it is spawned.
    fn close(&self) {
        self.closing.set(true);
        self.unusual.set(true);
        self.tasks.pin();
    }

    /// Asks every task to end. They are dropped as the loop comes to them; later spawns are
    /// cancelled at once.
    pub(crate) fn abort_all(&self) {
        self.close();
        let mut walk = Walk::default();
        while let Some(task) = self.tasks.next(&mut walk) {
            if Some(task) != self.main.get() {
                runnable::abort_here::<Lane>(task);
            }
        }
    }

    /// Drops every future. What they drop may wake, spawn and abort; the new ones are cancelled at
    /// once.
    pub(crate) fn cancel_all(&self) {
        self.close();
        let main = self.main.get();
        let mut walk = Walk::default();
        // A drop may spawn behind the walk, but only a task that is cancelled already.
        while let Some(task) = self.tasks.next(&mut walk) {
            // One that is not whole is done, or being cancelled by a spawn further up the stack.
            if Some(task) != main && runnable::is_whole(task) {
                // SAFETY: owner thread; whole; not running, as the loop has ended.
                unsafe { runnable::cancel::<Lane>(task) };
            }
        }
        self.drop_orders();
        // The last, as all that runs before is user code, which may reach it through `main`.
        if let Some(main) = self.main.take() {
            // SAFETY: owner thread; only this cancels it, once; not running, as the loop has ended.
            unsafe { runnable::cancel::<Lane>(main) };
        }
    }

    /// Hands what is still referenced to those who hold it, and closes the way in. No user code
    /// runs in here but the drops of calls that came too late.
    pub(crate) fn dissolve(&self) {
        self.dissolved.set(true);
        self.each_lane(|lane| {
            // All are done, so this gives the references up.
            while let Some(task) = lane.queue.pop() {
                drop(task);
            }
        });
        let mut walk = Walk::default();
        while let Some(task) = self.tasks.next(&mut walk) {
            // SAFETY: what a walk meets is alive.
            let state = unsafe { &(*task.as_ptr()).state };
            if state.is(QUEUED) {
                // In the hands of someone who keeps a `Ready`, which has a reference.
                state.clear(QUEUED);
                // SAFETY: the scheduler's reference, as the task is done and no longer queued.
                unsafe { waker::drop_here(task) };
            }
            // SAFETY: owner thread; the queue is empty and all are done. What a walk meets is still
            // referenced, or it would have been freed.
            unsafe { runnable::merge::<Lane>(task) };
        }
        self.tasks.clear();
        self.remote.close();
        self.empty_closed();
        if let Some(observer) = self.observer() {
            observer.marker().end();
        }
    }
}
