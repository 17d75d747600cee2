//! Table of the registered descriptors. A key is a slot and a generation, and is not given out
//! twice, so an event that was fetched before its descriptor was closed is dropped.

use std::rc::Rc;

use super::state::State;
use crate::slab::{Key, KeyedSlab};

/// Half of the key is the slot, half the generation.
const HALF: u32 = usize::BITS / 2;
const SLOT_MASK: usize = (1 << HALF) - 1;
/// One bit less than half, so that no key collides with the keys of the notifiers, which are the
/// largest numbers.
const GENERATION_BITS: u32 = HALF - 1;

/// The registered descriptors of one reactor.
#[derive(Default)]
pub(super) struct Registrations(KeyedSlab<Option<Rc<State>>, GENERATION_BITS>);

impl Registrations {
    /// Adds a source and returns its key.
    pub(super) fn insert(&mut self, state: Rc<State>) -> usize {
        let key = self.0.allocate();
        let (slot, generation) = (key.index as usize, key.generation as usize);
        assert!(
            slot <= SLOT_MASK,
            "more registered descriptors than there are keys"
        );
        self.0[key] = Some(state);
        slot | generation << HALF
    }

    /// Removes a source. Later events with its key are dropped.
    pub(super) fn remove(&mut self, key: usize) -> Option<Rc<State>> {
        let key = unpack(key);
        let state = self.0[key].take();
        self.0.release(key);
        state
    }

    /// Returns the source that is registered under this key, if it still is.
    pub(super) fn get(&self, key: usize) -> Option<&Rc<State>> {
        self.0.get(unpack(key))?.as_ref()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Rc<State>> {
        self.0.iter().filter_map(|(_, state)| state.as_ref())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn unpack(key: usize) -> Key {
    Key {
        index: (key & SLOT_MASK) as u32,
        generation: (key >> HALF) as u32,
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod properties;
