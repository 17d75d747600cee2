//! The part of a task that does not depend on the type of its future: one cache line.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;
use std::task::{RawWakerVTable, Waker};

use super::refs::Refs;
use super::remote_requests::RemoteRequests;
use super::runnable::Runnable;
use super::state::State;
use super::{Id, JoinError, Stage};
use crate::console;
use crate::id::ThreadNumber;
use crate::primitives;
use crate::trace::Tag;

/// A task, wherever its type is not known. Always made from the pointer to the whole cell, never
/// from a `&Header`: the functions of the vtable reach beyond the header.
pub(crate) type TaskPtr = NonNull<Header>;

#[repr(C)]
pub(crate) struct Header {
    /// The next task in the run queue. Owner only.
    pub(crate) next: Cell<Option<TaskPtr>>,
    pub(crate) vtable: &'static VTable,
    /// The `S: Schedule` that the task was spawned on. Valid as long as the task is: the runtime
    /// keeps it until it has merged the task, and a merged task keeps it itself.
    pub(crate) scheduler: NonNull<()>,
    pub(crate) id: Id,
    /// Who waits for the output. Owner only.
    pub(crate) join_waker: Cell<Option<Waker>>,
    /// Who keeps the memory.
    pub(crate) refs: Refs,
    /// The place in the scheduler's table, if `LISTED`. Owner only.
    pub(crate) slot: Cell<u32>,
    /// Owner only.
    pub(crate) state: State,
    /// What the body holds. Owner only.
    pub(crate) stage: Cell<Stage>,
    /// Any thread.
    pub(crate) remote_requests: RemoteRequests,
    /// Nothing, if the feature `trace` is off.
    pub(crate) trace: Tag,
    /// Nothing, if the feature `console` is off.
    pub(crate) console: console::Task,
}

#[cfg(not(any(loom, shuttle)))]
const _: () = assert!(
    size_of::<Header>() - size_of::<Tag>() - size_of::<console::Task>() <= 64,
    "a header is one cache line"
);

/// What a scheduler is told of, see [`Schedule::note`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// A wake queues a task that is `TIMED`.
    Timed,
    /// A wake found the task queued already.
    Coalesced,
    /// A wake came from another thread.
    Remote,
    /// An abort queues the task.
    Abort,
}

/// What is done to a task whose type is not known here.
pub(crate) struct VTable {
    /// Polls the future. On completion or panic the future is dropped, the stage has changed, and
    /// the answer is `true`.
    ///
    /// # Safety
    /// - On the owner thread, not from inside another call of this vtable for the same task.
    /// - The stage is `Future`.
    pub(crate) poll: unsafe fn(TaskPtr) -> bool,
    /// Drops the future; the stage becomes `Cancelled`, or `Panicked` if the drop panicked.
    ///
    /// # Safety
    /// As for `poll`.
    pub(crate) cancel: unsafe fn(TaskPtr),
    /// Moves the output to `*mut T`; the stage becomes `Taken`. `false`: there is none, and nothing was
    /// written.
    ///
    /// # Safety
    /// - On the owner thread, and the stage is not `Future`.
    /// - The pointer is valid for a write of that very type.
    // Not to a `Result`: what is written as a tag and a word, and then moved as one piece, is waited for.
    pub(crate) take: unsafe fn(TaskPtr, NonNull<()>) -> bool,
    /// Why there is no output; the stage becomes `Taken`. `None` if that, or the output, has been taken
    /// before.
    ///
    /// # Safety
    /// On the owner thread, and the stage is neither `Future` nor `Output`.
    pub(crate) failure: unsafe fn(TaskPtr) -> Option<JoinError>,
    /// Drops an output that nobody will take; the stage becomes `Taken`.
    ///
    /// # Safety
    /// On the owner thread, and the stage is not `Future`.
    pub(crate) discard: unsafe fn(TaskPtr),
    /// Gives the memory back.
    ///
    /// # Safety
    /// - No reference is left; the stage is `Cancelled` or `Taken`.
    /// - `merged` says truly whether the references had been merged. If not, the caller is on the
    ///   owner thread.
    pub(crate) free: unsafe fn(TaskPtr, merged: bool),
    /// Asks for cancellation, from any thread.
    ///
    /// # Safety
    /// The caller holds a reference.
    pub(crate) abort: unsafe fn(TaskPtr),
    /// Keeps the waker of who waits for the output. If the task has ended when it is there, it is woken.
    ///
    /// # Safety
    /// On the owner thread, and the caller holds a reference.
    pub(crate) wait: unsafe fn(TaskPtr, &Waker),
    /// Makes a waker.
    ///
    /// # Safety
    /// The caller holds a reference and gives it up.
    pub(crate) waker: unsafe fn(TaskPtr) -> Waker,
    /// Sends the task to its owner. The reference that the caller holds goes along.
    ///
    /// # Safety
    /// The caller holds a reference and gives it up.
    pub(crate) send: unsafe fn(TaskPtr),
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
    fn note(&self, note: Note, task: &Header) {
        let _ = (note, task);
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
