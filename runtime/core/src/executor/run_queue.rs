//! Who runs next: a first-in, first-out list threaded through the tasks themselves.

use std::cell::Cell;

use crate::task::header::{Header, TaskPtr};
use crate::task::runnable::Runnable;

/// Owner only. Pushing and popping allocate nothing and touch only the two ends.
#[derive(Default)]
pub(super) struct RunQueue {
    head: Cell<Option<TaskPtr>>,
    tail: Cell<Option<TaskPtr>>,
}

/// A view of a linked task. The lifetime is the caller's to keep within the time that it is linked.
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

    /// Takes the task at the front.
    #[inline(always)]
    pub(super) fn pop(&self) -> Option<Runnable> {
        let task = self.head.get()?;
        let next = linked(task).next.take();
        self.head.set(next);
        if next.is_none() {
            self.tail.set(None);
        }
        // SAFETY: a `Runnable` of this thread was pushed, and is in no list any more. What is linked
        // keeps `QUEUED`.
        Some(unsafe { Runnable::new(task) })
    }

    /// Takes all of another queue to the back of this one.
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

    /// Takes everything out.
    pub(super) fn take(&self) -> RunQueue {
        RunQueue {
            head: Cell::new(self.head.take()),
            tail: Cell::new(self.tail.take()),
        }
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// The task at the back.
    pub(super) fn last(&self) -> Option<TaskPtr> {
        self.tail.get()
    }

    /// How many are linked, by walking the list.
    pub(super) fn len(&self) -> usize {
        self.len_up_to(usize::MAX)
    }

    /// The same, but it goes no farther than so many.
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
