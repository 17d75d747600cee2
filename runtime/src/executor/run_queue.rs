//! Who runs next: a first-in, first-out list threaded through the tasks themselves.

use std::cell::Cell;

use crate::task::header::TaskPtr;

/// Owner only. Pushing and popping allocate nothing and touch only the two ends.
#[derive(Default)]
pub(super) struct RunQueue {
    head: Cell<Option<TaskPtr>>,
    tail: Cell<Option<TaskPtr>>,
}

impl RunQueue {
    /// Links a task at the back.
    ///
    /// # Safety
    /// The task is alive until it is popped, and is not linked already.
    #[inline(always)]
    pub(super) unsafe fn push(&self, task: TaskPtr) {
        match self.tail.replace(Some(task)) {
            // SAFETY: a linked task is alive.
            Some(last) => unsafe { last.as_ref() }.next.set(Some(task)),
            None => self.head.set(Some(task)),
        }
    }

    /// Takes the task at the front.
    #[inline(always)]
    pub(super) fn pop(&self) -> Option<TaskPtr> {
        let task = self.head.get()?;
        // SAFETY: a linked task is alive.
        let next = unsafe { task.as_ref() }.next.take();
        self.head.set(next);
        if next.is_none() {
            self.tail.set(None);
        }
        Some(task)
    }

    /// Takes all of another queue to the back of this one.
    pub(super) fn append(&self, other: &RunQueue) {
        let Some(first) = other.head.take() else {
            return;
        };
        let last = other.tail.take();
        match self.tail.replace(last) {
            // SAFETY: a linked task is alive.
            Some(before) => unsafe { before.as_ref() }.next.set(Some(first)),
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
            // SAFETY: a linked task is alive.
            next = unsafe { task.as_ref() }.next.get();
        }
        count
    }
}
