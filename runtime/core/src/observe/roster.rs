//! Who is in which slot of the registry, for readers on another thread.
//!
//! The chunks only grow and are never freed while the roster lives, so a reader needs no lock. What
//! it reads may be of a later task than the one it is after: see `beat.rs` for how it finds out.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::panic::Location;
use std::ptr;

use crate::primitives::atomic::{AtomicPtr, AtomicU64, Ordering};
use crate::primitives::{Mutex, MutexGuard, OnceLock};
use crate::task::Id;

/// Slots of the first chunk. Each further one has twice as many as the one before.
#[cfg(not(any(loom, shuttle)))]
const FIRST: u64 = 64;
#[cfg(any(loom, shuttle))]
const FIRST: u64 = 1;

/// Enough for 2^32 slots.
const CHUNKS: usize = 33 - FIRST.ilog2() as usize;

#[derive(Default)]
struct Entry {
    /// Zero: nobody has been here.
    id: AtomicU64,
    /// Null, or a `&'static Location`.
    location: AtomicPtr<Location<'static>>,
}

pub(crate) struct Roster {
    chunks: [OnceLock<Box<[Entry]>>; CHUNKS],
    /// Of those that have one. Taken when a task is named, and when one is reported.
    names: Mutex<HashMap<Id, Box<str>>>,
}

/// A task as it is shown to people.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) id: Id,
    pub(crate) name: Option<Box<str>>,
    pub(crate) location: Option<&'static Location<'static>>,
}

/// The chunk of a slot, and the place in it.
fn place(slot: u32) -> (usize, usize) {
    let chunk = (u64::from(slot) / FIRST + 1).ilog2();
    let before = FIRST * ((1 << chunk) - 1);
    (chunk as usize, (u64::from(slot) - before) as usize)
}

impl Roster {
    pub(super) fn new() -> Roster {
        Roster {
            chunks: std::array::from_fn(|_| OnceLock::default()),
            names: Mutex::new(HashMap::new()),
        }
    }

    /// On the owner thread, when a task takes the slot.
    ///
    /// Release: a reader that sees the newcomer also sees that the poll of the one before is over.
    pub(crate) fn enter(&self, slot: u32, id: Id, location: &'static Location<'static>) {
        let (chunk, place) = place(slot);
        if self.chunks[chunk].get().is_none() {
            let entries = (0..FIRST << chunk).map(|_| Entry::default());
            // Nobody else fills it: there is one owner.
            let _ = self.chunks[chunk].set(entries.collect());
        }
        if let Some(entries) = self.chunks[chunk].get() {
            let entry = &entries[place];
            let location = ptr::from_ref(location).cast_mut();
            entry.location.store(location, Ordering::Release);
            entry.id.store(id.as_u64(), Ordering::Release);
        }
    }

    /// Who is in the slot, as far as this thread can see. The name is not looked up.
    pub(crate) fn look(&self, slot: u32) -> Option<Who> {
        let (chunk, place) = place(slot);
        let entry = &self.chunks[chunk].get()?[place];
        let location = entry.location.load(Ordering::Acquire);
        Some(Who {
            id: Id::new(NonZeroU64::new(entry.id.load(Ordering::Acquire))?),
            name: None,
            // SAFETY: null or made from a `&'static Location`.
            location: unsafe { location.cast_const().as_ref() },
        })
    }

    /// The same with the name. On the owner thread, where it is always right.
    pub(super) fn who(&self, slot: u32) -> Option<Who> {
        let mut who = self.look(slot)?;
        who.name = self.name_of(who.id);
        Some(who)
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
        // No code of a user's runs under the lock.
        self.names
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }
}

impl fmt::Display for Who {
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
    fn a_slot_names_who_took_it_last() {
        let roster = Roster::new();
        let id = |number| Id::new(NonZeroU64::new(number).unwrap());
        assert!(roster.who(7).is_none());
        roster.enter(7, id(1), Location::caller());
        roster.name(id(1), "one");
        let text = roster.who(7).unwrap().to_string();
        assert!(text.starts_with("task 1 \"one\", spawned at ") && text.contains("roster.rs"));
        roster.unname(id(1));
        roster.enter(7, id(2), Location::caller());
        assert!(roster.who(7).unwrap().to_string().starts_with("task 2, "));
    }
}
