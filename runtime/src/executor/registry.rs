//! Every task that has not been freed, so that the end of the runtime reaches all of them.

use crate::task::header::TaskPtr;

#[derive(Default)]
pub(super) struct Registry {
    slots: Vec<Option<TaskPtr>>,
    vacant: Vec<u32>,
}

impl Registry {
    /// Gives the task a place.
    #[inline]
    pub(super) fn insert(&mut self, task: TaskPtr) -> u32 {
        if let Some(slot) = self.vacant.pop() {
            self.slots[slot as usize] = Some(task);
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 tasks at a time");
        self.slots.push(Some(task));
        slot
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        self.slots[slot as usize] = None;
        self.vacant.push(slot);
    }

    pub(super) fn get(&self, slot: usize) -> Option<TaskPtr> {
        self.slots.get(slot).copied().flatten()
    }

    /// One past the highest place in use.
    pub(super) fn end(&self) -> usize {
        self.slots.len()
    }

    /// How many tasks there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }
}
