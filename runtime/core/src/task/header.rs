//! The part of a task that does not depend on the type of its future: one cache line.

use std::cell::Cell;
use std::ptr::NonNull;
use std::task::Waker;

use super::refs::Refs;
use super::remote_requests::RemoteRequests;
use super::state::State;
use super::{Id, JoinError, Stage};
use crate::console;
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
