//! The tasks by their slots in the registry, for readers on another thread.
//!
//! It follows the slots of the registry and is read while it is written, so it is no
//! [`Slab`](crate::slab::Slab): its entries are atomics.
//!
//! Chunks are added and never freed while the table lives, so a reader needs no lock. It may read
//! the entry of a later task than the one it wants; `poll_marker.rs` says how it detects that.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::panic::Location;
use std::ptr;

use crate::primitives::atomic::{AtomicPtr, AtomicU64, Ordering};
use crate::primitives::{Mutex, MutexGuard, OnceLock};
use crate::task::Id;

/// Number of slots in the first chunk. Each further chunk has twice as many as the one before.
#[cfg(not(any(loom, shuttle)))]
const FIRST: u64 = 64;
#[cfg(any(loom, shuttle))]
const FIRST: u64 = 1;

/// Enough for 2^32 slots.
const CHUNKS: usize = 33 - FIRST.ilog2() as usize;

/// The task that took a slot last.
#[derive(Default)]
struct Entry {
    /// Zero if the slot has had no task yet.
    id: AtomicU64,
    /// Null, or a `&'static Location`.
    location: AtomicPtr<Location<'static>>,
}

/// Table of the tasks of a loop, by slot. Written by the owner thread, read by any thread.
pub(crate) struct TaskTable {
    chunks: [OnceLock<Box<[Entry]>>; CHUNKS],
    /// Names of the tasks that have one. Locked when a task gets a name or is reported.
    names: Mutex<HashMap<Id, Box<str>>>,
}

/// Identity of a task, for reports.
#[derive(Clone, Debug)]
pub(crate) struct TaskInfo {
    pub(crate) id: Id,
    pub(crate) name: Option<Box<str>>,
    pub(crate) location: Option<&'static Location<'static>>,
}

/// Returns the chunk of a slot, and the place in the chunk.
fn place(slot: u32) -> (usize, usize) {
    let chunk = (u64::from(slot) / FIRST + 1).ilog2();
    let before = FIRST * ((1 << chunk) - 1);
    (chunk as usize, (u64::from(slot) - before) as usize)
}

impl TaskTable {
    pub(super) fn new() -> TaskTable {
        TaskTable {
            chunks: std::array::from_fn(|_| OnceLock::default()),
            names: Mutex::new(HashMap::new()),
        }
    }

    /// Sets the task of a slot. On the owner thread.
    ///
    /// The release orders this after the end of the poll of the task before: a reader that sees the
    /// new task also sees that end.
    pub(crate) fn insert(&self, slot: u32, id: Id, location: &'static Location<'static>) {
        let (chunk, place) = place(slot);
        if self.chunks[chunk].get().is_none() {
            let entries = (0..FIRST << chunk).map(|_| Entry::default());
            // Only the owner thread adds chunks, so the chunk is still empty.
            let _ = self.chunks[chunk].set(entries.collect());
        }
        if let Some(entries) = self.chunks[chunk].get() {
            let entry = &entries[place];
            let location = ptr::from_ref(location).cast_mut();
            entry.location.store(location, Ordering::Release);
            entry.id.store(id.as_u64(), Ordering::Release);
        }
    }

    /// Returns the task in the slot, as far as this thread can see, without its name.
    pub(crate) fn get(&self, slot: u32) -> Option<TaskInfo> {
        let (chunk, place) = place(slot);
        let entry = &self.chunks[chunk].get()?[place];
        let location = entry.location.load(Ordering::Acquire);
        Some(TaskInfo {
            id: Id::new(NonZeroU64::new(entry.id.load(Ordering::Acquire))?),
            name: None,
            // SAFETY: null or made from a `&'static Location`.
            location: unsafe { location.cast_const().as_ref() },
        })
    }

    /// Returns the task in the slot, with its name. On the owner thread, where the answer is exact.
    pub(super) fn get_named(&self, slot: u32) -> Option<TaskInfo> {
        let mut task = self.get(slot)?;
        task.name = self.name_of(task.id);
        Some(task)
    }

    pub(super) fn name_of(&self, id: Id) -> Option<Box<str>> {
        self.names().get(&id).cloned()
    }

    pub(super) fn name(&self, id: Id, name: &str) {
        self.names().insert(id, name.into());
    }

    pub(super) fn unname(&self, id: Id) {
        self.names().remove(&id);
    }

    fn names(&self) -> MutexGuard<'_, HashMap<Id, Box<str>>> {
        // No user code runs under the lock.
        self.names
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        match self.location {
            Some(location) => write!(f, ", spawned at {location},"),
            None => Ok(()),
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_place_of_its_own() {
        let mut next = (0, 0);
        for slot in 0..100_000 {
            assert_eq!(place(slot), next);
            next.1 += 1;
            if next.1 as u64 == FIRST << next.0 {
                next = (next.0 + 1, 0);
            }
        }
        let (chunk, place) = place(u32::MAX);
        assert!(chunk < CHUNKS && (place as u64) < FIRST << chunk);
    }

    #[test]
    fn a_slot_has_the_task_that_took_it_last() {
        let table = TaskTable::new();
        let id = |number| Id::new(NonZeroU64::new(number).unwrap());
        assert!(table.get_named(7).is_none());
        table.insert(7, id(1), Location::caller());
        table.name(id(1), "one");
        let text = table.get_named(7).unwrap().to_string();
        assert!(text.starts_with("task 1 \"one\", spawned at ") && text.contains("task_table.rs"));
        table.unname(id(1));
        table.insert(7, id(2), Location::caller());
        assert!(
            table
                .get_named(7)
                .unwrap()
                .to_string()
                .starts_with("task 2, ")
        );
    }
}
