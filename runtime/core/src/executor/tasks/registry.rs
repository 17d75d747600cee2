//! Table of tasks: those that are too large for the slab, or all tasks of an observed executor.
//!
//! The free list goes through the free slots, so a slot is one word and a spawn allocates nothing
//! for it; that is why this is no [`Slab`](crate::slab::Slab).

use std::ptr;

use crate::task::header::{Header, TaskPtr};

/// A task, or the number of the next free slot: shifted by one, with the lowest bit set. A task is
/// aligned, so its address has that bit clear.
type Slot = *mut Header;

/// Table of tasks by slot.
#[derive(Default)]
pub(super) struct Registry {
    slots: Vec<Slot>,
    /// The first free slot; past the end if there is none.
    free: u32,
    len: u32,
}

/// Encodes a free slot, which links to the next one.
fn free_slot(next: u32) -> Slot {
    ptr::without_provenance_mut((next as usize) << 1 | 1)
}

/// Returns the task in a slot, unless the slot is free.
fn task(slot: Slot) -> Option<TaskPtr> {
    TaskPtr::new(slot).filter(|_| slot.addr() & 1 == 0)
}

impl Registry {
    /// Adds a task. Returns its slot.
    #[inline]
    pub(super) fn insert(&mut self, task: TaskPtr) -> u32 {
        self.len += 1;
        let slot = self.free;
        match self.slots.get_mut(slot as usize) {
            Some(content) => {
                self.free = (content.addr() >> 1) as u32;
                *content = task.as_ptr();
                slot
            }
            None => self.append(task),
        }
    }

    #[cold]
    fn append(&mut self, task: TaskPtr) -> u32 {
        let slot = self.slots.len();
        // The shifted number has to fit an address of 32 bits.
        assert!(slot < 1 << 31, "fewer than 2^31 tasks at a time");
        self.slots.push(task.as_ptr());
        self.free = slot as u32 + 1;
        slot as u32
    }

    /// Removes the task in a slot.
    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        self.len -= 1;
        self.slots[slot as usize] = free_slot(self.free);
        self.free = slot;
    }

    /// Returns the task in a slot, if there is one.
    pub(super) fn get(&self, slot: usize) -> Option<TaskPtr> {
        self.slots.get(slot).copied().and_then(task)
    }

    /// Returns the number of slots, free ones included.
    pub(super) fn end(&self) -> usize {
        self.slots.len()
    }

    /// Returns the number of tasks.
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn some_task(number: usize) -> TaskPtr {
        TaskPtr::new(ptr::without_provenance_mut(number * 64)).expect("not null")
    }

    #[test]
    fn slots_are_used_again_and_free_ones_hold_no_task() {
        let mut registry = Registry::default();
        for number in 0..3 {
            assert_eq!(registry.insert(some_task(number + 1)), number as u32);
        }
        registry.remove(0);
        registry.remove(2);
        assert_eq!((registry.get(0), registry.get(2)), (None, None));
        assert_eq!(registry.get(1), Some(some_task(2)));
        assert_eq!((registry.len(), registry.end()), (1, 3));
        assert_eq!(registry.insert(some_task(4)), 2);
        assert_eq!(registry.insert(some_task(5)), 0);
        assert_eq!(registry.insert(some_task(6)), 3);
        assert_eq!(registry.get(3), Some(some_task(6)));
        assert_eq!(registry.get(4), None);
        assert_eq!(registry.len(), 4);
    }
}
