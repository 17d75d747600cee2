//! The interface between a task and its scheduler.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::task::RawWakerVTable;

use super::header::{Header, TaskPtr};
use super::runnable::Runnable;
use crate::id::ThreadNumber;
use crate::primitives;

/// What a scheduler is told of, see [`Schedule::on_event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SchedEvent {
    /// A wake queues a task that is `TIMED`.
    Timed,
    /// A wake found the task queued already.
    Coalesced,
    /// A wake came from another thread.
    Remote,
    /// An abort queues the task.
    Abort,
}

/// What a task needs of its scheduler. The one implementor besides the models is the executor's.
pub(crate) trait Schedule: 'static {
    /// The thread that polls and drops the tasks.
    fn owner(&self) -> ThreadNumber;

    /// Memory for a task. Called on the owner thread.
    fn allocate(&self, layout: Layout) -> NonNull<u8>;

    /// Takes the memory of a task back. Called on the owner thread.
    ///
    /// # Safety
    /// It came from `allocate` with this layout, and nobody uses it any more.
    unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout);

    /// Takes the memory of a task back that outlived its runtime. Any thread.
    ///
    /// # Safety
    /// It came from `allocate` of the task's scheduler with this layout, and nobody uses it.
    unsafe fn deallocate_merged(memory: NonNull<u8>, layout: Layout) {
        // SAFETY: by the contract.
        unsafe { primitives::deallocate(memory, layout) };
    }

    /// Links a task into the run queue. Called on the owner thread.
    fn schedule(&self, task: Runnable);

    /// Hears of what seldom happens, for the metrics. Called on the owner thread.
    fn on_event(&self, event: SchedEvent, task: &Header) {
        let _ = (event, task);
    }

    /// A task of this scheduler is waited for, and not by a waker of the same scheduler. Called on the owner
    /// thread.
    fn joined_elsewhere(&self, task: &Header) {
        let _ = task;
    }

    /// A wake on another thread found the task on its way already. Any thread.
    fn coalesced_there(&self) {}

    /// Forgets a task that is about to be freed. Called on the owner thread.
    fn forget(&self, task: TaskPtr);

    /// Takes a task, and the reference that comes with it, to the owner. Any thread.
    ///
    /// # Safety
    /// - `this` is the scheduler of `task`.
    /// - The caller holds a reference to the task and gives it up.
    unsafe fn send(this: NonNull<Self>, task: TaskPtr);

    /// Keeps the scheduler alive once more.
    ///
    /// # Safety
    /// `this` is alive.
    unsafe fn retain(this: NonNull<Self>);

    /// Undoes one `retain`.
    ///
    /// # Safety
    /// There was such a `retain`, and the caller does not use `this` afterwards.
    unsafe fn release(this: NonNull<Self>);

    /// The one vtable of all wakers of this kind of scheduler: a `static`, so that `will_wake`
    /// recognises them.
    fn waker_vtable() -> &'static RawWakerVTable;
}

impl Header {
    /// The scheduler, with its type.
    ///
    /// # Safety
    /// `S` is the type that the task was spawned on.
    #[inline(always)]
    pub(crate) unsafe fn scheduler<S: Schedule>(&self) -> &S {
        // SAFETY: the pointer is valid for as long as the task is, see the field; the type is
        // what the caller promises.
        unsafe { self.scheduler.cast::<S>().as_ref() }
    }
}

/// Is the caller on the thread that owns this task?
#[inline(always)]
pub(crate) fn is_here<S: Schedule>(header: &Header) -> bool {
    // SAFETY: `S` is the type of the scheduler: the waker's vtable is that of `S`, and the other
    // callers have it from the header's own vtable.
    unsafe { header.scheduler::<S>() }.owner().is_current()
}
