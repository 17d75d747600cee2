//! Memory of the tasks, and the set of all tasks that have not been freed, which shutdown needs.
//!
//! Small tasks are found through the chunks of the [slab], large ones through a table. With an
//! observer all tasks are in the table, as it identifies a task by its slot there.

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

/// The tasks of one executor. They belong to the owner thread.
pub(super) struct Tasks {
    slab: Slab,
    table: RefCell<Registry>,
    /// Whether all tasks are in the table, so that the chunks are not searched.
    all_in_table: bool,
}

/// Position of an iteration over all tasks.
#[derive(Default)]
pub(super) struct TaskIter {
    slot: usize,
    cursor: Cursor,
}

impl Tasks {
    /// Creates an empty set. `numbered`: whether each task gets a slot in the table,
    /// [`Header::slot`].
    pub(super) fn new(numbered: bool) -> Tasks {
        Tasks {
            slab: Slab::new(),
            table: RefCell::default(),
            all_in_table: numbered,
        }
    }

    /// Allocates memory for a task. It has to be initialized and [added](Self::add) before any
    /// other method is called.
    #[inline(always)]
    pub(super) fn allocate(&self, layout: Layout) -> NonNull<u8> {
        self.slab.allocate(layout)
    }

    /// Adds a task that has just been created in memory of this layout.
    #[inline(always)]
    pub(super) fn add(&self, task: TaskPtr, layout: Layout) {
        if self.all_in_table || !slab::holds(layout) {
            let slot = self.table.borrow_mut().insert(task);
            // SAFETY: just created.
            let header = unsafe { task.as_ref() };
            header.slot.set(slot);
            header.state.set(LISTED);
        }
    }

    /// Removes a task that is `LISTED` and about to be freed.
    pub(super) fn remove(&self, task: &Header) {
        self.table.borrow_mut().remove(task.slot.get());
    }

    /// Frees the memory of a task.
    ///
    /// # Safety
    /// It came from `allocate` of this set with this layout, and is not used any more.
    #[inline(always)]
    pub(super) unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: by the contract.
        unsafe { self.slab.deallocate(memory, layout) };
    }

    /// Frees the memory of a task that outlived its runtime, on any thread. Memory in a chunk stays
    /// until the executor is freed, which the task kept alive.
    ///
    /// # Safety
    /// As for `deallocate`.
    pub(super) unsafe fn deallocate_merged(memory: NonNull<u8>, layout: Layout) {
        if !slab::holds(layout) {
            // SAFETY: by the contract.
            unsafe { primitives::deallocate(memory, layout) };
        }
    }

    /// Frees memory that a burst of tasks has left. Called when the loop is idle.
    #[inline(always)]
    pub(super) fn trim(&self) {
        self.slab.trim();
    }

    /// Allows tasks to be freed during an iteration, from here on.
    pub(super) fn pin(&self) {
        self.slab.pin();
    }

    /// Returns the next task of an iteration. It may miss tasks that are spawned meanwhile. Between
    /// two calls tasks may only be freed after [`pin`](Self::pin).
    pub(super) fn next(&self, iter: &mut TaskIter) -> Option<TaskPtr> {
        let table = self.table.borrow();
        while iter.slot < table.end() {
            iter.slot += 1;
            if let Some(task) = table.get(iter.slot - 1) {
                return Some(task);
            }
        }
        if self.all_in_table {
            return None;
        }
        self.slab.task(&mut iter.cursor)
    }

    /// Returns the number of tasks, in time proportional to the number of chunks.
    pub(super) fn len(&self) -> usize {
        let small = if self.all_in_table {
            0
        } else {
            self.slab.len()
        };
        self.table.borrow().len() + small
    }

    /// Frees memory that holds no task, and clears the table. The remaining tasks are merged, and
    /// do not use the table when they are freed.
    pub(super) fn clear(&self) {
        self.table.take();
        self.slab.clear();
    }
}
