//! Intrusive first-in, first-out list of ready tasks: the links are in the tasks' headers.

use std::cell::Cell;

use crate::task::header::{Header, TaskPtr};
use crate::task::runnable::Runnable;

/// Run queue. It belongs to the owner thread. Pushing and popping allocate nothing, and access only
/// the two ends.
#[derive(Default)]
pub(super) struct RunQueue {
    head: Cell<Option<TaskPtr>>,
    tail: Cell<Option<TaskPtr>>,
}

/// Returns the header of a linked task. The caller keeps the lifetime within the time during which
/// the task is linked.
#[inline(always)]
fn linked<'a>(task: TaskPtr) -> &'a Header {
    // SAFETY: `push` took a `Runnable`, whose reference keeps the task until it is popped.
    unsafe { &*task.as_ptr() }
}

impl RunQueue {
    /// Links a task at the back.
    #[inline(always)]
    pub(super) fn push(&self, task: Runnable) {
        let task = task.into_task();
        match self.tail.replace(Some(task)) {
            Some(last) => linked(last).next.set(Some(task)),
            None => self.head.set(Some(task)),
        }
    }

    /// Removes and returns the task at the front.
    #[inline(always)]
    pub(super) fn pop(&self) -> Option<Runnable> {
        let task = self.head.get()?;
        let next = linked(task).next.take();
        self.head.set(next);
        if next.is_none() {
            self.tail.set(None);
        }
        // SAFETY: a `Runnable` of this thread was pushed, and is in no list any more. A linked task
        // keeps `QUEUED`.
        Some(unsafe { Runnable::new(task) })
    }

    /// Moves all tasks of another queue to the back of this one.
    pub(super) fn append(&self, other: &RunQueue) {
        let Some(first) = other.head.take() else {
            return;
        };
        let last = other.tail.take();
        match self.tail.replace(last) {
            Some(before) => linked(before).next.set(Some(first)),
            None => self.head.set(Some(first)),
        }
    }

    /// Moves all tasks into a new queue.
    pub(super) fn take(&self) -> RunQueue {
        RunQueue {
            head: Cell::new(self.head.take()),
            tail: Cell::new(self.tail.take()),
        }
    }

    /// Whether no task is linked.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// Returns the task at the back.
    pub(super) fn last(&self) -> Option<TaskPtr> {
        self.tail.get()
    }

    /// Counts the linked tasks by walking the list.
    pub(super) fn len(&self) -> usize {
        self.len_up_to(usize::MAX)
    }

    /// Counts the linked tasks, up to `most`.
    pub(super) fn len_up_to(&self, most: usize) -> usize {
        let mut count = 0;
        let mut next = self.head.get();
        while let Some(task) = next
            && count < most
        {
            count += 1;
            next = linked(task).next.get();
        }
        count
    }
}
