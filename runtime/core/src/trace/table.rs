//! Data of tasks other than their events, kept as long as there are events of the task.
//!
//! A slot is reused only later, when the ring has lost the task's events, and the data of an ended
//! task can be read until then; that is why this is no [`KeyedSlab`](crate::slab::KeyedSlab).

use std::collections::VecDeque;
use std::panic::Location;

/// Key of a task: its slot and generation, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TaskKey(u64);

impl TaskKey {
    pub(super) const NONE: TaskKey = TaskKey(u64::MAX);

    fn new(slot: usize, generation: u32) -> TaskKey {
        TaskKey((slot as u64) << 32 | u64::from(generation))
    }

    pub(super) fn word(self) -> u64 {
        self.0
    }

    pub(super) fn from_word(word: u64) -> Option<TaskKey> {
        (word != u64::MAX).then_some(TaskKey(word))
    }

    pub(super) fn slot(self) -> usize {
        (self.0 >> 32) as usize
    }

    pub(super) fn generation(self) -> u32 {
        self.0 as u32
    }
}

/// Data of one task.
pub(super) struct Info {
    generation: u32,
    pub(super) alive: bool,
    pub(super) size: usize,
    pub(super) parent: TaskKey,
    pub(super) location: Option<&'static Location<'static>>,
    pub(super) name: Option<Box<str>>,
    /// Number of records before its first.
    written: u64,
}

/// Table of tasks. A slot is used again only when the ring has lost the last event of its task, so
/// the size of the table is bounded by the number of live tasks and the capacity of the ring.
#[derive(Default)]
pub(super) struct Table {
    infos: Vec<Info>,
    /// Slots without a record of a task.
    clean: Vec<usize>,
    /// Freed slots, with the number of records at that time; in ascending order.
    waiting: VecDeque<(usize, u64)>,
}

impl Table {
    /// Adds a task. `written` is the number of records so far, `lost` the number of overwritten
    /// ones.
    pub(super) fn insert(
        &mut self,
        size: usize,
        parent: TaskKey,
        location: Option<&'static Location<'static>>,
        (written, lost): (u64, u64),
    ) -> TaskKey {
        let free = self.clean.pop().or_else(|| {
            let &(slot, last) = self.waiting.front()?;
            (last <= lost).then(|| {
                self.waiting.pop_front();
                slot
            })
        });
        let slot = free.unwrap_or(self.infos.len());
        let generation = self.infos.get(slot).map_or(0, |info| info.generation);
        let info = Info {
            generation: generation.wrapping_add(1),
            alive: true,
            size,
            parent,
            location,
            name: None,
            written,
        };
        let key = TaskKey::new(slot, info.generation);
        match self.infos.get_mut(slot) {
            Some(place) => *place = info,
            None => self.infos.push(info),
        }
        key
    }

    /// Removes a task, after `written` records.
    pub(super) fn remove(&mut self, key: TaskKey, written: u64) {
        let Some(info) = self.get_mut(key) else {
            return;
        };
        info.alive = false;
        if info.written == written {
            self.clean.push(key.slot());
        } else {
            self.waiting.push_back((key.slot(), written));
        }
    }

    pub(super) fn get(&self, key: TaskKey) -> Option<&Info> {
        let info = self.infos.get(key.slot())?;
        (info.generation == key.generation()).then_some(info)
    }

    pub(super) fn get_mut(&mut self, key: TaskKey) -> Option<&mut Info> {
        let info = self.infos.get_mut(key.slot())?;
        (info.generation == key.generation()).then_some(info)
    }

    /// Returns the live tasks.
    pub(super) fn alive(&self) -> impl Iterator<Item = TaskKey> + '_ {
        let infos = self.infos.iter().enumerate();
        infos
            .filter(|(_, info)| info.alive)
            .map(|(slot, info)| TaskKey::new(slot, info.generation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_waits_for_the_ring_to_forget() {
        let mut table = Table::default();
        let first = table.insert(1, TaskKey::NONE, None, (0, 0));
        table.remove(first, 10);
        let second = table.insert(2, TaskKey::NONE, None, (10, 9));
        assert_ne!(first.slot(), second.slot());
        assert_eq!(table.get(first).map(|info| info.size), Some(1));
        let third = table.insert(3, TaskKey::NONE, None, (30, 10));
        assert_eq!(first.slot(), third.slot());
        assert_ne!(first, third);
        assert!(table.get(first).is_none(), "another generation");
    }

    #[test]
    fn without_records_slots_are_used_again_at_once() {
        let mut table = Table::default();
        for _ in 0..100 {
            let key = table.insert(1, TaskKey::NONE, None, (7, 0));
            assert_eq!(key.slot(), 0);
            table.remove(key, 7);
        }
        assert_eq!(table.alive().count(), 0);
    }
}
