//! A task that is ready to run.

use std::mem::ManuallyDrop;

use super::header::{Header, TaskPtr};
use super::release::drop_here;
use super::state::{DONE, QUEUED};

/// A task with its `QUEUED` bit set that is in no list: about to be linked into the run queue, or
/// just taken out of it. It owns the scheduler's reference, which a queued task always has.
///
/// Dropping it without running the task clears `QUEUED`: if the task is done, its reference is
/// dropped, otherwise the task waits for its next wake.
pub(crate) struct Runnable(TaskPtr);

impl Runnable {
    /// Creates the `Runnable` of a task.
    ///
    /// # Safety
    /// - On the owner thread; the `Runnable` stays there.
    /// - `QUEUED` is set, the task is in no list, and there is no other `Runnable` of it.
    #[inline(always)]
    pub(crate) unsafe fn new(task: TaskPtr) -> Runnable {
        Runnable(task)
    }

    /// Returns the pointer to the task.
    #[inline(always)]
    pub(crate) fn task(&self) -> TaskPtr {
        self.0
    }

    /// Returns the header of the task.
    #[inline(always)]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the scheduler's reference keeps the task alive.
        unsafe { self.0.as_ref() }
    }

    /// Returns the pointer, to link the task into a list. A task that is taken out of a list
    /// becomes a `Runnable` again.
    #[inline(always)]
    pub(crate) fn into_task(self) -> TaskPtr {
        ManuallyDrop::new(self).0
    }
}

impl Drop for Runnable {
    #[inline]
    fn drop(&mut self) {
        self.header().state.clear(QUEUED);
        if self.header().state.is(DONE) {
            // SAFETY: owner thread; done and no longer queued, so the scheduler's reference is
            // dropped here.
            unsafe { drop_here(self.0) };
        }
    }
}
