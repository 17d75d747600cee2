//! Header of a task: the part that does not depend on the type of its future, in one cache line.

use std::cell::Cell;
use std::ptr::NonNull;
use std::task::Waker;

use super::refs::Refs;
use super::remote_requests::RemoteRequests;
use super::state::State;
use super::{Id, JoinError, Stage};
use crate::console;
use crate::trace::Tag;

/// Pointer to a task of unknown type. It comes from the pointer to the whole task, never from a
/// `&Header`: the functions of the vtable access memory beyond the header.
pub(crate) type TaskPtr = NonNull<Header>;

/// Header of a task.
#[repr(C)]
pub(crate) struct Header {
    /// The next task in the run queue. Owner thread only.
    pub(crate) next: Cell<Option<TaskPtr>>,
    pub(crate) vtable: &'static VTable,
    /// The `S: Schedule` that the task was spawned on. Valid as long as the task is: the runtime
    /// keeps it alive until it has merged the task, and a merged task holds a count of it.
    pub(crate) scheduler: NonNull<()>,
    pub(crate) id: Id,
    /// Waker of the task that waits for the output. Owner thread only.
    pub(crate) join_waker: Cell<Option<Waker>>,
    /// References, which keep the memory.
    pub(crate) refs: Refs,
    /// Slot in the scheduler's table, if `LISTED`. Owner thread only.
    pub(crate) slot: Cell<u32>,
    /// State bits. Owner thread only.
    pub(crate) state: State,
    /// What the body holds. Owner thread only.
    pub(crate) stage: Cell<Stage>,
    /// Requests of other threads. Any thread.
    pub(crate) remote_requests: RemoteRequests,
    /// Data of the trace; empty without the feature `trace`.
    pub(crate) trace: Tag,
    /// Data of the console; empty without the feature `console`.
    pub(crate) console: console::Task,
}

#[cfg(not(any(loom, shuttle)))]
const _: () = assert!(
    size_of::<Header>() - size_of::<Tag>() - size_of::<console::Task>() <= 64,
    "a header is one cache line"
);

/// Functions of a task that depend on the type of its future or scheduler.
pub(crate) struct VTable {
    /// Polls the future. `true`: it has completed or panicked, it was dropped, and the stage has
    /// changed.
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
    /// Moves the output to `*mut T`; the stage becomes `Taken`. `false`: there is no output, and
    /// nothing was written.
    ///
    /// # Safety
    /// - On the owner thread, and the stage is not `Future`.
    /// - The pointer is valid for a write of the output's type.
    // It does not return a `Result`: a `Result` written as two 8-byte stores and read as one
    // 16-byte load stalls on store forwarding.
    pub(crate) take: unsafe fn(TaskPtr, NonNull<()>) -> bool,
    /// Returns why there is no output; the stage becomes `Taken`. `None` if the error or the output
    /// has been taken before.
    ///
    /// # Safety
    /// On the owner thread, and the stage is neither `Future` nor `Output`.
    pub(crate) failure: unsafe fn(TaskPtr) -> Option<JoinError>,
    /// Drops an output that no handle will take; the stage becomes `Taken`.
    ///
    /// # Safety
    /// On the owner thread, and the stage is not `Future`.
    pub(crate) discard: unsafe fn(TaskPtr),
    /// Frees the memory.
    ///
    /// # Safety
    /// - No reference is left; the stage is `Cancelled` or `Taken`.
    /// - `merged` is whether the references had been merged. If not, the caller is on the owner
    ///   thread.
    pub(crate) free: unsafe fn(TaskPtr, merged: bool),
    /// Requests cancellation, from any thread.
    ///
    /// # Safety
    /// The caller holds a reference.
    pub(crate) abort: unsafe fn(TaskPtr),
    /// Stores the waker of the task that waits for the output. If the task has ended by the time it
    /// is stored, the waker is woken.
    ///
    /// # Safety
    /// On the owner thread, and the caller holds a reference.
    pub(crate) wait: unsafe fn(TaskPtr, &Waker),
    /// Returns a waker.
    ///
    /// # Safety
    /// The caller holds a reference and gives it up.
    pub(crate) waker: unsafe fn(TaskPtr) -> Waker,
    /// Sends the task to its owner, with the reference that the caller holds.
    ///
    /// # Safety
    /// The caller holds a reference and gives it up.
    pub(crate) send: unsafe fn(TaskPtr),
}
