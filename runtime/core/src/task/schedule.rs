//! The interface between a task and its scheduler.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::task::RawWakerVTable;

use super::header::{Header, TaskPtr};
use super::runnable::Runnable;
use crate::id::ThreadNumber;
use crate::primitives;

/// An event that is reported to the scheduler, see [`Schedule::on_event`].
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

/// What a task needs of its scheduler, which is the `ClassQueue` of the executor. The models have
/// another implementation.
///
/// It is a type parameter of the functions in the waker's vtable, not a field of function pointers,
/// so a local wake is inlined down to the run queue.
pub(crate) trait Schedule: 'static {
    /// Returns the thread that polls and drops the tasks.
    fn owner(&self) -> ThreadNumber;

    /// Allocates memory for a task. Called on the owner thread.
    fn allocate(&self, layout: Layout) -> NonNull<u8>;

    /// Frees the memory of a task. Called on the owner thread.
    ///
    /// # Safety
    /// It came from `allocate` with this layout, and is not used any more.
    unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout);

    /// Frees the memory of a task that outlived its runtime. Any thread.
    ///
    /// # Safety
    /// It came from `allocate` of the task's scheduler with this layout, and is not used any more.
    unsafe fn deallocate_merged(memory: NonNull<u8>, layout: Layout) {
        // SAFETY: by the contract.
        unsafe { primitives::deallocate(memory, layout) };
    }

    /// Links a task into the run queue. Called on the owner thread.
    fn schedule(&self, task: Runnable);

    /// Receives a rare event, for the metrics. Called on the owner thread.
    fn on_event(&self, event: SchedEvent, task: &Header) {
        let _ = (event, task);
    }

    /// Polls a task that belongs to a group, by calling `poll` and returning what it returns.
    /// Called on the owner thread.
    ///
    /// # Safety
    /// As for [`VTable::poll`](super::header::VTable::poll).
    unsafe fn poll_member(&self, task: TaskPtr, poll: unsafe fn(TaskPtr) -> bool) -> bool {
        // SAFETY: the contract is the same.
        unsafe { poll(task) }
    }

    /// Cancels a task that belongs to a group, by calling `cancel`. Called on the owner thread.
    ///
    /// # Safety
    /// As for [`VTable::cancel`](super::header::VTable::cancel).
    unsafe fn cancel_member(&self, task: TaskPtr, cancel: unsafe fn(TaskPtr)) {
        // SAFETY: the contract is the same.
        unsafe { cancel(task) }
    }

    /// Records that a waker of another scheduler waits for a task of this one. Called on the owner
    /// thread.
    fn joined_elsewhere(&self, task: &Header) {
        let _ = task;
    }

    /// Records that a wake on another thread found the task sent already. Any thread.
    fn coalesced_there(&self) {}

    /// Removes a task that is about to be freed. Called on the owner thread.
    fn forget(&self, task: TaskPtr);

    /// Sends a task, and a reference to it, to the owner. Any thread.
    ///
    /// # Safety
    /// - `this` is the scheduler of `task`.
    /// - The caller holds a reference to the task and gives it up.
    unsafe fn send(this: NonNull<Self>, task: TaskPtr);

    /// Adds a count that keeps the scheduler alive.
    ///
    /// # Safety
    /// `this` is alive.
    unsafe fn retain(this: NonNull<Self>);

    /// Undoes one `retain`.
    ///
    /// # Safety
    /// There was such a `retain`, and the caller does not use `this` afterwards.
    unsafe fn release(this: NonNull<Self>);

    /// Returns the vtable of all wakers of this type of scheduler. It is a `static`, so that
    /// `will_wake` recognizes them by its address.
    fn waker_vtable() -> &'static RawWakerVTable;
}

impl Header {
    /// Returns the scheduler with its type.
    ///
    /// # Safety
    /// `S` is the type that the task was spawned on.
    #[inline(always)]
    pub(crate) unsafe fn scheduler<S: Schedule>(&self) -> &S {
        // SAFETY: the pointer is valid for as long as the task is, see the field; the type is
        // correct by the contract.
        unsafe { self.scheduler.cast::<S>().as_ref() }
    }
}

/// Whether the caller is on the owner thread of this task.
#[inline(always)]
pub(crate) fn is_here<S: Schedule>(header: &Header) -> bool {
    // SAFETY: `S` is the type of the scheduler: the waker's vtable is that of `S`, and the other
    // callers have it from the header's own vtable.
    unsafe { header.scheduler::<S>() }.owner().is_current()
}
