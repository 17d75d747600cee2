//! Data of tasks other than their events, kept as long as there are events of the task.
//!
//! A slot is reused only later, when the ring has lost the task's events, and the data of an ended
//! task can be read until then; that is why this is no [`KeyedSlab`](crate::slab::KeyedSlab).

use std::collections::{HashMap, VecDeque};
use std::panic::Location;
use std::ptr;

use super::counts::Counts;

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
    pub(super) size: u32,
    /// Index of the place of its spawn.
    place: u32,
    pub(super) alive: bool,
    /// The last gap in which the task did something that was left out, and its index there.
    pub(super) in_gap: (u32, u32),
    pub(super) parent: TaskKey,
    pub(super) name: Option<Box<str>>,
    /// The id of the task in the rest of the runtime.
    pub(super) number: u64,
    /// Counts since recording began, with lengths in stamps.
    pub(super) counts: Counts,
    /// Number of records before its first.
    written: u64,
}

/// Table of tasks. A slot is used again only when the ring has lost the last event of its task, so
/// the size of the table is bounded by the number of live tasks and the capacity of the ring.
pub(super) struct Table {
    infos: Vec<Info>,
    /// Slots without a record of a task.
    clean: Vec<usize>,
    /// Freed slots, with the number of records at that time; in ascending order.
    waiting: VecDeque<(usize, u64)>,
    places: Vec<Spawner>,
    /// Indices of places by the addresses of their locations.
    by_address: HashMap<usize, usize>,
    /// The last index that was looked up, for each of a few addresses.
    recent: [usize; RECENT],
}

/// Number of entries of the small table before the hash table. A power of two.
const RECENT: usize = 64;

impl Default for Table {
    fn default() -> Table {
        Table {
            infos: Vec::new(),
            clean: Vec::new(),
            waiting: VecDeque::new(),
            places: Vec::new(),
            by_address: HashMap::new(),
            recent: [0; RECENT],
        }
    }
}

/// A place in the code that spawns tasks.
pub(super) struct Spawner {
    pub(super) location: &'static Location<'static>,
    pub(super) spawned: u64,
    pub(super) alive: u64,
    /// Counts of the tasks that are gone.
    pub(super) gone: Counts,
}

impl Table {
    /// Returns the index of a place.
    fn place(&mut self, location: &'static Location<'static>) -> usize {
        let address = ptr::from_ref(location) as usize;
        let recent = &mut self.recent[(address / align_of::<Location<'_>>()) & (RECENT - 1)];
        if let Some(place) = self.places.get(*recent)
            && ptr::eq(place.location, location)
        {
            return *recent;
        }
        let places = &mut self.places;
        *recent = *self.by_address.entry(address).or_insert_with(|| {
            places.push(Spawner {
                location,
                spawned: 0,
                alive: 0,
                gone: Counts::default(),
            });
            places.len() - 1
        });
        *recent
    }

    /// Returns the places that have spawned tasks.
    pub(super) fn places(&self) -> &[Spawner] {
        &self.places
    }

    /// Returns the location of the spawn of a task.
    pub(super) fn location(&self, info: &Info) -> &'static Location<'static> {
        self.places[info.place as usize].location
    }

    /// Moves a task to another place.
    pub(super) fn relocate(&mut self, key: TaskKey, location: &'static Location<'static>) {
        let to = self.place(location);
        let Some(info) = self.get_mut(key) else {
            return;
        };
        let from = std::mem::replace(&mut info.place, to as u32) as usize;
        self.places[from].spawned -= 1;
        self.places[from].alive -= 1;
        self.places[to].spawned += 1;
        self.places[to].alive += 1;
    }

    /// Adds a task. `written` is the number of records so far, `lost` the number of overwritten
    /// ones.
    pub(super) fn insert(
        &mut self,
        number: u64,
        size: usize,
        parent: TaskKey,
        location: &'static Location<'static>,
        (written, lost): (u64, u64),
    ) -> TaskKey {
        let place = self.place(location);
        self.places[place].spawned += 1;
        self.places[place].alive += 1;
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
            size: u32::try_from(size).unwrap_or(u32::MAX),
            in_gap: (0, 0),
            parent,
            name: None,
            number,
            counts: Counts::default(),
            place: place as u32,
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
        let (place, counts, first) = (info.place as usize, info.counts, info.written);
        self.places[place].alive -= 1;
        self.places[place].gone.add(&counts);
        if first == written {
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

    /// Returns the index of the place of a task, for counts by place.
    pub(super) fn place_of(&self, key: TaskKey) -> Option<usize> {
        self.get(key).map(|info| info.place as usize)
    }

    /// Returns the tasks that were freed after `written` records or later, as far as they are kept.
    pub(super) fn freed_since(&self, written: u64) -> impl Iterator<Item = TaskKey> + '_ {
        let freed = self.waiting.iter().rev();
        freed
            .take_while(move |(_, at)| *at >= written)
            .map(|&(slot, _)| TaskKey::new(slot, self.infos[slot].generation))
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
        let here = Location::caller();
        let first = table.insert(1, 1, TaskKey::NONE, here, (0, 0));
        table.remove(first, 10);
        let second = table.insert(2, 2, TaskKey::NONE, here, (10, 9));
        assert_ne!(first.slot(), second.slot());
        assert_eq!(table.get(first).map(|info| info.size), Some(1));
        let third = table.insert(3, 3, TaskKey::NONE, here, (30, 10));
        assert_eq!(first.slot(), third.slot());
        assert_ne!(first, third);
        assert!(table.get(first).is_none(), "another generation");
    }

    #[test]
    fn without_records_slots_are_used_again_at_once() {
        let mut table = Table::default();
        for _ in 0..100 {
            let key = table.insert(1, 1, TaskKey::NONE, Location::caller(), (7, 0));
            assert_eq!(key.slot(), 0);
            table.remove(key, 7);
        }
        assert_eq!(table.alive().count(), 0);
    }

    #[test]
    fn a_place_keeps_the_counts_of_tasks_that_are_gone() {
        let mut table = Table::default();
        let (here, there) = (Location::caller(), elsewhere());
        for polls in 1..=3 {
            let key = table.insert(polls, 1, TaskKey::NONE, here, (0, 0));
            table.insert(polls, 1, TaskKey::NONE, there, (0, 0));
            table.get_mut(key).unwrap().counts.polls = polls;
            table.remove(key, 0);
        }
        let [here, there] = table.places() else {
            panic!("{} places", table.places().len());
        };
        assert_eq!((here.spawned, here.alive, here.gone.polls), (3, 0, 6));
        assert_eq!((there.spawned, there.alive, there.gone.polls), (3, 3, 0));
    }

    #[test]
    fn a_task_that_moves_counts_for_its_new_place() {
        let mut table = Table::default();
        let key = table.insert(1, 1, TaskKey::NONE, Location::caller(), (0, 0));
        table.relocate(key, elsewhere());
        let alive: Vec<_> = table.places().iter().map(|place| place.alive).collect();
        assert_eq!(alive, [0, 1]);
    }

    fn elsewhere() -> &'static Location<'static> {
        Location::caller()
    }
}
