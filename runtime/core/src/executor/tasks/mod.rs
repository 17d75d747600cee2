//! Every task that has not been freed, so that the end of the runtime reaches all of them: the small
//! ones are found through their chunks, the large ones stand in a table. Where someone looks on, all
//! of them do, as an observer knows a task by its place in the table.

mod registry;
mod slab;

use std::alloc::Layout;
use std::cell::RefCell;
use std::ptr::NonNull;

use crate::primitives;
use crate::task::header::{Header, TaskPtr};
use crate::task::state::LISTED;
use registry::Registry;
use slab::{Cursor, Slab};

/// Owner only.
pub(super) struct Tasks {
    slab: Slab,
    table: RefCell<Registry>,
    /// Every task stands in the table, so nobody asks the chunks.
    all_in_table: bool,
}

/// Where a walk over all tasks is.
#[derive(Default)]
pub(super) struct TaskIter {
    slot: usize,
    cursor: Cursor,
}

impl Tasks {
    /// `numbered`: each task is to have a place in the table, [`Header::slot`].
    pub(super) fn new(numbered: bool) -> Tasks {
        Tasks {
            slab: Slab::new(),
            table: RefCell::default(),
            all_in_table: numbered,
        }
    }

    /// Memory for a task, which has to be written and [added](Self::add) before anything else is
    /// asked.
    #[inline(always)]
    pub(super) fn allocate(&self, layout: Layout) -> NonNull<u8> {
        self.slab.allocate(layout)
    }

    /// Takes in a task that has just been made in memory of this layout.
    #[inline(always)]
    pub(super) fn add(&self, task: TaskPtr, layout: Layout) {
        if self.all_in_table || !slab::holds(layout) {
            let slot = self.table.borrow_mut().insert(task);
            // SAFETY: just made.
            let header = unsafe { task.as_ref() };
            header.slot.set(slot);
            header.state.set(LISTED);
        }
    }

    /// Forgets a task that is `LISTED` and about to be freed.
    pub(super) fn remove(&self, task: &Header) {
        self.table.borrow_mut().remove(task.slot.get());
    }

    /// Takes the memory of a task back.
    ///
    /// # Safety
    /// It came from `allocate` of these tasks with this layout, and nobody uses it.
    #[inline(always)]
    pub(super) unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: by the contract.
        unsafe { self.slab.deallocate(memory, layout) };
    }

    /// The same for a task that outlived its runtime, on any thread. What lies in a chunk stays
    /// until the executor goes, which the task keeps alive.
    ///
    /// # Safety
    /// As for `deallocate`.
    pub(super) unsafe fn deallocate_merged(memory: NonNull<u8>, layout: Layout) {
        if !slab::holds(layout) {
            // SAFETY: by the contract.
            unsafe { primitives::deallocate(memory, layout) };
        }
    }

    /// The loop has nothing to do: gives back what memory a burst of tasks has left.
    #[inline(always)]
    pub(super) fn trim(&self) {
        self.slab.trim();
    }

    /// From here on tasks may be freed during a walk.
    pub(super) fn pin(&self) {
        self.slab.pin();
    }

    /// The next task of a walk over all of them. What is spawned meanwhile may be met or not;
    /// between two calls tasks may only be freed after [`pin`](Self::pin).
    pub(super) fn next(&self, walk: &mut TaskIter) -> Option<TaskPtr> {
        let table = self.table.borrow();
        while walk.slot < table.end() {
            walk.slot += 1;
            if let Some(task) = table.get(walk.slot - 1) {
                return Some(task);
            }
        }
        if self.all_in_table {
            return None;
        }
        self.slab.task(&mut walk.cursor)
    }

    /// How many there are. The time it takes is that of a walk over the chunks.
    pub(super) fn len(&self) -> usize {
        let small = if self.all_in_table {
            0
        } else {
            self.slab.len()
        };
        self.table.borrow().len() + small
    }

    /// Gives back what memory holds no task. Those that are left are no longer found by the table:
    /// they are merged, and freed without a word to it.
    pub(super) fn clear(&self) {
        self.table.take();
        self.slab.clear();
    }
}
