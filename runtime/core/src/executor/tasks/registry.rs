//! A table of tasks: those that are too large for the slab, or all of an observed executor.

use std::ptr;

use crate::task::header::{Header, TaskPtr};

/// A task, or the number of the next vacant place: shifted by one, with the lowest bit set. A task
/// is aligned, so its address has that bit clear.
type Place = *mut Header;

#[derive(Default)]
pub(super) struct Registry {
    places: Vec<Place>,
    /// The first vacant place; past the end if there is none.
    vacant: u32,
    len: u32,
}

fn vacant(next: u32) -> Place {
    ptr::without_provenance_mut((next as usize) << 1 | 1)
}

fn task(place: Place) -> Option<TaskPtr> {
    TaskPtr::new(place).filter(|_| place.addr() & 1 == 0)
}

impl Registry {
    /// Gives the task a place.
    #[inline]
    pub(super) fn insert(&mut self, task: TaskPtr) -> u32 {
        self.len += 1;
        let slot = self.vacant;
        match self.places.get_mut(slot as usize) {
            Some(place) => {
                self.vacant = (place.addr() >> 1) as u32;
                *place = task.as_ptr();
                slot
            }
            None => self.append(task),
        }
    }

    #[cold]
    fn append(&mut self, task: TaskPtr) -> u32 {
        let slot = self.places.len();
        // Half of what an address holds, on the narrowest system.
        assert!(slot < 1 << 31, "fewer than 2^31 tasks at a time");
        self.places.push(task.as_ptr());
        self.vacant = slot as u32 + 1;
        slot as u32
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        self.len -= 1;
        self.places[slot as usize] = vacant(self.vacant);
        self.vacant = slot;
    }

    pub(super) fn get(&self, slot: usize) -> Option<TaskPtr> {
        self.places.get(slot).copied().and_then(task)
    }

    /// One past the highest place in use.
    pub(super) fn end(&self) -> usize {
        self.places.len()
    }

    /// How many tasks there are.
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
    fn places_are_used_again_and_the_vacant_ones_are_no_tasks() {
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
