//! A task that is ready to run.

use std::mem::ManuallyDrop;

use super::header::{Header, TaskPtr};
use super::release::drop_here;
use super::state::{DONE, QUEUED};

/// A task with its `QUEUED` bit set that is in no list: about to be linked into the run queue, or
/// just taken out of it. It stands for the scheduler's reference, which a queued task always has.
///
/// One that is dropped without having been run is no longer queued: if the task is done, its
/// reference is given up, otherwise it waits for its next wake.
pub(crate) struct Runnable(TaskPtr);

impl Runnable {
    /// # Safety
    /// - On the owner thread; the `Runnable` stays there.
    /// - `QUEUED` is set, the task is in no list, and there is no other `Runnable` of it.
    #[inline(always)]
    pub(crate) unsafe fn new(task: TaskPtr) -> Runnable {
        Runnable(task)
    }

    #[inline(always)]
    pub(crate) fn task(&self) -> TaskPtr {
        self.0
    }

    #[inline(always)]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the scheduler's reference keeps the task.
        unsafe { self.0.as_ref() }
    }

    /// For a list, which makes a `Runnable` of it again.
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
            // SAFETY: owner thread; done and no longer queued, so the scheduler's reference is given
            // up here.
            unsafe { drop_here(self.0) };
        }
    }
}
